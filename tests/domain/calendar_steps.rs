//! A calendar told the same as a slow and obvious model, and compared with it after each step.

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
use super::calendar_model::*;
use super::replay::check as check_replay;
use super::stage::Stage;
use super::times::*;

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
    /// A reservation is to have these lines instead.
    Widen {
        n: u128,
        lines: Vec<(i64, i64, u64)>,
    },
    /// Its change is made, or refused.
    Settle {
        n: u128,
        is_made: bool,
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

fn lines_for(model: &Model, lines: &Lines) -> Arc<[ClaimLine]> {
    let line = |(nth, (from, to, units, is_used)): (usize, &(i64, i64, u64, bool))| {
        let (held, committed) = if *is_used { (0, *units) } else { (*units, 0) };
        let id = holdfast::domain::name::LineId::counted(nth);
        ClaimLine { id, span: model.span(*from, *to), held, committed }
    };
    lines.iter().enumerate().map(line).collect()
}

/// Tells both, and checks that they agree.
fn follow(stage: Stage<Calendar>, model: &mut Model, step: Step) -> Stage<Calendar> {
    let standing = |model: &Model, n: u128, early: i64, is_used: bool| {
        let (version, pieces) = model.claims.get(&n).cloned().unwrap_or_default();
        let to = |piece: &Piece| (piece.to - early).max(piece.from + 1);
        let lines = pieces
            .iter()
            .filter(|piece| !piece.is_change)
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
        Step::Widen { n, lines } => return follow_widening(stage, model, n, &lines),
        Step::Settle { n, is_made } => return follow_end(stage, model, n, is_made),
    };
    let wish = Claim { lines: lines_for(model, &lines), ..time_wish(n, version, &[]) };
    let is_covered = model.fit(n, &lines, false, None).is_some();
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

/// What a reservation has, or is to have.
fn pieces(model: &Model, n: u128, is_change: bool) -> (u64, Vec<(i64, i64, u64, bool)>) {
    let (version, pieces) = model.claims.get(&n).cloned().unwrap_or_default();
    let pieces = pieces.iter().filter(|piece| piece.is_change == is_change);
    (version, pieces.map(|piece| (piece.from, piece.to, piece.units, piece.is_used)).collect())
}

fn follow_widening(
    stage: Stage<Calendar>,
    model: &mut Model,
    n: u128,
    wanted: &[(i64, i64, u64)],
) -> Stage<Calendar> {
    let (version, has) = pieces(model, n, false);
    let change = wanted.iter().map(|(from, span, units)| (*from, from + span, *units, false));
    let change: Vec<_> = change.collect();
    let is_used = has.iter().any(|line| line.3);
    if is_used || change.iter().all(|line| line.2 == 0) {
        return stage;
    }
    let version = version + 1;
    let wish = Claim {
        lines: lines_for(model, &has),
        change: Some(lines_for(model, &change)),
        ..time_wish(n, version, &[])
    };
    let has_effect = model.widen(n, version, (&has, &change));
    let demand = || Any::Calendar(Command::Demand(wish.clone()));
    let stage = stage.told(demand());
    assert_eq!(!stage.events.is_empty(), has_effect, "{has:?} {change:?}");
    assert_eq!(lacks(&stage).is_empty(), has_effect);
    if !has_effect {
        return stage;
    }
    model.fold();
    // Said again, as after a crash, it is granted again and changes nothing.
    granted(stage.told(demand()).then_nothing())
}

fn follow_end(
    stage: Stage<Calendar>,
    model: &mut Model,
    n: u128,
    is_made: bool,
) -> Stage<Calendar> {
    let (version, lines) = pieces(model, n, is_made);
    if pieces(model, n, true).1.is_empty() {
        return stage;
    }
    let has_effect = model.wish(n, version + 1, &lines);
    let wish = Claim { lines: lines_for(model, &lines), ..time_wish(n, version + 1, &[]) };
    let stage = stage.told(Any::Calendar(Command::Claim(wish)));
    assert!(has_effect && stage.messages.is_empty(), "what was granted can be had");
    model.fold();
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
        Wish::Calendar(claim) => {
            let change = claim.change.iter().flat_map(|lines| lines.iter());
            claim.lines.iter().chain(change).map(ClaimLine::total).sum::<u64>()
        }
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
    let line = || (moments(), 0..4u64).prop_map(|((from, span), units)| (from, span, units));
    let lines = || prop::collection::vec(line(), 1..4);
    prop_oneof![
        4 => (1..7u128, lines()).prop_map(|(n, lines)| Step::Widen { n, lines }),
        3 => (1..7u128, any::<bool>()).prop_map(|(n, is_made)| Step::Settle { n, is_made }),
        6 => (1..7u128, 1..4u64, lines())
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
