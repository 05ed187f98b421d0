//! Whether a claim fits, and what it changes.
//!
//! Lines are looked at in the reservation's order, and each has what those before it left. Of what
//! the reservation has already, it has the use: only where it takes more than before must it be open
//! and must there be room, and only time that isn't within a line's of its claim must keep the rules. So
//! what stands can be confirmed, prolonged and used, at once or in parts, whatever the owner has set
//! since.
//!
//! Of what a change asks for, only a span that is just that of a line before it needn't keep the rules:
//! a stay that is made shorter is another stay.
//!
//! A look is over when it can tell no more: where nothing at all is left, or, for who wants to know no more
//! than whether a line fits, where it first doesn't. What is new in a claim is bounded in length, so a
//! decision is bounded by that and by the pieces of claims that a calendar takes on.
//!
//! Invariant: the same code decides a claim and answers whether one would fit.
//!
//! Not here: messages, and what is remembered.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::book::PIECES_MAX;
use super::claim::{Beginnings, Cause, Claim, ClaimLine, LineShortfall, Obstacle, Part, Standing};
use super::course::Course;
use super::date::Date;
use super::entries::Entry;
use super::offer::{Closure, Stretch};
use super::rules::{General, NightRules, SlotRules};
use super::span::{CLAIM_DAYS_MAX, Kind, NIGHTS_MAX, Span};
use super::zone::Zone;
use super::{Event, State};
use crate::domain::claim::{Blocker, Shortfall};
use crate::domain::ids::{Position, Version};
use crate::domain::name::LineId;
use crate::domain::time::Timestamp;

/// A line that can't be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Short {
    /// Which line.
    pub line: LineId,
    /// How much of it could have been had.
    pub available: u64,
    /// What stands in the way.
    pub obstacle: Obstacle,
}

impl Short {
    fn barred(line: &ClaimLine, cause: Cause) -> Self {
        let obstacle = Obstacle { cause, deadline: None };
        Self { line: line.id.clone(), available: 0, obstacle }
    }

    /// The same, with the log's last position when that was so.
    pub(super) fn told(self, position: Position) -> LineShortfall {
        let Self { line, available, obstacle } = self;
        let blocker = Some(Blocker::Calendar(obstacle));
        LineShortfall { line, shortfall: Shortfall { available, position, blocker } }
    }
}

/// Of what a claim may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// Of what is free, and of what its reservation has.
    All,
    /// Of what its reservation has, alone.
    Own,
}

/// Which lines needn't keep the rules.
#[derive(Debug, Clone, Copy)]
enum Exempt<'a> {
    /// Those that a piece of the standing claim covers.
    Covered,
    /// Those that have just the span of one of these.
    Same(&'a [ClaimLine]),
}

/// How far a line is looked at that can't be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// As far as it takes to tell how much of it can.
    NothingLeft,
    /// To where it can't first.
    FirstLack,
}

/// One line that was looked at.
pub(super) struct Tried {
    /// Why it can't be had, where it can't.
    pub lack: Option<Cause>,
    /// How many levels and stretches were looked at.
    pub steps: usize,
}

/// What a wish comes to, where it can be had.
struct Fit {
    parts: Arc<[Part]>,
    change: Option<Arc<[Part]>>,
}

/// Every line that is wanted of a calendar that doesn't exist.
pub(super) fn unknown(lines: &[ClaimLine]) -> Vec<Short> {
    barred(lines, Cause::Unknown)
}

fn barred(lines: &[ClaimLine], cause: Cause) -> Vec<Short> {
    let wanted = lines.iter().filter(|line| line.total() > 0);
    wanted.map(|line| Short::barred(line, cause)).collect()
}

impl State {
    /// What a claim changes: nothing, one event, or these lines can't be had.
    pub(super) fn claim(&self, wish: &Claim, now: Timestamp) -> Result<Option<Event>, Vec<Short>> {
        let Some(standing) = self.book.get(wish.reservation) else {
            // An entry stands until all of it is released or past, so a wish that has something
            // used up and finds none was followed before.
            if wish.is_release() || wish.is_committed() {
                return Ok(None);
            }
            self.keep(wish, now)?;
            let fit = self.fit(wish, Room::All, now)?;
            return Ok(Some(stands(wish, fit, Event::ClaimMade)));
        };
        let (version, known) = (wish.reservation_version, standing.version);
        if version < known || (version == known && !wish.is_release()) {
            // It changes nothing, so what stands has to be enough for it.
            return self.fit(wish, Room::Own, now).map(|_| None);
        }
        if wish.is_release() {
            return Ok(standing.is_holding().then_some(Event::ClaimReleased {
                reservation: wish.reservation,
                reservation_version: version,
            }));
        }
        self.keep(wish, now)?;
        let fit = self.fit(wish, Room::All, now)?;
        Ok(Some(stands(wish, fit, |stands| {
            let uses_more = committed(&Entry::new(&stands)) != committed(standing);
            if wish.is_committed() && uses_more {
                Event::ClaimCommitted(stands)
            } else if !wish.is_holding() && standing.is_holding() {
                // What was used before stays.
                let reservation = wish.reservation;
                Event::ClaimReleased { reservation, reservation_version: version }
            } else {
                Event::ClaimChanged(stands)
            }
        })))
    }

