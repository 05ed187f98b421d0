//! What must hold at every event of the log.
//!
//! - Positions are dense from 1, a stream's versions too, and the links back are right.
//! - In a stream, time never goes back. Across streams it may, by the moment for which an event
//!   was on its way from its shard to the queue.
//! - A resource holds what is claimed of it, and never more than there is; a calendar may, where its
//!   owner has left less than was claimed.
//! - A reservation that comes into being has all its claims, and so has one that is changed.
//!
//! Not here: whether resources and reservations agree at the end; that is `agreement`.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::Problems;
use super::agreement::{self, Counted};
use super::ledger::Ledger;
use super::past::Past;
use super::timetable::Timetable;
use crate::domain::claim::StockFigures;
use crate::domain::event::{Body, Event, LANDMARK_EVERY};
use crate::domain::ids::{EntityKey, Position, ReservationId, Version};
use crate::domain::time::Timestamp;
use crate::domain::{calendar, reservation};
use crate::recovery::{AnyEntity, World};

/// Follows a log from its first event.
#[derive(Default)]
pub struct Laws {
    world: World,
    ledger: Ledger,
    timetable: Timetable,
    past: Past,
    streams: HashMap<EntityKey, Seen, FixedState>,
    last: Position,
    events: u64,
    problems: Problems,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    version: Version,
    time: Timestamp,
    landmark: Position,
}

/// What was found when all events had been followed.
pub struct Verdict {
    /// Every entity as the whole log makes it.
    pub world: World,
    /// How many events there were.
    pub events: u64,
    /// The last position.
    pub last: Position,
    /// How many streams there were.
    pub streams: u64,
    /// What doesn't hold.
    pub problems: Vec<String>,
}

impl Laws {
    /// Follows the next event.
    pub fn follow(&mut self, event: &Event) {
        self.events += 1;
        self.check_position(event.position);
        self.check_stream(event);
        self.note(event);
        if let Err(error) = self.world.apply(event) {
            return self.problems.add(error);
        }
        match &event.body {
            Body::StockBalance(body) => {
                let (figures, result) = self.ledger.follow(&event.stream, body);
                if let Err(what) = result {
                    self.add(event, what);
                }
                self.check_figures(event, figures);
            }
            Body::Reservation(reservation::Event::Created { .. }) => self.check_created(event),
            Body::Reservation(reservation::Event::Changed { .. }) => self.check_changed(event),
            Body::Calendar(body) => self.check_calendar(event, body),
            Body::Reservation(_) | Body::SalesOrder(_) => {}
        }
    }

    /// Counts an event whose bytes mean nothing.
    pub(super) fn miss(&mut self, position: Position, why: impl std::fmt::Display) {
        self.events += 1;
        self.check_position(position);
        self.problems.add(format_args!("the event at {position} {why}"));
    }

    /// Checks what must hold at the end, and gives back what was found.
    pub fn finish(mut self) -> Verdict {
        let (ledger, timetable, past) = (&self.ledger, &self.timetable, &self.past);
        let counted = Counted { ledger, timetable, past };
        agreement::check(&self.world, counted, &mut self.problems);
        let Self { world, last, events, streams, problems, .. } = self;
        let streams = streams.len() as u64;
        Verdict { world, events, last, streams, problems: problems.into_list() }
    }

    fn add(&mut self, event: &Event, what: &str) {
        let Event { position, stream, body, .. } = event;
        self.problems.add(format_args!("at {position}, {} of {stream}: {what}", body.name()));
    }

    fn check_position(&mut self, position: Position) {
        if position != self.last.next() {
            let after = self.last;
            self.problems.add(format_args!("the event at {position} follows the one at {after}"));
        }
        self.last = position;
    }

    fn check_stream(&mut self, event: &Event) {
        let seen = self.streams.get(&event.stream).copied().unwrap_or_default();
        if event.version != seen.version.next() {
            let (found, expected) = (event.version, seen.version.next());
            self.add(event, &format!("it has version {found}, and {expected} would follow"));
        }
        if event.time < seen.time {
            self.add(event, "it was decided before the one before it");
        }
        let is_landmark = event.version.0.is_multiple_of(LANDMARK_EVERY);
        let expected = if is_landmark { seen.landmark } else { Position::START };
        if event.landmark != expected {
            let found = event.landmark;
            self.add(event, &format!("its landmark is {found}, not {expected}"));
        }
        let landmark = if is_landmark { event.position } else { seen.landmark };
        let seen = Seen { version: event.version, time: event.time, landmark };
        self.streams.insert(event.stream.clone(), seen);
    }

    fn check_figures(&mut self, event: &Event, counted: StockFigures) {
        let entity = self.world.get(&event.stream);
        let Some(AnyEntity::StockBalance(entity)) = entity.as_deref() else { return };
        let figures = entity.state.figures();
        if figures != counted {
            self.add(event, &format!("the balance says {figures:?}, its events {counted:?}"));
        }
    }

    fn check_created(&mut self, event: &Event) {
        let Some((id, details)) = agreement::reservation(&self.world, &event.stream) else {
            return;
        };
        let key = |resource| EntityKey::resource(&event.stream.tenant, resource);
        for resource in agreement::calendars(&details.lines) {
            let standing = self.timetable.claim(&key(resource.clone()), id);
            let is_whole = standing
                .is_some_and(|standing| agreement::is_all_of(standing, &details.lines, &resource));
            if !is_whole {
                self.add(event, &format!("it doesn't hold all that it wants of {resource}"));
            }
        }
        let wants = agreement::quantities(&details.lines);
        for (resource, quantity) in wants {
            let resource = key(resource);
            let held = self.held(&resource, id);
            if held != quantity {
                self.add(event, &format!("it wants {quantity} of {resource} and holds {held}"));
            }
        }
    }

    /// Notes what a reservation was before an event.
    fn note(&mut self, event: &Event) {
        let Body::Reservation(body) = &event.body else { return };
        if !self.past.concerns(&event.stream, body) {
            return;
        }
        if let Some((_, before)) = agreement::reservation(&self.world, &event.stream) {
            self.past.note(&event.stream, &before, event.version);
        }
    }

    fn check_changed(&mut self, event: &Event) {
        let Some((id, details)) = agreement::reservation(&self.world, &event.stream) else {
            return;
        };
        let key = |resource| EntityKey::resource(&event.stream.tenant, resource);
        for resource in agreement::calendars(&details.lines) {
            let stands = self.timetable.claim(&key(resource.clone()), id);
            if !stands
                .is_some_and(|stands| agreement::has_all_of(stands, &details.lines, &resource))
            {
                self.add(event, &format!("it doesn't hold all that it wants of {resource}"));
            }
        }
        for (resource, quantity) in agreement::quantities(&details.lines) {
            let resource = key(resource);
            let held = self.held(&resource, id);
            if held < quantity {
                self.add(event, &format!("it wants {quantity} of {resource} and holds {held}"));
            }
        }
    }

    fn check_calendar(&mut self, event: &Event, body: &calendar::Event) {
        let Self { world, timetable, .. } = self;
        let entity = world.get(&event.stream);
        let Some(AnyEntity::Calendar(entity)) = entity.as_deref() else { return };
        let wrong = timetable.follow(&event.stream, body, &entity.state);
        wrong.iter().for_each(|what| self.add(event, what));
    }

    fn held(&self, resource: &EntityKey, id: ReservationId) -> u64 {
        self.ledger.claim(resource, id).map_or(0, |claim| claim.held)
    }
}
