//! What happens when messages, passivation, the archive and bounds meet.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use futures::future::join_all;
use holdfast::actors::delivery::Accepted;
use holdfast::actors::engine::CommandError;
use holdfast::actors::environment::Limits;
use holdfast::actors::keeper::Schedule;
use holdfast::domain::command::Command;
use holdfast::domain::event::Body;
use holdfast::domain::ids::*;
use holdfast::domain::name::Label;
use holdfast::domain::rejection::Rejection;
use holdfast::domain::reservation::{self, State, Term};
use holdfast::domain::view::View;
use holdfast::domain::{sales_order, stock_balance};
use support::*;

fn rejection(result: Result<Accepted, CommandError>) -> Rejection {
    match result {
        Err(CommandError::Refused(refused)) => refused.rejection,
        other => panic!("{other:?}"),
    }
}

fn confirm() -> Command {
    Command::Reservation(reservation::Command::Confirm)
}

fn cancel_reservation() -> Command {
    Command::Reservation(reservation::Command::Cancel { reason: Label::empty() })
}

fn cancel_order() -> Command {
    Command::SalesOrder(sales_order::Command::Cancel { reason: Label::empty() })
}

async fn stock_of(trial: &Trial, sku: &str) -> (u64, u64) {
    match trial.engine.show(stock_entity(sku)).await.unwrap().answer.view {
        View::StockBalance(stock) => (stock.figures.on_hand, stock.figures.held),
        other => panic!("{other:?}"),
    }
}

async fn state_of(trial: &Trial, n: u128) -> State {
    match trial.engine.show(reservation_entity(n)).await.unwrap().answer.view {
        View::Reservation(details) => details.state,
        other => panic!("{other:?}"),
    }
}

#[test]
fn messages_to_an_entity_that_is_asked_for_its_record_arrive_in_order() {
    // Every message finds it idle: it is asked for its record at each look of its shard.
    let limits = Limits { idle_ms: 0, resource_idle_ms: 0, ..Limits::default() };
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings { limits, shards: 1, ..Settings::default() });
        let mut answers = Vec::new();
        for n in 0..2_000u128 {
            // Between two looks, at a look, and while the record is on its way.
            let engine = trial.engine.clone();
            let command = command(stock_entity("A"), n, receive(n as u64 + 1));
            answers.push(tokio::task::spawn_local(async move { engine.command(command).await }));
            for _ in 0..n % 7 {
                tokio::task::yield_now().await;
            }
            if n % 3 == 0 {
                trial.clock.advance_ms(1);
                tokio::time::advance(Duration::from_millis(1)).await;
            }
        }
        for (n, answer) in answers.into_iter().enumerate() {
            let accepted = answer.await.unwrap().unwrap();
            assert_eq!(accepted.version, Version(n as u64 + 1));
        }
    });
    let mut received = 0;
    for event in disks.events() {
        let Body::StockBalance(stock_balance::Event::Received { quantity, .. }) = event.body else {
            panic!("{event:?}")
        };
        received += 1;
        assert_eq!(quantity, received);
    }
    assert_eq!(received, 2_000);
    disks.check();
}

#[test]
fn an_entity_that_is_woken_while_it_goes_to_the_archive_is_counted_once() {
    const ENDED: u128 = 5;
    const MOMENTS: u128 = 60;
    let schedule = Schedule { retention_ms: 0, ..Schedule::default() };
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings { schedule, shards: 1, ..Settings::default() });
        trial.command(stock_entity("A"), 1, receive(5)).await.unwrap();
        // At each moment of a snapshot in turn, somebody looks at what is about to go.
        for moment in 0..MOMENTS {
            let ended = moment * ENDED..(moment + 1) * ENDED;
            for n in ended.clone() {
                let held = create(&[("A", 1)], Term::For(60_000));
                trial.command(reservation_entity(n), 1_000 + n, held).await.unwrap();
                trial
                    .command(reservation_entity(n), 2_000 + n, cancel_reservation())
                    .await
                    .unwrap();
            }
            trial.pass_ms(50).await;
            let engine = trial.engine.clone();
            let snapshot = tokio::task::spawn_local(async move { engine.take_snapshot().await });
            let engine = trial.engine.clone();
            let looks = tokio::task::spawn_local(async move {
                for _ in 0..moment {
                    let_one_other_run().await;
                }
                join_all(ended.map(|n| engine.show(reservation_entity(n)))).await;
            });
            looks.await.unwrap();
            snapshot.await.unwrap().unwrap();
            let (_, digest) = trial.digest().await;
            assert_eq!(digest, disks.replayed().world.digest(), "{moment}");
        }
        trial.pass_ms(50).await;
        trial.engine.take_snapshot().await.unwrap();
        trial.pass_ms(50).await;
        let statistics = trial.engine.statistics().await.unwrap();
        assert_eq!(statistics.archived as u128, MOMENTS * ENDED);
        let in_memory: u64 =
            statistics.entities.iter().map(|count| count.active + count.passive).sum();
        assert_eq!(in_memory, 1);
        assert_eq!(state_of(&trial, 0).await, State::Cancelled);
    });
    disks.check();
}

