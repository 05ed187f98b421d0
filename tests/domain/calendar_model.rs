//! The slow and obvious model of a calendar: a map from night, or half hour, to a count.
//!
//! Not here: what is told both, and how they are compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast::domain::calendar::*;
use holdfast::domain::time::Timestamp;

use super::times::*;

/// Half hours of slots.
pub const HALF: i64 = 30 * 60_000;

/// How many moments are looked at.
pub const MOMENTS: i64 = 16;

/// From, to, units, and whether they are used up.
pub type Lines = [(i64, i64, u64, bool)];

#[derive(Debug, Clone, Copy)]
pub enum Change {
    Always(u32),
    Capacity(Option<u32>),
    Closed(bool),
    /// Of nights: overbooking, and the other rules.
    Overbooking(u32),
    Arrival(bool),
    Departure(bool),
    StayMin(u16),
    StayMax(u16),
    /// Of slots: hours of the wall's clock.
    Hours(u16, u16),
    Turnover(u32),
}

/// What holds at a moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rule {
    pub capacity: Option<u32>,
    pub closed: bool,
    pub overbooking: u32,
    pub no_arrival: bool,
    pub no_departure: bool,
    pub stay_min: Option<u16>,
    pub stay_max: Option<u16>,
    pub hours: Option<(u16, u16)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    pub from: i64,
    pub to: i64,
    /// Turnover and all.
    pub end: i64,
    pub units: u64,
    pub is_used: bool,
    /// Whether it is what its reservation is to have instead, once it is changed.
    pub is_change: bool,
}

/// What pieces of one claim take at a moment: of what it has and is to have, what is more.
fn count(pieces: &[Piece], at: i64) -> u64 {
    let taken = |is_change| {
        let there = pieces.iter().filter(|piece| (piece.from..piece.end).contains(&at));
        let there = there.filter(|piece| piece.is_change == is_change);
        there.map(|piece| piece.units).sum::<u64>()
    };
    taken(false).max(taken(true))
}

pub struct Model {
    pub kind: Kind,
    /// The instant or the date of moment 0.
    pub first: i64,
    pub zone: jiff::tz::TimeZone,
    pub capacity: u32,
    pub turnover: i64,
    pub rules: BTreeMap<i64, Rule>,
    pub claims: BTreeMap<u128, (u64, Vec<Piece>)>,
    pub folded: BTreeMap<i64, u64>,
    pub now: i64,
}

impl Model {
    pub fn unit(&self) -> i64 {
        match self.kind {
            Kind::Slots => HALF,
            Kind::Nights => 1,
        }
    }

    pub fn moment(&self, at: i64) -> i64 {
        self.first + at * self.unit()
    }

    pub fn span(&self, from: i64, to: i64) -> Span {
        let [from, to] = [from, to].map(|at| self.moment(at));
        match self.kind {
            Kind::Slots => Span::Slots { start: Timestamp(from as u64), end: Timestamp(to as u64) },
            Kind::Nights => {
                Span::Nights { check_in: Date(from as i32), check_out: Date(to as i32) }
            }
        }
    }

    pub fn rule(&self, at: i64) -> Rule {
        self.rules.get(&at).copied().unwrap_or_default()
    }

    pub fn limit(&self, at: i64) -> u64 {
        let rule = self.rule(at);
        u64::from(rule.capacity.unwrap_or(self.capacity)) + u64::from(rule.overbooking)
    }

    /// Whether the wall's clock shows a time at which it is open.
    pub fn is_open(&self, at: i64) -> bool {
        if self.rule(at).closed {
            return false;
        }
        let Some((opens, closes)) = self.rule(at).hours else { return true };
        let instant = jiff::Timestamp::from_millisecond(self.moment(at)).unwrap();
        let wall = self.zone.to_datetime(instant);
        let minutes =
            u16::try_from(i32::from(wall.hour()) * 60 + i32::from(wall.minute())).unwrap();
        (opens..closes).contains(&minutes) || (opens..closes).contains(&(minutes + 24 * 60))
    }

    pub fn taken(&self, at: i64) -> u64 {
        let live = self.claims.values().map(|(_, pieces)| count(pieces, at));
        live.sum::<u64>() + self.folded.get(&at).copied().unwrap_or(0)
    }

