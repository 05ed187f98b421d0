//! Reservations that get other lines, in the engine: of every kind, in a crowd, and through crashes.
#![allow(clippy::unwrap_used)]

mod support;

use futures::future::join_all;
use holdfast::actors::delivery::Accepted;
use holdfast::actors::engine::CommandError;
use holdfast::codec::v1;
use holdfast::domain::claim::Wish;
use holdfast::domain::command::{Command, Intent};
use holdfast::domain::event::{Body, Event};
use holdfast::domain::ids::*;
use holdfast::domain::name::LineId;
use holdfast::domain::rejection::Rejection;
use holdfast::domain::reservation::{self, Details, Line, State, Term};
use holdfast::domain::view::View;
use holdfast::domain::wanted::Wanted;
use holdfast::journal::{Commit, Store};
use support::calendars::*;
use support::*;

const TERM: Term = Term::For(60_000);

fn lines(wanted: Vec<(Wanted, u64)>) -> Vec<Line> {
    let line = |(n, (wanted, quantity))| Line { id: LineId::counted(n), wanted, quantity };
    wanted.into_iter().enumerate().map(line).collect()
}

fn change(wanted: Vec<(Wanted, u64)>) -> Command {
    Command::Reservation(reservation::Command::Change(lines(wanted).into()))
}

/// A night longer, one breakfast more, and the bay an hour later.
fn longer() -> Vec<(Wanted, u64)> {
    vec![(nights("DOUBLE", 0, 4), 1), (stock_line("BREAKFAST"), 3), (hours("BAY", 1, 3), 1)]
}

fn confirm() -> Command {
    Command::Reservation(reservation::Command::Confirm)
}

fn rejection(result: Result<Accepted, CommandError>) -> Rejection {
    match result {
        Err(CommandError::Refused(refused)) => refused.rejection,
        other => panic!("{other:?}"),
    }
}

async fn details(trial: &Trial, n: u128) -> Details {
    match trial.engine.show(reservation_entity(n)).await.unwrap().answer.view {
        View::Reservation(details) => Details::clone(&details),
        other => panic!("{other:?}"),
    }
}

const RESOURCES: [fn() -> EntityKey; 3] =
    [|| calendar_entity("DOUBLE"), || calendar_entity("BAY"), || stock_entity("BREAKFAST")];

/// What each of the resources has promised to whom, but for when it was told.
async fn promised(trial: &Trial) -> Vec<Wish> {
    let mut all = Vec::new();
    for resource in RESOURCES {
        let claims = trial.engine.claims(resource(), None, 100).await.unwrap().answer.claims;
        all.extend(claims.into_iter().map(|wish| match wish {
            Wish::Stock(mut claim) => {
                claim.reservation_version = Version(0);
                Wish::Stock(claim)
            }
            Wish::Calendar(mut claim) => {
                claim.reservation_version = Version(0);
                Wish::Calendar(claim)
            }
        }));
    }
    all
}

#[test]
fn a_reservation_of_every_kind_has_all_of_its_new_lines_or_all_of_its_old_ones() {
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings::default());
        furnish(&trial).await;
        trial.command(reservation_entity(1), 10, wants(holiday(), TERM)).await.unwrap();
        let deadline = details(&trial, 1).await.deadline;
        let changed = trial.command(reservation_entity(1), 11, change(longer())).await.unwrap();
        assert_eq!(changed.version, Version(3));
        let after = details(&trial, 1).await;
        assert_eq!((&*after.lines, after.change), (&*lines(longer()), None));
        assert_eq!((after.state, after.deadline), (State::Held, deadline));
        trial.pass_ms(5).await;
        let before = promised(&trial).await;

        // More breakfasts than there are, and rooms that somebody else has by now.
        let other = wants(vec![(nights("DOUBLE", 4, 2), 2)], TERM);
        trial.command(reservation_entity(2), 12, other).await.unwrap();
        let mut too_much = longer();
        too_much[0].0 = nights("DOUBLE", 0, 5);
        too_much[1].1 = 4;
        let refused = rejection(trial.command(reservation_entity(1), 13, change(too_much)).await);
        let Rejection::Short(short) = refused else { panic!("{refused:?}") };
        assert_eq!(short.iter().map(|it| it.line.as_str()).collect::<Vec<_>>(), ["1", "2"]);
        trial.command(reservation_entity(2), 14, cancel()).await.unwrap();
        trial.pass_ms(5).await;
        assert_eq!(promised(&trial).await, before);
        assert_eq!(&*details(&trial, 1).await.lines, &*lines(longer()));

        trial.command(reservation_entity(1), 15, change(holiday())).await.unwrap();
        trial.command(reservation_entity(1), 16, commit()).await.unwrap();
        trial.settled_digest().await;
    });
    assert_settled(&disks.check().world);
}

