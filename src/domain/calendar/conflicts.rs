//! Claims that no longer fit what the owner has set since they were made.
//!
//! A claim is in conflict while some of its time is closed, or more is claimed then than may be.
//! That follows from the claims and the rules as they are, so a conflict ends by itself when the
//! claim is gone or changed, or when there is room again.
//!
//! Not here: rules for making a claim, such as the length of a stay. They are no conflict with those
//! that were made before.

use std::ops::ControlFlow;

use super::State;
use super::book::{Book, Start};
use super::claim::Conflict;
use super::entries::{Entry, Share};
use super::rules::{Rules, Setting, When};
use super::span::{DAY_MS, Kind, Span};

/// Between which moments a setting may change what is offered: the zone of its dates, and hours
/// past midnight, are within two days of theirs.
const MARGIN_MS: i64 = 2 * DAY_MS;

impl State {
    /// The claims that come into conflict where other rules take the place of those in force, by
    /// when they begin.
    pub(super) fn new_conflicts(&self, setting: &Setting, after: &Rules) -> Vec<Conflict> {
        let Some((from, to)) = affected(setting, after.kind()) else { return Vec::new() };
        let begun = self.book.by_start(from.saturating_sub(self.book.reach()), None);
        let claims = begun.take_while(|(at, _)| *at < to);
        let broken = claims.filter_map(|(at, entry)| {
            let conflict = self.conflict_from(after, at, entry)?;
            first_in_conflict(&self.rules, &self.book, entry).is_none().then_some(conflict)
        });
        broken.collect()
    }

    /// The claims in conflict whose conflict begins after `after`, in that order; at most `count`.
    pub(super) fn conflicts(&self, after: Option<Start>, count: usize) -> Vec<Conflict> {
        let claims = self.book.by_start(i64::MIN, after);
        let broken = claims.filter_map(|(at, entry)| self.conflict_from(&self.rules, at, entry));
        broken.take(count).collect()
    }

    /// The conflict of a claim, if its first piece that is in conflict begins then: so each claim is
    /// named once.
    fn conflict_from(&self, rules: &Rules, at: i64, entry: &Entry) -> Option<Conflict> {
        let share = first_in_conflict(rules, &self.book, entry).filter(|share| share.from == at)?;
        let span = rules.kind().span(share.from, share.to);
        Some(Conflict { reservation: entry.reservation, span })
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
            let from = rules.days.iter().map(|day| day.range.from.0).min()?;
            let until = rules.days.iter().map(|day| day.range.until.0).max()?;
            Some(of_dates(from, until))
        }
    }
}

fn first_in_conflict(rules: &Rules, book: &Book, entry: &Entry) -> Option<Share> {
    entry.shares().iter().copied().find(|share| is_in_conflict(rules, book, *share))
}

fn is_in_conflict(rules: &Rules, book: &Book, share: Share) -> bool {
    let mut is_found = false;
    rules.stretches(share.from, share.end(), &mut |stretch| {
        let is_closed = stretch.closure.is_some() && stretch.from < share.to;
        let mut levels = book.levels(stretch.from, stretch.to);
        is_found = is_closed || levels.any(|level| level.units > stretch.limit());
        if is_found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    is_found
}
