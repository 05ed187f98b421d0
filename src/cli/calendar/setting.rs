//! What an owner says of a calendar: it is there, how much it has when, and that it is no more.
//!
//! Not here: the rules, one by one, which are `rules`'.

use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::rules::{Daily, General, Weekday};
use super::{Named, answer, told};
use crate::cli::failure::Failure;
use crate::cli::remote::{CommandArgs, PAGE_SIZE_MAX, Remote};
use crate::cli::view::calendar::Proposal;
use crate::cli::when::{self, Period};
use crate::client::Client;
use crate::proto::v1::{
    self, calendar_period, create_calendar_request, list_conflicts_request,
    update_calendar_rules_request,
};

#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    named: Named,
    /// What it counts, for ever
    #[arg(long, value_name = "KIND")]
    kind: Kind,
    /// Whose dates and times of the day are meant: a name of the IANA database
    #[arg(long, value_name = "ZONE")]
    zone: String,
    /// How many units there are wherever nothing else is set
    #[arg(long, value_name = "UNITS")]
    capacity: u32,
    #[command(flatten)]
    command: CommandArgs,
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    general: General,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Time between two instants
    Slots,
    /// Nights between two dates
    Nights,
}

#[derive(Debug, Args)]
pub struct Rules {
    #[command(flatten)]
    named: Named,
    /// On which dates, such as 2026-12-24/2026-12-27, 2026-12-24/.. (from then on) or .. (all)
    #[arg(value_name = "DATES", value_parser = when::period)]
    period: Option<Period>,
    /// Only on these days of the week, such as sat,sun
    #[arg(long, value_name = "DAYS", value_delimiter = ',', requires = "period")]
    weekdays: Vec<Weekday>,
    #[command(flatten)]
    proposed: Proposed,
    #[command(flatten)]
    command: CommandArgs,
    #[command(flatten)]
    remote: Remote,
    #[command(flatten)]
    daily: Daily,
    #[command(flatten)]
    general: General,
}

#[derive(Debug, Args)]
pub struct Capacity {
    #[command(flatten)]
    named: Named,
    /// How many units there are, or default: as many as where nothing is set
    #[arg(value_name = "UNITS|default")]
    units: Units,
    /// For when, such as 2026-12-24/2026-12-27 or 2026-12-24T10:00Z/PT2H; without it, wherever
    /// nothing is set
    #[arg(value_name = "TIME", value_parser = when::period)]
    period: Option<Period>,
    /// Only on these days of the week, such as sat,sun
    #[arg(long, value_name = "DAYS", value_delimiter = ',', requires = "period")]
    weekdays: Vec<Weekday>,
    #[command(flatten)]
    proposed: Proposed,
    #[command(flatten)]
    command: CommandArgs,
    #[command(flatten)]
    remote: Remote,
}

/// So many units, or as many as everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Units {
    Of(u32),
    Default,
}

impl FromStr for Units {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "default" => Ok(Self::Default),
            units => units
                .parse()
                .map(Self::Of)
                .map_err(|_| "no number of units such as 12, nor default".to_owned()),
        }
    }
}

/// For when something is set; it must be said.
#[derive(Debug, Args)]
struct During {
    /// For when, such as 2026-12-24/2026-12-27, 2026-12-24/.. (from then on), .. (always) or
    /// 2026-12-24T10:00Z/PT2H
    #[arg(value_name = "TIME", value_parser = when::period)]
    period: Period,
    /// Only on these days of the week, such as sat,sun
    #[arg(long, value_name = "DAYS", value_delimiter = ',')]
    weekdays: Vec<Weekday>,
}

