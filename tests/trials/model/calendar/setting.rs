//! What becomes of a setting: it holds, with every claim named that no longer fits, or is refused.

use std::sync::Arc;

use holdfast::domain::calendar::{
    CONFLICTS_PER_EVENT, CONFLICTS_TOLD_MAX, DayRules, Event as Happened, Flaw, FlawAt, General,
    Kind, Set, Setting, When,
};
use holdfast::domain::rejection::Rejection;
use holdfast::domain::time::Timestamp;

use super::state::State;

/// Why something can't be set, where it can't: of the flaws that clients here make.
pub fn flaw(setting: &Setting, kind: Kind) -> Option<Flaw> {
    let of = |at, says| Some(Flaw { at, says });
    let change = match setting {
        Setting::Rules(change) => change,
        Setting::Capacity(When::Interval { .. }, _) | Setting::Closed(When::Interval { .. }, _)
            if kind == Kind::Nights =>
        {
            return of(FlawAt::When, "nights are set by dates");
        }
        Setting::Capacity(..) | Setting::Closed(..) => return None,
    };
    let given = change.general.as_ref().map(|general| match general {
        General::Slots(_) => Kind::Slots,
        General::Nights(_) => Kind::Nights,
    });
    if let Some(other) = given.filter(|given| *given != kind) {
        return of(FlawAt::General(other), "a calendar's kind is fixed");
    }
    let mut days = change.days.iter().enumerate();
    days.find_map(|(nth, day)| of(FlawAt::Day(nth), flaw_of_day(&day.rules, kind)?))
}

fn flaw_of_day(rules: &DayRules, kind: Kind) -> Option<&'static str> {
    let bars = rules.closed_to_arrival.is_some() || rules.closed_to_departure.is_some();
    let binds = rules.stay_min != Set::Keep || rules.stay_max != Set::Keep;
    let is_of_nights = rules.overbooking.is_some() || bars || binds;
    match kind {
        Kind::Slots if is_of_nights => Some("arrivals and overbooking are rules for nights"),
        Kind::Nights if rules.hours != Set::Keep => Some("hours are a rule for slots"),
        Kind::Slots | Kind::Nights => None,
    }
}

/// What happens where an owner sets something.
pub fn set(
    state: &State,
    setting: &Arc<Setting>,
    accept_conflicts: bool,
    now: Timestamp,
) -> Result<Vec<Happened>, Rejection> {
    if let Some(flaw) = flaw(setting, state.rules.kind()) {
        return Err(Rejection::InvalidRule(flaw));
    }
    let mut conflicts = state.new_conflicts(&state.rules.with(setting), now);
    if !accept_conflicts && !conflicts.is_empty() {
        let total = conflicts.len();
        conflicts.truncate(CONFLICTS_TOLD_MAX);
        return Err(Rejection::ClaimsInConflict { conflicts, total });
    }
    let mut events = vec![Happened::Set(setting.clone())];
    for named in conflicts.chunks(CONFLICTS_PER_EVENT) {
        events.push(Happened::ClaimsInConflict(named.into()));
    }
    Ok(events)
}
