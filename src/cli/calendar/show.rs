//! `holdfast calendar show`: a month or a day, drawn.
//!
//! Not here: the drawing itself, which is a view like any other.

use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

use super::asking::{available, out_of_reach};
use super::{Named, told};
use crate::cli::failure::Failure;
use crate::cli::remote::{ListArgs, Remote};
use crate::cli::view::calendar::Availability;
use crate::cli::view::day::Day;
use crate::cli::view::month::Month;
use crate::cli::when::{self, Range};
use crate::client::Client;
use crate::proto::v1::{self, calendar};

#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    named: Named,
    /// Which month, such as 2026-12; without it, this one
    #[arg(long, value_name = "MONTH", value_parser = when::month)]
    month: Option<Date>,
    /// Which day, such as 2026-12-24
    #[arg(long, value_name = "DATE", value_parser = when::date, conflicts_with = "month")]
    day: Option<Date>,
    #[command(flatten)]
    remote: Remote,
}

/// A calendar, and who asks it.
struct Shown<'a> {
    client: Client,
    args: &'a Show,
    calendar: v1::Calendar,
    zone: TimeZone,
}

pub(super) async fn show(args: Show) -> Result<(), Failure> {
    let client = args.remote.connect().await?;
    let (calendar, _) = told(&client, &args.remote, &args.named).await?;
    let zone = when::zone(&calendar.time_zone).ok_or_else(|| out_of_reach(&calendar))?;
    let is_slots = matches!(calendar.rules, Some(calendar::Rules::SlotRules(_)));
    let this_month = || Timestamp::now().to_zoned(zone.clone()).date().first_of_month();
    let month = args.month.unwrap_or_else(this_month);
    let shown = Shown { client, args: &args, calendar, zone };
    match args.day {
        Some(day) if is_slots => shown.day_of_slots(day).await,
        Some(night) => shown.night(night).await,
        None if is_slots => shown.month_of_slots(month).await,
        None => shown.month_of_nights(month).await,
    }
}

impl Shown<'_> {
    async fn day_of_slots(&self, date: Date) -> Result<(), Failure> {
        let found = self.slots(date, 1.day()).await?;
        let day = Day::new(&self.calendar, date, &self.zone, &found);
        Ok(self.args.remote.output.print(&day.ok_or_else(|| out_of_reach(&self.calendar))?)?)
    }

    async fn night(&self, date: Date) -> Result<(), Failure> {
        for night in self.nights(date, 1.day()).await? {
            self.args.remote.output.print(&Availability::from(night))?;
        }
        Ok(())
    }

    async fn month_of_slots(&self, first: Date) -> Result<(), Failure> {
        let found = self.slots(first, 1.month()).await?;
        let month = Month::of_slots(&self.calendar, first, &self.zone, &found);
        Ok(self.args.remote.output.print(&month.ok_or_else(|| out_of_reach(&self.calendar))?)?)
    }

    async fn month_of_nights(&self, first: Date) -> Result<(), Failure> {
        let found = self.nights(first, 1.month()).await?;
        Ok(self.args.remote.output.print(&Month::of_nights(&self.calendar, first, &found))?)
    }

    /// What there is of slots from the beginning of a date on.
    async fn slots(&self, start: Date, length: Span) -> Result<Vec<v1::Availability>, Failure> {
        let interval = when::interval_of(self.dates(start, length)?, &self.zone);
        self.ask(Range::Interval(interval.ok_or_else(|| out_of_reach(&self.calendar))?)).await
    }

    /// What there is of nights from a date on.
    async fn nights(&self, start: Date, length: Span) -> Result<Vec<v1::Availability>, Failure> {
        self.ask(Range::Dates(self.dates(start, length)?)).await
    }

    fn dates(&self, start: Date, length: Span) -> Result<v1::DateInterval, Failure> {
        let end = start.checked_add(length).map_err(|_| out_of_reach(&self.calendar))?;
        let [start_date, end_date] = [start, end].map(|date| Some(when::to_wire_date(date)));
        Ok(v1::DateInterval { start_date, end_date })
    }

    async fn ask(&self, range: Range) -> Result<Vec<v1::Availability>, Failure> {
        let Show { named, remote, .. } = self.args;
        available(&self.client, remote, named, range, &ListArgs { limit: None }).await
    }
}
