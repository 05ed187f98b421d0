//! Calendars in the engine: with stock in one reservation, across restarts, and in a crowd.
#![allow(clippy::unwrap_used)]

mod support;

use futures::future::join_all;
use holdfast::actors::engine::CommandError;
use holdfast::actors::keeper::Schedule;
use holdfast::domain::calendar::*;
use holdfast::domain::claim::{Blocker, Wish};
use holdfast::domain::ids::*;
use holdfast::domain::name::LineId;
use holdfast::domain::rejection::Rejection;
use holdfast::domain::reservation::{State, Term};
use holdfast::domain::view::View;
use holdfast::domain::wanted::Wanted;
use holdfast::recovery::Spread;
use support::calendars::*;
use support::*;

fn short_of(
    result: Result<holdfast::actors::delivery::Accepted, CommandError>,
) -> Vec<(String, u64, Option<Blocker>)> {
    match result {
        Err(CommandError::Refused(refused)) => match refused.rejection {
            Rejection::Short(short) => {
                let told = short.into_iter().map(|short| {
                    let shortfall = short.shortfall;
                    (short.line.to_string(), shortfall.available, shortfall.blocker)
                });
                told.collect()
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

async fn claims(trial: &Trial, key: EntityKey) -> Vec<Wish> {
    trial.engine.claims(key, None, 100).await.unwrap().answer.claims
}

async fn has_nothing_claimed(trial: &Trial) -> bool {
    let mut all = Vec::new();
    for key in [calendar_entity("DOUBLE"), calendar_entity("BAY"), stock_entity("BREAKFAST")] {
        all.extend(claims(trial, key).await);
    }
    all.is_empty()
}

async fn state_of(trial: &Trial, n: u128) -> State {
    match trial.engine.show(reservation_entity(n)).await.unwrap().answer.view {
        View::Reservation(details) => details.state,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_reservation_of_every_kind_holds_all_of_its_lines_or_none() {
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings::default());
        furnish(&trial).await;
        let hold = || wants(holiday(), Term::For(60_000));
        trial.command(reservation_entity(1), 10, hold()).await.unwrap();
        let deadline = trial.engine.now().plus_ms(60_000);

        // The last in the order of keys: the room and the breakfast are given back, or never taken.
        let refused = short_of(trial.command(reservation_entity(2), 11, hold()).await);
        let [(breakfast, 1, Some(Blocker::Stock(_))), (bay, 0, Some(Blocker::Calendar(why)))] =
            &refused[..]
        else {
            panic!("{refused:?}")
        };
        assert_eq!((breakfast.as_str(), bay.as_str()), ("2", "3"));
        let Wanted::Time { span, .. } = hours("BAY", 0, 2) else { panic!() };
        let (Span::Slots { start, end }, Cause::Taken(taken)) = (span, why.cause) else {
            panic!("{why:?}")
        };
        assert_eq!(taken, Span::Slots { start, end: end.plus_ms(600_000) });
        assert_eq!(why.deadline, Some(deadline));
        assert_eq!(claims(&trial, calendar_entity("DOUBLE")).await.len(), 1);
        // What was granted before the first that falls short is given back.
        let three = vec![
            (stock_line("BREAKFAST"), 1),
            (hours("BAY", 9, 10), 1),
            (nights("DOUBLE", 0, 1), 2),
        ];
        let refused =
            short_of(trial.command(reservation_entity(5), 15, wants(three, Term::Confirmed)).await);
        assert_eq!(refused.iter().map(|short| short.0.as_str()).collect::<Vec<_>>(), ["3"]);
        trial.pass_ms(5).await;
        for key in [calendar_entity("BAY"), calendar_entity("DOUBLE"), stock_entity("BREAKFAST")] {
            let stands: Vec<_> = claims(&trial, key).await.iter().map(Wish::reservation).collect();
            assert_eq!(stands, [reservation_id(1)]);
        }
        let unknown = wants(vec![(nights("SUITE", 0, 1), 1)], Term::For(60_000));
        let refused = short_of(trial.command(reservation_entity(3), 12, unknown).await);
        let [(_, 0, Some(Blocker::Calendar(why)))] = &refused[..] else { panic!("{refused:?}") };
        assert_eq!(why.cause, Cause::Unknown);

        trial.pass_ms(60_020).await;
        assert_eq!(state_of(&trial, 1).await, State::Expired);
        assert!(has_nothing_claimed(&trial).await);
        trial.command(reservation_entity(4), 13, hold()).await.unwrap();
        trial.command(reservation_entity(4), 14, cancel()).await.unwrap();
        trial.pass_ms(5).await;
        assert!(has_nothing_claimed(&trial).await);
        trial.settled_digest().await;
    });
    assert_settled(&disks.check().world);
}

#[test]
fn of_two_that_want_the_same_last_two_things_in_opposite_order_exactly_one_wins() {
    for seed in 0..12 {
        let disks = Disks::new(1 << 20);
        on_one_thread(async {
            let trial = start(&disks, clock(), Settings { shards: 3, ..Settings::default() });
            furnish(&trial).await;
            let things = match seed % 3 {
                0 => [(hours("BAY", 0, 2), 1), (nights("DOUBLE", 0, 1), 2)],
                1 => [(hours("BAY", 0, 2), 1), (stock_line("BREAKFAST"), 3)],
                _ => [(nights("DOUBLE", 0, 2), 2), (stock_line("BREAKFAST"), 3)],
            };
            let [one, other] = things;
            let term = Term::For(60_000);
            let both =
                [wants(vec![one.clone(), other.clone()], term), wants(vec![other, one], term)];
            for _ in 0..seed / 3 {
                let_one_other_run().await;
            }
            let tries = both
                .into_iter()
                .zip(1..)
                .map(|(wants, n)| trial.command(reservation_entity(n), 100 + n, wants));
            let answers = join_all(tries).await;
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        });
        disks.check();
    }
}

#[test]
fn calendars_and_their_claims_are_there_after_a_restart() {
    let disks = Disks::new(4 << 10);
    let clock = clock();
    let day = 24 * HOUR;
    let digest = on_one_thread(async {
        let trial = start(&disks, clock.clone(), Settings::default());
        furnish(&trial).await;
        trial.command(reservation_entity(1), 10, wants(holiday(), Term::Confirmed)).await.unwrap();
        trial.engine.take_snapshot().await.unwrap();
        let hold = |n: u64| wants(vec![(hours("BAY", 3 + n, 4 + n), 1)], Term::For(60_000));
        // A turnover is ten minutes, so every second hour can be had.
        for n in 2..12 {
            let wish = hold(2 * n as u64);
            trial.command(reservation_entity(n), 100 + n, wish).await.unwrap();
        }
        trial.command(reservation_entity(2), 300, commit()).await.unwrap();
        trial.pass_ms(50).await;
        trial.digest().await
    });
    on_one_thread(async {
        let trial = start(&disks, clock.clone(), Settings::default());
        assert_eq!(trial.digest().await, digest);
        assert_eq!(claims(&trial, calendar_entity("BAY")).await.len(), 11);
        let taken = wants(vec![(hours("BAY", 1, 3), 1)], Term::For(60_000));
        assert_eq!(short_of(trial.command(reservation_entity(20), 400, taken).await).len(), 1);
        trial.pass_ms(60_001).await;
        // What is confirmed stays, and what was used.
        assert_eq!(claims(&trial, calendar_entity("BAY")).await.len(), 2);
        let (_, digest) = trial.settled_digest().await;
        assert_eq!(digest, disks.check().world.digest());
    });
    clock.advance_ms(2 * day);
    on_one_thread(async {
        let trial = start(&disks, clock.clone(), Settings::default());
        let later = wants(vec![(hours("BAY", 100, 101), 1)], Term::Confirmed);
        trial.command(reservation_entity(30), 500, later).await.unwrap();
        // Time that was used is past, and nobody's any more, but it isn't free.
        assert_eq!(claims(&trial, calendar_entity("BAY")).await.len(), 2);
        let past = wants(vec![(hours("BAY", 7, 8), 1)], Term::Confirmed);
        assert_eq!(short_of(trial.command(reservation_entity(31), 501, past).await).len(), 1);
        let (_, digest) = trial.settled_digest().await;
        assert_eq!(digest, disks.check().world.digest());
    });
}

#[test]
fn what_was_used_stays_claimed_when_its_reservation_is_in_the_archive() {
    let disks = Disks::new(4 << 10);
    let clock = clock();
    let schedule = Schedule { retention_ms: 0, ..Schedule::default() };
    let settings = Settings { schedule, ..Settings::default() };
    on_one_thread(async {
        let trial = start(&disks, clock.clone(), settings.clone());
        furnish(&trial).await;
        trial.command(reservation_entity(1), 10, wants(holiday(), Term::Confirmed)).await.unwrap();
        trial.command(reservation_entity(1), 11, commit()).await.unwrap();
        trial.pass_ms(50).await;
        trial.engine.take_snapshot().await.unwrap();
        trial.pass_ms(50).await;
        assert_eq!(trial.engine.statistics().await.unwrap().archived, 1);
        // One that knows the calendar, and not the reservation any more.
        trial.engine.take_snapshot().await.unwrap();
    });
    let (loaded, _) = disks.loaded(&Spread::new(2, 3));
    assert_eq!(loaded.unsettled.claims, []);
    on_one_thread(async {
        let trial = start(&disks, clock.clone(), settings);
        trial.pass_ms(50).await;
        assert_eq!(claims(&trial, calendar_entity("DOUBLE")).await.len(), 1);
        let refused = trial.command(reservation_entity(2), 12, wants(holiday(), Term::Confirmed));
        assert!(!short_of(refused.await).is_empty());
        let (_, digest) = trial.settled_digest().await;
        assert_eq!(digest, disks.check().world.digest());
    });
}

#[test]
fn wherever_the_power_goes_calendars_and_reservations_agree_after_a_start() {
    for commits in 0..16 {
        let disks = Disks::new(1 << 20);
        let clock = clock();
        on_one_thread(async {
            let trial = start(&disks, clock.clone(), Settings::default());
            furnish(&trial).await;
            let one = wants(holiday(), Term::For(1_000));
            trial.command(reservation_entity(1), 10, one).await.unwrap();
            disks.log.fail_sync_after(commits / 2);
            let work = async {
                let _ = trial.command(reservation_entity(1), 11, cancel()).await;
                let two = wants(holiday(), Term::Confirmed);
                let _ = trial.command(reservation_entity(2), 12, two).await;
                let _ = trial.command(reservation_entity(2), 13, commit()).await;
                let three = wants(vec![(hours("BAY", 9, 10), 1)], Term::For(1_000));
                let _ = trial.command(reservation_entity(3), 14, three).await;
            };
            let _ = tokio::time::timeout(std::time::Duration::from_millis(500), work).await;
        });
        let unsynced = disks.log.pages_unsynced();
        disks.log.crash(commits as usize % (unsynced + 1));
        drop(disks.open());
        disks.check();
        on_one_thread(async {
            let trial = start(&disks, clock.clone(), Settings::default());
            trial.pass_ms(1_500).await;
            let (_, digest) = trial.settled_digest().await;
            let verdict = disks.check();
            assert_eq!(digest, verdict.world.digest());
            assert_settled(&verdict.world);
        });
    }
}

#[test]
fn a_calendar_rests_and_is_listed_and_a_command_sent_again_has_the_same_outcome() {
    on_one_thread(async {
        let trial = start(&Disks::new(1 << 20), clock(), Settings::default());
        furnish(&trial).await;
        let less = || set(Setting::Capacity(When::Always, Some(1)));
        let first = trial.command(calendar_entity("DOUBLE"), 4, less()).await.unwrap();
        trial.command(reservation_entity(1), 10, wants(holiday(), Term::Confirmed)).await.unwrap();
        trial.pass_ms(1_000).await;
        let counts = trial.engine.entities().await.unwrap();
        let calendars = counts.iter().filter(|count| count.kind == EntityKind::Calendar);
        let calendars: Vec<_> =
            calendars.map(|count| (count.state, count.active, count.passive)).collect();
        assert_eq!(calendars, [("OPEN", 0, 2)]);
        let again = trial.command(calendar_entity("DOUBLE"), 4, less()).await.unwrap();
        assert_eq!((again.version, again.position), (first.version, first.position));
        let View::Calendar(now) = again.now.view else { panic!("{again:?}") };
        assert_eq!((now.rules.capacity, now.claims), (1, 1));
        let created = trial.command(calendar_entity("DOUBLE"), 99, rooms(2)).await.unwrap();
        assert_eq!(created.version, Version(1));
        let other = trial.command(calendar_entity("DOUBLE"), 98, rooms(3)).await;
        let Err(CommandError::Refused(refused)) = other else { panic!("{other:?}") };
        assert_eq!(refused.rejection, Rejection::RequestIdReused);
    });
}

#[test]
fn what_a_calendar_answers_is_what_it_decides() {
    on_one_thread(async {
        let trial = start(&Disks::new(1 << 20), clock(), Settings::default());
        furnish(&trial).await;
        trial.command(reservation_entity(1), 10, wants(holiday(), Term::Confirmed)).await.unwrap();
        let ask = async |name: &str, question: Question| {
            let told = trial.engine.ask(calendar_entity(name), question).await.unwrap();
            assert_eq!(told.position, trial.engine.journal().durable());
            told.answer
        };
        let (from, to) = (19_699, 19_704);
        let Answer::Available(found) =
            ask("DOUBLE", Question::Available { from, to, count: 90 }).await
        else {
            panic!()
        };
        let available: Vec<_> = found.iter().map(|night| night.available).collect();
        assert_eq!(available, [2, 1, 1, 1, 2]);

        let Wanted::Time { span, .. } = hours("BAY", 0, 2) else { panic!() };
        let line = ClaimLine { id: LineId::counted(0), span, held: 1, committed: 0 };
        let fits = Question::Fits([line].into());
        let Answer::Fits(short) = ask("BAY", fits.clone()).await else { panic!() };
        let refused = wants(vec![(hours("BAY", 0, 2), 1)], Term::Confirmed);
        let refused = short_of(trial.command(reservation_entity(2), 11, refused).await);
        assert_eq!(short[0].shortfall.blocker, refused[0].2);
        assert_eq!(
            ask("NONE", Question::Claims { from, to, begin: None, count: 9 }).await,
            Answer::Nothing
        );
        let Answer::Fits(short) = ask("NONE", fits).await else { panic!() };
        assert_eq!(short.len(), 1);

        let claims = Question::Claims { from, to, begin: None, count: 9 };
        let Answer::Claims(claims) = ask("DOUBLE", claims).await else { panic!() };
        assert_eq!(claims.iter().map(|claim| claim.units).collect::<Vec<_>>(), [1]);
        let setting = Setting::Closed(When::Always, true);
        let conflicts = Question::ConflictsOf { setting, after: None, count: 9 };
        let Answer::Conflicts { conflicts, total, .. } = ask("DOUBLE", conflicts).await else {
            panic!()
        };
        assert_eq!((conflicts.len(), total), (1, Some(1)));
    });
}
