//! Rules of a calendar as arguments.
//!
//! Those that hold at all times are sent as a whole, so what isn't named is taken from the calendar as
//! it is.
//!
//! Not here: whether a rule is one for the calendar's kind, beyond what is needed to say it.

use std::str::FromStr;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use super::setting::Units;
use crate::cli::failure::Failure;
use crate::cli::parse;
use crate::proto::v1::update_calendar_rules_request::Rules;
use crate::proto::v1::{self, calendar, day_rules};

const DAY_SECONDS: u64 = 86_400;
const HOUR_MINUTES: u32 = 60;
const DAY_MINUTES: u32 = 24 * HOUR_MINUTES;

/// What holds at all times.
#[derive(Debug, Args)]
#[command(next_help_heading = "What holds at all times")]
pub(super) struct General {
    /// Slots begin and end at multiples of this since 1970-01-01T00:00Z, such as 15m
    #[arg(long, value_name = "SPAN", value_parser = parse::span_above_zero)]
    granularity: Option<Duration>,
    /// The shortest slot, such as 30m, or none
    #[arg(long, value_name = "SPAN", value_parser = limit)]
    length_min: Option<Limit>,
    /// The longest slot, such as 4h, or none
    #[arg(long, value_name = "SPAN", value_parser = limit)]
    length_max: Option<Limit>,
    /// For how long a unit can't be had again after a slot, such as 10m, or none
    #[arg(long, value_name = "SPAN", value_parser = limit)]
    turnover: Option<Limit>,
    /// How long ahead one claims at least, such as 1h; for nights, in days; or none
    #[arg(long, value_name = "SPAN", value_parser = limit)]
    ahead_min: Option<Limit>,
    /// How long ahead one claims at most, such as 90d; for nights, in days; or none
    #[arg(long, value_name = "SPAN", value_parser = limit)]
    ahead_max: Option<Limit>,
}

/// A limit that is set, or lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limit(Option<Duration>);

fn limit(text: &str) -> Result<Limit, String> {
    match text {
        "none" => Ok(Limit(None)),
        span => {
            parse::span(span).map(|span| Limit(Some(span))).map_err(|it| format!("{it}, nor none"))
        }
    }
}

/// What holds on some dates.
#[derive(Debug, Args)]
#[command(next_help_heading = "What holds on some dates")]
pub(super) struct Daily {
    /// Whether nothing can be had
    #[arg(long, value_name = "BOOL", action = ArgAction::Set)]
    closed: Option<bool>,
    /// Whether nobody can arrive, of nights
    #[arg(long, value_name = "BOOL", action = ArgAction::Set)]
    closed_to_arrival: Option<bool>,
    /// Whether nobody can depart, of nights
    #[arg(long, value_name = "BOOL", action = ArgAction::Set)]
    closed_to_departure: Option<bool>,
    /// The fewest nights of who arrives then; 0 lifts the rule
    #[arg(long, value_name = "NIGHTS")]
    stay_min: Option<u32>,
    /// The most nights of who arrives then; 0 lifts the rule
    #[arg(long, value_name = "NIGHTS")]
    stay_max: Option<u32>,
    /// How many units there are, or default: as many as where nothing is set
    #[arg(long, value_name = "UNITS|default")]
    capacity: Option<Units>,
    /// How many units may be claimed beyond the capacity, of nights
    #[arg(long, value_name = "UNITS")]
    overbooking: Option<u32>,
    /// When slots can be had, such as 08:00-12:00,13:00-20:00; or always, or never
    #[arg(long, value_name = "HOURS")]
    hours: Option<Hours>,
}

/// When it is open on a day.
#[derive(Debug, Clone, PartialEq)]
enum Hours {
    Always,
    At(Vec<v1::Opening>),
}

impl FromStr for Hours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "always" => Ok(Self::Always),
            "never" => Ok(Self::At(Vec::new())),
            openings => openings.split(',').map(opening).collect::<Result<_, _>>().map(Self::At),
        }
    }
}

