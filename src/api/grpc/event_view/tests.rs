//! Every event as clients see it.

use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::api::grpc::validate::events;
use crate::domain::calendar::{Create, General, NightRules, RulesChange, Setting, When};
use crate::domain::claim::{Blocker, Claim};
use crate::domain::claim::{Shortfall, StockFigures};
use crate::domain::event::{Fingerprint, Origin, RequestMark};
use crate::domain::ids::{EntityKey, Position, RequestId, ReservationId, Version};
use crate::domain::ids::{ResourceKey, StockKey};
use crate::domain::money::{Amount, Currency, UnitPrice};
use crate::domain::name::{Label, LineId, Location, Sku, TenantId, ZoneName};
use crate::domain::process::Refusal;
use crate::domain::rejection::Shortage;
use crate::domain::request::Request;
use crate::domain::time::Timestamp;
use crate::domain::wanted::Wanted;
use crate::proto::Money;
use crate::proto::v1::EventType;
use crate::proto::v1::{entity_id, shortage};

fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

fn stock_key() -> StockKey {
    StockKey { sku: Sku::new("A 1").unwrap(), location: Location::new("north").unwrap() }
}

fn claim() -> Claim {
    Claim {
        reservation: ReservationId(Uuid::from_u128(5)),
        reservation_version: Version(2),
        held: 3,
        deadline: Some(Timestamp(1_500)),
        committed: 4,
    }
}

fn order_line() -> sales_order::Line {
    let request = sales_order::LineRequest {
        id: LineId::counted(0),
        wanted: Wanted::Stock(stock_key()),
        quantity: 12,
        unit_price: UnitPrice { millionths: 6_950_001 },
    };
    sales_order::Line { request, total: Amount { minor: 8_340 } }
}

fn short() -> Refusal {
    let blocker = Some(Blocker::Stock(StockFigures { on_hand: 5, held: 4 }));
    Refusal::Short(vec![Shortage {
        line: LineId::counted(1),
        wanted: Wanted::Stock(stock_key()),
        requested: 2,
        shortfall: Shortfall { available: 1, position: Position(77), blocker },
    }])
}

/// One of every event there is.
fn bodies() -> Vec<Body> {
    let stock = [
        stock_balance::Event::Received { quantity: 3, reference: label("r") },
        stock_balance::Event::Adjusted { on_hand: 1, delta: -2, reason: label("lost") },
        stock_balance::Event::ClaimMade(claim()),
        stock_balance::Event::ClaimChanged(claim()),
        stock_balance::Event::ClaimCommitted(claim()),
        stock_balance::Event::ClaimReleased { claim: claim(), released: 9 },
    ];
    let line = reservation::Line {
        id: LineId::counted(0),
        wanted: Wanted::Stock(stock_key()),
        quantity: 2,
    };
    let reservation = [
        reservation::Event::Created {
            lines: Arc::new([line]),
            deadline: None,
            customer: label("c"),
            external_reference: label("x"),
            attributes: [(label("k"), label("v"))].into(),
            owner: Some(SalesOrderId(Uuid::from_u128(6))),
        },
        reservation::Event::Extended { deadline: Timestamp(1_500) },
        reservation::Event::Confirmed,
        reservation::Event::Committed,
        reservation::Event::Cancelled { reason: label("why") },
        reservation::Event::Expired { deadline: Timestamp(1_500) },
    ];
    let order = [
        sales_order::Event::Created {
            customer: label("c"),
            currency: Currency::new("GBP").unwrap(),
            lines: Arc::new([order_line()]),
            total: Amount { minor: 8_340 },
        },
        sales_order::Event::Reserved { reservation: ReservationId(Uuid::from_u128(6)) },
        sales_order::Event::Rejected(short()),
        sales_order::Event::Confirmed,
        sales_order::Event::Delivered,
        sales_order::Event::Completed,
        sales_order::Event::Cancelled { reason: label("why") },
        sales_order::Event::Released,
    ];
    let setting = |setting| calendar::Event::Set(Arc::new(setting));
    let change = RulesChange { general: None, days: Arc::new([]) };
    let calendar = [
        calendar::Event::Created(Arc::new(Create {
            zone: ZoneName::new("Europe/Lisbon").unwrap(),
            capacity: 3,
            general: General::Nights(NightRules::default()),
        })),
        setting(Setting::Rules(change)),
        setting(Setting::Capacity(When::Always, Some(2))),
        setting(Setting::Closed(When::Always, true)),
        setting(Setting::Closed(When::Always, false)),
        calendar::Event::Retired,
        calendar::Event::ClaimsInConflict(Arc::new([])),
    ];
    let mut bodies: Vec<Body> = stock.into_iter().map(Body::StockBalance).collect();
    bodies.extend(reservation.into_iter().map(Body::Reservation));
    bodies.extend(order.into_iter().map(Body::SalesOrder));
    bodies.extend(calendar.into_iter().map(Body::Calendar));
    bodies.extend(changes().map(Body::Reservation));
    bodies
}

fn to_change() -> Request {
    Request { id: RequestId(Uuid::from_u128(6)), fingerprint: Fingerprint([6; 16]) }
}

