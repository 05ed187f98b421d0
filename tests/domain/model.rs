//! A stock balance against an obvious model of it, and decisions on whatever input.

use std::collections::BTreeMap;

use holdfast::domain::claim::{Claim, ClaimOutcome};
use holdfast::domain::command::{Command, Message};
use holdfast::domain::entity::{Aggregate, Outcome};
use holdfast::domain::ids::{EntityId, Version};
use holdfast::domain::reservation::{self, Reservation};
use holdfast::domain::sales_order::SalesOrder;
use holdfast::domain::stock_balance::{self, Adjustment, StockBalance};
use holdfast::domain::time::Timestamp;
use proptest::prelude::*;

use super::arbitrary::*;
use super::stage::{Stage, given};
use super::words::*;

const MOST: i128 = i64::MAX as i128;

/// What a balance is, in numbers that can't overflow: on hand, and for each reservation its
/// version, units held and units used up.
#[derive(Debug, Default)]
struct Model {
    exists: bool,
    on_hand: i128,
    claims: BTreeMap<u128, (u64, i128, i128)>,
}

impl Model {
    fn held(&self) -> i128 {
        self.claims.values().map(|(_, held, _)| held).sum()
    }

    fn set(&mut self, on_hand: i128) -> bool {
        let fits = on_hand >= self.held() && on_hand <= MOST;
        if fits {
            self.on_hand = on_hand;
        }
        fits
    }

    /// Whether an effect was had.
    fn follow(&mut self, command: &stock_balance::Command) -> bool {
        use stock_balance::Command as Said;
        match command {
            Said::Receive { quantity, .. } => {
                let is_in = self.set(self.on_hand + i128::from(*quantity));
                self.exists |= is_in;
                is_in
            }
            Said::Adjust { .. } if !self.exists => false,
            Said::Adjust { to: Adjustment::By(delta), .. } => {
                self.set(self.on_hand + i128::from(*delta))
            }
            Said::Adjust { to: Adjustment::Counted(count), .. } => self.set(i128::from(*count)),
            Said::Claim(wish) | Said::Demand(wish) => self.claim(wish),
            Said::Check(_) => false,
        }
    }

    fn claim(&mut self, wish: &Claim) -> bool {
        let id = wish.reservation.0.as_u128();
        let (version, held, used) =
            (wish.reservation_version.0, i128::from(wish.held), i128::from(wish.committed));
        let left = self.on_hand - self.held();
        let Some(&(known_version, known_held, known_used)) = self.claims.get(&id) else {
            let begins = held > 0 && used == 0 && held <= left;
            if begins {
                self.claims.insert(id, (version, held, 0));
            }
            return begins;
        };
        let is_release = held == 0 && used == 0;
        let is_heard = version > known_version || (version == known_version && is_release);
        let leaving = (used - known_used).max(0);
        if !is_heard || held - known_held + leaving > left {
            return false;
        }
        self.on_hand -= leaving;
        if held == 0 {
            self.claims.remove(&id);
        } else {
            self.claims.insert(id, (version, held, used));
        }
        true
    }
}

fn is_clients(command: &Command) -> bool {
    matches!(
        command,
        Command::StockBalance(
            stock_balance::Command::Receive { .. } | stock_balance::Command::Adjust { .. }
        )
    )
}

/// The wish of a creation, which waits for an answer.
fn creation_wish(said: &stock_balance::Command) -> Option<Claim> {
    match said {
        stock_balance::Command::Claim(wish) => Some(*wish)
            .filter(|wish| wish.reservation_version == Version(1))
            .filter(|wish| wish.held > 0 && wish.committed == 0),
        _ => None,
    }
}

fn is_grant(message: &Message) -> bool {
    let Command::Reservation(reservation::Command::Answered(answer)) = &message.command else {
        return false;
    };
    answer.outcome == ClaimOutcome::Granted
}

