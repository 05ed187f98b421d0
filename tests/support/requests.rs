//! Requests as tests write them: everything that a test doesn't speak of has a plain value.
#![allow(dead_code, clippy::unwrap_used)]

use holdfast::proto::{Date, Money, v1};
use uuid::Uuid;

/// A UUID that nobody else has.
pub fn fresh() -> String {
    Uuid::new_v4().to_string()
}

/// A UUID that is told from others by a number.
pub fn uuid(n: u128) -> String {
    Uuid::from_u128(n).to_string()
}

pub fn stock(sku: &str) -> v1::StockResource {
    v1::StockResource { sku: sku.to_owned(), location: String::new() }
}

pub fn receive(sku: &str, quantity: u64) -> v1::ReceiveStockRequest {
    v1::ReceiveStockRequest {
        request_id: fresh(),
        stock: Some(stock(sku)),
        quantity,
        ..Default::default()
    }
}

pub fn adjust(sku: &str, delta: i64) -> v1::AdjustStockRequest {
    v1::AdjustStockRequest {
        request_id: fresh(),
        stock: Some(stock(sku)),
        adjustment: Some(v1::adjust_stock_request::Adjustment::Delta(delta)),
        reason: "breakage".to_owned(),
        ..Default::default()
    }
}

pub fn line(sku: &str, quantity: u64) -> v1::ReservationLine {
    let resource = Some(v1::reservation_line::Resource::Stock(stock(sku)));
    v1::ReservationLine { line_id: String::new(), resource, quantity }
}

/// A hold of an hour.
pub fn hold(lines: &[(&str, u64)]) -> v1::CreateReservationRequest {
    hold_for(3_600, lines)
}

pub fn hold_for(seconds: i64, lines: &[(&str, u64)]) -> v1::CreateReservationRequest {
    let ttl = prost_types::Duration { seconds, nanos: 0 };
    v1::CreateReservationRequest {
        request_id: fresh(),
        lines: lines.iter().map(|(sku, quantity)| line(sku, *quantity)).collect(),
        lifetime: Some(v1::create_reservation_request::Lifetime::Ttl(ttl)),
        ..Default::default()
    }
}

/// A reservation without a deadline.
pub fn confirmed(lines: &[(&str, u64)]) -> v1::CreateReservationRequest {
    let lifetime = Some(v1::create_reservation_request::Lifetime::Confirmed(true));
    v1::CreateReservationRequest { lifetime, ..hold(lines) }
}

pub fn confirm(reservation_id: &str) -> v1::ConfirmReservationRequest {
    let (request_id, reservation_id) = (fresh(), reservation_id.to_owned());
    v1::ConfirmReservationRequest { request_id, reservation_id, expected_version: None }
}

pub fn commit(reservation_id: &str) -> v1::CommitReservationRequest {
    let (request_id, reservation_id) = (fresh(), reservation_id.to_owned());
    v1::CommitReservationRequest { request_id, reservation_id, ..Default::default() }
}

pub fn cancel(reservation_id: &str) -> v1::CancelReservationRequest {
    v1::CancelReservationRequest {
        request_id: fresh(),
        reservation_id: reservation_id.to_owned(),
        reason: "changed my mind".to_owned(),
        expected_version: None,
    }
}

/// Extends by `seconds` from now.
pub fn extend(reservation_id: &str, seconds: i64) -> v1::ExtendReservationRequest {
    let ttl = prost_types::Duration { seconds, nanos: 0 };
    v1::ExtendReservationRequest {
        request_id: fresh(),
        reservation_id: reservation_id.to_owned(),
        lifetime: Some(v1::extend_reservation_request::Lifetime::Ttl(ttl)),
        expected_version: None,
    }
}

/// To have these lines from now on.
pub fn change(
    reservation_id: &str,
    lines: Vec<v1::ReservationLine>,
) -> v1::ChangeReservationRequest {
    v1::ChangeReservationRequest {
        request_id: fresh(),
        reservation_id: reservation_id.to_owned(),
        lines,
        ..Default::default()
    }
}

/// An order at 1.50 EUR a unit.
pub fn order(lines: &[(&str, u64)]) -> v1::CreateSalesOrderRequest {
    let line = |(sku, quantity): &(&str, u64)| v1::SalesOrderLine {
        resource: Some(v1::sales_order_line::Resource::Stock(stock(sku))),
        quantity: *quantity,
        unit_price: Some(eur(1, 500_000_000)),
        ..Default::default()
    };
    v1::CreateSalesOrderRequest {
        request_id: fresh(),
        lines: lines.iter().map(line).collect(),
        ..Default::default()
    }
}

/// An order whose creation answers when it has ended.
pub fn order_to_its_end(lines: &[(&str, u64)]) -> v1::CreateSalesOrderRequest {
    v1::CreateSalesOrderRequest { wait: v1::SalesOrderWait::Ended.into(), ..order(lines) }
}

pub fn eur(units: i64, nanos: i32) -> Money {
    Money { currency_code: "EUR".to_owned(), units, nanos }
}

pub fn cancel_order(sales_order_id: &str) -> v1::CancelSalesOrderRequest {
    v1::CancelSalesOrderRequest {
        request_id: fresh(),
        sales_order_id: sales_order_id.to_owned(),
        reason: "too late".to_owned(),
        expected_version: None,
    }
}