#[test]
fn a_creation_sent_again_while_it_is_asking_joins_those_who_wait() {
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings::default());
        let skus: Vec<_> = (0..50).map(|n| format!("{n}")).collect();
        for (n, sku) in skus.iter().enumerate() {
            trial.command(stock_entity(sku), 100 + n as u128, receive(5)).await.unwrap();
        }
        let wanted: Vec<_> = skus.iter().map(|sku| (sku.as_str(), 1)).collect();
        let held = || create(&wanted, Term::For(60_000));
        let sent = |_| trial.command(reservation_entity(1), 7, held());
        let mut answers = join_all((0..5).map(sent)).await.into_iter().map(Result::unwrap);
        let first = answers.next().unwrap();
        assert_eq!(first.version, Version(1));
        assert!(answers.all(|again| again == first));
        assert_eq!(stock_of(&trial, "0").await, (5, 1));

        let other = create(&[("1", 1)], Term::For(60_000));
        let (first, reused) = futures::join!(
            trial.command(reservation_entity(2), 8, held()),
            trial.command(reservation_entity(2), 8, other)
        );
        first.unwrap();
        assert_eq!(rejection(reused), Rejection::RequestIdReused);
    });
    disks.check();
}

#[test]
fn commands_behind_a_creation_queue_up_to_a_bound_and_in_order() {
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(5)).await.unwrap();
        let held = create(&[("A", 1)], Term::For(60_000));
        let queued_max = Limits::default().commands_queued_max as u128;
        let first = trial.command(reservation_entity(1), 2, held);
        // All but the first find it confirmed.
        let behind =
            (0..queued_max + 5).map(|n| trial.command(reservation_entity(1), 100 + n, confirm()));
        let (first, behind) = futures::join!(first, join_all(behind));
        first.unwrap();
        let mut behind = behind.into_iter();
        assert_eq!(behind.next().unwrap().unwrap().version, Version(2));
        for _ in 1..queued_max {
            let refused = rejection(behind.next().unwrap());
            assert!(matches!(refused, Rejection::InvalidTransition { .. }), "{refused:?}");
        }
        assert!(behind.len() == 5 && behind.all(|full| rejection(full) == Rejection::QueueFull));
        // It was certainly not executed, and may be sent again.
        let again = trial.command(reservation_entity(1), 100 + queued_max, confirm()).await;
        assert!(matches!(rejection(again), Rejection::InvalidTransition { .. }));
    });
    disks.check();
}

#[test]
fn more_commands_than_an_entity_remembers_are_refused_until_a_day_has_passed() {
    let limits = Limits { resource_requests_remembered: 10, ..Limits::default() };
    let disks = Disks::new(1 << 20);
    let clock = clock();
    on_one_thread(async {
        let trial = start(&disks, clock.clone(), Settings { limits, ..Settings::default() });
        for n in 0..10 {
            trial.command(stock_entity("A"), n, receive(1)).await.unwrap();
        }
        let refused = rejection(trial.command(stock_entity("A"), 10, receive(1)).await);
        assert!(
            matches!(refused, Rejection::TooManyRequests { remembered: 10, .. }),
            "{refused:?}"
        );
        // Those that it remembers are still answered, and claims aren't requests.
        assert_eq!(trial.command(stock_entity("A"), 0, receive(1)).await.unwrap().version.0, 1);
        let held = create(&[("A", 1)], Term::Confirmed);
        trial.command(reservation_entity(1), 99, held).await.unwrap();
        trial.clock.advance_ms(24 * 60 * 60 * 1_000);
        trial.command(stock_entity("A"), 10, receive(1)).await.unwrap();
        // Replay forgets the same ones.
        let (_, digest) = trial.settled_digest().await;
        assert_eq!(disks.check().world.digest(), digest);
    });
}

