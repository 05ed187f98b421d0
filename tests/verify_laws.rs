//! Each law of the log, broken in a log that was sound.
#![allow(clippy::unwrap_used)]

mod support;

use holdfast::domain::calendar::Span;
use holdfast::domain::command::Command;
use holdfast::domain::event::{Body, Event};
use holdfast::domain::ids::Position;
use holdfast::domain::name::{Label, LineId};
use holdfast::domain::reservation::{self, Term};
use holdfast::domain::{calendar, claim::Claim, sales_order, stock_balance};
use holdfast::verify::Laws;
use support::calendars::*;
use support::*;

/// How an event is falsified.
type Forgery<'a> = &'a dyn Fn(&mut Event);
type Choice<'a> = &'a dyn Fn(&Event) -> bool;
type TimeForgery<'a> = &'a dyn Fn(&mut calendar::Event);

/// Receipts past two landmarks, a hold that stands, one that was cancelled, an order.
fn sound() -> Vec<Event> {
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings::default());
        for n in 0..600 {
            trial.command(stock_entity("A"), n, receive(1)).await.unwrap();
        }
        trial.pass_ms(5).await;
        for n in 0..2 {
            let held = create(&[("A", 3)], Term::For(60_000));
            trial.command(reservation_entity(n), 1_000 + n, held).await.unwrap();
        }
        let cancel = reservation::Command::Cancel { reason: Label::empty() };
        let cancel = Command::Reservation(cancel);
        trial.command(reservation_entity(1), 1_100, cancel).await.unwrap();
        trial.command(order_entity(9), 1_200, order(&[("A", 2)])).await.unwrap();
        trial.settled_digest().await;
    });
    disks.events()
}

fn problems(events: &[Event]) -> String {
    let mut laws = Laws::default();
    events.iter().for_each(|event| laws.follow(event));
    laws.finish().problems.join("\n")
}

/// A stay with parking that was used, one that was cancelled, and a bay whose capacity shrank.
fn sound_calendars() -> Vec<Event> {
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings::default());
        furnish(&trial).await;
        trial.command(reservation_entity(1), 10, wants(holiday(), Term::Confirmed)).await.unwrap();
        trial.command(reservation_entity(1), 11, commit()).await.unwrap();
        let stay = vec![(nights("DOUBLE", 1, 2), 1)];
        trial.command(reservation_entity(2), 12, wants(stay, Term::Confirmed)).await.unwrap();
        let shrunk = calendar::Setting::Capacity(calendar::When::Always, Some(0));
        let shrunk = calendar::Command::Set { setting: shrunk.into(), accept_conflicts: true };
        trial.command(calendar_entity("DOUBLE"), 13, Command::Calendar(shrunk)).await.unwrap();
        trial.command(reservation_entity(2), 14, cancel()).await.unwrap();
        trial.settled_digest().await;
    });
    disks.events()
}