    /// Whether the reservation waits for an answer: to each wish of its creation, and to one that
    /// takes more. The answer to a release would be taken for one to the claim that comes after it,
    /// where a refused creation is tried again.
    pub(super) fn is_waited_for(&self, wish: &Claim, now: Timestamp) -> bool {
        let is_creation = wish.reservation_version == Version(1);
        wish.is_holding() && (is_creation || self.fit(wish, Room::Own, now).is_err())
    }

    fn fit(&self, wish: &Claim, room: Room, now: Timestamp) -> Result<Fit, Vec<Short>> {
        let standing = self.book.get(wish.reservation);
        let fitting = |exempt| Fitting::new(self, standing, (room, exempt), now);
        let parts = fitting(Exempt::Covered).lines(&wish.lines)?;
        let change = wish.change.as_ref();
        let change = change.map(|lines| fitting(Exempt::Same(&wish.lines)).lines(lines));
        Ok(Fit { parts, change: change.transpose()? })
    }

    /// Refuses what is of more pieces than a calendar takes on. Of what stands, anything may become.
    fn keep(&self, wish: &Claim, now: Timestamp) -> Result<(), Vec<Short>> {
        let standing = self.book.get(wish.reservation).map_or(0, |entry| entry.shares().len());
        let pieces = self.book.pieces() - standing + wish.pieces();
        if pieces <= PIECES_MAX || wish.pieces() <= standing {
            return Ok(());
        }
        let stands = self.fit(wish, Room::Own, now);
        stands.map(drop).map_err(|_| barred(wish.wanted(), Cause::Full))
    }

    /// Every line that couldn't be had by whoever has claimed nothing yet.
    pub(super) fn lacks(&self, lines: &[ClaimLine], now: Timestamp) -> Vec<Short> {
        if self.book.pieces() + lines.len() > PIECES_MAX {
            return barred(lines, Cause::Full);
        }
        self.fitting_nobody(now).lines(lines).err().unwrap_or_default()
    }

    /// Looks whether one line could be had by whoever has claimed nothing yet.
    pub(super) fn try_line(&self, line: &ClaimLine, now: Timestamp) -> Tried {
        let mut fitting = self.fitting_nobody(now);
        fitting.until = Until::FirstLack;
        let short = fitting.line(line, false).err();
        Tried { lack: short.map(|short| short.obstacle.cause), steps: fitting.steps }
    }

    fn fitting_nobody(&self, now: Timestamp) -> Fitting<'_> {
        Fitting::new(self, None, (Room::All, Exempt::Covered), now)
    }

    /// Why the rules forbid a span, but for what is closed or taken in it.
    fn forbidden(&self, span: Span, now: Timestamp) -> Option<Cause> {
        match (&self.rules.general, span) {
            (General::Slots(rules), Span::Slots { start, end }) => {
                forbidden_slot(rules, start, end, now)
            }
            (General::Nights(rules), Span::Nights { .. }) => self.forbidden_stay(rules, span, now),
            (general, _) => Some(Cause::WrongKind { kind: general.kind() }),
        }
    }

    fn forbidden_stay(&self, rules: &NightRules, span: Span, now: Timestamp) -> Option<Cause> {
        let Span::Nights { check_in, check_out } = span else { return None };
        let nights = check_in.0.abs_diff(check_out.0);
        if nights > NIGHTS_MAX {
            return Some(Cause::StayTooLong { nights_max: NIGHTS_MAX });
        }
        let barred = self.outside_ahead(rules, check_in, now);
        barred.or_else(|| self.forbidden_nights(check_in, check_out, nights))
    }

    fn forbidden_nights(&self, check_in: Date, check_out: Date, nights: u32) -> Option<Cause> {
        let arrival = self.rules.day(check_in);
        if arrival.is_some_and(|day| day.closed_to_arrival) {
            return Some(Cause::ClosedToArrival(check_in));
        }
        if self.rules.day(check_out).is_some_and(|day| day.closed_to_departure) {
            return Some(Cause::ClosedToDeparture(check_out));
        }
        let stay_min = arrival.and_then(|day| day.stay_min).map(u32::from);
        if let Some(nights_min) = stay_min.filter(|nights_min| nights < *nights_min) {
            return Some(Cause::StayTooShort { nights_min });
        }
        let stay_max = arrival.and_then(|day| day.stay_max).map(u32::from);
        let nights_max = stay_max.filter(|nights_max| nights > *nights_max)?;
        Some(Cause::StayTooLong { nights_max })
    }

    fn outside_ahead(&self, rules: &NightRules, check_in: Date, now: Timestamp) -> Option<Cause> {
        let NightRules { ahead_min_days, ahead_max_days } = *rules;
        ahead_min_days.or(ahead_max_days)?;
        let today = i64::from(Zone::find(&self.rules.zone)?.date_at(instant_ms(now)).0);
        let on = |days: Option<u32>| days.map(|days| today.saturating_add(days.into()));
        outside((on(ahead_min_days), on(ahead_max_days)), check_in.0.into())
    }
}

