//! What has to hold when a server starts, when its log is read after a crash, and in the end.

use std::ops::ControlFlow;

use holdfast::codec::v1;
use holdfast::domain::event::{Body, Event};
use holdfast::domain::ids::Position;
use holdfast::domain::reservation;
use holdfast::journal::LogReader;
use holdfast::recovery::{Loaded, Spread};
use holdfast::verify::Laws;

use super::faults::Fault;
use super::life::Rested;
use super::scene::Look;
use super::{Ended, Outcome, Run, time};
use crate::model::{Checked, check};
use crate::tally::{self, Head};

impl Run {
    /// Loads what a start loads: snapshot, tail and archive lead to what a replay from zero leads to.
    pub(super) fn load(&mut self, spread: &Spread) -> Result<Loaded, String> {
        let (loaded, digest) = self.disks.loaded(spread);
        check(loaded.last == self.model.last(), || {
            format!("the log ends at {}, not {}", loaded.last, self.model.last())
        })?;
        let expected = self.world.digest();
        check(digest == expected, || "snapshot and tail differ from a replay from zero".into())?;
        let mut scene = self.scene.borrow_mut();
        scene.fault(match loaded.snapshot {
            Some(_) => Fault::StartFromSnapshot,
            None => Fault::StartFromZero,
        });
        if !loaded.unsettled.claims.is_empty() || !loaded.unsettled.orders.is_empty() {
            scene.fault(Fault::StartUnsettled);
        }
        Ok(loaded)
    }

    /// Reads what this life has added to the log, and follows it.
    pub(super) fn read(&mut self, ended: &Ended) -> Checked {
        let mut events = Vec::new();
        let mut found = Ok(());
        let from = self.model.last().next();
        let log = self.disks.log.clone();
        let read = log.read(from, Position(u64::MAX), &mut |position, bytes| match self
            .follow(position, bytes)
        {
            Ok(event) => {
                events.push(event);
                ControlFlow::Continue(())
            }
            Err(what) => {
                found = Err(what);
                ControlFlow::Break(())
            }
        });
        read.map_err(|error| error.to_string())?;
        found?;
        self.model.check_whole()?;
        if ended.loses {
            // What was decided after the last event may have been the end of holds.
            let last = events.last().map_or(ended.begun, |last| last.time);
            self.expiry_stopped = self.expiry_stopped.min(last);
        }
        let told = ended.told.len();
        let is_there = told <= events.len() && events[..told] == ended.told[..];
        check(is_there, || "the log has other events than were told".into())?;
        let Some(rested) = &ended.rested else { return Ok(()) };
        self.check_rested(rested)
    }

    fn follow(&mut self, position: Position, bytes: &[u8]) -> Result<Event, String> {
        let event = v1::decode_event(position, bytes).map_err(|error| error.to_string())?;
        let mut scene = self.scene.borrow_mut();
        scene.trace.add(bytes);
        scene.tally.count(Head::Events, tally::event(&event.body));
        if event.request.is_some_and(|mark| mark.forgets > 0) {
            scene.fault(Fault::RequestForgotten);
        }
        self.model.follow(&event, &scene.registry)?;
        self.world.apply(&event).map_err(|error| error.to_string())?;
        if let Body::Reservation(reservation::Event::Expired { deadline }) = event.body {
            let latest = scene.gaps.latest(deadline);
            check(event.time <= latest, || {
                format!("{} ended at {:?}, not by {latest:?}", event.stream, event.time)
            })?;
        }
        Ok(event)
    }

    fn check_rested(&self, rested: &Rested) -> Checked {
        let Rested { position, digest, now, statistics } = rested;
        check(*position == self.model.last(), || "the log goes on after its rest".into())?;
        let expected = self.world.digest();
        check(*digest == expected, || "the server differs from a replay from zero".into())?;
        self.model.check_at_rest(time::last_due(*now))?;
        let entities = &statistics.entities;
        let in_memory: u64 = entities.iter().map(|count| count.active + count.passive).sum();
        let streams = self.model.streams() as u64;
        let archived = statistics.archived;
        // What was on its way to an archive that failed may be in both.
        let is_all = match self.has_archive_failed {
            true => in_memory <= streams && in_memory + archived >= streams,
            false => in_memory + archived == streams,
        };
        check(is_all, || {
            format!("{in_memory} entities in memory, {archived} in the archive, {streams} streams")
        })?;
        if entities.iter().any(|count| count.passive > 0) {
            self.scene.borrow_mut().fault(Fault::Passive);
        }
        Ok(())
    }

    /// Checks everything that anybody was told in this life.
    pub(super) fn check_told(&mut self) -> Checked {
        let mut scene = self.scene.borrow_mut();
        let scene = &mut *scene;
        for reply in scene.replies.drain(..) {
            self.model.check_reply(&reply, &scene.registry)?;
        }
        for look in scene.looks.drain(..) {
            match &look {
                Look::Shown { key, floor, told } => self.model.check_shown(key, *floor, told)?,
                Look::Claims { key, floor, page, told } => {
                    self.model.check_claims(key, *floor, *page, told)?;
                }
                Look::Answered { key, asked, question, told } => {
                    self.model.check_answer(key, *asked, question, told)?;
                }
                Look::Resources(listed) => self.model.check_resources(listed)?,
                Look::Reservations(listed) => self.model.check_reservations(listed)?,
            }
        }
        Ok(())
    }

    /// The whole log once more, with the laws by which folders are verified.
    pub(super) fn finish(self) -> Result<Outcome, String> {
        let mut laws = Laws::default();
        for event in self.disks.events() {
            laws.follow(&event);
        }
        let verdict = laws.finish();
        check(verdict.problems.is_empty(), || format!("{:#?}", verdict.problems))?;
        let is_same = verdict.world.digest() == self.world.digest();
        check(is_same, || "the log is another than it was".into())?;
        let mut scene = self.scene.borrow_mut();
        scene.trace.add(verdict.world.digest().to_bytes());
        let (tally, trace) = (scene.tally.clone(), scene.trace.value());
        Ok(Outcome { tally, crashes: self.crashes, trace })
    }
}
