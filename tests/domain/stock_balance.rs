//! What comes in, and what is set right.

use holdfast::domain::claim::StockFigures;
use holdfast::domain::ids::EntityKind;
use holdfast::domain::rejection::Rejection;
use holdfast::domain::stock_balance::{Adjustment, Event, QUANTITY_MAX, StockBalance};

use super::stage::{Stage, given};
use super::words::*;

fn stock(history: impl IntoIterator<Item = Event>) -> Stage<StockBalance> {
    given(stock_id("A"), history)
}

fn figures(stage: &Stage<StockBalance>) -> (u64, u64) {
    let StockFigures { on_hand, held } = stage.entity.state.figures();
    (on_hand, held)
}

#[test]
fn the_first_receipt_brings_a_balance_into_being() {
    let stage = stock([]).when(receive(3)).accepted().then([received(3)]);
    assert!(stage.entity.exists());
    let stage = stage.when(receive(4)).then([received(4)]);
    assert_eq!(figures(&stage), (7, 0));
}

#[test]
fn on_hand_may_reach_the_largest_quantity_and_no_more() {
    let full = stock([received(QUANTITY_MAX - 1)]).when(receive(1)).accepted();
    assert_eq!(figures(&full), (QUANTITY_MAX, 0));
    full.when(receive(1))
        .then_rejected(Rejection::Overflow)
        .then_nothing()
        .when(receive(u64::MAX))
        .then_rejected(Rejection::Overflow)
        .when(adjust(Adjustment::By(1)))
        .then_rejected(Rejection::Overflow)
        .when(adjust(Adjustment::Counted(QUANTITY_MAX + 1)))
        .then_rejected(Rejection::Overflow)
        .when(adjust(Adjustment::Counted(u64::MAX)))
        .then_rejected(Rejection::Overflow)
        .then_nothing();
}

#[test]
fn an_adjustment_says_what_there_is_now_and_by_how_much_it_differs() {
    stock([received(10)])
        .when(adjust(Adjustment::By(5)))
        .then([adjusted(15, 5)])
        .when(adjust(Adjustment::By(-3)))
        .then([adjusted(12, -3)])
        .when(adjust(Adjustment::Counted(4)))
        .then([adjusted(4, -8)])
        .when(adjust(Adjustment::Counted(9)))
        .then([adjusted(9, 5)])
        .when(adjust(Adjustment::Counted(9)))
        .then([adjusted(9, 0)])
        .accepted();
}

#[test]
fn the_whole_of_the_largest_quantity_can_be_counted_away_and_back() {
    let most = QUANTITY_MAX as i64;
    stock([received(QUANTITY_MAX)])
        .when(adjust(Adjustment::Counted(0)))
        .then([adjusted(0, -most)])
        .when(adjust(Adjustment::By(most)))
        .then([adjusted(QUANTITY_MAX, most)])
        .when(adjust(Adjustment::By(-most)))
        .then([adjusted(0, -most)]);
}

#[test]
fn an_adjustment_never_goes_below_what_is_held() {
    let below = |requested| Rejection::BelowHeld {
        requested,
        stock: StockFigures { on_hand: 10, held: 4 },
    };
    stock([received(10), Event::ClaimMade(held(1, 1, 4))])
        .when(adjust(Adjustment::By(-7)))
        .then_rejected(below(7))
        .when(adjust(Adjustment::Counted(3)))
        .then_rejected(below(7))
        .when(adjust(Adjustment::By(i64::MIN)))
        .then_rejected(below(1 << 63))
        .then_nothing()
        .when(adjust(Adjustment::Counted(4)))
        .then([adjusted(4, -6)]);
}

#[test]
fn an_adjustment_never_goes_below_nothing() {
    let stock_figures = StockFigures { on_hand: 2, held: 0 };
    stock([received(2)])
        .when(adjust(Adjustment::By(-3)))
        .then_rejected(Rejection::BelowHeld { requested: 3, stock: stock_figures })
        .then_nothing();
}

#[test]
fn what_nobody_ever_received_can_not_be_adjusted() {
    let unknown = Rejection::NotFound(EntityKind::StockBalance);
    stock([])
        .when(adjust(Adjustment::By(5)))
        .then_rejected(unknown.clone())
        .when(adjust(Adjustment::Counted(0)))
        .then_rejected(unknown)
        .then_nothing();
}