fn forbidden_slot(
    rules: &SlotRules,
    start: Timestamp,
    end: Timestamp,
    now: Timestamp,
) -> Option<Cause> {
    let SlotRules { granularity_ms, length_min_ms, length_max_ms, .. } = *rules;
    let is_on_grid = |at: Timestamp| at.0.is_multiple_of(granularity_ms);
    if !is_on_grid(start) || !is_on_grid(end) {
        return Some(Cause::OffGrid { granularity_ms });
    }
    let length_ms = end.since_ms(start);
    if length_ms < length_min_ms {
        return Some(Cause::SlotTooShort { length_min_ms });
    }
    if length_ms > length_max_ms {
        return Some(Cause::SlotTooLong { length_max_ms });
    }
    let after = |span_ms: Option<u64>| span_ms.map(|span_ms| instant_ms(now.plus_ms(span_ms)));
    outside((after(rules.ahead_min_ms), after(rules.ahead_max_ms)), instant_ms(start))
}

fn outside((earliest, latest): (Option<i64>, Option<i64>), start: i64) -> Option<Cause> {
    if let Some(earliest) = earliest.filter(|earliest| start < *earliest) {
        return Some(Cause::TooSoon { earliest });
    }
    latest.filter(|latest| start > *latest).map(|latest| Cause::TooFarAhead { latest })
}

/// The moment of an instant.
pub(super) fn instant_ms(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

/// The event of a wish that fits: it is widened, or as `plain` says.
fn stands(wish: &Claim, fit: Fit, plain: impl FnOnce(Standing) -> Event) -> Event {
    let Claim { reservation, reservation_version, deadline, .. } = *wish;
    let Fit { parts, change } = fit;
    let standing = Standing { reservation, reservation_version, deadline, parts };
    match change {
        Some(change) => Event::ClaimWidened { standing, change },
        None => plain(standing),
    }
}

/// What was used, and when.
fn committed(entry: &Entry) -> Vec<(i64, i64, u32)> {
    let used = entry.shares().iter().filter(|share| share.is_committed());
    used.map(|share| (share.from, share.to, share.units())).collect()
}

/// A claim whose lines are looked at one after the other.
struct Fitting<'a> {
    state: &'a State,
    standing: Option<&'a Entry>,
    room: Room,
    exempt: Exempt<'a>,
    until: Until,
    now: Timestamp,
    /// How many moments its lines so far are, but for those that it has.
    length: i64,
    /// How many levels and stretches were looked at.
    steps: usize,
    /// What the reservation has.
    old: Course<u64>,
    /// What the lines so far come to.
    new: Course<u64>,
}

/// How much of a line there is.
struct Free {
    /// At the moment when there is least.
    available: u64,
    /// Why there isn't enough, and when first.
    lack: Option<Cause>,
}

