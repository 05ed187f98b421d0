//! Asks the server which nights are committed.
//!
//! What is claimed at each night it tells without saying how much of that is committed: what is past
//! is only counted there. Whatever isn't committed, though, it lists claim by claim. So what is
//! committed is what is claimed without those.
//!
//! Not here: what was sent. All of this is the server's word.

use std::collections::BTreeMap;

use super::bookings::{Booking, RoomType};
use crate::cli::failure::Failure;
use crate::cli::parse::to_wire_date;
use crate::client::{CallError, Client};
use crate::domain::calendar::Date;
use crate::proto::{self, v1};

const PAGE_SIZE: u32 = 1_000;

/// The committed units of one night in rooms of one type.
#[derive(Debug, PartialEq)]
pub(super) struct Night<'a> {
    pub(super) room_type: &'a RoomType,
    pub(super) date: Date,
    pub(super) units: u32,
}

/// All nights with something committed, by hotel, room type and date.
///
/// # Errors
/// Where the server gives no answer.
pub(super) async fn ask<'a>(
    client: &Client,
    room_types: &'a [RoomType],
    bookings: &[Booking],
) -> Result<Vec<Night<'a>>, Failure> {
    let Some(dates) = all_nights(bookings) else { return Ok(Vec::new()) };
    let mut nights = Vec::new();
    for room_type in room_types {
        let committed = committed(client, room_type, dates).await?;
        let committed = committed.into_iter().filter(|(_, units)| *units > 0);
        nights.extend(committed.map(|(date, units)| Night { room_type, date, units }));
    }
    Ok(nights)
}

/// Between the first night that anybody asked for and the last check-out; nothing where nobody did.
fn all_nights(bookings: &[Booking]) -> Option<v1::DateInterval> {
    let start = bookings.iter().map(|booking| booking.check_in).min()?;
    let end = bookings.iter().map(|booking| booking.check_out).max()?;
    Some(v1::DateInterval {
        start_date: Some(to_wire_date(start)),
        end_date: Some(to_wire_date(end)),
    })
}

async fn committed(
    client: &Client,
    room_type: &RoomType,
    dates: v1::DateInterval,
) -> Result<BTreeMap<Date, u32>, CallError> {
    let mut units = claimed(client, room_type, dates).await?;
    for claim in claims(client, room_type, dates).await? {
        let Some(v1::calendar_claim::When::Nights(held)) = claim.when else { continue };
        let from = held.start_date.and_then(date).unwrap_or(Date::MIN);
        let to = held.end_date.and_then(date).unwrap_or(from);
        if !claim.committed {
            units
                .range_mut(from..to)
                .for_each(|(_, units)| *units = units.saturating_sub(claim.units));
        }
    }
    Ok(units)
}

async fn claimed(
    client: &Client,
    room_type: &RoomType,
    dates: v1::DateInterval,
) -> Result<BTreeMap<Date, u32>, CallError> {
    let mut request = v1::GetAvailabilityRequest {
        calendar_id: room_type.calendar.to_string(),
        range: Some(v1::get_availability_request::Range::Dates(dates)),
        page_size: PAGE_SIZE,
        ..Default::default()
    };
    let mut claimed = BTreeMap::new();
    loop {
        let page = client.get_availability(request.clone()).await?;
        claimed.extend(page.availabilities.into_iter().filter_map(|night| match night.when {
            Some(v1::availability::When::Night(on)) => Some((date(on)?, night.claimed)),
            _ => None,
        }));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(claimed);
        }
    }
}

async fn claims(
    client: &Client,
    room_type: &RoomType,
    dates: v1::DateInterval,
) -> Result<Vec<v1::CalendarClaim>, CallError> {
    let mut request = v1::CalendarServiceListClaimsRequest {
        calendar_id: room_type.calendar.to_string(),
        range: Some(v1::calendar_service_list_claims_request::Range::Dates(dates)),
        page_size: PAGE_SIZE,
        ..Default::default()
    };
    let mut claims = Vec::new();
    loop {
        let page = client.list_calendar_claims(request.clone()).await?;
        claims.extend(page.claims);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(claims);
        }
    }
}

/// A date that the server told.
fn date(told: proto::Date) -> Option<Date> {
    Date::of_civil(told.year, told.month.try_into().ok()?, told.day.try_into().ok()?)
}