#[test]
fn two_that_each_need_what_the_other_holds_are_both_refused() {
    for turns in 0..12 {
        let disks = Disks::new(1 << 20);
        on_one_thread(async {
            let trial = start(&disks, clock(), Settings::default());
            furnish(&trial).await;
            let things = [(hours("BAY", 0, 2), 1), (stock_line("BREAKFAST"), 3)];
            for (n, thing) in (1..).zip(&things) {
                let created = wants(vec![thing.clone()], TERM);
                trial.command(reservation_entity(n), n, created).await.unwrap();
            }
            let first = trial.command(reservation_entity(1), 11, change(things[1..].to_vec()));
            let second = async {
                for _ in 0..turns {
                    let_one_other_run().await;
                }
                trial.command(reservation_entity(2), 12, change(things[..1].to_vec())).await
            };
            let (first, second) = futures::join!(first, second);
            for refused in [rejection(first), rejection(second)] {
                assert!(matches!(refused, Rejection::Short(_)), "{refused:?}");
            }
            trial.settled_digest().await;
        });
        assert_settled(&disks.check().world);
    }
}

/// So many that asking them takes many turns of the thread.
const SKUS: usize = 150;

/// A server with many SKUs, one reservation that holds one of each, and a wish to have two.
async fn cart(trial: &Trial) -> Command {
    let skus: Vec<_> = (0..SKUS).map(|n| format!("{n}")).collect();
    let received = skus.iter().enumerate();
    join_all(
        received.map(|(n, sku)| trial.command(stock_entity(sku), 100 + n as u128, receive(5))),
    )
    .await;
    let of = |units| skus.iter().map(|sku| (stock_line(sku), units)).collect::<Vec<_>>();
    trial.command(reservation_entity(1), 1, wants(of(1), Term::For(1_000))).await.unwrap();
    change(of(2))
}

async fn held_of(trial: &Trial, sku: &str) -> u64 {
    match trial.engine.show(stock_entity(sku)).await.unwrap().answer.view {
        View::StockBalance(stock) => stock.figures.held,
        other => panic!("{other:?}"),
    }
}

#[test]
fn while_a_change_is_under_way_its_repetition_joins_and_others_wait_in_order() {
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings::default());
        let change = cart(&trial).await;
        let sent = |request, command| trial.command(reservation_entity(1), request, command);
        let extend = Command::Reservation(reservation::Command::Extend(Term::For(9_000)));
        let (first, extended, again, confirmed) = futures::join!(
            sent(7, change.clone()),
            sent(8, extend),
            sent(7, change.clone()),
            sent(9, confirm()),
        );
        let first = first.unwrap();
        assert_eq!((first.version, again.unwrap()), (Version(3), first));
        assert_eq!([extended, confirmed].map(|it| it.unwrap().version.0), [4, 5]);
        assert_eq!(held_of(&trial, "29").await, 2);
        assert_eq!(sent(7, change).await.unwrap().version, Version(3));
    });
    disks.check();
}

#[test]
fn cancelling_and_expiry_end_a_change_wherever_it_is_and_nothing_stays_held() {
    let mut met = [0; 2];
    for moment in 0..60 {
        let is_cancel = moment % 2 == 0;
        let disks = Disks::new(1 << 20);
        on_one_thread(async {
            let trial = start(&disks, clock(), Settings::default());
            let change = cart(&trial).await;
            let changed = trial.command(reservation_entity(1), 7, change);
            let end = async {
                for _ in 0..moment {
                    let_one_other_run().await;
                }
                if is_cancel {
                    let cancelled = trial.command(reservation_entity(1), 8, cancel()).await;
                    assert!(cancelled.is_ok());
                } else {
                    trial.clock.advance_ms(1_000);
                }
            };
            match futures::join!(changed, end).0 {
                Ok(changed) => assert_eq!(changed.version, Version(3)),
                Err(CommandError::Refused(refused)) => {
                    met[moment % 2] += 1;
                    let (from, command) = ("CANCELLED", "ChangeReservation");
                    let is_expected = match refused.rejection {
                        Rejection::HoldExpired { .. } => !is_cancel,
                        other => {
                            is_cancel && other == Rejection::InvalidTransition { from, command }
                        }
                    };
                    assert!(is_expected, "{is_cancel}");
                }
                Err(other) => panic!("{other:?}"),
            }
            trial.pass_ms(50).await;
            for sku in 0..SKUS {
                assert_eq!(held_of(&trial, &sku.to_string()).await, 0);
            }
        });
        assert_settled(&disks.check().world);
    }
    assert!(met.iter().all(|met| *met > 3), "{met:?}");
}

/// Disks whose log holds these events.
fn with(events: &[Event]) -> Disks {
    let disks = Disks::new(1 << 20);
    let mut commit = Commit::new(Position(1));
    for event in events {
        commit.push_with(|bytes| v1::encode_event(event, bytes)).unwrap();
    }
    disks.open().store.commit(&commit).unwrap();
    disks
}

/// Whether the reservation's change has begun in these events, and not ended.
fn is_under_way(events: &[Event]) -> bool {
    let last = events.iter().rev().find_map(|event| match &event.body {
        Body::Reservation(event) => Some(event),
        _ => None,
    });
    matches!(last, Some(reservation::Event::ChangeStarted { .. }))
}