#[test]
fn an_order_that_was_cancelled_leaves_a_clients_reservation_with_its_id_alone() {
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(5)).await.unwrap();
        let held = create(&[("A", 2)], Term::For(60_000));
        trial.command(reservation_entity(9), 2, held).await.unwrap();
        let (placed, cancelled) = futures::join!(
            trial.command(order_entity(9), 3, order(&[("A", 1)])),
            trial.command(order_entity(9), 4, cancel_order()),
        );
        placed.unwrap();
        cancelled.unwrap();
        trial.settled_digest().await;
        assert_eq!(state_of(&trial, 9).await, State::Held);
        assert_eq!(stock_of(&trial, "A").await, (5, 2));
    });
    disks.check();
}

#[test]
fn a_client_can_not_take_the_reservation_of_an_order_that_is_still_open() {
    const MOMENTS: u64 = 60;
    let disks = Disks::new(1 << 20);
    let refusals = on_one_thread(async {
        let trial = start(&disks, clock(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(MOMENTS)).await.unwrap();
        let mut refusals = Vec::new();
        // At each moment of an order's life in turn, a client tries to cancel its reservation.
        for n in 0..u128::from(MOMENTS) {
            let placing = command(order_entity(n), 1_000 + n, order(&[("A", 1)]));
            let taking = command(reservation_entity(n), 2_000 + n, cancel_reservation());
            let engine = trial.engine.clone();
            let placed = tokio::task::spawn_local(async move { engine.command(placing).await });
            let engine = trial.engine.clone();
            let taken = tokio::task::spawn_local(async move {
                for _ in 0..n {
                    let_one_other_run().await;
                }
                engine.command(taking).await
            });
            placed.await.unwrap().unwrap();
            let taken = taken.await.unwrap();
            let Err(CommandError::Refused(refused)) = taken else { panic!("{taken:?}") };
            refusals.push((SalesOrderId(reservation_id(n).0), refused));
        }
        trial.settled_digest().await;
        assert_eq!(stock_of(&trial, "A").await, (0, 0));
        refusals
    });
    let mut ends = std::collections::HashMap::new();
    for event in disks.events() {
        if event.body == Body::SalesOrder(sales_order::Event::Completed) {
            ends.insert(event.stream.id, event.position);
        }
    }
    let mut while_open = 0;
    for (order, refused) in refusals {
        let is_open = refused.position < ends[&EntityId::SalesOrder(order)];
        match refused.rejection {
            Rejection::NotFound(EntityKind::Reservation) => assert!(is_open),
            Rejection::OwnedByOrder(owner) if owner == order => while_open += u64::from(is_open),
            other => panic!("{other:?}"),
        }
    }
    assert!(while_open > 0, "no moment was met");
    disks.check();
}

#[test]
fn a_step_that_was_put_off_is_not_run_for_an_order_that_has_moved_on() {
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(5)).await.unwrap();
        // A client's own creation under the order's id, refused in the end, fills the queue.
        let skus: Vec<_> = (0..200).map(|n| format!("{n}")).collect();
        let mut wanted: Vec<_> = skus.iter().map(|sku| (sku.as_str(), 1)).collect();
        for (n, sku) in skus.iter().enumerate() {
            trial.command(stock_entity(sku), 1_000 + n as u128, receive(5)).await.unwrap();
        }
        wanted.push(("none", 1));
        let creation = create(&wanted, Term::For(60_000));
        let refused = trial.command(reservation_entity(9), 2, creation);
        let queued_max = Limits::default().commands_queued_max as u128;
        let behind =
            (0..queued_max).map(|n| trial.command(reservation_entity(9), 100 + n, confirm()));
        let placed = trial.command(order_entity(9), 3, order(&[("A", 2)]));
        let (refused, _, placed) = futures::join!(refused, join_all(behind), placed);
        assert!(matches!(rejection(refused), Rejection::Short(_)));
        placed.unwrap();
        trial.command(order_entity(9), 4, cancel_order()).await.unwrap();
        trial.settled_digest().await;
        assert_eq!(stock_of(&trial, "A").await, (5, 0));
    });
    disks.check();
}