/// What came with changes of reservations.
fn changes() -> [reservation::Event; 3] {
    let lines: Arc<[reservation::Line]> = Arc::new([]);
    [
        reservation::Event::ChangeStarted { lines: lines.clone(), request: to_change() },
        reservation::Event::Changed { lines },
        reservation::Event::ChangeRefused,
    ]
}

#[test]
fn a_change_that_begins_names_its_request_though_that_is_not_remembered_yet() {
    let [started, ..] = changes();
    let shown = event(&domain_event(Body::Reservation(started)), Uuid::from_u128(1));
    assert_eq!(shown.request_id, to_change().id.to_string());
}

fn domain_event(body: Body) -> Event {
    let tenant = TenantId::default_tenant();
    Event {
        position: Position(9),
        stream: EntityKey::resource(&tenant, ResourceKey::Stock(stock_key())),
        version: Version(3),
        previous: Position(4),
        landmark: Position::START,
        time: Timestamp(1_234_567),
        origin: Arc::new(Origin {
            principal: label("anonymous"),
            source: label("curl"),
            correlation_id: Uuid::from_u128(8),
        }),
        causation_id: None,
        request: None,
        body,
    }
}

fn shown(body: Body) -> WireBody {
    event(&domain_event(body), Uuid::from_u128(1)).body.unwrap()
}

#[test]
fn every_event_has_its_type_and_is_shown_as_that() {
    let types = (1..).map_while(|value| EventType::try_from(value).ok());
    let names: Vec<&str> = types.map(|known| events::name(known as i32).unwrap()).collect();
    let bodies = bodies();
    assert_eq!(bodies.iter().map(Body::name).collect::<Vec<_>>(), names);
    for body in bodies {
        let name = body.name();
        let shown = format!("{:?}", shown(body));
        assert!(shown.starts_with(&format!("{name}({name}")), "{name} is shown as {shown}");
    }
}

#[test]
fn an_event_tells_where_it_stands_and_who_caused_it() {
    let log_id = Uuid::from_u128(1);
    let mut original = domain_event(bodies().remove(0));
    let plain = event(&original, log_id);
    assert_eq!(plain.event_id, original.id(log_id).to_string());
    assert_eq!((plain.position, plain.version), (9, 3));
    assert_eq!(plain.time, Some(prost_types::Timestamp { seconds: 1_234, nanos: 567_000_000 }));
    assert_eq!((plain.principal.as_str(), plain.source.as_str()), ("anonymous", "curl"));
    assert_eq!(plain.correlation_id, Uuid::from_u128(8).to_string());
    assert_eq!((plain.request_id.as_str(), plain.causation_id.as_str()), ("", ""));
    let stock = v1::StockResource { sku: "A 1".into(), location: "north".into() };
    assert_eq!(plain.stream.unwrap().id, Some(entity_id::Id::StockBalance(stock)));

    original.causation_id = Some(Uuid::from_u128(11));
    original.request = Some(RequestMark {
        id: RequestId(Uuid::from_u128(12)),
        fingerprint: Fingerprint([0; 16]),
        forgets: 0,
    });
    let caused = event(&original, log_id);
    assert_eq!(caused.causation_id, Uuid::from_u128(11).to_string());
    assert_eq!(caused.request_id, Uuid::from_u128(12).to_string());
}

#[test]
fn prices_and_totals_are_exact() {
    let WireBody::SalesOrderCreated(created) = shown(bodies().remove(12)) else { unreachable!() };
    let money = |units, nanos| Some(Money { currency_code: "GBP".into(), units, nanos });
    assert_eq!(created.lines[0].unit_price, money(6, 950_001_000));
    assert_eq!(created.lines[0].total, money(83, 400_000_000));
    assert_eq!(created.total, money(83, 400_000_000));
    let yen = Currency::new("JPY").unwrap();
    assert_eq!(amount(Amount { minor: 12 }, yen).units, 12);
}

#[test]
fn a_rejected_order_names_each_line_that_fell_short() {
    let WireBody::SalesOrderRejected(rejected) = shown(bodies().remove(14)) else { unreachable!() };
    let rejection = rejected.rejection.unwrap();
    assert_eq!(rejection.reason, "INSUFFICIENT_STOCK");
    let line = &rejection.shortages[0];
    assert_eq!((line.line_id.as_str(), line.requested, line.available), ("2", 2, 1));
    assert_eq!(line.position, 77);
    let blocker = v1::StockBlocker { on_hand: 5, held: 4 };
    assert_eq!(line.blocker, Some(shortage::Blocker::StockBlocker(blocker)));
}

#[test]
fn claims_tell_their_quantities_and_deadlines() {
    let WireBody::ClaimMade(made) = shown(bodies().remove(2)) else { unreachable!() };
    assert_eq!((made.reservation_version, made.held, made.committed), (2, 3, 4));
    assert_eq!(made.expire_time, Some(prost_types::Timestamp { seconds: 1, nanos: 500_000_000 }));
    let WireBody::ClaimReleased(released) = shown(bodies().remove(5)) else { unreachable!() };
    assert_eq!(released.released, 9);
}
