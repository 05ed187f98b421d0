//! What a calendar is asked.
//!
//! Dates that are asked of slots are taken for the time between them in the calendar's zone.
//!
//! Not here: a drawing of it, which is `show`'s.

use std::time::Duration;

use clap::Args;

use super::{Named, told};
use crate::cli::failure::Failure;
use crate::cli::line::{LineSpec, Resource};
use crate::cli::parse;
use crate::cli::remote::{ListArgs, Remote};
use crate::cli::view::calendar::{Availability, Check as Checked, Claim, Conflict, Found, Summary};
use crate::cli::when::{self, Range};
use crate::client::Client;
use crate::proto::v1::{self, calendar, found_slot};

#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub struct Look {
    #[command(flatten)]
    named: Named,
    /// When, such as 2026-12-24, 2026-12-24/2026-12-27 or 2026-12-24T10:00Z/PT2H
    #[arg(value_name = "TIME", value_parser = when::range)]
    range: Range,
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub struct Find {
    #[command(flatten)]
    named: Named,
    /// Between which moments it begins, such as 2026-12-01/2027-01-01 or 2026-12-24T08:00Z/PT10H
    #[arg(value_name = "TIME", value_parser = when::range)]
    range: Range,
    #[command(flatten)]
    length: Length,
    /// How many units
    #[arg(long, value_name = "UNITS", default_value_t = 1,
        value_parser = clap::value_parser!(u64).range(1..))]
    quantity: u64,
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Length {
    /// How long a slot shall be, such as 90m or 2h
    #[arg(long, value_name = "SPAN", value_parser = parse::span_above_zero)]
    duration: Option<Duration>,
    /// How many nights a stay shall have
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    nights: Option<u32>,
}