pub fn balance_of(sku: &str) -> v1::GetStockBalanceRequest {
    v1::GetStockBalanceRequest { stock: Some(stock(sku)) }
}

pub fn reservation_of(id: &str) -> v1::GetReservationRequest {
    v1::GetReservationRequest { reservation_id: id.to_owned() }
}

pub fn order_of(id: &str) -> v1::GetSalesOrderRequest {
    v1::GetSalesOrderRequest { sales_order_id: id.to_owned() }
}

pub fn stock_stream(sku: &str) -> v1::EntityId {
    v1::EntityId { id: Some(v1::entity_id::Id::StockBalance(stock(sku))) }
}

pub fn reservation_stream(id: &str) -> v1::EntityId {
    v1::EntityId { id: Some(v1::entity_id::Id::ReservationId(id.to_owned())) }
}

pub fn order_stream(id: &str) -> v1::EntityId {
    v1::EntityId { id: Some(v1::entity_id::Id::SalesOrderId(id.to_owned())) }
}

pub fn date(year: i32, month: i32, day: i32) -> Date {
    Date { year, month, day }
}

/// An instant of Christmas Eve 2030: so many minutes into it.
pub fn eve(minutes: i64) -> prost_types::Timestamp {
    let midnight = 1_924_300_800;
    prost_types::Timestamp { seconds: midnight + minutes * 60, nanos: 0 }
}

pub fn interval(from: i64, to: i64) -> v1::TimeInterval {
    v1::TimeInterval { start_time: Some(eve(from)), end_time: Some(eve(to)) }
}

/// From one day of December 2030 to another.
pub fn december(from: i32, to: i32) -> v1::DateInterval {
    let [start_date, end_date] = [from, to].map(|day| Some(date(2030, 12, day)));
    v1::DateInterval { start_date, end_date }
}

pub fn slots_of(calendar_id: &str, from: i64, to: i64) -> v1::SlotsResource {
    let v1::TimeInterval { start_time, end_time } = interval(from, to);
    v1::SlotsResource { calendar_id: calendar_id.to_owned(), start_time, end_time }
}

pub fn nights_of(calendar_id: &str, from: i32, to: i32) -> v1::NightsResource {
    let v1::DateInterval { start_date, end_date } = december(from, to);
    v1::NightsResource {
        calendar_id: calendar_id.to_owned(),
        check_in_date: start_date,
        check_out_date: end_date,
    }
}

/// A line on a calendar of slots, for one unit.
pub fn slots_line(calendar_id: &str, from: i64, to: i64) -> v1::ReservationLine {
    let resource = v1::reservation_line::Resource::Slots(slots_of(calendar_id, from, to));
    v1::ReservationLine { line_id: String::new(), resource: Some(resource), quantity: 1 }
}

/// A line on a calendar of nights, for one unit.
pub fn nights_line(calendar_id: &str, from: i32, to: i32) -> v1::ReservationLine {
    let resource = v1::reservation_line::Resource::Nights(nights_of(calendar_id, from, to));
    v1::ReservationLine { line_id: String::new(), resource: Some(resource), quantity: 1 }
}

fn calendar(
    calendar_id: &str,
    capacity: u32,
    rules: v1::create_calendar_request::Rules,
) -> v1::CreateCalendarRequest {
    v1::CreateCalendarRequest {
        request_id: fresh(),
        calendar_id: calendar_id.to_owned(),
        time_zone: "Europe/Lisbon".to_owned(),
        capacity,
        rules: Some(rules),
        ..Default::default()
    }
}

/// A calendar of slots with ten minutes of turnover.
pub fn bays(calendar_id: &str, capacity: u32) -> v1::CreateCalendarRequest {
    let turnover = Some(prost_types::Duration { seconds: 600, nanos: 0 });
    let rules = v1::SlotRules { turnover, ..Default::default() };
    calendar(calendar_id, capacity, v1::create_calendar_request::Rules::SlotRules(rules))
}

/// A calendar of nights.
pub fn rooms(calendar_id: &str, capacity: u32) -> v1::CreateCalendarRequest {
    let rules = v1::create_calendar_request::Rules::NightRules(v1::NightRules::default());
    calendar(calendar_id, capacity, rules)
}

pub fn calendar_of(calendar_id: &str) -> v1::GetCalendarRequest {
    v1::GetCalendarRequest { calendar_id: calendar_id.to_owned() }
}

/// From one day of December 2030 to another.
pub fn period(from: i32, to: i32) -> Option<v1::CalendarPeriod> {
    let v1::DateInterval { start_date, end_date } = december(from, to);
    let dates = v1::CalendarDates { start_date, end_date, weekdays: Vec::new() };
    Some(v1::CalendarPeriod { period: Some(v1::calendar_period::Period::Dates(dates)) })
}

pub fn close(calendar_id: &str, from: i32, to: i32) -> v1::CloseDatesRequest {
    v1::CloseDatesRequest {
        request_id: fresh(),
        calendar_id: calendar_id.to_owned(),
        period: period(from, to),
        ..Default::default()
    }
}

pub fn calendar_stream(calendar_id: &str) -> v1::EntityId {
    v1::EntityId { id: Some(v1::entity_id::Id::CalendarId(calendar_id.to_owned())) }
}