impl<'a> Fitting<'a> {
    fn new(
        state: &'a State,
        standing: Option<&'a Entry>,
        (room, exempt): (Room, Exempt<'a>),
        now: Timestamp,
    ) -> Self {
        let mut old = Course::default();
        for share in standing.map_or(&[][..], Entry::shares) {
            let units = u64::from(share.units());
            old.shift(share.from, share.end(), |level: &mut u64| *level += units);
        }
        let (until, new) = (Until::NothingLeft, Course::default());
        Self { state, standing, room, exempt, until, now, length: 0, steps: 0, old, new }
    }

    fn lines(&mut self, lines: &[ClaimLine]) -> Result<Arc<[Part]>, Vec<Short>> {
        let (mut parts, mut short) = (Vec::with_capacity(lines.len()), Vec::new());
        let beginnings = Beginnings::of(lines.iter());
        for line in lines.iter().filter(|line| line.total() > 0) {
            match self.line(line, beginnings.follow(line)) {
                Ok(part) => parts.push(part),
                Err(why) => short.push(why),
            }
        }
        if short.is_empty() { Ok(parts.into()) } else { Err(short) }
    }

    /// Looks at the next line, or piece of one.
    fn line(&mut self, line: &ClaimLine, is_followed: bool) -> Result<Part, Short> {
        let span = line.span;
        if !span.is_sound() {
            return Err(Short::barred(line, Cause::NoSpan));
        }
        let (from, to) = (span.from(), span.to());
        let kind = self.state.rules.kind();
        if span.kind() != kind {
            return Err(Short::barred(line, Cause::WrongKind { kind }));
        }
        let turnover = self.standing.and_then(|entry| entry.turnover_of(from, to));
        let turnover_ms = turnover.unwrap_or(self.state.rules.turnover_ms());
        let end = if is_followed { to } else { to.saturating_add(turnover_ms.into()) };
        if let Some(cause) = self.forbidden(line, turnover.is_some(), end) {
            return Err(Short::barred(line, cause));
        }
        let free = self.find(line.total(), (from, to, end));
        self.new.shift(from, end, |level| *level = level.saturating_add(line.total()));
        match free.lack {
            None => Ok(Part { line: line.clone(), turnover_ms }),
            Some(cause @ Cause::Taken(at)) => {
                let deadline = self.state.book.deadline_at(at.from());
                let obstacle = Obstacle { cause, deadline };
                Err(Short { line: line.id.clone(), available: free.available, obstacle })
            }
            Some(cause) => Err(Short::barred(line, cause)),
        }
    }

    fn forbidden(&mut self, line: &ClaimLine, is_covered: bool, end: i64) -> Option<Cause> {
        if self.room == Room::Own {
            return None;
        }
        let span = line.span;
        if self.state.is_retired && self.grows((span.from(), end), line.total()) {
            return Some(Cause::Retired);
        }
        let is_exempt = match self.exempt {
            Exempt::Covered => is_covered,
            Exempt::Same(lines) => lines.iter().any(|other| other.span == span),
        };
        if is_exempt {
            return None;
        }
        let forbidden = self.state.forbidden(span, self.now);
        forbidden.or_else(|| {
            self.length = self.length.saturating_add(span.to() - span.from());
            let is_too_long = self.length > span.kind().claim_max();
            is_too_long.then_some(Cause::ClaimTooLong { days_max: CLAIM_DAYS_MAX })
        })
    }

    /// Whether so many units more are somewhere more than the reservation has.
    fn grows(&self, (from, to): (i64, i64), wanted: u64) -> bool {
        self.old.segments(from, to).any(|old| {
            let own = old.value.copied().unwrap_or_default();
            self.new
                .segments(old.from, old.to)
                .any(|new| new.value.copied().unwrap_or_default().saturating_add(wanted) > own)
        })
    }

    /// How many units can be had from one moment to the last of three. What is closed is so up to
    /// the second.
    fn find(&mut self, wanted: u64, (from, to, end): (i64, i64, i64)) -> Free {
        let state = self.state;
        let kind = state.rules.kind();
        let mut free = Free { available: u64::MAX, lack: None };
        state.rules.stretches(from, end, &mut |stretch| {
            self.steps += 1;
            if self.room == Room::All
                && let Some(closure) = stretch.closure
                && stretch.from < to
                && self.grows((stretch.from, stretch.to.min(to)), wanted)
            {
                let at = kind.span(stretch.from, first_end(kind, stretch.from, stretch.to.min(to)));
                let cause = match closure {
                    Closure::Closed => Cause::Closed(at),
                    Closure::OutsideHours => Cause::OutsideHours(at),
                };
                free = Free { available: 0, lack: free.lack.or(Some(cause)) };
                return ControlFlow::Break(());
            }
            self.find_in(stretch, wanted, &mut free)
        });
        free
    }

    fn find_in(&mut self, stretch: Stretch, wanted: u64, free: &mut Free) -> ControlFlow<()> {
        let state = self.state;
        let (kind, limit) = (state.rules.kind(), stretch.limit());
        for level in state.book.levels(stretch.from, stretch.to) {
            self.steps += 1;
            let others_leave = match self.room {
                Room::All => limit.saturating_sub(level.units),
                Room::Own => 0,
            };
            for old in self.old.segments(level.from, level.to) {
                let own = old.value.copied().unwrap_or_default();
                for new in self.new.segments(old.from, old.to) {
                    let taken = new.value.copied().unwrap_or_default();
                    let available = own.saturating_add(others_leave.into()).saturating_sub(taken);
                    free.available = free.available.min(available);
                    if available < wanted && free.lack.is_none() {
                        let at = kind.span(new.from, first_end(kind, new.from, new.to));
                        free.lack = Some(Cause::Taken(at));
                    }
                }
            }
            let is_told = free.available == 0 || self.until == Until::FirstLack;
            if free.lack.is_some() && is_told {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}

/// Where the first piece of a span ends that one would name: a night, or a whole interval.
fn first_end(kind: Kind, from: i64, to: i64) -> i64 {
    match kind {
        Kind::Slots => to,
        Kind::Nights => to.min(from.saturating_add(1)),
    }
}
