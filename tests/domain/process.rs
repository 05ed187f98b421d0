//! What a reservation's answer means for the order whose step asked.

use holdfast::domain::calendar::{Flaw, FlawAt};
use holdfast::domain::ids::{EntityKind, Version};
use holdfast::domain::name::LineId;
use holdfast::domain::process::{Refusal, Step, StepResult};
use holdfast::domain::rejection::{Rejection, Shortage};
use holdfast::domain::reservation::{self, CommitFlaw, Term};
use holdfast::domain::sales_order::Report;
use holdfast::domain::{claim::StockFigures, time::Timestamp};

use super::words::*;

fn steps() -> [Step; 4] {
    let create =
        reservation::Create { owner: Some(order(1)), ..creation(&[("A", 1)], Term::Confirmed) };
    [Step::Reserve(create), Step::Deliver, Step::Commit, Step::Release]
}

fn shortages() -> Vec<Shortage> {
    let (line, wanted) = (LineId::counted(0), wanted_sku("A"));
    vec![Shortage { line, wanted, requested: 1, shortfall: shortfall(0) }]
}

/// One of each; the match in here names every kind, so that a new one can't be left out.
fn rejections() -> Vec<Rejection> {
    let all = vec![
        Rejection::Short(shortages()),
        Rejection::NotFound(EntityKind::Reservation),
        Rejection::RequestIdReused,
        Rejection::VersionConflict { expected: Version(1), current: Version(2) },
        Rejection::TooManyRequests { remembered: 64, retry_at: Timestamp(1) },
        Rejection::HoldExpired { deadline: Timestamp(1) },
        Rejection::InvalidTransition { from: "COMMITTED", command: "CommitReservation" },
        Rejection::OwnedByOrder(order(2)),
        Rejection::BelowHeld { requested: 1, stock: StockFigures::default() },
        Rejection::Overflow,
        Rejection::DeadlineOutOfRange { earliest: Timestamp(1), latest: Timestamp(2) },
        Rejection::QueueFull,
        Rejection::ClaimsInConflict { conflicts: vec![], total: 1 },
        Rejection::InvalidRule(Flaw { at: FlawAt::When, says: "none" }),
        Rejection::TooManyRules { changes_max: 1 },
        Rejection::InvalidCommit { place: 0, flaw: CommitFlaw::UnknownLine },
        Rejection::MoreThanLeft { line: LineId::counted(0), requested: 2, left: 1 },
        Rejection::PartlyUsed,
        Rejection::TooMuchToSet { work_max: 1 },
        Rejection::TooManyConflicts { conflicts_max: 1 },
    ];
    let nth = |rejection: &Rejection| match rejection {
        Rejection::Short(_) => 0,
        Rejection::NotFound(_) => 1,
        Rejection::RequestIdReused => 2,
        Rejection::VersionConflict { .. } => 3,
        Rejection::TooManyRequests { .. } => 4,
        Rejection::HoldExpired { .. } => 5,
        Rejection::InvalidTransition { .. } => 6,
        Rejection::OwnedByOrder(_) => 7,
        Rejection::BelowHeld { .. } => 8,
        Rejection::Overflow => 9,
        Rejection::DeadlineOutOfRange { .. } => 10,
        Rejection::QueueFull => 11,
        Rejection::ClaimsInConflict { .. } => 12,
        Rejection::InvalidRule(_) => 13,
        Rejection::TooManyRules { .. } => 14,
        Rejection::InvalidCommit { .. } => 15,
        Rejection::MoreThanLeft { .. } => 16,
        Rejection::PartlyUsed => 17,
        Rejection::TooMuchToSet { .. } => 18,
        Rejection::TooManyConflicts { .. } => 19,
    };
    assert_eq!(all.iter().map(nth).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
    all
}

#[test]
fn a_step_that_succeeded_is_reported() {
    let reports = [Report::Reserved, Report::Delivered, Report::Committed, Report::Released];
    for (step, report) in steps().into_iter().zip(reports) {
        assert_eq!(step.result(Ok(())), StepResult::Tell(report));
    }
}

#[test]
fn every_refusal_of_every_step_has_its_meaning() {
    for step in steps() {
        for rejection in rejections() {
            let refused = |refusal| StepResult::Tell(Report::Refused(refusal));
            let expected = match (&step, &rejection) {
                (_, Rejection::QueueFull) => StepResult::Retry,
                (Step::Deliver, _) => StepResult::Tell(Report::Delivered),
                (Step::Reserve(_), Rejection::Short(_)) => refused(Refusal::Short(shortages())),
                (Step::Reserve(_), Rejection::RequestIdReused) => {
                    refused(Refusal::ReservationIdTaken)
                }
                (Step::Reserve(_), Rejection::Overflow) => refused(Refusal::Overflow),
                (
                    Step::Release,
                    Rejection::NotFound(_)
                    | Rejection::OwnedByOrder(_)
                    | Rejection::InvalidTransition { .. },
                ) => StepResult::Tell(Report::Released),
                _ => StepResult::Stalled(rejection.clone()),
            };
            let name = step.name();
            assert_eq!(step.result(Err(rejection.clone())), expected, "{name} {rejection:?}");
        }
    }
}

#[test]
fn a_step_has_the_same_request_id_each_time_and_each_its_own() {
    let ids = steps().map(|step| step.request_id(order(1)));
    assert_eq!(ids, steps().map(|step| step.request_id(order(1))));
    for (n, id) in ids.iter().enumerate() {
        assert!(!ids[..n].contains(id));
        assert_ne!(*id, steps()[n].request_id(order(2)));
    }
}

#[test]
fn a_step_commands_the_reservation() {
    let [reserve, deliver, commit, release] = steps();
    let Some(reservation::Command::Create(create)) = reserve.command() else { panic!() };
    assert_eq!(Step::Reserve(create), reserve);
    assert_eq!(deliver.command(), None);
    assert_eq!(commit.command(), Some(reservation::Command::Commit));
    let Some(reservation::Command::Cancel { reason }) = release.command() else { panic!() };
    assert_eq!(reason.as_str(), "the sales order was cancelled");
}
