//! What reservations claim of a stock balance.

use holdfast::domain::claim::{Blocker, Claim, ClaimOutcome, Shortfall, StockFigures, Wish};
use holdfast::domain::entity::Aggregate;
use holdfast::domain::stock_balance::{Event, StockBalance};

use super::stage::{Stage, given};
use super::words::*;

const GRANTED: ClaimOutcome = ClaimOutcome::Granted;

fn stock(history: impl IntoIterator<Item = Event>) -> Stage<StockBalance> {
    given(stock_id("A"), history)
}

/// Short at the position that the log has now.
fn too_little(
    stage: &Stage<StockBalance>,
    available: u64,
    on_hand: u64,
    held: u64,
) -> ClaimOutcome {
    let blocker = Some(Blocker::Stock(StockFigures { on_hand, held }));
    ClaimOutcome::Short(Shortfall { available, position: stage.log_position, blocker })
}

fn figures(stage: &Stage<StockBalance>) -> (u64, u64) {
    let StockFigures { on_hand, held } = stage.entity.state.figures();
    (on_hand, held)
}

fn claims(stage: &Stage<StockBalance>) -> Vec<Claim> {
    stage.entity.state.claims().copied().collect()
}

#[test]
fn a_claim_that_fits_is_made_and_answered() {
    let stage = stock([received(5)])
        .told(claim(held(1, 1, 3)))
        .then([Event::ClaimMade(held(1, 1, 3))])
        .telling([answers(1, "A", GRANTED)])
        .silent();
    assert_eq!(figures(&stage), (5, 3));
    let stage = stage
        .told(claim(held(2, 1, 2)))
        .then([Event::ClaimMade(held(2, 1, 2))])
        .telling([answers(2, "A", GRANTED)]);
    assert_eq!(figures(&stage), (5, 5));
    assert_eq!(claims(&stage), [held(1, 1, 3), held(2, 1, 2)]);
}

#[test]
fn a_hold_beyond_what_is_left_is_refused() {
    let stage = stock([received(5), Event::ClaimMade(held(1, 1, 3))]).told(claim(held(2, 1, 3)));
    let answer = too_little(&stage, 2, 5, 3);
    let stage = stage.then_nothing().telling([answers(2, "A", answer.clone())]).silent();
    assert_eq!(figures(&stage), (5, 3));
    let stage = stage.told(claim(held(2, 1, u64::MAX)));
    stage.then_nothing().telling([answers(2, "A", answer)]);
}

#[test]
fn of_what_is_unknown_nothing_is_to_be_had_and_nothing_stands_in_the_way() {
    let stage = stock([]).told(claim(held(1, 1, 1)));
    let position = stage.log_position;
    let none = ClaimOutcome::Short(Shortfall { available: 0, position, blocker: None });
    let stage = stage.then_nothing().telling([answers(1, "A", none.clone())]);
    let stage = stage.told(check(held(1, 1, 1))).then_nothing().telling([answers(1, "A", none)]);
    assert!(!stage.entity.exists());
    stage.told(claim(held(1, 1, 0))).then_nothing().telling([]);
}

#[test]
fn a_claim_grows_by_what_is_left_and_no_more() {
    let stage = stock([received(5), Event::ClaimMade(held(1, 1, 3))])
        .told(claim(held(1, 2, 5)))
        .then([Event::ClaimChanged(held(1, 2, 5))])
        .telling([answers(1, "A", GRANTED)])
        .told(claim(held(1, 3, 6)));
    let answer = too_little(&stage, 5, 5, 5);
    stage.then_nothing().telling([answers(1, "A", answer)]);
}

#[test]
fn a_claim_that_shrinks_or_only_stands_longer_is_followed_without_an_answer() {
    let first = Claim { deadline: Some(after_ms(9)), ..held(1, 1, 3) };
    let longer = Claim { deadline: Some(after_ms(99)), ..held(1, 2, 3) };
    let endless = held(1, 3, 3);
    let stage = stock([received(3), Event::ClaimMade(first)])
        .told(claim(longer))
        .then([Event::ClaimChanged(longer)])
        .telling([])
        .told(claim(endless))
        .then([Event::ClaimChanged(endless)])
        .telling([])
        .told(claim(held(1, 4, 1)))
        .then([Event::ClaimChanged(held(1, 4, 1))])
        .telling([]);
    assert_eq!(figures(&stage), (3, 1));
}

#[test]
fn committed_units_leave_on_hand_and_the_entry_goes() {
    let stage = stock([received(5), Event::ClaimMade(held(1, 1, 3))])
        .told(claim(committed(1, 3, 3)))
        .then([Event::ClaimCommitted(committed(1, 3, 3))])
        .telling([])
        .silent();
    assert_eq!(figures(&stage), (2, 0));
    assert_eq!(claims(&stage), []);
}

#[test]
fn a_claim_may_be_used_up_in_parts() {
    let part = Claim { committed: 1, ..held(1, 2, 2) };
    let stage = stock([received(5), Event::ClaimMade(held(1, 1, 3))])
        .told(claim(part))
        .then([Event::ClaimCommitted(part)]);
    assert_eq!(figures(&stage), (4, 2));
    let stage = stage.told(claim(committed(1, 3, 3)));
    assert_eq!(figures(&stage), (2, 0));
}