#[test]
fn wherever_a_log_ends_a_change_is_taken_up_again_and_the_same_command_joins_it() {
    let whole = Disks::new(1 << 20);
    let refused = || {
        let mut lines = longer();
        lines[1].1 = 9;
        change(lines)
    };
    on_one_thread(async {
        let trial = start(&whole, clock(), Settings::default());
        furnish(&trial).await;
        trial.command(reservation_entity(1), 10, wants(holiday(), TERM)).await.unwrap();
        rejection(trial.command(reservation_entity(1), 11, refused()).await);
        trial.command(reservation_entity(1), 12, change(longer())).await.unwrap();
        let fewer = vec![(stock_line("BREAKFAST"), 1)];
        trial.command(reservation_entity(1), 13, change(fewer)).await.unwrap();
        trial.command(reservation_entity(1), 14, change(longer())).await.unwrap();
        trial.settled_digest().await;
    });
    let events = whole.events();
    let mut under_way = 0;
    for count in 1..=events.len() {
        let disks = with(&events[..count]);
        on_one_thread(async {
            let trial = start(&disks, clock(), Settings::default());
            under_way += usize::from(is_under_way(&events[..count]));
            // Half of the time nobody asks for it again.
            if is_under_way(&events[..count]) && count % 2 == 0 {
                let last = events[..count].iter().rev().find_map(|event| match &event.body {
                    Body::Reservation(reservation::Event::ChangeStarted { request, .. }) => {
                        Some(request.id.0.as_u128())
                    }
                    _ => None,
                });
                let request = last.unwrap();
                let again = if request == 11 { refused() } else { change(longer()) };
                // Before it has come to its end, and after.
                for _ in 0..2 {
                    let answer = trial.command(reservation_entity(1), request, again.clone()).await;
                    assert_eq!(answer.is_ok(), request != 11, "{count}: {answer:?}");
                }
            }
            trial.settled_digest().await;
            if let View::Reservation(details) =
                trial.engine.show(reservation_entity(1)).await.unwrap().answer.view
            {
                assert_eq!(details.change, None, "{count}");
            }
        });
        assert_settled(&disks.check().world);
    }
    assert!(under_way > 8, "{under_way}");
}

#[test]
fn a_change_that_was_cut_off_is_expired_where_its_deadline_passed_meanwhile() {
    let whole = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&whole, clock(), Settings::default());
        furnish(&trial).await;
        trial.command(reservation_entity(1), 10, wants(holiday(), TERM)).await.unwrap();
        trial.command(reservation_entity(1), 12, change(longer())).await.unwrap();
    });
    let events = whole.events();
    for count in (1..=events.len()).filter(|count| is_under_way(&events[..*count])) {
        let disks = with(&events[..count]);
        on_one_thread(async {
            let clock = clock();
            clock.advance_ms(70_000);
            let trial = start(&disks, clock, Settings::default());
            trial.pass_ms(20).await;
            assert_eq!(details(&trial, 1).await.state, State::Expired);
            assert_eq!(promised(&trial).await, []);
            trial.settled_digest().await;
        });
        assert_settled(&disks.check().world);
    }
}

#[test]
fn what_is_only_validated_writes_nothing_and_the_same_id_may_be_used_for_it() {
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings::default());
        furnish(&trial).await;
        trial.command(reservation_entity(1), 10, wants(holiday(), TERM)).await.unwrap();
        let before = (disks.events().len(), promised(&trial).await);
        let tried = |n, request, wanted| {
            let sent = command(reservation_entity(n), request, wanted);
            let sent =
                holdfast::actors::engine::CommandRequest { intent: Intent::Validate, ..sent };
            trial.engine.command(sent)
        };
        let foretold = tried(1, 11, change(longer())).await.unwrap();
        let View::Reservation(details) = &foretold.now.view else { panic!() };
        assert_eq!((foretold.version, &*details.lines), (Version(3), &*lines(longer())));
        let short = rejection(tried(2, 12, wants(holiday(), TERM)).await);
        let Rejection::Short(short) = short else { panic!("{short:?}") };
        assert_eq!(short.len(), 2, "breakfast and bay");
        let one_night = wants(vec![(nights("DOUBLE", 0, 1), 1)], Term::Confirmed);
        let foretold = tried(3, 13, one_night.clone()).await.unwrap();
        assert_eq!(foretold.now.version, Version(1));
        assert_eq!((disks.events().len(), promised(&trial).await), before);
        trial.command(reservation_entity(3), 13, one_night).await.unwrap();
        // Many at once, real ones among them: each real one has its effect.
        let both = (0..20u128).map(|n| {
            let command = change(vec![(stock_line("BREAKFAST"), 1 + n as u64 % 3)]);
            let (tried, sent) = (tried(1, 20 + n, command.clone()), (20 + n, command));
            let sent = trial.command(reservation_entity(1), sent.0, sent.1);
            async { futures::join!(tried, sent) }
        });
        for (tried, done) in join_all(both).await {
            assert_eq!(tried.is_ok(), done.is_ok());
        }
    });
    assert_settled(&disks.check().world);
}