/// Tells an entity all of it, each at its moment, in the way that it would be told.
pub fn run<A: Aggregate>(
    id: EntityId,
    script: Vec<(Command, Timestamp, u8)>,
    is_clients: fn(&Command) -> bool,
) -> Stage<A>
where
    A::Event: Clone,
{
    let begun = given(id, []).remembering(4);
    script.into_iter().fold(begun, |stage, (command, now, dice)| {
        let issuer = (dice % 4 == 0).then(|| order(1));
        let stage = stage.at(now).by(issuer);
        if !is_clients(&command) || dice > 250 {
            return stage.told(command);
        }
        // A few commands are retries of each other.
        let expected = (dice % 8 == 1).then_some(u64::from(dice / 32));
        stage.requested(u128::from(dice / 4), expected, command)
    })
}

pub fn comes_from_a_client(command: &Command) -> bool {
    use holdfast::domain::calendar::Command as Time;
    use holdfast::domain::reservation::Command as Hold;
    use holdfast::domain::sales_order::Command as Order;
    match command {
        Command::StockBalance(_) => is_clients(command),
        Command::Reservation(said) => !matches!(said, Hold::Expire | Hold::Answered(_)),
        Command::SalesOrder(said) => !matches!(said, Order::Report(_)),
        Command::Calendar(said) => !matches!(said, Time::Claim(_) | Time::Check(_)),
    }
}

pub fn script(
    command: impl Strategy<Value = Command>,
) -> impl Strategy<Value = Vec<(Command, Timestamp, u8)>> {
    prop::collection::vec((command, instant(), any::<u8>()), 1..40)
}

proptest! {
    #![proptest_config(quick())]

    #[test]
    fn a_balance_is_what_an_obvious_model_says(
        commands in prop::collection::vec(to_stock(), 1..60),
    ) {
        let mut model = Model::default();
        let mut stage: Stage<StockBalance> = given(stock_id("A"), []).remembering(100);
        for command in commands {
            let Command::StockBalance(said) = &command else { unreachable!() };
            let has_effect = model.follow(said);
            let creation = creation_wish(said);
            let is_asked = is_clients(&command);
            stage = if is_asked { stage.when(command) } else { stage.told(command) };
            prop_assert_eq!(!stage.events.is_empty(), has_effect);
            if is_asked {
                prop_assert_eq!(stage.outcome == Outcome::Accepted, has_effect);
            }
            let state = &stage.entity.state;
            let figures = state.figures();
            prop_assert_eq!(i128::from(figures.on_hand), model.on_hand);
            prop_assert_eq!(i128::from(figures.held), model.held());
            prop_assert!(figures.held <= figures.on_hand);
            let claims: Vec<_> = state
                .claims()
                .map(|claim| (claim.reservation.0.as_u128(), i128::from(claim.held)))
                .collect();
            let expected: Vec<_> =
                model.claims.iter().map(|(id, (_, held, _))| (*id, *held)).collect();
            prop_assert_eq!(claims, expected);
            if let Some(wish) = creation {
                let stands = state.claims().find(|claim| claim.reservation == wish.reservation);
                let is_enough = stands.is_some_and(|claim| claim.held >= wish.held);
                let answers = stage.messages.iter().map(is_grant);
                prop_assert_eq!(answers.collect::<Vec<_>>(), [is_enough]);
            }
        }
    }

    #[test]
    fn nothing_that_a_balance_is_told_makes_it_panic(said in script(to_stock())) {
        run::<StockBalance>(stock_id("A"), said, comes_from_a_client);
    }

    #[test]
    fn nothing_that_a_reservation_is_told_makes_it_panic(said in script(to_a_reservation())) {
        run::<Reservation>(reservation_id(1), said, comes_from_a_client);
    }

    #[test]
    fn nothing_that_an_order_is_told_makes_it_panic(said in script(to_an_order())) {
        run::<SalesOrder>(order_id(1), said, comes_from_a_client);
    }
}