#[test]
fn released_units_can_be_had_again() {
    let gone = Event::ClaimReleased { claim: held(1, 2, 0), released: 3 };
    let stage = stock([received(3), Event::ClaimMade(held(1, 1, 3))])
        .told(claim(held(1, 2, 0)))
        .then([gone])
        .telling([]);
    assert_eq!((figures(&stage), claims(&stage)), ((3, 0), vec![]));
    stage.told(claim(held(2, 1, 3))).then([Event::ClaimMade(held(2, 1, 3))]);
}

#[test]
fn a_wish_of_a_lower_version_changes_nothing() {
    let stage = stock([received(9), Event::ClaimMade(held(1, 5, 3))]);
    let older = [held(1, 4, 0), held(1, 4, 9), held(1, 1, 2), committed(1, 4, 3)];
    older.into_iter().fold(stage, |stage, wish| stage.told(claim(wish)).then_nothing());
}

#[test]
fn at_an_equal_version_a_release_wins() {
    let stage = stock([received(9), Event::ClaimMade(held(1, 1, 3))])
        .told(claim(held(1, 1, 5)))
        .then_nothing()
        .told(claim(committed(1, 1, 3)))
        .then_nothing()
        .told(claim(held(1, 1, 0)))
        .then([Event::ClaimReleased { claim: held(1, 1, 0), released: 3 }])
        .telling([]);
    assert_eq!(figures(&stage), (9, 0));
}

#[test]
fn a_wish_said_twice_is_granted_twice_and_made_once() {
    let stage = stock([received(3)])
        .told(claim(held(1, 1, 3)))
        .told(claim(held(1, 1, 3)))
        .then_nothing()
        .telling([answers(1, "A", GRANTED)]);
    assert_eq!(figures(&stage), (3, 3));
}

#[test]
fn a_creation_that_says_another_wish_hears_whether_what_stands_is_enough() {
    let standing = Claim { deadline: Some(after_ms(9)), ..held(1, 1, 3) };
    let later = Claim { deadline: Some(after_ms(99)), ..standing };
    let stage = [later, held(1, 1, 2)]
        .into_iter()
        .fold(stock([received(9), Event::ClaimMade(standing)]), |stage, wish| {
            stage.told(claim(wish)).then_nothing().telling([answers(1, "A", GRANTED)])
        });
    let stage = stage.told(claim(held(1, 1, 4)));
    let answer = too_little(&stage, 3, 9, 3);
    let stage = stage.then_nothing().telling([answers(1, "A", answer)]);
    assert_eq!(claims(&stage), [standing]);
}

#[test]
fn what_ended_is_not_ended_twice() {
    let stage = stock([received(9), Event::ClaimMade(held(1, 1, 3))])
        .told(claim(committed(1, 3, 3)))
        .told(claim(committed(1, 3, 3)))
        .then_nothing()
        .telling([])
        .told(claim(held(1, 4, 0)))
        .then_nothing();
    assert_eq!(figures(&stage), (6, 0));
}

#[test]
fn units_that_were_used_up_do_not_come_back_to_be_held() {
    let part = Claim { committed: 4, ..held(1, 2, 1) };
    let stage = stock([received(5), Event::ClaimMade(held(1, 1, 5)), Event::ClaimCommitted(part)]);
    assert_eq!(figures(&stage), (1, 1));
    let stage = stage.told(claim(held(1, 3, 5)));
    let answer = too_little(&stage, 5, 1, 1);
    stage.then_nothing().telling([answers(1, "A", answer)]);
}

#[test]
fn a_check_answers_like_a_claim_and_has_no_effect() {
    let stage = stock([received(3), Event::ClaimMade(held(1, 1, 2))])
        .told(check(held(2, 1, 1)))
        .then_nothing()
        .telling([answers(2, "A", GRANTED)])
        .told(check(held(2, 1, 2)));
    let answer = too_little(&stage, 1, 3, 2);
    let stage = stage.then_nothing().telling([answers(2, "A", answer)]).silent();
    assert_eq!((figures(&stage), claims(&stage)), ((3, 2), vec![held(1, 1, 2)]));
}

#[test]
fn a_demand_is_followed_like_a_claim_and_answered_in_any_case() {
    let stage = stock([received(3), Event::ClaimMade(held(1, 1, 2))])
        .told(demand(held(1, 2, 3)))
        .then([Event::ClaimChanged(held(1, 2, 3))])
        .telling([answers(1, "A", GRANTED)])
        // Said again, as after a crash; and where it asks for less than was left to it.
        .told(demand(held(1, 2, 3)))
        .then_nothing()
        .telling([answers(1, "A", GRANTED)])
        .told(demand(held(1, 3, 1)))
        .then([Event::ClaimChanged(held(1, 3, 1))])
        .telling([answers(1, "A", GRANTED)])
        .told(demand(held(1, 4, 4)));
    let answer = too_little(&stage, 3, 3, 1);
    stage.then_nothing().telling([answers(1, "A", answer)]);
}

#[test]
fn claims_are_listed_by_reservation_in_pages() {
    let stage = stock([
        received(9),
        Event::ClaimMade(held(3, 1, 1)),
        Event::ClaimMade(held(1, 1, 1)),
        Event::ClaimMade(held(2, 1, 1)),
    ]);
    let page = |after, count| {
        let claims = stage.entity.state.claims_after(after, count);
        claims.iter().map(Wish::reservation).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2), [reservation(1), reservation(2)]);
    assert_eq!(page(Some(reservation(2)), 2), [reservation(3)]);
    assert_eq!(page(Some(reservation(3)), 2), []);
}
