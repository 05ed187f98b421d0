//! Commands and events of every kind, small ones that meet each other and extreme ones.

use std::num::NonZeroU64;
use std::sync::Arc;

use holdfast::domain::calendar::{Date, Kind, Span};
use holdfast::domain::claim::{Claim, ClaimOutcome};
use holdfast::domain::command::Command;
use holdfast::domain::event::{Body, Event, Fingerprint, Origin, RequestMark};
use holdfast::domain::ids::*;
use holdfast::domain::name::{Label, LineId, TenantId};
use holdfast::domain::process::Refusal;
use holdfast::domain::reservation::{self, CommitLine, End, LinePart, Term};
use holdfast::domain::sales_order::{self, Report};
use holdfast::domain::stock_balance::{self, Adjustment};
use holdfast::domain::time::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

use super::words::*;

/// Few cases, each of many steps: together they take a second or two.
pub fn quick() -> ProptestConfig {
    ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() }
}

const MOST: u64 = i64::MAX as u64;

pub fn quantity() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..6u64, 1 => select(vec![MOST - 1, MOST, MOST + 1, u64::MAX - 1, u64::MAX])]
}

fn delta() -> impl Strategy<Value = i64> {
    prop_oneof![8 => -6..6i64, 1 => select(vec![i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX])]
}

/// Mostly within a minute of noon.
pub fn instant() -> impl Strategy<Value = Timestamp> {
    let extreme = vec![0, 1, Timestamp::MAX.0, Timestamp::MAX.0 - 1, u64::MAX];
    prop_oneof![8 => (0..60_000u64).prop_map(after_ms), 1 => select(extreme).prop_map(Timestamp)]
}

pub fn text() -> impl Strategy<Value = Label> {
    select(vec!["", "a", "web shop", "größe", "日本"]).prop_map(label)
}

fn term() -> impl Strategy<Value = Term> {
    let span = prop_oneof![4 => 1_000..90_000u64, 1 => select(vec![0, MOST, u64::MAX])];
    prop_oneof![span.prop_map(Term::For), instant().prop_map(Term::Until), Just(Term::Confirmed),]
}

fn name() -> impl Strategy<Value = &'static str> {
    select(vec!["A", "B", "C"])
}

pub fn wish() -> impl Strategy<Value = Claim> {
    let numbers = (1..4u128, 0..6u64, quantity(), quantity(), prop::option::of(instant()));
    numbers.prop_map(|(n, version, of_held, of_committed, deadline)| {
        // Most wishes are those of a reservation: to hold, to use up, or to release.
        match of_committed % 4 {
            0 => Claim { deadline, ..held(n, version, of_held) },
            1 => committed(n, version, of_held),
            2 => held(n, version, 0),
            _ => Claim { deadline, committed: of_committed, ..held(n, version, of_held) },
        }
    })
}

pub fn to_stock() -> impl Strategy<Value = Command> {
    prop_oneof![
        2 => quantity().prop_map(receive),
        1 => delta().prop_map(|delta| adjust(Adjustment::By(delta))),
        1 => quantity().prop_map(|count| adjust(Adjustment::Counted(count))),
        6 => wish().prop_map(claim),
        1 => wish().prop_map(check),
        1 => wish().prop_map(demand),
    ]
}

fn outcome() -> impl Strategy<Value = ClaimOutcome> {
    prop_oneof![3 => Just(ClaimOutcome::Granted), 1 => quantity().prop_map(short)]
}

fn wanted() -> impl Strategy<Value = Vec<(&'static str, u64)>> {
    prop::collection::vec((name(), quantity()), 0..5)
}

fn creation_of() -> impl Strategy<Value = reservation::Create> {
    let parts = (wanted(), term(), text(), text(), prop::option::of(1..3u128));
    parts.prop_map(|(wanted, term, customer, external_reference, owner)| reservation::Create {
        customer,
        external_reference,
        owner: owner.map(order),
        ..creation(&wanted, term)
    })
}

fn line_id() -> impl Strategy<Value = LineId> {
    (0..4usize).prop_map(LineId::counted)
}

fn span() -> impl Strategy<Value = Span> {
    let moments = (-3..9i64, -3..9i64);
    prop_oneof![
        moments.clone().prop_map(|(from, to)| Kind::Slots.span(from, to)),
        moments.prop_map(|(from, to)| Kind::Nights.span(from, to)),
    ]
}

fn commit_part() -> impl Strategy<Value = reservation::Command> {
    let end = prop_oneof![
        instant().prop_map(End::Time),
        any::<i32>().prop_map(|days| End::Date(Date(days))),
    ];
    let quantity = prop::option::of(any::<NonZeroU64>());
    let line = (line_id(), quantity, prop::option::weighted(0.2, end));
    let line = line.prop_map(|(line, quantity, end)| CommitLine { line, quantity, end });
    (prop::collection::vec(line, 0..4), any::<bool>()).prop_map(|(lines, is_final)| {
        reservation::Command::CommitPart { lines: lines.into(), is_final }
    })
}