/// Reads `08:00-12:00`; what closes no later than it opens does so on the next day.
fn opening(text: &str) -> Result<v1::Opening, String> {
    let refused = || format!("`{text}` is no opening such as 08:00-12:00");
    let (opens, closes) = text.split_once('-').ok_or_else(refused)?;
    let opens_minutes = minutes(opens).filter(|opens| *opens < DAY_MINUTES).ok_or_else(refused)?;
    let closes = minutes(closes).ok_or_else(refused)?;
    let closes_minutes = if closes > opens_minutes { closes } else { closes + DAY_MINUTES };
    Ok(v1::Opening { opens_minutes, closes_minutes })
}

/// Minutes since the day began: `00:00` to `24:00`.
fn minutes(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let is_number = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(hour) || !is_number(minute) {
        return None;
    }
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    let since = hour * HOUR_MINUTES + minute;
    (minute < HOUR_MINUTES && since <= DAY_MINUTES).then_some(since)
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Weekday {
    pub(super) fn message(self) -> v1::Weekday {
        match self {
            Self::Mon => v1::Weekday::Monday,
            Self::Tue => v1::Weekday::Tuesday,
            Self::Wed => v1::Weekday::Wednesday,
            Self::Thu => v1::Weekday::Thursday,
            Self::Fri => v1::Weekday::Friday,
            Self::Sat => v1::Weekday::Saturday,
            Self::Sun => v1::Weekday::Sunday,
        }
    }
}

impl General {
    /// Whether nothing of it was named.
    pub(super) fn is_empty(&self) -> bool {
        let Self { granularity, length_min, length_max, turnover, ahead_min, ahead_max } = self;
        granularity.is_none()
            && [length_min, length_max, turnover, ahead_min, ahead_max]
                .iter()
                .all(|it| it.is_none())
    }

    /// Those of slots: what is named here, and the rest as they were.
    pub(super) fn of_slots(&self, before: v1::SlotRules) -> v1::SlotRules {
        v1::SlotRules {
            granularity: self.granularity.map(parse::to_wire_span).or(before.granularity),
            length_min: span(self.length_min, before.length_min),
            length_max: span(self.length_max, before.length_max),
            turnover: span(self.turnover, before.turnover),
            ahead_min: span(self.ahead_min, before.ahead_min),
            ahead_max: span(self.ahead_max, before.ahead_max),
        }
    }

    /// Those of nights: what is named here, and the rest as they were.
    ///
    /// # Errors
    /// Where a rule of slots is named, or a span that isn't made of days.
    pub(super) fn of_nights(&self, before: v1::NightRules) -> Result<v1::NightRules, Failure> {
        let Self { granularity, length_min, length_max, turnover, ahead_min, ahead_max } = self;
        if granularity.is_some() || [length_min, length_max, turnover].iter().any(|it| it.is_some())
        {
            let says = "--granularity, --length-min, --length-max and --turnover are rules of slots; \
                        this calendar counts nights, whose lengths are set by --stay-min and \
                        --stay-max for some dates";
            return Err(Failure::Usage(says.to_owned()));
        }
        Ok(v1::NightRules {
            ahead_min_days: days("--ahead-min", *ahead_min, before.ahead_min_days)?,
            ahead_max_days: days("--ahead-max", *ahead_max, before.ahead_max_days)?,
        })
    }

    /// Those of a calendar that is there.
    ///
    /// # Errors
    /// As [`Self::of_nights`].
    pub(super) fn of(&self, calendar: &v1::Calendar) -> Result<Rules, Failure> {
        match calendar.rules {
            Some(calendar::Rules::SlotRules(before)) => Ok(Rules::SlotRules(self.of_slots(before))),
            Some(calendar::Rules::NightRules(before)) => {
                self.of_nights(before).map(Rules::NightRules)
            }
            None => Err(Failure::Failed(
                "the calendar is of a kind that this client is too old for".to_owned(),
            )),
        }
    }
}

fn span(
    named: Option<Limit>,
    before: Option<prost_types::Duration>,
) -> Option<prost_types::Duration> {
    named.map_or(before, |Limit(span)| span.map(parse::to_wire_span))
}

fn days(flag: &str, named: Option<Limit>, before: Option<u32>) -> Result<Option<u32>, Failure> {
    match named {
        None => Ok(before),
        Some(Limit(None)) => Ok(None),
        Some(Limit(Some(span))) => {
            let days = u32::try_from(span.as_secs() / DAY_SECONDS);
            let days = days
                .ok()
                .filter(|days| span == Duration::from_secs(u64::from(*days) * DAY_SECONDS));
            let says = || format!("{flag} of nights is a number of days, as in 30d");
            days.map(Some).ok_or_else(|| Failure::Usage(says()))
        }
    }
}

impl Daily {
    /// Whether nothing of it was named.
    pub(super) fn is_empty(&self) -> bool {
        self.message(None) == v1::DayRules::default()
    }

    /// What it sets, on some dates.
    pub(super) fn message(&self, dates: Option<v1::CalendarDates>) -> v1::DayRules {
        use day_rules::{CapacityRule, HoursRule};
        let hours = self.hours.clone().map(|hours| match hours {
            Hours::Always => HoursRule::AlwaysOpen(true),
            Hours::At(openings) => HoursRule::Hours(v1::OpeningHours { openings }),
        });
        v1::DayRules {
            dates,
            closed: self.closed,
            closed_to_arrival: self.closed_to_arrival,
            closed_to_departure: self.closed_to_departure,
            stay_min_nights: self.stay_min,
            stay_max_nights: self.stay_max,
            overbooking: self.overbooking,
            capacity_rule: self.capacity.map(|units| match units {
                Units::Of(units) => CapacityRule::Capacity(units),
                Units::Default => CapacityRule::DefaultCapacity(true),
            }),
            hours_rule: hours,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn openings(text: &str) -> Vec<(u32, u32)> {
        let Ok(Hours::At(openings)) = text.parse() else { panic!("{text}") };
        openings.iter().map(|it| (it.opens_minutes, it.closes_minutes)).collect()
    }

    #[test]
    fn hours_are_read_by_the_clock_and_may_end_on_the_next_day() {
        assert_eq!(openings("08:00-12:00,13:30-20:00"), [(480, 720), (810, 1_200)]);
        assert_eq!(openings("22:00-02:00"), [(1_320, 1_560)]);
        assert_eq!(openings("00:00-24:00"), [(0, 1_440)]);
        assert_eq!(openings("never"), []);
        assert_eq!("always".parse(), Ok(Hours::Always));
    }

    #[test]
    fn hours_that_are_none_say_what_would_be() {
        for text in
            ["8-12", "08:00", "24:00-25:00", "08:60-09:00", "08:00-12:00,", "+8:00-09:00", ""]
        {
            let refused = text.parse::<Hours>().unwrap_err();
            assert!(refused.ends_with("is no opening such as 08:00-12:00"), "{text}: {refused}");
        }
    }

    #[test]
    fn a_rule_that_is_not_named_stays_and_none_lifts_it() {
        let general = General {
            granularity: None,
            length_min: None,
            length_max: Some(Limit(None)),
            turnover: limit("10m").ok(),
            ahead_min: None,
            ahead_max: None,
        };
        let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        let before = v1::SlotRules {
            granularity: seconds(900),
            length_max: seconds(7_200),
            ..Default::default()
        };
        let after = general.of_slots(before);
        assert_eq!(
            (after.granularity, after.length_max, after.turnover),
            (seconds(900), None, seconds(600))
        );
        let refused = general.of_nights(v1::NightRules::default()).unwrap_err().to_string();
        assert!(refused.contains("--turnover are rules of slots"), "{refused}");
    }

    #[test]
    fn nights_are_claimed_whole_days_ahead() {
        let of = |text| days("--ahead-max", limit(text).ok(), Some(7));
        assert_eq!(of("365d").unwrap(), Some(365));
        assert_eq!(of("none").unwrap(), None);
        assert!(of("36h").unwrap_err().to_string().ends_with("a number of days, as in 30d"));
    }
}
