use std::collections::BTreeMap;

use super::*;
use crate::domain::ids::{self, EntityKind};
use crate::domain::reservation::{self, Term};
use crate::domain::sales_order;
use crate::domain::time::Timestamp;
use crate::domain::wanted::Wanted;
use crate::proto::{Money, v1};

const ID: &str = "123e4567-e89b-12d3-a456-426614174000";

fn read<M: ReadCommand>(message: M) -> Result<Wish, Vec<String>> {
    let mut fields = Fields::default();
    let wish = message.read(&TenantId::default_tenant(), &mut fields);
    fields.paths_or(wish)
}

fn paths<M: ReadCommand>(message: M) -> Vec<String> {
    read(message).err().unwrap_or_default()
}

fn stock(sku: &str) -> v1::StockResource {
    v1::StockResource { sku: sku.to_owned(), location: String::new() }
}

fn line(id: &str) -> v1::ReservationLine {
    let resource = Some(v1::reservation_line::Resource::Stock(stock("A")));
    v1::ReservationLine { line_id: id.to_owned(), resource, quantity: 1 }
}

fn reservation() -> v1::CreateReservationRequest {
    let lines = vec![line("")];
    v1::CreateReservationRequest { request_id: ID.to_owned(), lines, ..Default::default() }
}

fn money(currency: &str, units: i64, nanos: i32) -> Money {
    Money { currency_code: currency.to_owned(), units, nanos }
}

fn priced(price: Money) -> v1::SalesOrderLine {
    v1::SalesOrderLine {
        resource: Some(v1::sales_order_line::Resource::Stock(stock("A"))),
        quantity: 1,
        unit_price: Some(price),
        ..Default::default()
    }
}

fn order(prices: impl IntoIterator<Item = Money>) -> v1::CreateSalesOrderRequest {
    v1::CreateSalesOrderRequest {
        request_id: ID.to_owned(),
        lines: prices.into_iter().map(priced).collect(),
        ..Default::default()
    }
}

/// What a change to a good request is told.
fn changed(change: impl FnOnce(&mut v1::CreateReservationRequest)) -> Vec<String> {
    let mut request = reservation();
    change(&mut request);
    paths(request)
}

