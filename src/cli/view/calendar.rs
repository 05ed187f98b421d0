//! Calendars, and what they answer.
//!
//! Not here: what happens to them, and their drawing as a month or a day.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::order::Shortage;
use super::{calendar_event, field, moment};
use crate::client::{write_conflicts, write_shortages};
use crate::proto::v1::{self, availability, calendar, calendar_claim, conflict, found_slot};

/// A calendar.
#[derive(Debug, Serialize)]
pub struct Calendar {
    /// Its id.
    pub calendar_id: String,
    /// Whose civil dates and times of the day are meant.
    pub time_zone: String,
    /// The units that there are wherever nothing else is set.
    pub capacity: u32,
    /// What it counts, and what holds at all times.
    pub rules: Value,
    /// Whether it takes no new claims.
    pub retired: bool,
    /// How many reservations have a claim that isn't used up and past.
    pub claims_count: u64,
    /// How often it has changed.
    pub version: u64,
    /// When it was created.
    pub create_time: Option<String>,
    /// When it last changed.
    pub update_time: Option<String>,
    #[serde(skip)]
    told: Option<calendar::Rules>,
}

/// A calendar as one line of a list; as JSON, all of it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct Summary(pub Calendar);

/// When something is.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum When {
    /// Between two instants.
    Interval {
        /// The beginning.
        start_time: Option<String>,
        /// The end.
        end_time: Option<String>,
    },
    /// Between two dates.
    Nights {
        /// The check-in.
        start_date: String,
        /// The check-out.
        end_date: String,
    },
    /// One night.
    Night {
        /// The date on which it begins.
        night: String,
    },
    /// Something that this client is too old for.
    Unknown {},
}

/// Who has claimed what of a calendar.
#[derive(Debug, Serialize)]
pub struct Claim {
    /// Who.
    pub reservation_id: String,
    /// When.
    #[serde(flatten)]
    pub when: When,
    /// How many.
    pub units: u32,
    /// Whether they are used up.
    pub committed: bool,
    /// When the hold ends; none where there is no such time.
    pub expire_time: Option<String>,
}

/// What there is at a time.
#[derive(Debug, Serialize)]
pub struct Availability {
    /// When.
    #[serde(flatten)]
    pub when: When,
    /// The units that there are.
    pub capacity: u32,
    /// The units that may be claimed beyond those.
    pub overbooking: u32,
    /// The units that are claimed.
    pub claimed: u32,
    /// The units that a new claim can have.
    pub available: u32,
    /// Why none can be had, where a rule says so.
    pub closure: Option<&'static str>,
}

/// Whether something would fit now.
#[derive(Debug, Serialize)]
pub struct Check {
    /// Whether it would.
    pub fits: bool,
    /// What is in the way.
    pub shortage: Option<Shortage>,
    /// The log's position at which that was so.
    pub position: u64,
    #[serde(skip)]
    told: Option<v1::Shortage>,
}

/// A start at which something can be had.
#[derive(Debug, Serialize)]
pub struct Found {
    /// Of a slot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    /// Of a stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_in_date: Option<String>,
    /// All of it, as a line takes it.
    pub line: String,
}

/// A claim that doesn't fit what was set since.
#[derive(Debug, Serialize)]
pub struct Conflict {
    /// Whose.
    pub reservation_id: String,
    /// When.
    #[serde(flatten)]
    pub when: When,
    #[serde(skip)]
    told: v1::Conflict,
}

/// What a setting would do to the claims that stand.
#[derive(Debug, Serialize)]
pub struct Proposal {
    /// How many would no longer fit.
    pub total_count: u32,
    /// The first of them.
    pub conflicts: Vec<Conflict>,
}