fn part() -> impl Strategy<Value = LinePart> {
    (line_id(), prop::option::of(span()), quantity()).prop_map(|(line, span, quantity)| LinePart {
        line,
        span,
        quantity,
    })
}

pub fn to_a_reservation() -> impl Strategy<Value = Command> {
    use reservation::Command::*;
    prop_oneof![
        3 => creation_of().prop_map(|create| to_reservation(Create(create))),
        1 => Just(to_reservation(Confirm)),
        1 => Just(to_reservation(Commit)),
        3 => commit_part().prop_map(to_reservation),
        1 => text().prop_map(|reason| to_reservation(Cancel { reason })),
        2 => term().prop_map(|term| to_reservation(Extend(term))),
        1 => Just(to_reservation(Expire)),
        6 => (name(), outcome()).prop_map(|(name, outcome)| answered(name, outcome)),
    ]
}

pub fn to_an_order() -> impl Strategy<Value = Command> {
    let wanted = prop::collection::vec((name(), quantity(), quantity()), 0..4);
    let reports = vec![
        Report::Reserved,
        Report::Refused(Refusal::Overflow),
        Report::Refused(Refusal::ReservationIdTaken),
        Report::Delivered,
        Report::Committed,
        Report::Released,
    ];
    prop_oneof![
        2 => wanted.prop_map(|wanted| place(&wanted)),
        1 => text().prop_map(|reason| {
            Command::SalesOrder(sales_order::Command::Cancel { reason })
        }),
        4 => select(reports).prop_map(report),
    ]
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn mark() -> impl Strategy<Value = RequestMark> {
    (uuid(), any::<[u8; 16]>(), any::<u32>()).prop_map(|(id, fingerprint, forgets)| RequestMark {
        id: RequestId(id),
        fingerprint: Fingerprint(fingerprint),
        forgets,
    })
}

fn body() -> impl Strategy<Value = (EntityId, Body)> {
    use stock_balance::Event as Stock;
    let stock = prop_oneof![
        (quantity(), text())
            .prop_map(|(quantity, reference)| { Stock::Received { quantity, reference } }),
        (quantity(), delta(), text())
            .prop_map(|(on_hand, delta, reason)| { Stock::Adjusted { on_hand, delta, reason } }),
        wish().prop_map(Stock::ClaimMade),
        wish().prop_map(Stock::ClaimChanged),
        wish().prop_map(Stock::ClaimCommitted),
        (wish(), any::<u64>())
            .prop_map(|(claim, released)| { Stock::ClaimReleased { claim, released } }),
    ];
    use reservation::Event as Hold;
    let hold = prop_oneof![
        (creation_of(), prop::option::of(instant())).prop_map(|(create, deadline)| {
            let reservation::Create {
                lines, customer, external_reference, attributes, owner, ..
            } = create;
            Hold::Created { lines, deadline, customer, external_reference, attributes, owner }
        }),
        instant().prop_map(|deadline| Hold::Extended { deadline }),
        Just(Hold::Confirmed),
        Just(Hold::Committed),
        text().prop_map(|reason| Hold::Cancelled { reason }),
        instant().prop_map(|deadline| Hold::Expired { deadline }),
        (prop::collection::vec(part(), 0..4), any::<bool>()).prop_map(|(parts, is_final)| {
            Hold::CommittedInPart { parts: parts.into(), is_final }
        }),
    ];
    prop_oneof![
        stock.prop_map(|event| (stock_id("A"), Body::StockBalance(event))),
        hold.prop_map(|event| (reservation_id(1), Body::Reservation(event))),
    ]
}

/// Any event that a log could hold, whether or not it makes sense where it stands.
pub fn event() -> impl Strategy<Value = Event> {
    let place = (1..u64::MAX, any::<prop::sample::Index>(), any::<u64>(), any::<u64>());
    let behind = (text(), text(), uuid(), prop::option::of(uuid()), prop::option::of(mark()));
    let whose = (select(vec!["default", "other"]), body(), any::<u64>());
    (place, behind, whose).prop_map(|(place, behind, (tenant, (id, body), time))| {
        let (position, back, version, landmark) = place;
        let (principal, source, correlation_id, causation_id, request) = behind;
        let previous = back.index(usize::try_from(position.min(1 << 40)).unwrap());
        Event {
            position: Position(position),
            stream: EntityKey { tenant: TenantId::new(tenant).unwrap(), id },
            version: Version(version),
            previous: Position(previous as u64),
            landmark: Position(landmark),
            time: Timestamp(time),
            origin: Arc::new(Origin { principal, source, correlation_id }),
            causation_id,
            request,
            body,
        }
    })
}
