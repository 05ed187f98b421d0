//! State is the log: what is replayed is what lived, byte for byte.

use holdfast::codec::records::{self, Format, Recorded};
use holdfast::codec::v1;
use holdfast::domain::command::Command;
use holdfast::domain::entity::{Aggregate, Entity};
use holdfast::domain::event::{Event, LANDMARK_EVERY};
use holdfast::domain::ids::Position;
use holdfast::domain::reservation::{self, Reservation, Term};
use holdfast::domain::sales_order::SalesOrder;
use holdfast::domain::stock_balance::StockBalance;
use holdfast::recovery::{AnyEntity, World, WorldError};
use proptest::prelude::*;

use super::arbitrary::*;
use super::model::{comes_from_a_client, run, script};
use super::stage::{Stage, given};
use super::words::*;

fn bytes_of(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    v1::encode_event(event, &mut bytes);
    bytes
}

fn replayed<A: Recorded>(stage: &Stage<A>) -> Option<AnyEntity> {
    let mut world = World::default();
    for event in &stage.log {
        let stored = bytes_of(event);
        world.apply(&v1::decode_event(event.position, &stored).unwrap()).unwrap();
    }
    world.get(&stage.key).map(|entity| entity.into_owned())
}

/// The replayed entity has the same record, and goes on with the same links.
pub fn check<A: Recorded + PartialEq + std::fmt::Debug>(stage: &Stage<A>) {
    let Some(replayed) = replayed(stage) else {
        assert!(!stage.entity.exists());
        return;
    };
    let record = replayed.encode();
    assert_eq!(record, records::encode(&stage.entity));
    let decoded: Entity<A> = records::decode(Format::CURRENT, &record).unwrap();
    assert_eq!(decoded, stage.entity);
    assert_eq!(decoded.links(), stage.entity.links());
}

proptest! {
    #![proptest_config(quick())]

    #[test]
    fn a_balance_is_replayed_as_it_lived(said in script(to_stock())) {
        check(&run::<StockBalance>(stock_id("A"), said, comes_from_a_client));
    }

    #[test]
    fn a_reservation_is_replayed_as_it_lived(said in script(to_a_reservation())) {
        check(&run::<Reservation>(reservation_id(1), said, comes_from_a_client));
    }

    #[test]
    fn an_order_is_replayed_as_it_lived(said in script(to_an_order())) {
        check(&run::<SalesOrder>(order_id(1), said, comes_from_a_client));
    }

    #[test]
    fn an_event_is_read_as_it_was_written(event in event()) {
        let bytes = bytes_of(&event);
        prop_assert_eq!(v1::decode_event(event.position, &bytes), Ok(event));
    }
}

/// A hold that is extended until it has so many versions, and then used: two events at once.
fn used_at(version: u64) -> Stage<Reservation> {
    let hold = given(reservation_id(1), [])
        .when(create(&[("A", 1)], Term::For(60_000)))
        .told(answered("A", holdfast::domain::claim::ClaimOutcome::Granted))
        .remembering(1_000);
    let extended = (2..=version).fold(hold, |hold, n| {
        let term = Term::Until(after_ms(60_000 + n));
        hold.when(to_reservation(reservation::Command::Extend(term))).accepted()
    });
    assert_eq!(extended.entity.version.0, version);
    extended.when(to_reservation(reservation::Command::Commit)).accepted()
}

#[test]
fn landmarks_are_replayed_wherever_two_events_meet_them() {
    for version in LANDMARK_EVERY - 3..LANDMARK_EVERY + 2 {
        check(&used_at(version));
    }
}

#[test]
fn every_so_many_versions_an_event_names_the_one_as_many_before() {
    let stage = (0..3 * LANDMARK_EVERY + 5)
        .fold(given::<StockBalance>(stock_id("A"), []).remembering(2_000), |stage, _| {
            stage.when(receive(1))
        });
    let mut before = Position::START;
    for event in &stage.log {
        let is_landmark = event.version.0 % LANDMARK_EVERY == 0;
        assert_eq!(event.landmark, if is_landmark { before } else { Position::START });
        if is_landmark {
            before = event.position;
        }
    }
    assert_eq!(stage.log.iter().filter(|event| event.landmark.0 > 0).count(), 2);
    check(&stage);
}

#[test]
fn an_event_that_is_already_held_is_passed_over() {
    let stage = given::<StockBalance>(stock_id("A"), []).when(receive(1)).when(receive(2));
    let mut world = World::default();
    for event in stage.log.iter().chain(&stage.log[..1]).chain(&stage.log) {
        world.apply(event).unwrap();
    }
    assert_eq!(world.get(&stage.key).unwrap().encode(), records::encode(&stage.entity));
}

#[test]
fn an_event_that_does_not_follow_is_refused() {
    let stage = given::<StockBalance>(stock_id("A"), []).when(receive(1)).when(receive(2));
    let [first, second] = stage.log.try_into().unwrap();
    let mut world = World::default();
    assert!(matches!(world.apply(&second), Err(WorldError::Gap { .. })));
    world.apply(&first).unwrap();
    let mut astray = second.clone();
    astray.previous = Position(first.position.0 - 1);
    assert!(matches!(world.apply(&astray), Err(WorldError::WrongLink { .. })));
    let mut foreign = second.clone();
    foreign.body = Reservation::into_body(reservation::Event::Confirmed);
    assert!(matches!(world.apply(&foreign), Err(WorldError::WrongKind { .. })));
    world.apply(&second).unwrap();
}

#[test]
fn of_two_records_of_one_entity_the_newer_stays() {
    let older = given::<StockBalance>(stock_id("A"), []).when(receive(1));
    let old_record = records::encode(&older.entity);
    let key = older.key.clone();
    let newer = records::encode(&older.when(receive(2)).entity);
    let mut world = World::default();
    for record in [&old_record, &newer, &old_record] {
        world.insert(key.clone(), Format::CURRENT, record).unwrap();
    }
    assert_eq!(world.get(&key).unwrap().encode(), newer);
    assert!(matches!(
        world.insert(key, Format::CURRENT, b"nonsense"),
        Err(WorldError::Record { .. })
    ));
}

#[test]
fn a_request_that_was_forgotten_when_it_lived_is_forgotten_by_replay() {
    let day = holdfast::domain::request::REMEMBERED_FOR_MS;
    let stage = (0..9).fold(given::<StockBalance>(stock_id("A"), []).remembering(3), |stage, n| {
        stage.at(after_ms(n * day)).requested(u128::from(n), None, receive(n + 1)).accepted()
    });
    check(&stage);
    let again: Command = receive(1);
    stage.requested(0, None, again).then([received(1)]);
}