impl From<v1::Calendar> for Calendar {
    fn from(calendar: v1::Calendar) -> Self {
        let rules = match &calendar.rules {
            Some(calendar::Rules::SlotRules(rules)) => calendar_event::slot_rules(rules),
            Some(calendar::Rules::NightRules(rules)) => calendar_event::night_rules(rules),
            None => Value::Null,
        };
        Self {
            calendar_id: calendar.calendar_id,
            time_zone: calendar.time_zone,
            capacity: calendar.capacity,
            rules,
            retired: calendar.retired,
            claims_count: calendar.claims_count,
            version: calendar.version,
            create_time: moment(calendar.create_time),
            update_time: moment(calendar.update_time),
            told: calendar.rules,
        }
    }
}

impl From<v1::TimeInterval> for When {
    fn from(interval: v1::TimeInterval) -> Self {
        let [start_time, end_time] = [interval.start_time, interval.end_time].map(moment);
        Self::Interval { start_time, end_time }
    }
}

impl From<v1::DateInterval> for When {
    fn from(dates: v1::DateInterval) -> Self {
        let [start_date, end_date] =
            [dates.start_date, dates.end_date].map(|date| date.unwrap_or_default().to_string());
        Self::Nights { start_date, end_date }
    }
}

impl From<v1::CalendarClaim> for Claim {
    fn from(claim: v1::CalendarClaim) -> Self {
        let when = match claim.when {
            Some(calendar_claim::When::Interval(interval)) => interval.into(),
            Some(calendar_claim::When::Nights(nights)) => nights.into(),
            None => When::Unknown {},
        };
        Self {
            reservation_id: claim.reservation_id,
            when,
            units: claim.units,
            committed: claim.committed,
            expire_time: moment(claim.expire_time),
        }
    }
}

impl From<v1::Availability> for Availability {
    fn from(availability: v1::Availability) -> Self {
        let closure = match availability.closure() {
            v1::Closure::Unspecified => None,
            some => Some(super::bare(some.as_str_name(), "CLOSURE_")),
        };
        let when = match availability.when {
            Some(availability::When::Interval(interval)) => interval.into(),
            Some(availability::When::Night(date)) => When::Night { night: date.to_string() },
            None => When::Unknown {},
        };
        let v1::Availability { capacity, overbooking, claimed, available, .. } = availability;
        Self { when, capacity, overbooking, claimed, available, closure }
    }
}

impl From<v1::CheckAvailabilityResponse> for Check {
    fn from(answer: v1::CheckAvailabilityResponse) -> Self {
        let v1::CheckAvailabilityResponse { fits, shortage, position } = answer;
        Self { fits, shortage: shortage.clone().map(Shortage::from), position, told: shortage }
    }
}

impl Found {
    /// A start, and what can be had there as a line takes it.
    pub fn new(slot: v1::FoundSlot, line: String) -> Self {
        let (start_time, check_in_date) = match slot.start {
            Some(found_slot::Start::StartTime(time)) => (moment(Some(time)), None),
            Some(found_slot::Start::CheckInDate(date)) => (None, Some(date.to_string())),
            None => (None, None),
        };
        Self { start_time, check_in_date, line }
    }
}

impl From<v1::Conflict> for Conflict {
    fn from(conflict: v1::Conflict) -> Self {
        let when = match conflict.when {
            Some(conflict::When::Interval(interval)) => interval.into(),
            Some(conflict::When::Nights(nights)) => nights.into(),
            None => When::Unknown {},
        };
        Self { reservation_id: conflict.reservation_id.clone(), when, told: conflict }
    }
}

impl From<v1::ListConflictsResponse> for Proposal {
    fn from(answer: v1::ListConflictsResponse) -> Self {
        Self {
            total_count: answer.total_count.unwrap_or_default(),
            conflicts: answer.conflicts.into_iter().map(Conflict::from).collect(),
        }
    }
}

impl Calendar {
    fn headline(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calendar_id, time_zone, capacity, version, .. } = self;
        let kind = match &self.told {
            Some(calendar::Rules::SlotRules(_)) => "slots",
            Some(calendar::Rules::NightRules(_)) => "nights",
            None => "a kind unknown to this client",
        };
        write!(f, "calendar {calendar_id}: {kind}, capacity {capacity}, {time_zone}")?;
        if self.retired {
            f.write_str(", retired")?;
        }
        write!(f, ", version {version}")
    }
}