#[derive(Debug, Args)]
pub struct Close {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    during: During,
    #[command(flatten)]
    proposed: Proposed,
    #[command(flatten)]
    command: CommandArgs,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub struct Open {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    during: During,
    #[command(flatten)]
    command: CommandArgs,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub struct Retire {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    command: CommandArgs,
    #[command(flatten)]
    remote: Remote,
}

/// What becomes of the claims that stand in the way of a setting.
#[derive(Debug, Args)]
struct Proposed {
    /// Set it even where claims that stand no longer fit; an event names each of them
    #[arg(long)]
    accept_conflicts: bool,
    /// Change nothing: only tell which claims would no longer fit
    #[arg(long, conflicts_with = "accept_conflicts")]
    validate_only: bool,
}

pub(super) async fn create(args: Create) -> Result<(), Failure> {
    use create_calendar_request::Rules;
    let rules = match args.kind {
        Kind::Slots => Rules::SlotRules(args.general.of_slots(v1::SlotRules::default())),
        Kind::Nights => Rules::NightRules(args.general.of_nights(v1::NightRules::default())?),
    };
    let request = v1::CreateCalendarRequest {
        request_id: args.command.request_id(),
        expected_version: args.command.expected_version,
        calendar_id: args.named.id.to_string(),
        time_zone: args.zone,
        capacity: args.capacity,
        rules: Some(rules),
    };
    let done = args.remote.connect().await?.create_calendar(request).await;
    let done = done.map_err(|error| args.remote.explain(error))?;
    let answer = answer(done.calendar, Some(done.version), done.position);
    Ok(args.remote.output.print(&answer)?)
}

/// Tells the calendar where nothing is to be set.
pub(super) async fn rules(args: Rules) -> Result<(), Failure> {
    if args.period.is_some() && args.daily.is_empty() {
        let says = "dates are named, but nothing that is to hold then, as in --stay-min 3 or --hours \
                    08:00-20:00";
        return Err(Failure::Usage(says.to_owned()));
    }
    let days = args.days()?;
    let client = args.remote.connect().await?;
    if days.is_empty() && args.general.is_empty() {
        let (calendar, position) = told(&client, &args.remote, &args.named).await?;
        return Ok(args.remote.output.print(&answer(Some(calendar), None, position))?);
    }
    let request = v1::UpdateCalendarRulesRequest {
        request_id: args.command.request_id(),
        expected_version: args.command.expected_version,
        calendar_id: args.named.id.to_string(),
        rules: args.general(&client).await?,
        days,
        accept_conflicts: args.proposed.accept_conflicts,
    };
    if args.proposed.validate_only {
        let proposal = list_conflicts_request::Proposal::UpdateCalendarRules(request);
        return propose(&args.remote, &args.named, proposal).await;
    }
    let done = client.update_calendar_rules(request).await;
    let done = done.map_err(args.remote.explain_about(&args.named))?;
    let answer = answer(done.calendar, Some(done.version), done.position);
    Ok(args.remote.output.print(&answer)?)
}

impl Rules {
    /// What is to hold on some dates; nothing where that isn't told.
    fn days(&self) -> Result<Vec<v1::DayRules>, Failure> {
        if self.daily.is_empty() {
            return Ok(Vec::new());
        }
        let dates = self.period.map(|period| dates_of(period, &self.weekdays)).transpose()?;
        Ok(vec![self.daily.message(dates)])
    }

    /// What is to hold at all times, with what holds already; nothing where that isn't told.
    async fn general(
        &self,
        client: &Client,
    ) -> Result<Option<update_calendar_rules_request::Rules>, Failure> {
        if self.general.is_empty() {
            return Ok(None);
        }
        let (calendar, _) = told(client, &self.remote, &self.named).await?;
        self.general.of(&calendar).map(Some)
    }
}

pub(super) async fn capacity(args: Capacity) -> Result<(), Failure> {
    use v1::set_capacity_request::CapacityRule;
    let period = args.period.map(|period| message(period, &args.weekdays)).transpose()?;
    let rule = match args.units {
        Units::Of(units) => CapacityRule::Capacity(units),
        Units::Default => CapacityRule::DefaultCapacity(true),
    };
    let request = v1::SetCapacityRequest {
        request_id: args.command.request_id(),
        expected_version: args.command.expected_version,
        calendar_id: args.named.id.to_string(),
        period,
        capacity_rule: Some(rule),
        accept_conflicts: args.proposed.accept_conflicts,
    };
    if args.proposed.validate_only {
        let proposal = list_conflicts_request::Proposal::SetCapacity(request);
        return propose(&args.remote, &args.named, proposal).await;
    }
    let done = args.remote.connect().await?.set_capacity(request).await;
    let done = done.map_err(args.remote.explain_about(&args.named))?;
    let answer = answer(done.calendar, Some(done.version), done.position);
    Ok(args.remote.output.print(&answer)?)
}

pub(super) async fn close(args: Close) -> Result<(), Failure> {
    let request = v1::CloseDatesRequest {
        request_id: args.command.request_id(),
        expected_version: args.command.expected_version,
        calendar_id: args.named.id.to_string(),
        period: Some(message(args.during.period, &args.during.weekdays)?),
        accept_conflicts: args.proposed.accept_conflicts,
    };
    if args.proposed.validate_only {
        let proposal = list_conflicts_request::Proposal::CloseDates(request);
        return propose(&args.remote, &args.named, proposal).await;
    }
    let done = args.remote.connect().await?.close_dates(request).await;
    let done = done.map_err(args.remote.explain_about(&args.named))?;
    let answer = answer(done.calendar, Some(done.version), done.position);
    Ok(args.remote.output.print(&answer)?)
}

pub(super) async fn open(args: Open) -> Result<(), Failure> {
    let request = v1::OpenDatesRequest {
        request_id: args.command.request_id(),
        expected_version: args.command.expected_version,
        calendar_id: args.named.id.to_string(),
        period: Some(message(args.during.period, &args.during.weekdays)?),
    };
    let done = args.remote.connect().await?.open_dates(request).await;
    let done = done.map_err(args.remote.explain_about(&args.named))?;
    let answer = answer(done.calendar, Some(done.version), done.position);
    Ok(args.remote.output.print(&answer)?)
}

pub(super) async fn retire(args: Retire) -> Result<(), Failure> {
    let request = v1::RetireCalendarRequest {
        request_id: args.command.request_id(),
        expected_version: args.command.expected_version,
        calendar_id: args.named.id.to_string(),
    };
    let done = args.remote.connect().await?.retire_calendar(request).await;
    let done = done.map_err(args.remote.explain_about(&args.named))?;
    let answer = answer(done.calendar, Some(done.version), done.position);
    Ok(args.remote.output.print(&answer)?)
}

/// Tells which claims a setting would bring into conflict, without effect.
async fn propose(
    remote: &Remote,
    named: &Named,
    proposal: list_conflicts_request::Proposal,
) -> Result<(), Failure> {
    let request = v1::ListConflictsRequest {
        calendar_id: named.id.to_string(),
        proposal: Some(proposal),
        page_size: PAGE_SIZE_MAX,
        page_token: String::new(),
    };
    let found = remote.connect().await?.list_conflicts(request).await;
    let found = found.map_err(remote.explain_about(named))?;
    Ok(remote.output.print(&Proposal::from(found))?)
}

fn message(period: Period, weekdays: &[Weekday]) -> Result<v1::CalendarPeriod, Failure> {
    use calendar_period::Period as Wire;
    let period = match period {
        Period::Interval(_) if !weekdays.is_empty() => {
            let says =
                "--weekdays goes with dates such as 2026-12-24/2026-12-27, not with instants";
            return Err(Failure::Usage(says.to_owned()));
        }
        Period::Interval(interval) => Wire::Interval(interval),
        Period::Dates(..) => Wire::Dates(dates_of(period, weekdays)?),
    };
    Ok(v1::CalendarPeriod { period: Some(period) })
}

fn dates_of(period: Period, weekdays: &[Weekday]) -> Result<v1::CalendarDates, Failure> {
    let Period::Dates(start_date, end_date) = period else {
        let says = "rules hold on dates such as 2026-12-24/2026-12-27; between two instants there are \
                    `calendar capacity`, `close` and `open`";
        return Err(Failure::Usage(says.to_owned()));
    };
    let weekdays = weekdays.iter().map(|day| day.message().into()).collect();
    Ok(v1::CalendarDates { start_date, end_date, weekdays })
}
