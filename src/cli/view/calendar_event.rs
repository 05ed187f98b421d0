//! What happens to calendars.
//!
//! Not here: calendars as they are, and what they answer.

use serde_json::{Map, Value, json};

use super::moment;
use crate::proto::v1::{
    self, calendar_created, calendar_period, calendar_rules_changed, claim_part,
};
use crate::proto::v1::{capacity_changed, conflict, day_rules};

/// A calendar came into being.
pub fn created(event: v1::CalendarCreated) -> Value {
    use calendar_created::Rules;
    let rules = match event.rules {
        Some(Rules::SlotRules(rules)) => slot_rules(&rules),
        Some(Rules::NightRules(rules)) => night_rules(&rules),
        None => Value::Null,
    };
    json!({ "time_zone": event.time_zone, "capacity": event.capacity, "rules": rules })
}

/// Its rules are others.
pub fn rules_changed(event: v1::CalendarRulesChanged) -> Value {
    use calendar_rules_changed::Rules;
    let rules = match event.rules {
        Some(Rules::SlotRules(rules)) => slot_rules(&rules),
        Some(Rules::NightRules(rules)) => night_rules(&rules),
        None => Value::Null,
    };
    let days: Vec<_> = event.days.into_iter().map(day).collect();
    json!({ "rules": rules, "days": days })
}

/// It has other units; none where they are as everywhere.
pub fn capacity_changed(event: v1::CapacityChanged) -> Value {
    let capacity = match event.capacity_rule {
        Some(capacity_changed::CapacityRule::Capacity(units)) => Some(units),
        Some(capacity_changed::CapacityRule::DefaultCapacity(_)) | None => None,
    };
    json!({ "period": period(event.period), "capacity": capacity })
}

/// Claims no longer fit.
pub fn in_conflict(event: v1::ClaimsInConflict) -> Value {
    let conflict = |conflict: v1::Conflict| {
        let when = match conflict.when {
            Some(conflict::When::Interval(interval)) => interval.to_string(),
            Some(conflict::When::Nights(nights)) => nights.to_string(),
            None => String::new(),
        };
        json!({ "reservation_id": conflict.reservation_id, "when": when })
    };
    let conflicts: Vec<_> = event.conflicts.into_iter().map(conflict).collect();
    json!({ "conflicts": conflicts })
}

/// The pieces of a claim; nothing on stock.
pub fn parts(parts: Vec<v1::ClaimPart>) -> Value {
    let part = |part: v1::ClaimPart| {
        let when = match part.when {
            Some(claim_part::When::Interval(interval)) => interval.to_string(),
            Some(claim_part::When::Nights(nights)) => nights.to_string(),
            None => String::new(),
        };
        json!({
            "line_id": part.line_id,
            "when": when,
            "held": part.held,
            "committed": part.committed,
            "turnover": part.turnover.map(|turnover| turnover.to_string()),
        })
    };
    if parts.is_empty() { Value::Null } else { parts.into_iter().map(part).collect() }
}

/// For when something was set; nothing where it was for always.
pub fn period(period: Option<v1::CalendarPeriod>) -> Value {
    match period.and_then(|period| period.period) {
        Some(calendar_period::Period::Dates(some)) => dates(&some),
        Some(calendar_period::Period::Interval(interval)) => json!({
            "start_time": moment(interval.start_time),
            "end_time": moment(interval.end_time),
        }),
        None => Value::Null,
    }
}

fn dates(dates: &v1::CalendarDates) -> Value {
    let weekdays = dates.weekdays().map(|day| super::bare(day.as_str_name(), "WEEKDAY_"));
    json!({
        "start_date": dates.start_date.map(|date| date.to_string()),
        "end_date": dates.end_date.map(|date| date.to_string()),
        "weekdays": weekdays.collect::<Vec<_>>(),
    })
}

/// What holds for slots at all times.
pub fn slot_rules(rules: &v1::SlotRules) -> Value {
    let text = |length: &Option<prost_types::Duration>| length.map(|length| length.to_string());
    json!({
        "kind": "slots",
        "granularity": text(&rules.granularity),
        "length_min": text(&rules.length_min),
        "length_max": text(&rules.length_max),
        "turnover": text(&rules.turnover),
        "ahead_min": text(&rules.ahead_min),
        "ahead_max": text(&rules.ahead_max),
    })
}

/// What holds for nights at all times.
pub fn night_rules(rules: &v1::NightRules) -> Value {
    json!({
        "kind": "nights",
        "ahead_min_days": rules.ahead_min_days,
        "ahead_max_days": rules.ahead_max_days,
    })
}

/// What was set for some dates, and nothing of what was left.
fn day(day: v1::DayRules) -> Value {
    use day_rules::{CapacityRule, HoursRule};
    let mut set = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        set.extend(value.map(|value| (name.to_owned(), value)));
    };
    put("dates", day.dates.as_ref().map(dates));
    put("closed", day.closed.map(Value::from));
    put("closed_to_arrival", day.closed_to_arrival.map(Value::from));
    put("closed_to_departure", day.closed_to_departure.map(Value::from));
    put("stay_min_nights", day.stay_min_nights.map(Value::from));
    put("stay_max_nights", day.stay_max_nights.map(Value::from));
    put("overbooking", day.overbooking.map(Value::from));
    match day.capacity_rule {
        Some(CapacityRule::Capacity(units)) => put("capacity", Some(units.into())),
        Some(CapacityRule::DefaultCapacity(is)) => put("default_capacity", Some(is.into())),
        None => {}
    }
    match day.hours_rule {
        Some(HoursRule::Hours(hours)) => {
            let minutes = |it: &v1::Opening| json!([it.opens_minutes, it.closes_minutes]);
            put("hours", Some(hours.openings.iter().map(minutes).collect()));
        }
        Some(HoursRule::AlwaysOpen(is)) => put("always_open", Some(is.into())),
        None => {}
    }
    Value::Object(set)
}
