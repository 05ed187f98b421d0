//! What clients have sent.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;
use holdfast::codec::fingerprint::fingerprint;
use holdfast::domain::command::Command;
use holdfast::domain::event::{Fingerprint, Origin};
use holdfast::domain::ids::{EntityKey, Position, RequestId, Version};
use holdfast::domain::reservation;
use holdfast::domain::time::Timestamp;

/// A command as a client keeps it, to send it as often as it takes.
#[derive(Debug, Clone)]
pub struct Sent {
    pub key: EntityKey,
    pub command: Command,
    pub request: RequestId,
    pub expected: Option<Version>,
    pub origin: Arc<Origin>,
    /// Everything up to here had been told to somebody before it was sent first.
    pub floor: Position,
    /// It was not sent before then, by the clock of the life that may decide on it now.
    pub since: Timestamp,
}

impl Sent {
    pub fn creates_reservation(&self) -> bool {
        matches!(self.command, Command::Reservation(reservation::Command::Create(_)))
    }
}

/// Every command that any client ever sent.
#[derive(Default)]
pub struct Registry {
    by_request: HashMap<(EntityKey, RequestId), Vec<Arc<Sent>>, FixedState>,
    creations: HashMap<EntityKey, Vec<Arc<Sent>>, FixedState>,
}

impl Registry {
    /// A command is about to be sent for the first time.
    pub fn note(&mut self, sent: &Arc<Sent>) {
        let same = self.by_request.entry((sent.key.clone(), sent.request)).or_default();
        same.push(sent.clone());
        if sent.creates_reservation() {
            self.creations.entry(sent.key.clone()).or_default().push(sent.clone());
        }
    }

    /// Another life of the server begins, whose clock may be behind that of the life before.
    pub fn restart(&mut self, begun: Timestamp) {
        let all = self.by_request.values_mut().chain(self.creations.values_mut());
        for sent in all.flatten().filter(|sent| sent.since > begun) {
            *sent = Arc::new(Sent { since: begun, ..Sent::clone(sent) });
        }
    }

    /// What was sent to an entity under a request id with this content: more than one where it was meant
    /// for different versions.
    pub fn find(
        &self,
        key: &EntityKey,
        id: RequestId,
        content: Fingerprint,
    ) -> impl Iterator<Item = &Arc<Sent>> {
        self.under(key, id).iter().filter(move |sent| fingerprint(&sent.command) == content)
    }

    /// Everything that was sent to an entity under a request id.
    pub fn under(&self, key: &EntityKey, id: RequestId) -> &[Arc<Sent>] {
        self.by_request.get(&(key.clone(), id)).map_or(&[], Vec::as_slice)
    }

    /// Every creation that was sent to a reservation.
    pub fn creations(
        &self,
        key: &EntityKey,
    ) -> impl Iterator<Item = (&Sent, &reservation::Create)> {
        let creations = self.creations.get(key).map_or(&[][..], Vec::as_slice);
        creations.iter().filter_map(|sent| match &sent.command {
            Command::Reservation(reservation::Command::Create(create)) => Some((&**sent, create)),
            _ => None,
        })
    }
}