#[test]
fn an_entity_that_keeps_its_actor_loses_no_message() {
    // One with so many claims is not packed up, however often it is asked.
    const CLAIMS: u128 = 1_001;
    let limits = Limits { idle_ms: 0, resource_idle_ms: 0, ..Limits::default() };
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings { limits, shards: 1, ..Settings::default() });
        trial.command(stock_entity("A"), 1, receive(CLAIMS as u64)).await.unwrap();
        for n in 0..CLAIMS {
            let confirmed = create(&[("A", 1)], Term::Confirmed);
            trial.command(reservation_entity(n), 1_000 + n, confirmed).await.unwrap();
        }
        let mut answers = Vec::new();
        for n in 0..500 {
            let engine = trial.engine.clone();
            let command = command(stock_entity("A"), 10_000 + n, receive(1));
            answers.push(tokio::task::spawn_local(async move {
                for _ in 0..n % 9 {
                    let_one_other_run().await;
                }
                engine.command(command).await
            }));
            trial.clock.advance_ms(1);
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        for answer in answers {
            let answer = tokio::time::timeout(Duration::from_millis(100), answer).await;
            answer.expect("a message was lost").unwrap().unwrap();
        }
    });
    disks.check();
}

#[test]
fn a_message_that_comes_as_an_entity_goes_to_rest_reaches_it_and_no_other() {
    const SKUS: [&str; 3] = ["A", "B", "C"];
    const RECEIPTS_OF_EACH: u128 = 400;
    let limits = Limits { idle_ms: 0, resource_idle_ms: 0, ..Limits::default() };
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings { limits, shards: 1, ..Settings::default() });
        let mut answers = Vec::new();
        for n in 0..RECEIPTS_OF_EACH * SKUS.len() as u128 {
            let engine = trial.engine.clone();
            let command = command(stock_entity(SKUS[n as usize % SKUS.len()]), n, receive(1));
            answers.push(tokio::task::spawn_local(async move {
                // At the moments at which the shard looks who is idle, a little sooner or later.
                tokio::time::sleep(Duration::from_millis(n as u64 / 16 * 4)).await;
                for _ in 0..n % 16 {
                    let_one_other_run().await;
                }
                engine.command(command).await
            }));
        }
        trial.pass_ms(1_000).await;
        for answer in answers {
            let answer = tokio::time::timeout(Duration::from_millis(100), answer).await;
            answer.expect("a message was lost").unwrap().unwrap();
        }
        for sku in SKUS {
            assert_eq!(stock_of(&trial, sku).await, (RECEIPTS_OF_EACH as u64, 0), "{sku}");
        }
    });
    disks.check();
}

#[test]
fn a_hold_that_was_extended_ends_by_itself_at_its_new_deadline() {
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(5)).await.unwrap();
        let held = create(&[("A", 2)], Term::For(1_000));
        trial.command(reservation_entity(1), 2, held).await.unwrap();
        let extend = Command::Reservation(reservation::Command::Extend(Term::For(2_000)));
        trial.command(reservation_entity(1), 3, extend).await.unwrap();
        trial.pass_ms(1_999).await;
        assert_eq!(stock_of(&trial, "A").await, (5, 2));
        trial.pass_ms(10).await;
        assert_eq!(stock_of(&trial, "A").await, (5, 0));
    });
}

#[test]
fn a_flood_of_deadlines_is_met_within_ten_milliseconds() {
    const HOLDS: u128 = 10_000;
    let disks = Disks::new(16 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(HOLDS as u64)).await.unwrap();
        // They are passive when their time comes, and all of it within one second.
        let creations = (0..HOLDS).map(|n| {
            let held = create(&[("A", 1)], Term::For(2_000 + (n as u64 * 7) % 1_000));
            trial.command(reservation_entity(n), 100 + n, held)
        });
        assert!(join_all(creations).await.into_iter().all(|created| created.is_ok()));
        trial.pass_ms(3_020).await;
        assert_eq!(stock_of(&trial, "A").await, (HOLDS as u64, 0));
    });
    let (mut expired, mut released) = (0, 0);
    let mut deadlines = std::collections::HashMap::new();
    for event in disks.events() {
        match event.body {
            Body::Reservation(reservation::Event::Expired { deadline }) => {
                expired += 1;
                deadlines.insert(event.stream.id, deadline);
            }
            Body::StockBalance(stock_balance::Event::ClaimReleased { claim, .. }) => {
                released += 1;
                let deadline = deadlines[&EntityId::Reservation(claim.reservation)];
                let lag_ms = event.time.0.checked_sub(deadline.0).expect("not before its time");
                assert!(lag_ms <= 10, "{lag_ms}");
            }
            _ => {}
        }
    }
    assert_eq!((expired, released), (HOLDS, HOLDS));
}
