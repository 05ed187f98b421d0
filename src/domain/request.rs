//! Which commands an entity has already accepted.
//!
//! The order of checks is request id → version → state, so a retry is answered with what was,
//! whatever has become of the entity since.
//!
//! Not here: the limits' values, which are configuration; what was forgotten is recorded in the
//! events, so replay doesn't need them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::event::{Fingerprint, RequestMark};
use super::ids::{Position, RequestId, Version};
use super::rejection::Rejection;
use super::time::Timestamp;

/// For how long a request id is never forgotten: 24 hours.
pub const REMEMBERED_FOR_MS: u64 = 24 * 60 * 60 * 1_000;

/// A command as it identifies itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What the client called it.
    pub id: RequestId,
    /// What it says.
    pub fingerprint: Fingerprint,
}

/// One accepted command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remembered {
    /// What the client called it.
    pub id: RequestId,
    /// What it said.
    pub fingerprint: Fingerprint,
    /// The entity's version after it.
    pub version: Version,
    /// The log's position of its last event.
    pub position: Position,
    /// When it was accepted.
    pub time: Timestamp,
}

/// The accepted commands of one entity, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestMemory {
    remembered: VecDeque<Remembered>,
}

impl From<VecDeque<Remembered>> for RequestMemory {
    fn from(remembered: VecDeque<Remembered>) -> Self {
        Self { remembered }
    }
}

impl RequestMemory {
    /// All of them, oldest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Remembered> {
        self.remembered.iter()
    }

    /// What is known of this request: nothing, the effect that it had, or that its id belongs to
    /// another payload.
    ///
    /// # Errors
    /// [`Rejection::RequestIdReused`].
    pub fn find(&self, request: &Request) -> Result<Option<&Remembered>, Rejection> {
        // The newest are the likeliest to be asked for again.
        match self.remembered.iter().rev().find(|known| known.id == request.id) {
            None => Ok(None),
            Some(known) if known.fingerprint == request.fingerprint => Ok(Some(known)),
            Some(_) => Err(Rejection::RequestIdReused),
        }
    }

    /// How many of the oldest must be forgotten so that one more stays within `remembered_max`.
    ///
    /// # Errors
    /// [`Rejection::TooManyRequests`], where that would forget one of the last 24 hours.
    pub fn room(&self, remembered_max: usize, now: Timestamp) -> Result<u32, Rejection> {
        let excess = (self.remembered.len() + 1).saturating_sub(remembered_max);
        let Some(newest_to_go) = excess.checked_sub(1).and_then(|i| self.remembered.get(i)) else {
            return Ok(0);
        };
        let retry_at = newest_to_go.time.plus_ms(REMEMBERED_FOR_MS);
        if retry_at > now {
            return Err(Rejection::TooManyRequests { remembered: self.remembered.len(), retry_at });
        }
        Ok(u32::try_from(excess).unwrap_or(u32::MAX))
    }

    /// Remembers an accepted command, as its event tells it. Two events of one command count once.
    pub fn note(
        &mut self,
        mark: &RequestMark,
        version: Version,
        position: Position,
        time: Timestamp,
    ) {
        if let Some(last) = self.remembered.back_mut()
            && last.id == mark.id
        {
            last.version = version;
            last.position = position;
            return;
        }
        for _ in 0..mark.forgets {
            self.remembered.pop_front();
        }
        if self.remembered.is_empty() {
            // Most entities take one command or two; left alone, the first makes room for four.
            self.remembered.reserve_exact(1);
        }
        let RequestMark { id, fingerprint, .. } = *mark;
        self.remembered.push_back(Remembered { id, fingerprint, version, position, time });
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn mark(id: u128, forgets: u32) -> RequestMark {
        RequestMark {
            id: RequestId(Uuid::from_u128(id)),
            fingerprint: Fingerprint([1; 16]),
            forgets,
        }
    }

    fn request(id: u128, fingerprint: u8) -> Request {
        Request { id: RequestId(Uuid::from_u128(id)), fingerprint: Fingerprint([fingerprint; 16]) }
    }

    fn memory_of(ids: std::ops::Range<u128>) -> RequestMemory {
        let mut memory = RequestMemory::default();
        for id in ids {
            memory.note(&mark(id, 0), Version(id as u64), Position(id as u64), Timestamp(0));
        }
        memory
    }

    #[test]
    fn a_retry_finds_what_it_did_and_another_payload_is_refused() {
        let memory = memory_of(1..4);
        assert_eq!(memory.find(&request(2, 1)).unwrap().unwrap().version, Version(2));
        assert_eq!(memory.find(&request(2, 9)), Err(Rejection::RequestIdReused));
        assert_eq!(memory.find(&request(7, 1)), Ok(None));
    }

    #[test]
    fn nothing_of_the_last_day_is_forgotten() {
        let memory = memory_of(1..5);
        let retry_at = Timestamp(REMEMBERED_FOR_MS);
        assert_eq!(memory.room(5, Timestamp(1)), Ok(0));
        assert_eq!(
            memory.room(4, Timestamp(REMEMBERED_FOR_MS - 1)),
            Err(Rejection::TooManyRequests { remembered: 4, retry_at })
        );
        assert_eq!(memory.room(4, retry_at), Ok(1));
        assert_eq!(memory.room(2, retry_at), Ok(3));
    }

    #[test]
    fn two_events_of_one_command_are_one_memory() {
        let mut memory = memory_of(1..2);
        memory.note(&mark(1, 0), Version(9), Position(9), Timestamp(0));
        assert_eq!(memory.remembered.len(), 1);
        assert_eq!(memory.find(&request(1, 1)).unwrap().unwrap().version, Version(9));
    }
}