fn created(wish: Wish) -> reservation::Create {
    match wish.command {
        Command::Reservation(reservation::Command::Create(create)) => create,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_bad_field_of_a_reservation_is_named_by_its_path() {
    use v1::create_reservation_request::Lifetime;
    let lasts = |lifetime| changed(|request| request.lifetime = Some(lifetime));
    let ttl = |seconds, nanos| lasts(Lifetime::Ttl(prost_types::Duration { seconds, nanos }));
    let until =
        |seconds, nanos| lasts(Lifetime::ExpireTime(prost_types::Timestamp { seconds, nanos }));
    let attribute = |key: &str, value: &str| {
        changed(|request| {
            request.attributes.insert(key.to_owned(), value.to_owned());
        })
    };
    let nothing: [&str; 0] = [];
    assert_eq!(changed(|_| ()), nothing);
    for id in ["", "7", "123e4567e89b12d3a456426614174000", &format!("{{{ID}}}")] {
        assert_eq!(changed(|request| request.request_id = id.to_owned()), ["request_id"], "{id}");
    }
    assert_eq!(changed(|request| request.reservation_id = "7".to_owned()), ["reservation_id"]);
    assert_eq!(changed(|request| request.lines.clear()), ["lines"]);
    assert_eq!(changed(|request| request.lines = vec![line(""); 1_001]), ["lines"]);
    assert_eq!(changed(|request| request.lines = vec![line(""); 1_000]), nothing);
    assert_eq!(changed(|request| request.customer = "x".repeat(257)), ["customer"]);
    assert_eq!(
        changed(|request| request.external_reference = "a\n".into()),
        ["external_reference"]
    );
    assert_eq!(ttl(0, 999_999_999), ["ttl"]);
    assert_eq!(ttl(1, 0), nothing);
    assert_eq!(ttl(30 * 24 * 3_600, 999_999), nothing, "below a millisecond doesn't count");
    assert_eq!(ttl(30 * 24 * 3_600, 1_000_000), ["ttl"]);
    assert_eq!(ttl(-1, 0), ["ttl"]);
    assert_eq!(ttl(i64::MAX, 0), ["ttl"]);
    assert_eq!(ttl(2, -1), ["ttl"]);
    assert_eq!(until(4_000_000_000, 0), nothing);
    assert_eq!(until(-1, 0), ["expire_time"]);
    assert_eq!(until(1, 1_000_000_000), ["expire_time"]);
    assert_eq!(until(253_402_300_800, 0), ["expire_time"]);
    assert_eq!(lasts(Lifetime::Confirmed(false)), ["confirmed"]);
    assert_eq!(lasts(Lifetime::Confirmed(true)), nothing);
    assert_eq!(attribute(&"k".repeat(64), ""), nothing);
    assert_eq!(attribute(&"k".repeat(65), ""), ["attributes"]);
    assert_eq!(attribute("", "v"), ["attributes"]);
    assert_eq!(attribute("a\u{202e}b", "v"), ["attributes"]);
    assert_eq!(attribute("colour", &"v".repeat(257)), ["attributes[\"colour\"]"]);
    let of = |count: usize| (0..count).map(|key| (key.to_string(), String::new())).collect();
    assert_eq!(changed(|request| request.attributes = of(32)), nothing);
    assert_eq!(changed(|request| request.attributes = of(33)), ["attributes"]);
}

#[test]
fn each_bad_field_of_a_line_is_named_with_its_line() {
    let second = |change: fn(&mut v1::ReservationLine)| {
        changed(|request| {
            request.lines.push(line(""));
            change(&mut request.lines[1]);
        })
    };
    let named = |sku: &str, location: &str| {
        let (sku, location) = (sku.to_owned(), location.to_owned());
        Some(v1::reservation_line::Resource::Stock(v1::StockResource { sku, location }))
    };
    assert_eq!(second(|line| line.resource = None), ["lines[1].resource"]);
    assert_eq!(second(|line| line.quantity = 0), ["lines[1].quantity"]);
    assert_eq!(second(|line| line.quantity = 1 << 63), ["lines[1].quantity"]);
    assert_eq!(second(|line| line.line_id = "x".repeat(65)), ["lines[1].line_id"]);
    let wrong = [("", "", "sku"), ("a ", "", "sku"), ("a", "\t", "location")];
    for (sku, location, field) in wrong {
        let found = changed(|request| request.lines[0].resource = named(sku, location));
        assert_eq!(found, [format!("lines[0].stock.{field}")]);
    }
}

#[test]
fn line_ids_are_given_or_counted_and_never_alike() {
    let ids = |ids: &[&str]| {
        let request = v1::CreateReservationRequest {
            lines: ids.iter().map(|id| line(id)).collect(),
            ..reservation()
        };
        let create = read(request).map(created)?;
        Ok(create.lines.iter().map(|line| line.id.as_str().to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(ids(&["", "", ""]).unwrap(), ["1", "2", "3"]);
    assert_eq!(ids(&["b", "", "a"]).unwrap(), ["b", "2", "a"]);
    let refused = |given: &[&str]| -> Vec<String> { ids(given).unwrap_err() };
    assert_eq!(refused(&["a", "b", "a"]), ["lines[2].line_id"]);
    assert_eq!(refused(&["2", ""]), ["lines[1].line_id"], "counted, and given before");
    assert_eq!(refused(&["", "1"]), ["lines[1].line_id"], "given, and counted before");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let found = changed(|request| {
        request.request_id.clear();
        request.lines.push(v1::ReservationLine { line_id: " ".to_owned(), ..Default::default() });
        request.customer = "\n".to_owned();
    });
    assert_eq!(
        found,
        ["request_id", "lines[1].line_id", "lines[1].resource", "lines[1].quantity", "customer"]
    );
}

#[test]
fn a_reservation_is_read_as_it_was_meant() {
    let wish = read(v1::CreateReservationRequest {
        expected_version: Some(0),
        customer: "Ada".to_owned(),
        attributes: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
        ..reservation()
    })
    .unwrap();
    let request = RequestId(Uuid::parse_str(ID).unwrap());
    let tenant = TenantId::default_tenant();
    let derived = ids::derived(&tenant, EntityKind::Reservation, request);
    assert_eq!(wish.id, EntityId::Reservation(ReservationId(derived)));
    assert_eq!((wish.request_id, wish.expected_version), (request, Some(Version(0))));
    let create = created(wish);
    assert_eq!(create.term, Term::For(15 * 60 * 1_000), "15 minutes where nothing is said");
    assert_eq!(create.attributes.len(), 1);
    assert_eq!(create.owner, None);
    let Wanted::Stock(key) = &create.lines[0].wanted else { panic!() };
    assert_eq!((key.sku.as_str(), create.lines[0].quantity), ("A", 1));
    let own = v1::CreateReservationRequest { reservation_id: ID.to_owned(), ..reservation() };
    assert_eq!(read(own).unwrap().id, EntityId::Reservation(ReservationId(request.0)));
}

#[test]
fn each_bad_price_is_named_by_its_part() {
    let nothing: [&str; 0] = [];
    let price = |currency, units, nanos| paths(order([money(currency, units, nanos)]));
    assert_eq!(price("GBP", 8_999_999_999_999, 999_999_000), nothing);
    assert_eq!(price("gbp", 1, 0), ["lines[0].unit_price.currency_code"]);
    assert_eq!(price("", 1, 0), ["lines[0].unit_price.currency_code"]);
    assert_eq!(price("GBP", 9_000_000_000_000, 0), ["lines[0].unit_price.units"]);
    assert_eq!(price("GBP", -1, 0), ["lines[0].unit_price.units"]);
    assert_eq!(price("GBP", 1, -1_000), ["lines[0].unit_price.nanos"]);
    assert_eq!(price("GBP", 0, -1_000), ["lines[0].unit_price.nanos"]);
    assert_eq!(price("GBP", 1, 1_000_000_000), ["lines[0].unit_price.nanos"]);
    assert_eq!(price("GBP", 1, 1_500), ["lines[0].unit_price.nanos"]);
    let two = order([money("GBP", 1, 0), money("EUR", 1, 0)]);
    assert_eq!(paths(two), ["lines[1].unit_price.currency_code"]);
    let mut unpriced = order([money("GBP", 1, 0)]);
    unpriced.lines[0].unit_price = None;
    unpriced.wait = 9;
    unpriced.lines[0].quantity = 0;
    assert_eq!(paths(unpriced), ["lines[0].quantity", "lines[0].unit_price", "wait"]);
}

#[test]
fn a_price_keeps_its_six_decimals() {
    let wish = read(order([money("GBP", 6, 123_456_000)])).unwrap();
    let Command::SalesOrder(sales_order::Command::Create(create)) = wish.command else {
        panic!("{wish:?}")
    };
    assert_eq!(create.lines[0].unit_price.millionths, 6_123_456);
    assert_eq!(create.currency.code(), "GBP");
}

#[test]
fn each_bad_field_of_the_other_commands_is_named() {
    use v1::adjust_stock_request::Adjustment;
    assert_eq!(
        paths(v1::ReceiveStockRequest::default()),
        ["request_id", "stock", "quantity"],
        "nothing given"
    );
    let adjust = |adjustment| {
        let (request_id, stock) = (ID.to_owned(), Some(stock("A")));
        paths(v1::AdjustStockRequest { request_id, stock, adjustment, ..Default::default() })
    };
    let nothing: [&str; 0] = [];
    assert_eq!(adjust(None), ["adjustment"]);
    assert_eq!(adjust(Some(Adjustment::Delta(0))), ["delta"]);
    assert_eq!(adjust(Some(Adjustment::Delta(i64::MIN))), nothing);
    assert_eq!(adjust(Some(Adjustment::CountedOnHand(1 << 63))), ["counted_on_hand"]);
    assert_eq!(adjust(Some(Adjustment::CountedOnHand(0))), nothing);
    let both = ["request_id", "reservation_id"];
    assert_eq!(paths(v1::ConfirmReservationRequest::default()), both);
    assert_eq!(paths(v1::CommitReservationRequest::default()), both);
    assert_eq!(paths(v1::CancelReservationRequest::default()), both);
    let extend = v1::ExtendReservationRequest::default();
    assert_eq!(paths(extend), ["lifetime", "request_id", "reservation_id"]);
    let cancel = v1::CancelSalesOrderRequest { reason: "\n".to_owned(), ..Default::default() };
    assert_eq!(paths(cancel), ["request_id", "sales_order_id", "reason"]);
}

fn listed(
    tenant: &str,
    request: v1::ListReservationsRequest,
) -> Result<lists::Reservations, Vec<String>> {
    let mut fields = Fields::default();
    let asked = fields.reservations(&TenantId::new(tenant).unwrap(), request);
    fields.paths_or(asked)
}

#[test]
fn a_page_has_50_where_nothing_is_said_and_1000_at_most() {
    let size = |page_size| {
        let request = v1::ListReservationsRequest { page_size, ..Default::default() };
        listed("a", request).unwrap().page.size
    };
    assert_eq!([0, 1, 1_000, 1_001, u32::MAX].map(size), [50, 1, 1_000, 1_000, 1_000]);
}

#[test]
fn a_listing_tells_only_what_is_open() {
    use v1::ReservationState::{Committed, Confirmed, Held};
    let of = |states: &[v1::ReservationState]| {
        let states = states.iter().map(|state| *state as i32).collect();
        listed("a", v1::ListReservationsRequest { states, ..Default::default() })
            .map(|asked| asked.states)
    };
    let both = vec![reservation::State::Held, reservation::State::Confirmed];
    assert_eq!(of(&[]).unwrap(), both);
    assert_eq!(of(&[Confirmed, Held, Held]).unwrap(), both);
    assert_eq!(of(&[Held, Committed]).unwrap_err(), ["states[1]"]);
    assert_eq!(of(&[Held; 9]).unwrap_err(), ["states"]);
}

#[test]
fn a_page_token_goes_on_with_its_own_query_alone() {
    let held = vec![v1::ReservationState::Held as i32];
    let query = v1::ListReservationsRequest { states: held, ..Default::default() };
    let cursor = (Timestamp(5), ReservationId(Uuid::from_u128(7)));
    let page_token = listed("a", query.clone()).unwrap().page.scope.token(&cursor);
    let next = v1::ListReservationsRequest { page_size: 7, page_token, ..query };
    assert_eq!(listed("a", next.clone()).unwrap().page.after, Some(cursor), "of any size");
    assert_eq!(listed("b", next.clone()).unwrap_err(), ["page_token"], "of another tenant");
    let other = v1::ListReservationsRequest { states: Vec::new(), ..next };
    assert_eq!(listed("a", other).unwrap_err(), ["page_token"], "of another filter");
    let junk = v1::ListReservationsRequest { page_token: "x".repeat(5_000), ..Default::default() };
    assert_eq!(listed("a", junk).unwrap_err(), ["page_token"]);
}