    pub fn keeps_rules(&self, from: i64, to: i64) -> bool {
        let nights = to - from;
        let arrival = self.rule(from);
        let is_stay = self.kind == Kind::Nights;
        !(is_stay && (arrival.no_arrival || self.rule(to).no_departure))
            && arrival.stay_min.is_none_or(|least| nights >= i64::from(least))
            && arrival.stay_max.is_none_or(|most| nights <= i64::from(most))
    }

    /// What lines come to, if they fit: looked at moment by moment. Those of a change needn't keep the
    /// rules where they are just as long as one of `same`, others where they are covered.
    pub fn fit(
        &self,
        n: u128,
        lines: &Lines,
        asks_rules: bool,
        same: Option<&[(i64, i64)]>,
    ) -> Option<Vec<Piece>> {
        let old = self.claims.get(&n).map_or(&[][..], |(_, pieces)| pieces);
        let mut new: Vec<Piece> = Vec::new();
        for (from, to, units, is_used) in lines.iter().copied().filter(|line| line.2 > 0) {
            let shortest = |is_change: bool| {
                let around = old.iter().filter(|piece| piece.from <= from && to <= piece.to);
                let meant = around.filter(|piece| piece.is_change == is_change);
                meant.map(|piece| piece.end - piece.to).min()
            };
            let covering = shortest(false).or_else(|| shortest(true));
            let is_exempt = same.map_or(covering.is_some(), |spans| spans.contains(&(from, to)));
            let end = to + covering.unwrap_or(self.turnover);
            if !is_exempt && asks_rules && !self.keeps_rules(from, to) {
                return None;
            }
            let fits = |at: i64| {
                let (had, has) = (count(old, at), count(&new, at) + units);
                let is_open = at >= to || self.is_open(at);
                let free = self.limit(at) as i64 - self.taken(at) as i64;
                has <= had || (asks_rules && is_open && (has - had) as i64 <= free)
            };
            if !(from..end).all(fits) {
                return None;
            }
            new.push(Piece { from, to, end, units, is_used, is_change: false });
        }
        Some(new)
    }

    /// Follows a wish; tells whether it has an effect.
    pub fn wish(&mut self, n: u128, version: u64, lines: &Lines) -> bool {
        let is_release = lines.iter().all(|line| line.2 == 0);
        let known = self.claims.get(&n).map(|(version, pieces)| (*version, pieces.clone()));
        let Some((known_version, old)) = known else {
            if is_release || lines.iter().any(|line| line.3 && line.2 > 0) {
                return false;
            }
            return self.replace(n, version, lines);
        };
        if version < known_version || (version == known_version && !is_release) {
            return false;
        }
        if !is_release {
            return self.replace(n, version, lines);
        }
        let used: Vec<_> = old.iter().copied().filter(|piece| piece.is_used).collect();
        if used.len() == old.len() {
            return false;
        }
        self.claims.insert(n, (version, used));
        self.claims.retain(|_, (_, pieces)| !pieces.is_empty());
        true
    }

    pub fn replace(&mut self, n: u128, version: u64, lines: &Lines) -> bool {
        let Some(pieces) = self.fit(n, lines, true, None) else { return false };
        self.claims.insert(n, (version, pieces));
        true
    }

    /// Follows a wish to have these lines instead, soon; tells whether it has an effect.
    pub fn widen(&mut self, n: u128, version: u64, (lines, change): (&Lines, &Lines)) -> bool {
        let same: Vec<_> = lines.iter().map(|line| (line.0, line.1)).collect();
        let has = self.fit(n, lines, true, None);
        let is_to_have = self.fit(n, change, true, Some(&same));
        let (Some(mut pieces), Some(change)) = (has, is_to_have) else { return false };
        pieces.extend(change.into_iter().map(|piece| Piece { is_change: true, ..piece }));
        self.claims.insert(n, (version, pieces));
        true
    }

    /// What is past and used up is only counted, four claims with each event.
    pub fn fold(&mut self) {
        let past_at = |pieces: &[Piece]| {
            let end = pieces.iter().map(|piece| self.moment(piece.end)).max().unwrap();
            if self.kind == Kind::Nights { (end + 1) * 24 * 2 * HALF } else { end }
        };
        let done = |pieces: &[Piece]| pieces.iter().all(|piece| piece.is_used);
        let mut due: Vec<_> = self
            .claims
            .iter()
            .filter(|(_, (_, pieces))| done(pieces) && past_at(pieces) <= self.now)
            .map(|(n, (_, pieces))| (past_at(pieces), *n))
            .collect();
        due.sort_unstable();
        for (_, n) in due.into_iter().take(4) {
            for piece in self.claims.remove(&n).unwrap().1 {
                for at in piece.from..piece.end {
                    *self.folded.entry(at).or_default() += piece.units;
                }
            }
        }
    }

