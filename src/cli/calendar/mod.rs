//! `holdfast calendar`: set and look at capacity over time.
//!
//! In reading order: what an owner says of a calendar (`setting`, with `rules`), what a calendar is
//! asked (`asking`), and how it is drawn (`show`).
//!
//! Not here: how a time is written, which is [`when`](super::when)'s.

mod asking;
mod rules;
mod setting;
mod show;

use std::fmt;

use clap::{Args, Subcommand};

use crate::cli::failure::Failure;
use crate::cli::remote::Remote;
use crate::cli::view::{Answer, Entity};
use crate::client::Client;
use crate::domain::name::CalendarId;
use crate::proto::v1;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Bring a calendar into being
    #[command(after_help = "Examples:
  holdfast calendar create DOUBLE --kind nights --zone Europe/Lisbon --capacity 10
  holdfast calendar create BAY --kind slots --zone Europe/Lisbon --capacity 4 --turnover 10m
  holdfast calendar create ROOM7 --kind slots --zone Europe/Lisbon --capacity 1 \\
    --granularity 15m --length-min 30m --length-max 4h --ahead-max 90d")]
    Create(setting::Create),
    /// List all calendars
    #[command(after_help = "Example:\n  holdfast calendar list -o json")]
    List(asking::List),
    /// Draw a month, or a day of slots by the hour
    #[command(after_help = "Examples:
  holdfast calendar show DOUBLE --month 2026-12
  holdfast calendar show BAY --day 2026-12-24

Dates and hours are those of the calendar's time zone.")]
    Show(show::Show),
    /// Tell what can be had, night by night or in stretches of slots
    #[command(after_help = "Examples:
  holdfast calendar availability DOUBLE 2026-12-24/2026-12-31
  holdfast calendar availability BAY 2026-12-24
  holdfast calendar availability BAY 2026-12-24T10:00Z/PT2H -o json")]
    Availability(asking::Look),
    /// Find the next starts at which something can be had, as lines of a reservation
    #[command(after_help = "Examples:
  holdfast calendar find DOUBLE 2026-12-01/2027-01-01 --nights 3 --limit 5
  holdfast calendar find BAY 2026-12-24T08:00Z/PT10H --duration 90m --quantity 2")]
    Find(asking::Find),
    /// Tell whether a line of a reservation would fit now, without effect
    #[command(after_help = "Examples:
  holdfast calendar check nights:DOUBLE=2026-12-24/2026-12-27
  holdfast calendar check 'slots:BAY=2026-12-24T10:00Z/PT2H*2'")]
    Check(asking::Check),
    /// List who has claimed what
    #[command(after_help = "Example:\n  holdfast calendar claims DOUBLE 2026-12-24/2026-12-27")]
    Claims(asking::Look),
    /// Tell what holds at all times; or set it, or what holds on some dates
    #[command(after_help = "Examples:
  holdfast calendar rules DOUBLE
  holdfast calendar rules DOUBLE 2026-12-24/2027-01-02 --stay-min 3 --overbooking 1
  holdfast calendar rules DOUBLE .. --weekdays sun --closed-to-arrival true
  holdfast calendar rules BAY .. --weekdays mon,tue,wed,thu,fri --hours 08:00-12:00,13:00-20:00
  holdfast calendar rules BAY --turnover 15m --ahead-max none

What isn't named stays as it is. Of two settings for the same date, the later holds.")]
    Rules(Box<setting::Rules>),
    /// Set how many units there are, always or for a while
    #[command(after_help = "Examples:
  holdfast calendar capacity DOUBLE 12
  holdfast calendar capacity DOUBLE 8 2026-12-24/2026-12-27
  holdfast calendar capacity BAY 2 2026-12-24T10:00Z/PT2H
  holdfast calendar capacity DOUBLE default 2026-12-24/2026-12-27")]
    Capacity(setting::Capacity),
    /// Close it for a while: nothing can be claimed then
    #[command(after_help = "Examples:
  holdfast calendar close DOUBLE 2026-12-24/2026-12-27
  holdfast calendar close DOUBLE 2027-01-10/.. --validate-only
  holdfast calendar close BAY .. --weekdays sun")]
    Close(setting::Close),
    /// Take back that it is closed for a while
    #[command(after_help = "Example:\n  holdfast calendar open DOUBLE 2026-12-24/2026-12-27")]
    Open(setting::Open),
    /// List the claims that no longer fit what was set since they were made
    #[command(after_help = "Example:\n  holdfast calendar conflicts DOUBLE

What a setting would bring into conflict is told by --validate-only of capacity, close and rules.")]
    Conflicts(asking::Conflicts),
    /// Have it take no new claims, for ever; those that stand stay
    #[command(after_help = "Example:\n  holdfast calendar retire DOUBLE")]
    Retire(setting::Retire),
}

/// Which calendar.
#[derive(Debug, Args)]
struct Named {
    /// Which calendar
    #[arg(value_name = "CALENDAR", value_parser = calendar_id)]
    id: CalendarId,
}

fn calendar_id(text: &str) -> Result<CalendarId, String> {
    CalendarId::new(text).map_err(|error| error.to_string())
}

/// As messages name it.
impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "calendar {:?}", self.id.as_str())
    }
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(args) => setting::create(args).await,
        Command::List(args) => asking::list(args).await,
        Command::Show(args) => show::show(args).await,
        Command::Availability(args) => asking::availability(args).await,
        Command::Find(args) => asking::find(args).await,
        Command::Check(args) => asking::check(args).await,
        Command::Claims(args) => asking::claims(args).await,
        Command::Rules(args) => setting::rules(*args).await,
        Command::Capacity(args) => setting::capacity(args).await,
        Command::Close(args) => setting::close(args).await,
        Command::Open(args) => setting::open(args).await,
        Command::Conflicts(args) => asking::conflicts(args).await,
        Command::Retire(args) => setting::retire(args).await,
    }
}

fn answer(calendar: Option<v1::Calendar>, version: Option<u64>, position: u64) -> Answer {
    Answer { version, position, entity: Entity::Calendar(calendar.unwrap_or_default().into()) }
}

/// A calendar as it is, and the position at which it was told.
async fn told(
    client: &Client,
    remote: &Remote,
    named: &Named,
) -> Result<(v1::Calendar, u64), Failure> {
    let request = v1::GetCalendarRequest { calendar_id: named.id.to_string() };
    let found = client.get_calendar(request).await.map_err(remote.explain_about(named))?;
    Ok((found.calendar.unwrap_or_default(), found.position))
}
