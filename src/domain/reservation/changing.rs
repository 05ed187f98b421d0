//! How a reservation gets other lines, in one step.
//!
//! ```text
//!   ChangeStarted ──▶ each resource that is to give more holds the old and the new ──┐
//!        ▲                 (at each moment whichever is more)                        │
//!        └── after a crash                                        granted / short ───┘
//!                                                                    │        │
//!                       every resource is told the new ◀── Changed ──┘        │
//!                       every resource is told the old ◀── ChangeRefused ─────┘
//! ```
//!
//! Only those are asked of which the new lines want more than the old. So where none is, the change is
//! made at once. What was asked for is recorded before anything is: after a crash the same command
//! comes again, and is gone on with.
//!
//! Invariants: until a change is made the reservation holds all of its lines, and when it is made all
//! of the new ones; what has been granted is given back only after the end is recorded. The command is
//! remembered with its end, so one that was refused may be tried again.
//!
//! Not here: what ends a change from outside, expiry and cancelling; that is `lifecycle`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::claim::{ClaimAnswer, Wish};
use super::super::command::Intent;
use super::super::entity::{Context, Decision, Outcome};
use super::super::ids::{ReservationId, ResourceKey, Version};
use super::super::rejection::Rejection;
use super::super::request::Request;
use super::asked::{Asked, asked};
use super::asking::{Asking, Manner, Progress};
use super::lifecycle::happen;
use super::{Details, Event, Line, Pending, Waiting, waits};

/// A change whose resources are being asked.
#[derive(Debug)]
pub(super) struct Changing {
    asking: Asking,
    lines: Arc<[Line]>,
    request: Request,
    intent: Intent,
}

/// Of a reservation that is held or confirmed.
pub(super) fn begin(
    waiting: &mut Waiting,
    details: &Details,
    lines: Arc<[Line]>,
    id: ReservationId,
    context: &Context<'_>,
) -> Decision<Event> {
    let Some(request) = context.request else { return Decision::nothing() };
    if details.is_partly_used() {
        return Decision::rejected(Rejection::PartlyUsed);
    }
    if details.lines == lines {
        return Decision::accepted(Vec::new());
    }
    let known = details.change.as_ref();
    let version = known.map_or(context.version.next(), |change| change.version);
    let Some(wishes) = wishes(details, &lines, id, version) else {
        return Decision::rejected(Rejection::Overflow);
    };
    if wishes.is_empty() {
        return happen(details, vec![Event::Changed { lines }], id, context);
    }
    let intent = context.intent;
    let manner = match intent {
        Intent::Validate => Manner::Check,
        Intent::Execute => Manner::Demand,
    };
    let (asking, progress) = Asking::begin(manner, lines.clone(), wishes);
    let changing = Changing { asking, lines, request, intent };
    let is_begun = known.is_some() || intent == Intent::Validate;
    let events = if is_begun { Vec::new() } else { vec![changing.started()] };
    let decision = changing.after(progress, waiting, details, id, context);
    Decision { events: [events, decision.events].concat(), ..decision }
}

/// What each resource is asked for that is to give more: all of the old and all of the new; nothing
/// where a sum is larger than can be counted.
fn wishes(
    details: &Details,
    lines: &[Line],
    id: ReservationId,
    version: Version,
) -> Option<Vec<(ResourceKey, Wish)>> {
    let mut old: BTreeMap<_, _> = asked(&details.lines).unwrap_or_default();
    let wish = |(key, new): (ResourceKey, Asked)| {
        let old = old.remove(&key).unwrap_or_else(|| Asked::nothing_of(&key));
        let wish = new.exceeds(&old).then(|| old.held_with(&new, details.deadline, id, version));
        wish.map(|wish| (key, wish))
    };
    Some(asked(lines)?.into_iter().filter_map(wish).collect())
}

impl Changing {
    fn started(&self) -> Event {
        Event::ChangeStarted { lines: self.lines.clone(), request: self.request }
    }

    pub(super) fn go_on(
        mut self,
        waiting: &mut Waiting,
        details: &Details,
        answer: ClaimAnswer,
        id: ReservationId,
        context: &Context<'_>,
    ) -> Decision<Event> {
        let progress = self.asking.hear(answer);
        self.after(progress, waiting, details, id, context)
    }

    fn after(
        self,
        progress: Progress,
        waiting: &mut Waiting,
        details: &Details,
        id: ReservationId,
        context: &Context<'_>,
    ) -> Decision<Event> {
        match progress {
            Progress::Asks(messages) => {
                waiting.pending = Some(Pending::Change(self));
                waits(messages)
            }
            Progress::Granted => {
                // What is only tried has not recorded its beginning.
                let started = (self.intent == Intent::Validate).then(|| self.started());
                let changed = Event::Changed { lines: self.lines };
                happen(details, started.into_iter().chain([changed]).collect(), id, context)
            }
            Progress::Short(short, _) => {
                let outcome = Outcome::Rejected(Rejection::Short(short));
                match self.intent {
                    Intent::Validate => Decision { outcome, ..Decision::nothing() },
                    Intent::Execute => {
                        let refused = happen(details, vec![Event::ChangeRefused], id, context);
                        Decision { outcome, ..refused }
                    }
                }
            }
        }
    }
}
