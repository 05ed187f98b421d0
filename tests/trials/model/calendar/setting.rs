//! What becomes of a setting: it holds, with every claim named that no longer fits, or is refused.

use std::sync::Arc;

use holdfast::domain::calendar::{
    CONFLICTS_PER_EVENT, CONFLICTS_TOLD_MAX, Event as Happened, General, Kind, Set, Setting, When,
};
use holdfast::domain::rejection::Rejection;

use super::state::State;

/// Why something can't be set, where it can't.
fn flaw(setting: &Setting, kind: Kind) -> Option<&'static str> {
    let (general, days) = match setting {
        Setting::Rules(change) => (&change.general, &change.days[..]),
        Setting::Capacity(When::Interval { .. }, _) | Setting::Closed(When::Interval { .. }, _)
            if kind == Kind::Nights =>
        {
            return Some("nights are set by dates");
        }
        Setting::Capacity(..) | Setting::Closed(..) => return None,
    };
    match (general, kind) {
        (Some(General::Slots(_)), Kind::Nights) | (Some(General::Nights(_)), Kind::Slots) => {
            return Some("a calendar's kind is fixed");
        }
        _ => {}
    }
    let is_of_nights = days.iter().map(|day| &day.rules).any(|rules| {
        let units = rules.overbooking.is_some();
        let days = rules.closed_to_arrival.is_some() || rules.closed_to_departure.is_some();
        units || days || rules.stay_min != Set::Keep || rules.stay_max != Set::Keep
    });
    let is_of_slots = days.iter().any(|day| day.rules.hours != Set::Keep);
    match kind {
        Kind::Slots if is_of_nights => Some("arrivals and overbooking are rules for nights"),
        Kind::Nights if is_of_slots => Some("hours are a rule for slots"),
        Kind::Slots | Kind::Nights => None,
    }
}

/// What happens where an owner sets something.
pub fn set(
    state: &State,
    setting: &Arc<Setting>,
    accept_conflicts: bool,
) -> Result<Vec<Happened>, Rejection> {
    if let Some(flaw) = flaw(setting, state.rules.kind()) {
        return Err(Rejection::InvalidRule(flaw));
    }
    let mut conflicts = state.new_conflicts(&state.rules.with(setting));
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