/// A block: what it counts, and what holds at all times.
impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.headline(f)?;
        match &self.told {
            Some(calendar::Rules::SlotRules(rules)) => write_slot_rules(f, rules)?,
            Some(calendar::Rules::NightRules(rules)) => {
                let days = |days: Option<u32>| days.map(|days| format!("{days}d"));
                field(
                    f,
                    "ahead",
                    &from_to(days(rules.ahead_min_days), days(rules.ahead_max_days)),
                )?;
            }
            None => {}
        }
        field(f, "claims", &self.claims_count.to_string())?;
        field(f, "created", self.create_time.as_deref().unwrap_or_default())
    }
}

fn write_slot_rules(f: &mut fmt::Formatter<'_>, rules: &v1::SlotRules) -> fmt::Result {
    field(f, "granularity", &length(rules.granularity).unwrap_or_default())?;
    field(f, "length", &from_to(length(rules.length_min), length(rules.length_max)))?;
    field(f, "turnover", &length(rules.turnover).unwrap_or_default())?;
    field(f, "ahead", &from_to(length(rules.ahead_min), length(rules.ahead_max)))
}

/// A length of time as the command line takes it, such as `1d 12h`; nothing for none.
fn length(length: Option<prost_types::Duration>) -> Option<String> {
    let mut left_ms = Duration::try_from(length?).ok()?.as_millis();
    let mut parts = Vec::new();
    for (unit, unit_ms) in
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)]
    {
        let count = left_ms / unit_ms;
        left_ms %= unit_ms;
        if count > 0 {
            parts.push(format!("{count}{unit}"));
        }
    }
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn from_to(least: Option<String>, most: Option<String>) -> String {
    match (least, most) {
        (Some(least), Some(most)) => format!("from {least} to {most}"),
        (Some(least), None) => format!("from {least}"),
        (None, Some(most)) => format!("up to {most}"),
        (None, None) => String::new(),
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.headline(f)?;
        write!(f, ", {} claims", self.0.claims_count)
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interval { start_time, end_time } => {
                let [start, end] = [start_time, end_time].map(|at| at.as_deref().unwrap_or("-"));
                write!(f, "{start}/{end}")
            }
            Self::Nights { start_date, end_date } => write!(f, "{start_date}/{end_date}"),
            Self::Night { night } => f.write_str(night),
            Self::Unknown {} => f.write_str("at a time unknown to this client"),
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reservation_id, when, units, .. } = self;
        write!(f, "{when}  {units} by reservation {reservation_id}, ")?;
        match &self.expire_time {
            _ if self.committed => f.write_str("used up"),
            Some(until) => write!(f, "held until {until}"),
            None => f.write_str("confirmed"),
        }
    }
}

impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { when, capacity, overbooking, claimed, available, .. } = self;
        write!(f, "{when}  {available} free, {claimed} of {capacity} claimed")?;
        if *overbooking > 0 {
            write!(f, ", overbooking {overbooking}")?;
        }
        match self.closure {
            None => Ok(()),
            Some(closure) => write!(f, ", {}", closure.to_lowercase().replace('_', " ")),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.told {
            None => write!(f, "fits, as of position {}", self.position),
            Some(shortage) => {
                f.write_str("doesn't fit")?;
                write_shortages(f, std::slice::from_ref(shortage), 1)
            }
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.told)
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.total_count {
            0 => return f.write_str("every claim that stands would fit; nothing was changed"),
            total => write!(f, "{total} claim(s) would no longer fit; nothing was changed")?,
        }
        let told: Vec<_> = self.conflicts.iter().map(|conflict| conflict.told.clone()).collect();
        write_conflicts(f, &told, self.total_count)
    }
}
