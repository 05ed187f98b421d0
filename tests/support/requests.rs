//! Requests as tests write them: everything that a test doesn't speak of has a plain value.
#![allow(dead_code, clippy::unwrap_used)]

use holdfast::proto::{Money, v1};
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
    v1::CommitReservationRequest { request_id, reservation_id, expected_version: None }
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
