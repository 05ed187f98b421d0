//! A calendar against a slow and obvious model: a map from night, or half hour, to a count.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast::domain::calendar::*;
use holdfast::domain::claim::Wish;
use holdfast::domain::command::Command as Any;
use holdfast::domain::entity::{Aggregate, Outcome};
use holdfast::domain::time::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;

use super::arbitrary::quick;
use super::replay::check as check_replay;
use super::stage::Stage;
use super::times::*;

/// Half hours of slots.
const HALF: i64 = 30 * 60_000;

/// How many moments are looked at.
const MOMENTS: i64 = 16;

/// What is told a calendar, in moments since the first that is looked at.
#[derive(Debug, Clone)]
enum Step {
    /// A wish of so many lines: from, how long, and how many units.
    Hold {
        n: u128,
        version: u64,
        lines: Vec<(i64, i64, u64)>,
    },
    /// What stands, as long as it may, is used up to so many moments before its end.
    Use {
        n: u128,
        early: i64,
    },
    /// What stands is prolonged.
    Extend {
        n: u128,
    },
    Release {
        n: u128,
        version: u64,
    },
    Set {
        setting: Change,
        from: i64,
        span: i64,
        insists: bool,
    },
    Pass {
        moments: i64,
    },
}

#[derive(Debug, Clone, Copy)]
enum Change {
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
struct Rule {
    capacity: Option<u32>,
    closed: bool,
    overbooking: u32,
    no_arrival: bool,
    no_departure: bool,
    stay_min: Option<u16>,
    stay_max: Option<u16>,
    hours: Option<(u16, u16)>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    from: i64,
    to: i64,
    /// Turnover and all.
    end: i64,
    units: u64,
    is_used: bool,
}

struct Model {
    kind: Kind,
    /// The instant or the date of moment 0.
    first: i64,
    zone: jiff::tz::TimeZone,
    capacity: u32,
    turnover: i64,
    rules: BTreeMap<i64, Rule>,
    claims: BTreeMap<u128, (u64, Vec<Piece>)>,
    folded: BTreeMap<i64, u64>,
    now: i64,
}

impl Model {
    fn unit(&self) -> i64 {
        match self.kind {
            Kind::Slots => HALF,
            Kind::Nights => 1,
        }
    }

    fn moment(&self, at: i64) -> i64 {
        self.first + at * self.unit()
    }

    fn span(&self, from: i64, to: i64) -> Span {
        let [from, to] = [from, to].map(|at| self.moment(at));
        match self.kind {
            Kind::Slots => Span::Slots { start: Timestamp(from as u64), end: Timestamp(to as u64) },
            Kind::Nights => {
                Span::Nights { check_in: Date(from as i32), check_out: Date(to as i32) }
            }
        }
    }

    fn rule(&self, at: i64) -> Rule {
        self.rules.get(&at).copied().unwrap_or_default()
    }

    fn limit(&self, at: i64) -> u64 {
        let rule = self.rule(at);
        u64::from(rule.capacity.unwrap_or(self.capacity)) + u64::from(rule.overbooking)
    }