#[derive(Debug, Args)]
pub struct Check {
    /// What would be claimed, such as nights:CALENDAR=2026-12-24/2026-12-27
    #[arg(value_name = "LINE")]
    line: LineSpec,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub struct Conflicts {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    remote: Remote,
}

/// What is asked for, as what the calendar counts.
async fn counted(
    client: &Client,
    remote: &Remote,
    named: &Named,
    range: Range,
) -> Result<Range, Failure> {
    let Range::Dates(dates) = range else { return Ok(range) };
    let (calendar, _) = told(client, remote, named).await?;
    match calendar.rules {
        Some(calendar::Rules::SlotRules(_)) => {
            let zone = when::zone(&calendar.time_zone);
            let interval = zone.and_then(|zone| when::interval_of(dates, &zone));
            interval.map(Range::Interval).ok_or_else(|| out_of_reach(&calendar))
        }
        _ => Ok(range),
    }
}

/// The server knows a zone that this client doesn't, or the date is out of its reach.
pub(super) fn out_of_reach(calendar: &v1::Calendar) -> Failure {
    let says = format!(
        "these dates can't be told in {}; name instants, as in 2026-12-24T10:00Z/PT2H",
        calendar.time_zone
    );
    Failure::Failed(says)
}

pub(super) async fn list(args: List) -> Result<(), Failure> {
    let client = args.remote.connect().await?;
    let (mut page_token, mut seen) = (String::new(), 0);
    while let Some(page_size) = args.list.page_size(seen) {
        let page = client.list_calendars(v1::ListCalendarsRequest { page_size, page_token }).await;
        let page = page.map_err(|error| args.remote.explain(error))?;
        seen += page.calendars.len();
        for calendar in page.calendars {
            args.remote.output.print(&Summary(calendar.into()))?;
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(())
}

/// All that there is between two moments, up to a number of pieces.
pub(super) async fn available(
    client: &Client,
    remote: &Remote,
    named: &Named,
    range: Range,
    list: &ListArgs,
) -> Result<Vec<v1::Availability>, Failure> {
    use v1::get_availability_request::Range as Wire;
    let range = match range {
        Range::Interval(interval) => Wire::Interval(interval),
        Range::Dates(dates) => Wire::Dates(dates),
    };
    let mut request = v1::GetAvailabilityRequest {
        calendar_id: named.id.to_string(),
        range: Some(range),
        ..Default::default()
    };
    let mut found = Vec::new();
    while let Some(page_size) = list.page_size(found.len()) {
        request.page_size = page_size;
        let page = client.get_availability(request.clone()).await;
        let page = page.map_err(remote.explain_about(named))?;
        found.extend(page.availabilities);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    Ok(found)
}

pub(super) async fn availability(args: Look) -> Result<(), Failure> {
    let Look { named, range, list, remote } = args;
    let client = remote.connect().await?;
    let range = counted(&client, &remote, &named, range).await?;
    for piece in available(&client, &remote, &named, range, &list).await? {
        remote.output.print(&Availability::from(piece))?;
    }
    Ok(())
}

pub(super) async fn claims(args: Look) -> Result<(), Failure> {
    use v1::calendar_service_list_claims_request::Range as Wire;
    let Look { named, range, list, remote } = args;
    let client = remote.connect().await?;
    let range = match counted(&client, &remote, &named, range).await? {
        Range::Interval(interval) => Wire::Interval(interval),
        Range::Dates(dates) => Wire::Dates(dates),
    };
    let mut request = v1::CalendarServiceListClaimsRequest {
        calendar_id: named.id.to_string(),
        range: Some(range),
        ..Default::default()
    };
    let mut seen = 0;
    while let Some(page_size) = list.page_size(seen) {
        request.page_size = page_size;
        let page = client.list_calendar_claims(request.clone()).await;
        let page = page.map_err(remote.explain_about(&named))?;
        seen += page.claims.len();
        for claim in page.claims {
            remote.output.print(&Claim::from(claim))?;
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    Ok(())
}

pub(super) async fn find(args: Find) -> Result<(), Failure> {
    use v1::find_slots_request::{Length as WireLength, Range as Wire};
    let client = args.remote.connect().await?;
    let range = match counted(&client, &args.remote, &args.named, args.range).await? {
        Range::Interval(interval) => Wire::Interval(interval),
        Range::Dates(dates) => Wire::Dates(dates),
    };
    let length = args.length.duration.map(parse::to_wire_span).map(WireLength::Duration);
    let mut request = v1::FindSlotsRequest {
        calendar_id: args.named.id.to_string(),
        range: Some(range),
        length: length.or(args.length.nights.map(WireLength::Nights)),
        quantity: args.quantity,
        ..Default::default()
    };
    let mut seen = 0;
    while let Some(page_size) = args.list.page_size(seen) {
        request.page_size = page_size;
        let page = client.find_slots(request.clone()).await;
        let page = page.map_err(args.remote.explain_about(&args.named))?;
        seen += page.slots.len();
        for slot in page.slots {
            let line = line(&args, &slot).unwrap_or_default();
            args.remote.output.print(&Found::new(slot, line))?;
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    Ok(())
}

/// What was found, as a line of a reservation takes it; nothing for what this client is too old for.
fn line(args: &Find, slot: &v1::FoundSlot) -> Option<String> {
    let calendar_id = args.named.id.to_string();
    let resource = match slot.start? {
        found_slot::Start::StartTime(start) => {
            let end = parse::from_wire_moment(start)?.checked_add(args.length.duration?).ok()?;
            let [start_time, end_time] = [Some(start), Some(parse::to_wire_moment(end))];
            v1::SlotsResource { calendar_id, start_time, end_time }.to_string()
        }
        found_slot::Start::CheckInDate(check_in) => {
            let stay = jiff::Span::new().try_days(args.length.nights?).ok()?;
            let check_out = when::from_wire_date(check_in)?.checked_add(stay).ok()?;
            let dates = [Some(check_in), Some(when::to_wire_date(check_out))];
            let [check_in_date, check_out_date] = dates;
            v1::NightsResource { calendar_id, check_in_date, check_out_date }.to_string()
        }
    };
    match args.quantity {
        1 => Some(resource),
        quantity => Some(format!("{resource}*{quantity}")),
    }
}

pub(super) async fn check(args: Check) -> Result<(), Failure> {
    use v1::check_availability_request::Resource as Wire;
    let LineSpec { resource, quantity } = args.line;
    let resource = match resource {
        Resource::Slots(slots) => Wire::Slots(slots),
        Resource::Nights(nights) => Wire::Nights(nights),
        Resource::Stock(_) => {
            let says = "time of a calendar is checked, as in nights:DOUBLE=2026-12-24/2026-12-27; what \
                        there is of stock is told by `stock get`";
            return Err(Failure::Usage(says.to_owned()));
        }
    };
    let request = v1::CheckAvailabilityRequest { resource: Some(resource), quantity };
    let told = args.remote.connect().await?.check_availability(request).await;
    let told = told.map_err(|error| args.remote.explain(error))?;
    Ok(args.remote.output.print(&Checked::from(told))?)
}

pub(super) async fn conflicts(args: Conflicts) -> Result<(), Failure> {
    let Conflicts { named, list, remote } = args;
    let client = remote.connect().await?;
    let mut request =
        v1::ListConflictsRequest { calendar_id: named.id.to_string(), ..Default::default() };
    let mut seen = 0;
    while let Some(page_size) = list.page_size(seen) {
        request.page_size = page_size;
        let page = client.list_conflicts(request.clone()).await;
        let page = page.map_err(remote.explain_about(&named))?;
        seen += page.conflicts.len();
        for conflict in page.conflicts {
            remote.output.print(&Conflict::from(conflict))?;
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    Ok(())
}