    /// Up to which moment all is over: dates are, when they are in the calendar's zone.
    fn over_until(&self) -> i64 {
        let now = jiff::Timestamp::from_millisecond(self.now).unwrap();
        let midnight = self.zone.to_datetime(now).date().to_zoned(jiff::tz::TimeZone::UTC).unwrap();
        let moment = match self.kind {
            Kind::Slots => self.now,
            Kind::Nights => midnight.timestamp().as_second() / 86_400,
        };
        (moment - self.first).div_euclid(self.unit())
    }

    pub fn in_conflict(&self) -> Vec<u128> {
        let over = self.over_until();
        // While a claim is two in one, its turnover counts as any other time does.
        let is_broken = |piece: &Piece, is_widened: bool| {
            let from = piece.from.max(over);
            let to = if is_widened { piece.end } else { piece.to };
            piece.to > over
                && ((from..to).any(|at| !self.is_open(at))
                    || (from..piece.end).any(|at| self.taken(at) > self.limit(at)))
        };
        let broken = self.claims.iter().filter(|(_, (_, pieces))| {
            let is_widened = pieces.iter().any(|piece| piece.is_change);
            pieces.iter().any(|piece| is_broken(piece, is_widened))
        });
        broken.map(|(n, _)| *n).collect()
    }

    /// Follows a setting.
    pub fn set(&mut self, change: Change, moments: std::ops::Range<i64>) {
        match change {
            Change::Always(units) => return self.capacity = units,
            Change::Turnover(halves) => return self.turnover = halves.into(),
            _ => {}
        }
        for at in moments {
            let rule = self.rules.entry(at).or_default();
            match change {
                Change::Capacity(units) => rule.capacity = units,
                Change::Closed(closed) => rule.closed = closed,
                Change::Overbooking(units) => rule.overbooking = units,
                Change::Arrival(closed) => rule.no_arrival = closed,
                Change::Departure(closed) => rule.no_departure = closed,
                Change::StayMin(nights) => rule.stay_min = Some(nights),
                Change::StayMax(nights) => rule.stay_max = Some(nights),
                Change::Hours(opens, closes) => rule.hours = Some((opens, closes)),
                Change::Always(_) | Change::Turnover(_) => {}
            }
        }
    }

    pub fn setting(&self, change: Change, from: i64, span: i64) -> Setting {
        let [begin, end] = [from, from + span].map(|at| self.moment(at));
        let when = match self.kind {
            Kind::Slots => {
                When::Interval { start: Timestamp(begin as u64), end: Timestamp(end as u64) }
            }
            Kind::Nights => dates(Date(begin as i32), span as i32),
        };
        let day = DayRules::default();
        let rules = match change {
            Change::Always(units) => return Setting::Capacity(When::Always, Some(units)),
            Change::Capacity(units) => return Setting::Capacity(when, units),
            Change::Closed(closed) => return Setting::Closed(when, closed),
            Change::Turnover(halves) => {
                let turnover_ms = halves * HALF as u32;
                let rules =
                    SlotRules { turnover_ms, granularity_ms: HALF as u64, ..SlotRules::default() };
                let general = Some(General::Slots(rules));
                return Setting::Rules(RulesChange { general, days: Arc::new([]) });
            }
            Change::Overbooking(units) => DayRules { overbooking: Some(units), ..day },
            Change::Arrival(closed) => DayRules { closed_to_arrival: Some(closed), ..day },
            Change::Departure(closed) => DayRules { closed_to_departure: Some(closed), ..day },
            Change::StayMin(nights) => DayRules { stay_min: Set::To(nights), ..day },
            Change::StayMax(nights) => DayRules { stay_max: Set::To(nights), ..day },
            Change::Hours(opens, closes) => open_at(&[(opens, closes)]),
        };
        match self.kind {
            Kind::Nights => ruled(Date(begin as i32), span as i32, rules),
            // Hours of slots are set for all dates around.
            Kind::Slots => ruled(Date::MIN, Date::MAX.0 - Date::MIN.0, rules),
        }
    }
}
