//! The engine end to end, on one thread, on stores in memory.
#![allow(clippy::unwrap_used)]

mod support;

use holdfast::actors::engine::CommandError;
use holdfast::actors::keeper::Schedule;
use holdfast::domain::ids::Position;
use holdfast::domain::rejection::Rejection;
use holdfast::domain::reservation::{self, State, Term};
use holdfast::domain::sales_order;
use holdfast::domain::view::View;
use holdfast::journal::Room;
use holdfast::snapshot::SnapshotStore;
use support::*;

fn stock(view: &View) -> (u64, u64) {
    let View::StockBalance(stock) = view else { panic!("{view:?}") };
    (stock.figures.on_hand, stock.figures.held)
}

async fn stock_of(trial: &Trial, sku: &str) -> (u64, u64) {
    stock(&trial.engine.show(stock_entity(sku)).await.unwrap().answer.view)
}

fn state(view: &View) -> State {
    let View::Reservation(details) = view else { panic!("{view:?}") };
    details.state
}

fn rejection(result: Result<holdfast::actors::delivery::Accepted, CommandError>) -> Rejection {
    match result {
        Err(CommandError::Refused(refused)) => refused.rejection,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_reservation_holds_all_of_its_lines_or_none() {
    on_one_thread(async {
        let trial = start(&Disks::new(1 << 20), clock(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(5)).await.unwrap();
        trial.command(stock_entity("B"), 2, receive(1)).await.unwrap();
        let held = create(&[("A", 2), ("B", 1)], Term::For(60_000));
        let accepted = trial.command(reservation_entity(1), 3, held).await.unwrap();
        assert_eq!(accepted.version.0, 1);
        assert_eq!(state(&accepted.now.view), State::Held);

        let too_much = create(&[("A", 2), ("B", 1), ("A", 2), ("C", 7)], Term::For(60_000));
        let Rejection::Short(short) =
            rejection(trial.command(reservation_entity(2), 4, too_much).await)
        else {
            panic!()
        };
        let named: Vec<_> = short
            .iter()
            .map(|line| (line.line.as_str(), line.requested, line.shortfall.available))
            .collect();
        assert_eq!(named, [("2", 1, 0), ("3", 2, 1), ("4", 7, 0)]);
        assert_eq!(stock_of(&trial, "A").await, (5, 2));
        assert_eq!(stock_of(&trial, "B").await, (1, 1));
    });
}

#[test]
fn a_hold_ends_by_itself_and_can_never_be_confirmed_after() {
    on_one_thread(async {
        let trial = start(&Disks::new(1 << 20), clock(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(5)).await.unwrap();
        let held = create(&[("A", 2)], Term::For(1_000));
        trial.command(reservation_entity(1), 2, held).await.unwrap();
        trial.pass_ms(999).await;
        assert_eq!(stock_of(&trial, "A").await, (5, 2));
        trial.pass_ms(10).await;
        assert_eq!(stock_of(&trial, "A").await, (5, 0));
        let confirm =
            holdfast::domain::command::Command::Reservation(reservation::Command::Confirm);
        let refused = rejection(trial.command(reservation_entity(1), 3, confirm).await);
        assert!(matches!(refused, Rejection::HoldExpired { .. }), "{refused:?}");
    });
}

#[test]
fn an_order_is_driven_to_its_end() {
    on_one_thread(async {
        let disks = Disks::new(1 << 20);
        let trial = start(&disks, clock(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(5)).await.unwrap();
        trial.command(order_entity(9), 2, order(&[("A", 2)])).await.unwrap();
        trial.command(order_entity(10), 3, order(&[("A", 4)])).await.unwrap();
        trial.pass_ms(10).await;
        let view = |n| {
            let engine = trial.engine.clone();
            async move {
                match engine.show(order_entity(n)).await.unwrap().answer.view {
                    View::SalesOrder(details) => details.state,
                    other => panic!("{other:?}"),
                }
            }
        };
        assert_eq!(view(9).await, sales_order::State::Completed);
        assert_eq!(view(10).await, sales_order::State::Rejected);
        assert_eq!(stock_of(&trial, "A").await, (3, 0));
    });
}

#[test]
fn a_command_sent_again_has_the_same_outcome() {
    on_one_thread(async {
        let trial = start(&Disks::new(1 << 20), clock(), Settings::default());
        let first = trial.command(stock_entity("A"), 1, receive(5)).await.unwrap();
        trial.command(stock_entity("A"), 2, receive(5)).await.unwrap();
        let again = trial.command(stock_entity("A"), 1, receive(5)).await.unwrap();
        assert_eq!((again.version, again.position), (first.version, first.position));
        assert_eq!(stock(&again.now.view), (10, 0));
        let reused = rejection(trial.command(stock_entity("A"), 1, receive(6)).await);
        assert_eq!(reused, Rejection::RequestIdReused);
    });
}

#[test]
fn what_was_acknowledged_is_there_after_a_restart() {
    let disks = Disks::new(4 << 10);
    let clock = clock();
    let digest = on_one_thread(async {
        let trial = start(&disks, clock.clone(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(50)).await.unwrap();
        for n in 0..20 {
            let held = create(&[("A", 1)], Term::For(60_000));
            trial.command(reservation_entity(n), 100 + n, held).await.unwrap();
        }
        trial.engine.take_snapshot().await.unwrap();
        for n in 20..40 {
            let held = create(&[("A", 1)], Term::For(60_000));
            trial.command(reservation_entity(n), 100 + n, held).await.unwrap();
        }
        trial.pass_ms(50).await;
        trial.digest().await
    });
    on_one_thread(async {
        let trial = start(&disks, clock.clone(), Settings::default());
        assert_eq!(trial.digest().await, digest);
        assert_eq!(stock_of(&trial, "A").await, (50, 40));
        trial.pass_ms(60_001).await;
        assert_eq!(stock_of(&trial, "A").await, (50, 0));
    });
}

#[test]
fn a_digest_has_its_turn_after_a_snapshot_and_a_turn_that_is_given_up_stops_nothing() {
    on_one_thread(async {
        let trial = start(&Disks::new(1 << 20), clock(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(5)).await.unwrap();
        let snapshot = trial.engine.take_snapshot();
        let turn = async {
            let turn = trial.engine.digest_turn().await.unwrap();
            assert!(trial.engine.last_snapshot().is_some());
            drop(turn);
        };
        tokio::join!(snapshot, turn).0.unwrap();
        trial.engine.take_snapshot().await.unwrap();
        assert_eq!(trial.digest().await.0, Position(1));
    });
}

#[test]
fn holds_expire_and_orders_go_on_only_while_the_disk_has_a_reserve() {
    on_one_thread(async {
        let trial = start(&Disks::new(1 << 20), clock(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(5)).await.unwrap();
        let held = create(&[("A", 2)], Term::For(1_000));
        trial.command(reservation_entity(1), 2, held).await.unwrap();

        trial.engine.journal().set_room(Room::UnderWay);
        trial.command(order_entity(9), 3, order(&[("A", 1)])).await.unwrap();
        trial.pass_ms(1_100).await;
        assert_eq!(stock_of(&trial, "A").await, (5, 2));

        trial.engine.journal().set_room(Room::OwnWork);
        trial.pass_ms(20).await;
        assert_eq!(stock_of(&trial, "A").await, (4, 0));
    });
}

#[test]
fn snapshots_are_taken_only_where_the_disk_has_room_for_them() {
    on_one_thread(async {
        let disks = Disks::new(1 << 20);
        let schedule = Schedule { events: 1, ..Schedule::default() };
        let settings = Settings { schedule, ..Settings::default() };
        let trial = start(&disks, clock(), settings);
        trial.engine.journal().set_room(Room::OwnWork);
        trial.command(stock_entity("A"), 1, receive(5)).await.unwrap();
        trial.pass_ms(1_000).await;
        assert!(trial.engine.take_snapshot().await.is_err());
        assert_eq!(disks.snapshots.list().unwrap(), []);

        trial.engine.journal().set_room(Room::Snapshots);
        trial.pass_ms(1_000).await;
        assert_eq!(disks.snapshots.list().unwrap(), [Position(1)]);
    });
}
