//! Claims that no longer fit what the owner has set since they were made.
//!
//! A claim is in conflict while some of its time is closed, or more is claimed then than may be.
//! That follows from the claims and the rules as they are, so a conflict ends by itself when the
//! claim is gone or changed, or when there is room again. What is over is in conflict with nothing.
//!
//! One setting brings a bounded number of claims into conflict, since events name them all; an answer ends
//! when so many claims were looked at.
//!
//! Not here: rules for making a claim, such as the length of a stay. They are no conflict with those
//! that were made before.

use std::ops::ControlFlow;

use super::book::{Book, Start};
use super::claim::Conflict;
use super::claiming::instant_ms;
use super::entries::{Entry, Share};
use super::rules::{Rules, Setting, When};
use super::span::{DAY_MS, Kind, Span};
use super::zone::Zone;
use super::{CONFLICTS_MAX, State};
use crate::domain::time::Timestamp;

/// Between which moments a setting may change what is offered: the zone of its dates, and hours
/// past midnight, are within two days of theirs.
const MARGIN_MS: i64 = 2 * DAY_MS;

/// How many claims are looked at for one answer, at the most.
const LOOKED_MAX: usize = 10_000;

/// Some of the claims in conflict.
pub(super) struct Page {
    /// Those that were found.
    pub conflicts: Vec<Conflict>,
    /// After which claim to go on, where not all were looked at.
    pub next: Option<Start>,
}

impl State {
    /// The claims that come into conflict where other rules take the place of those in force, by
    /// when they begin: one more than there may be, at the most.
    pub(super) fn new_conflicts(
        &self,
        setting: &Setting,
        after: &Rules,
        now: Timestamp,
    ) -> Vec<Conflict> {
        let Some((from, to)) = affected(setting, after.kind()) else { return Vec::new() };
        let over = self.over_until(now);
        let begun = self.book.by_start(from.max(over), None);
        let claims = begun.take_while(|((at, _), _)| *at < to);
        let broken = claims.filter_map(|((at, _), entry)| {
            let conflict = self.conflict_from(after, at, entry, over)?;
            let mut shares = entry.shares().iter();
            let was_broken =
                shares.any(|share| is_in_conflict(&self.rules, &self.book, *share, over));
            (!was_broken).then_some(conflict)
        });
        broken.take(CONFLICTS_MAX + 1).collect()
    }

    /// The claims in conflict whose conflict begins after `after`, in that order; at most `count`.
    pub(super) fn conflicts(&self, after: Option<Start>, count: usize, now: Timestamp) -> Page {
        let over = self.over_until(now);
        let begun = self.book.by_start(over, after).filter(|(start, _)| Some(*start) != after);
        let (mut conflicts, mut last) = (Vec::new(), after);
        for (looked, (start, entry)) in begun.enumerate() {
            let conflict = self.conflict_from(&self.rules, start.0, entry, over);
            let is_beyond = conflict.is_some() && conflicts.len() == count;
            if is_beyond || looked == LOOKED_MAX {
                return Page { conflicts, next: last };
            }
            conflicts.extend(conflict);
            last = Some(start);
        }
        Page { conflicts, next: None }
    }

    /// The conflict of a claim, if its first piece that is in conflict begins then: so each claim is
    /// named once.
    fn conflict_from(&self, rules: &Rules, at: i64, entry: &Entry, over: i64) -> Option<Conflict> {
        let is_broken = |share: &Share| is_in_conflict(rules, &self.book, *share, over);
        let share = entry.beginning_at(at).iter().find(|share| is_broken(share))?;
        let mut before = entry.shares().iter().take_while(|share| share.from < at);
        if before.any(is_broken) {
            return None;
        }
        let span = rules.kind().span(share.from, share.to);
        Some(Conflict { reservation: entry.reservation, span })
    }

    /// Up to which moment all is over.
    fn over_until(&self, now: Timestamp) -> i64 {
        let instant = instant_ms(now);
        match self.rules.kind() {
            Kind::Slots => instant,
            Kind::Nights => {
                Zone::find(&self.rules.zone).map_or(i64::MIN, |zone| zone.date_at(instant).0.into())
            }
        }
    }
}

/// The moments that a setting may close or leave with fewer units; none where it does neither.
fn affected(setting: &Setting, kind: Kind) -> Option<(i64, i64)> {
    let of_dates = |from: i32, until: i32| match kind {
        Kind::Nights => (from.into(), until.into()),
        Kind::Slots => {
            let [from, until] = [from, until].map(|date| i64::from(date) * DAY_MS);
            (from - MARGIN_MS, until + MARGIN_MS)
        }
    };
    match setting {
        Setting::Closed(_, false) => None,
        Setting::Closed(when, true) | Setting::Capacity(when, _) => Some(match when {
            When::Always => (i64::MIN, i64::MAX),
            When::Dates { range, .. } => of_dates(range.from.0, range.until.0),
            When::Interval { start, end } => {
                let span = Span::Slots { start: *start, end: *end };
                (span.from(), span.to())
            }
        }),
        Setting::Rules(rules) => {
            let days = || rules.days.iter().filter(|day| day.rules.may_take_away());
            let from = days().map(|day| day.range.from.0).min()?;
            let until = days().map(|day| day.range.until.0).max()?;
            Some(of_dates(from, until))
        }
    }
}

/// Whether something of a claim is closed, or too much is claimed then, that isn't over.
fn is_in_conflict(rules: &Rules, book: &Book, share: Share, over: i64) -> bool {
    if share.to <= over {
        return false;
    }
    let mut is_found = false;
    rules.stretches(share.from.max(over), share.end(), &mut |stretch| {
        let is_closed = stretch.closure.is_some() && stretch.from < share.to;
        let mut levels = book.levels(stretch.from, stretch.to);
        is_found = is_closed || levels.any(|level| level.units > stretch.limit());
        if is_found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    is_found
}