#[test]
fn each_broken_law_of_calendars_is_told() {
    use calendar::Event as Time;
    let sound = sound_calendars();
    assert_eq!(problems(&sound), "");
    let broken = |name: &str, nth: usize, change: &dyn Fn(&mut Time)| {
        let mut events = sound.clone();
        let times = events.iter_mut().filter_map(|event| match &mut event.body {
            Body::Calendar(body) if body.name() == name => Some(body),
            _ => None,
        });
        change(times.into_iter().nth(nth).unwrap());
        problems(&events)
    };
    let standing = |event: &mut Time, change: &dyn Fn(&mut calendar::Standing)| match event {
        Time::ClaimMade(standing) | Time::ClaimCommitted(standing) => change(standing),
        other => panic!("{other:?}"),
    };
    let line = |event: &mut Time, change: &dyn Fn(&mut calendar::ClaimLine)| {
        standing(event, &|standing| {
            let mut parts = standing.parts.to_vec();
            change(&mut parts[0].line);
            standing.parts = parts.into();
        });
    };
    let expected: [(&str, usize, &str, TimeForgery<'_>); 6] = [
        ("ClaimMade", 0, "are claimed where there are 1", &|event| {
            line(event, &|line| line.held = 2);
        }),
        ("ClaimMade", 1, "it doesn't hold all that it wants of calendar:DOUBLE", &|event| {
            standing(event, &|standing| standing.parts = [].into());
        }),
        ("ClaimCommitted", 0, "is COMMITTED, and calendar:", &|event| {
            line(event, &|line| line.committed = 0);
        }),
        ("ClaimCommitted", 1, "an older wish has undone a newer one", &|event| {
            standing(event, &|standing| standing.reservation_version.0 = 0);
        }),
        ("ClaimReleased", 0, "the reservation has no claim here", &|event| {
            let Time::ClaimReleased { reservation, .. } = event else { panic!() };
            *reservation = reservation_id(77);
        }),
        ("ClaimReleased", 0, "an older wish has undone a newer one", &|event| {
            let Time::ClaimReleased { reservation_version, .. } = event else { panic!() };
            reservation_version.0 = 0;
        }),
    ];
    for (name, nth, problem, change) in expected {
        let told = broken(name, nth, change);
        assert!(told.contains(problem), "{name}: {problem} isn't in:\n{told}");
    }
}

/// A stay with parking of which a breakfast and an hour of the bay were used, before the rest was given
/// back.
fn sound_parts() -> Vec<Event> {
    let disks = Disks::new(1 << 20);
    on_one_thread(async {
        let trial = start(&disks, clock(), Settings::default());
        furnish(&trial).await;
        let gone = reservation::End::Time(TOMORROW.plus_ms(HOUR));
        let said = [
            wants(holiday(), Term::Confirmed),
            commit_part(1, 1, None, false),
            commit_part(2, 1, Some(gone), false),
            cancel(),
        ];
        for (request, said) in (10..).zip(said) {
            trial.command(reservation_entity(1), request, said).await.unwrap();
        }
        trial.settled_digest().await;
    });
    disks.events()
}

#[test]
fn each_broken_law_of_parts_is_told() {
    let sound = sound_parts();
    assert_eq!(problems(&sound), "");
    let parts = |event: &mut Event, change: &dyn Fn(&mut [calendar::Part])| match &mut event.body {
        Body::Calendar(calendar::Event::ClaimCommitted(standing)) => {
            let mut parts = standing.parts.to_vec();
            change(&mut parts);
            standing.parts = parts.into();
        }
        other => panic!("{other:?}"),
    };
    let is_of_bay =
        |event: &Event| matches!(event.body, Body::Calendar(calendar::Event::ClaimCommitted(_)));
    let expected: [(Choice<'_>, &str, Forgery<'_>); 4] = [
        (&|event| event.body.name() == "ReservationCommitted", "and has given it 1", &|event| {
            let Body::Reservation(reservation::Event::CommittedInPart { parts, .. }) =
                &mut event.body
            else {
                panic!("{event:?}")
            };
            let mut more = parts.to_vec();
            more[0].quantity += 1;
            *parts = more.into();
        }),
        (&is_of_bay, "2 are claimed where there are 1", &|event| {
            parts(event, &|parts| {
                let Span::Slots { end, .. } = &mut parts[0].line.span else { panic!() };
                *end = end.plus_ms(60_000);
            });
        }),
        (&is_of_bay, "2 are claimed where there are 1", &|event| {
            parts(event, &|parts| parts[1].line.id = LineId::counted(7));
        }),
        (&is_of_bay, "is CANCELLED, and calendar:BAY has another claim", &|event| {
            parts(event, &|parts| {
                let Span::Slots { end, .. } = &mut parts[0].line.span else { panic!() };
                end.0 -= 60_000;
                let Span::Slots { start, .. } = &mut parts[1].line.span else { panic!() };
                start.0 -= 60_000;
            });
        }),
    ];
    for (is_meant, problem, change) in expected {
        let mut events = sound.clone();
        change(events.iter_mut().find(|event| is_meant(event)).unwrap());
        let told = problems(&events);
        assert!(told.contains(problem), "{problem} isn't in:\n{told}");
    }
}

#[test]
fn each_broken_law_is_told() {
    let sound = sound();
    assert_eq!(problems(&sound), "");
    let broken = |name: &str, change: &dyn Fn(&mut Event)| {
        let mut events = sound.clone();
        let at = events.iter().position(|event| event.body.name() == name).unwrap();
        change(&mut events[at]);
        problems(&events)
    };
    let claim = |event: &mut Event, change: &dyn Fn(&mut Claim)| {
        use stock_balance::Event::*;
        match &mut event.body {
            Body::StockBalance(
                ClaimMade(claim)
                | ClaimChanged(claim)
                | ClaimCommitted(claim)
                | ClaimReleased { claim, .. },
            ) => change(claim),
            other => panic!("{other:?}"),
        }
    };
    let expected: [(&str, &str, Forgery<'_>); 11] = [
        ("ClaimMade", "more is held than is on hand", &|event| {
            claim(event, &|claim| claim.held = 601);
        }),
        ("ClaimMade", "and holds 2", &|event| claim(event, &|claim| claim.held = 2)),
        ("ClaimReleased", "is CANCELLED with 3", &|event| {
            claim(event, &|claim| claim.held = 3);
        }),
        ("ClaimCommitted", "has given it 1", &|event| claim(event, &|claim| claim.committed = 1)),
        ("ClaimReleased", "an older wish has undone", &|event| {
            claim(event, &|claim| claim.reservation_version.0 = 0);
        }),
        ("ReservationCommitted", "its reservation is CANCELLED", &|event| {
            let reason = Label::empty();
            event.body = Body::Reservation(reservation::Event::Cancelled { reason });
        }),
        ("SalesOrderCompleted", "its reservation is COMMITTED", &|event| {
            let reason = Label::empty();
            event.body = Body::SalesOrder(sales_order::Event::Cancelled { reason });
        }),
        ("ReservationCancelled", "decided before the one before it", &|event| {
            event.time.0 -= 60_000
        }),
        ("ReservationCancelled", "names 1 as the one before it", &|event| {
            event.previous = Position(1);
        }),
        ("ReservationCancelled", "it has version 7", &|event| event.version.0 = 7),
        ("ReservationCancelled", "its landmark is 3, not 0", &|event| event.landmark = Position(3)),
    ];
    for (name, problem, change) in expected {
        let told = broken(name, change);
        assert!(told.contains(problem), "{name}: {problem} isn't in:\n{told}");
    }
    let mut landmarks = sound.clone();
    landmarks[511].landmark = Position(255);
    assert!(problems(&landmarks).contains("its landmark is 255, not 256"));
    let mut gap = sound;
    gap.remove(3);
    assert!(problems(&gap).contains("the event at 5 follows the one at 3"));
}