    /// Whether the wall's clock shows a time at which it is open.
    fn is_open(&self, at: i64) -> bool {
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

    fn taken(&self, at: i64) -> u64 {
        let pieces = self.claims.values().flat_map(|(_, pieces)| pieces);
        let live = pieces.filter(|piece| (piece.from..piece.end).contains(&at));
        live.map(|piece| piece.units).sum::<u64>() + self.folded.get(&at).copied().unwrap_or(0)
    }

    fn keeps_rules(&self, from: i64, to: i64) -> bool {
        let nights = to - from;
        let arrival = self.rule(from);
        let is_stay = self.kind == Kind::Nights;
        (from..to).all(|at| self.is_open(at))
            && !(is_stay && (arrival.no_arrival || self.rule(to).no_departure))
            && arrival.stay_min.is_none_or(|least| nights >= i64::from(least))
            && arrival.stay_max.is_none_or(|most| nights <= i64::from(most))
    }

    /// What lines come to, if they fit: looked at moment by moment.
    fn fit(
        &self,
        n: u128,
        lines: &[(i64, i64, u64, bool)],
        asks_rules: bool,
    ) -> Option<Vec<Piece>> {
        let old = self.claims.get(&n).map_or(&[][..], |(_, pieces)| pieces);
        let count = |pieces: &[Piece], at: i64| {
            let there = pieces.iter().filter(|piece| (piece.from..piece.end).contains(&at));
            there.map(|piece| piece.units).sum::<u64>()
        };
        let mut new: Vec<Piece> = Vec::new();
        for (from, to, units, is_used) in lines.iter().copied().filter(|line| line.2 > 0) {
            let covering = old.iter().find(|piece| piece.from <= from && to <= piece.to);
            let turnover = covering.map_or(self.turnover, |piece| piece.end - piece.to);
            let end = to + turnover;
            if covering.is_none() && asks_rules && !self.keeps_rules(from, to) {
                return None;
            }
            let fits = |at: i64| {
                let (had, has) = (count(old, at), count(&new, at) + units);
                has <= had || (asks_rules && self.taken(at) - had + has <= self.limit(at))
            };
            if !(from..end).all(fits) {
                return None;
            }
            new.push(Piece { from, to, end, units, is_used });
        }
        Some(new)
    }

    /// Follows a wish; tells whether it has an effect.
    fn wish(&mut self, n: u128, version: u64, lines: &[(i64, i64, u64, bool)]) -> bool {
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

    fn replace(&mut self, n: u128, version: u64, lines: &[(i64, i64, u64, bool)]) -> bool {
        let Some(pieces) = self.fit(n, lines, true) else { return false };
        self.claims.insert(n, (version, pieces));
        true
    }

    /// What is past and used up is only counted, four claims with each event.
    fn fold(&mut self) {
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

    fn in_conflict(&self) -> Vec<u128> {
        let is_broken = |piece: &Piece| {
            (piece.from..piece.to).any(|at| !self.is_open(at))
                || (piece.from..piece.end).any(|at| self.taken(at) > self.limit(at))
        };
        let broken = self.claims.iter().filter(|(_, (_, pieces))| pieces.iter().any(is_broken));
        broken.map(|(n, _)| *n).collect()
    }

    /// Follows a setting.
    fn set(&mut self, change: Change, moments: std::ops::Range<i64>) {
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

    fn setting(&self, change: Change, from: i64, span: i64) -> Setting {
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

fn lines_for(model: &Model, lines: &[(i64, i64, u64, bool)]) -> Arc<[ClaimLine]> {
    let line = |(from, to, units, is_used): &(i64, i64, u64, bool)| {
        let (held, committed) = if *is_used { (0, *units) } else { (*units, 0) };
        let id = holdfast::domain::name::LineId::counted(0);
        ClaimLine { id, span: model.span(*from, *to), held, committed }
    };
    lines.iter().map(line).collect()
}

/// Tells both, and checks that they agree.
fn follow(stage: Stage<Calendar>, model: &mut Model, step: Step) -> Stage<Calendar> {
    let standing = |model: &Model, n: u128, early: i64, is_used: bool| {
        let (version, pieces) = model.claims.get(&n).cloned().unwrap_or_default();
        let to = |piece: &Piece| (piece.to - early).max(piece.from + 1);
        let lines = pieces
            .iter()
            .map(|piece| (piece.from, to(piece), piece.units, is_used || piece.is_used));
        (version + 1, lines.collect::<Vec<_>>())
    };
    let (n, version, lines) = match step {
        Step::Pass { moments } => {
            let span = moments * if model.kind == Kind::Slots { HALF } else { 24 * 2 * HALF };
            model.now += span;
            return stage.at(Timestamp(model.now as u64));
        }
        Step::Set { setting, from, span, insists } => {
            return follow_setting(stage, model, setting, from..from + span, insists);
        }
        Step::Hold { n, version, lines } => {
            let lines = lines.iter().map(|(from, span, units)| (*from, from + span, *units, false));
            (n, version, lines.collect())
        }
        Step::Use { n, early } => {
            let (version, lines) = standing(model, n, early, true);
            (n, version, lines)
        }
        Step::Extend { n } => {
            let (version, lines) = standing(model, n, 0, false);
            (n, version, lines)
        }
        Step::Release { n, version } => (n, version, Vec::new()),
    };
    let wish = Claim { lines: lines_for(model, &lines), ..time_wish(n, version, &[]) };
    let is_covered = model.fit(n, &lines, false).is_some();
    let has_effect = model.wish(n, version, &lines);
    let (is_first, is_holding) = (version == 1, wish.is_holding());
    let stage = stage.told(Any::Calendar(Command::Claim(wish)));
    assert_eq!(!stage.events.is_empty(), has_effect, "{:?} {lines:?}", stage.events);
    assert_eq!(stage.messages.len(), usize::from(is_holding && (is_first || !is_covered)));
    if !stage.messages.is_empty() {
        let stands = has_effect || is_covered;
        assert_eq!(lacks(&stage).is_empty(), stands);
    }
    if has_effect {
        model.fold();
    }
    stage
}

fn follow_setting(
    stage: Stage<Calendar>,
    model: &mut Model,
    change: Change,
    moments: std::ops::Range<i64>,
    insists: bool,
) -> Stage<Calendar> {
    let setting = model.setting(change, moments.start, moments.end - moments.start);
    let is_for_all = matches!(change, Change::Hours(..));
    let moments = if is_for_all { -2..MOMENTS + 20 } else { moments };
    let (before, rules) = (model.in_conflict(), (model.rules.clone(), model.capacity));
    model.set(change, moments);
    let mut broken = model.in_conflict();
    broken.retain(|n| !before.contains(n));
    let goes = insists || broken.is_empty();
    let command = if insists { insist_on(setting) } else { set(setting) };
    let stage = stage.when(command);
    assert_eq!(stage.outcome == Outcome::Accepted, goes, "{change:?} breaks {broken:?}");
    if goes {
        let named = stage.events.iter().flat_map(|event| match event {
            Event::ClaimsInConflict(conflicts) => conflicts.to_vec(),
            _ => vec![],
        });
        let mut named: Vec<_> = named.map(|conflict| conflict.reservation.0.as_u128()).collect();
        named.sort_unstable();
        assert_eq!(named, broken);
        stage.events.iter().for_each(|_| model.fold());
    } else {
        (model.rules, model.capacity) = rules;
    }
    stage
}

fn compare(stage: &Stage<Calendar>, model: &Model) {
    let state = &stage.entity.state;
    for at in -1..MOMENTS + 8 {
        let (from, to) = (model.moment(at), model.moment(at + 1));
        let [piece] = state.available(from, to, 2)[..] else { panic!("moment {at} is in pieces") };
        assert_eq!(u64::from(piece.claimed), model.taken(at), "moment {at}");
        assert_eq!(u64::from(piece.capacity + piece.overbooking), model.limit(at), "moment {at}");
        assert_eq!(piece.closure.is_none(), model.is_open(at), "moment {at}");
    }
    let found: Vec<_> = state
        .claims_after(None, 100)
        .iter()
        .map(|claim| (claim.reservation().0.as_u128(), claim.reservation_version().0))
        .collect();
    let expected: Vec<_> = model.claims.iter().map(|(n, (version, _))| (*n, *version)).collect();
    assert_eq!(found, expected);
    let mut conflicts: Vec<_> = conflicts(stage, None, 100)
        .iter()
        .map(|conflict| conflict.reservation.0.as_u128())
        .collect();
    conflicts.sort_unstable();
    assert_eq!(conflicts, model.in_conflict());
    let total = |claim: &Wish| match claim {
        Wish::Calendar(claim) => claim.lines.iter().map(ClaimLine::total).sum::<u64>(),
        Wish::Stock(_) => panic!("{claim:?}"),
    };
    let units: u64 = state.claims_after(None, 100).iter().map(total).sum();
    let pieces = model.claims.values().flat_map(|(_, pieces)| pieces);
    assert_eq!(units, pieces.map(|piece| piece.units).sum::<u64>());
}

fn moments() -> impl Strategy<Value = (i64, i64)> {
    (0..MOMENTS, 1..5i64)
}

fn wish_step() -> impl Strategy<Value = Step> {
    let line = (moments(), 0..4u64).prop_map(|((from, span), units)| (from, span, units));
    let lines = prop::collection::vec(line, 1..4);
    prop_oneof![
        6 => (1..7u128, 1..4u64, lines)
            .prop_map(|(n, version, lines)| Step::Hold { n, version, lines }),
        2 => (1..7u128, 0..2i64).prop_map(|(n, early)| Step::Use { n, early }),
        1 => (1..7u128).prop_map(|n| Step::Extend { n }),
        2 => (1..7u128, 1..5u64).prop_map(|(n, version)| Step::Release { n, version }),
        2 => (1..6i64).prop_map(|moments| Step::Pass { moments }),
    ]
}

fn steps(changes: Vec<Change>) -> impl Strategy<Value = Vec<Step>> {
    let set = (select(changes), moments(), any::<bool>())
        .prop_map(|(setting, (from, span), insists)| Step::Set { setting, from, span, insists });
    prop::collection::vec(prop_oneof![5 => wish_step(), 2 => set], 1..60)
}

fn model(create: &Create, kind: Kind, first: i64, now: i64) -> Model {
    Model {
        kind,
        first,
        zone: jiff::tz::TimeZoneDatabase::bundled().get(create.zone.as_str()).unwrap(),
        capacity: create.capacity,
        turnover: 0,
        rules: BTreeMap::new(),
        claims: BTreeMap::new(),
        folded: BTreeMap::new(),
        now,
    }
}

fn run(create: Create, model: &mut Model, steps: Vec<Step>) {
    let mut stage = opened(create).at(Timestamp(model.now as u64));
    for step in steps {
        stage = follow(stage, model, step);
        compare(&stage, model);
    }
    check_replay(&stage);
}

/// A leap day, the end of a year, and no date in particular.
fn first_nights() -> impl Strategy<Value = Date> {
    select(vec![date(2024, 2, 24), date(2026, 12, 26), date(2026, 6, 1), date(1969, 12, 25)])
}

/// Nights with a change of clocks in them, a leap day, and the end of a year; on both sides of the
/// date line.
fn first_slots() -> impl Strategy<Value = (&'static str, &'static str)> {
    select(vec![
        ("Europe/Berlin", "2026-03-28T23:00:00Z"),
        ("Europe/Berlin", "2026-10-24T22:00:00Z"),
        ("America/New_York", "2026-11-01T03:30:00Z"),
        ("Pacific/Auckland", "2026-04-04T11:00:00Z"),
        ("Pacific/Auckland", "2028-02-28T09:00:00Z"),
        ("Pacific/Pago_Pago", "2026-12-31T08:00:00Z"),
        ("UTC", "2027-01-01T00:00:00Z"),
    ])
}

proptest! {
    #![proptest_config(quick())]

    #[test]
    fn nights_are_what_counting_each_of_them_gives(
        first in first_nights(),
        zone in select(vec!["Europe/Lisbon", "Pacific/Auckland", "Pacific/Pago_Pago"]),
        steps in steps(vec![
            Change::Always(1), Change::Always(4), Change::Capacity(Some(0)),
            Change::Capacity(Some(2)), Change::Capacity(Some(6)), Change::Capacity(None),
            Change::Closed(true), Change::Closed(false), Change::Overbooking(0),
            Change::Overbooking(1), Change::Arrival(true), Change::Arrival(false),
            Change::Departure(true), Change::Departure(false), Change::StayMin(2),
            Change::StayMax(3),
        ]),
    ) {
        let create = nights(zone, 3);
        let now = (i64::from(first.0) - 2).max(0) * 24 * 2 * HALF;
        let mut model = model(&create, Kind::Nights, first.0.into(), now);
        run(create, &mut model, steps);
    }

    #[test]
    fn slots_are_what_counting_each_half_hour_gives(
        (zone, first) in first_slots(),
        // None of them opens or closes at a time that a clock may leap over or show twice.
        steps in steps(vec![
            Change::Always(1), Change::Always(4), Change::Capacity(Some(0)),
            Change::Capacity(Some(2)), Change::Capacity(None), Change::Closed(true),
            Change::Closed(false), Change::Turnover(0), Change::Turnover(1), Change::Turnover(2),
            Change::Hours(0, 1_440), Change::Hours(30, 300), Change::Hours(1_380, 1_470),
            Change::Hours(210, 1_440),
        ]),
    ) {
        let rules = SlotRules { granularity_ms: HALF as u64, ..SlotRules::default() };
        let create = slots(zone, 3, rules);
        let first = utc(first).0 as i64;
        let mut model = model(&create, Kind::Slots, first, first - 4 * HALF);
        run(create, &mut model, steps);
    }
}
