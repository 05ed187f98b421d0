//! What holds among entities, in whatever order their messages come, and through crashes.

use holdfast::domain::command::Command;
use holdfast::domain::entity::Outcome;
use holdfast::domain::ids::EntityId;
use holdfast::domain::rejection::Rejection;
use holdfast::domain::reservation::{self, State, Term};
use holdfast::domain::sales_order;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::arbitrary::quick;
use super::toy_world::Toy;
use super::words::*;

const TERM: Term = Term::For(5_000);
const SKUS: [&str; 3] = ["A", "B", "C"];

fn stocked(quantities: [u64; 3], chance: &mut StdRng) -> Toy {
    let mut toy = Toy::new();
    for (n, (name, quantity)) in SKUS.into_iter().zip(quantities).enumerate() {
        toy.send(stock_id(name), n as u128, receive(quantity));
    }
    toy.run(chance);
    toy
}

/// A client does something, nobody knows what.
fn act(toy: &mut Toy, request: u128, chance: &mut StdRng) {
    let n = chance.random_range(1..9);
    let wanted: Vec<_> = (0..chance.random_range(1..4))
        .map(|_| (SKUS[chance.random_range(0..3)], chance.random_range(1..4)))
        .collect();
    let priced: Vec<_> = wanted.iter().map(|(name, units)| (*name, *units, 1_000_000)).collect();
    let term = if chance.random_bool(0.3) { Term::Confirmed } else { TERM };
    // Orders and reservations share some ids, as their clients may.
    let (hold, order): (EntityId, EntityId) = (reservation_id(n), order_id(n + 6));
    let of = to_reservation;
    let (to, command): (_, Command) = match chance.random_range(0..15) {
        0..=3 => (hold, create(&wanted, term)),
        4 => (hold, of(reservation::Command::Confirm)),
        5 => (hold, of(reservation::Command::Commit)),
        6 => (hold, cancel()),
        7 => (hold, of(reservation::Command::Extend(Term::For(9_000)))),
        8..=9 => (order, place(&priced)),
        10 => (order, cancel_order()),
        11..=13 => (hold, change(&wanted)),
        _ => (stock_id(SKUS[chance.random_range(0..3)]), receive(2)),
    };
    toy.send(to, request, command);
}

/// Clients act, messages travel, time passes; not until rest.
fn live(toy: &mut Toy, chance: &mut StdRng, from: u128) {
    for request in from..from + 40 {
        act(toy, request, chance);
        for _ in 0..chance.random_range(0..6) {
            toy.step(chance);
            toy.check_always();
        }
        if chance.random_bool(0.2) {
            toy.pass_ms(chance.random_range(0..3_000));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..quick() })]

    #[test]
    fn of_two_that_want_the_same_last_two_things_exactly_one_wins(seed: u64) {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut toy = stocked([1, 1, 0], &mut chance);
        toy.send(reservation_id(1), 11, create(&[("A", 1), ("B", 1)], TERM));
        toy.send(reservation_id(2), 12, create(&[("B", 1), ("A", 1)], TERM));
        toy.run(&mut chance);
        toy.check_at_rest();
        prop_assert_eq!(toy.reservations().count(), 1);
        let won = [11, 12].map(|request| toy.answers[&request] == Outcome::Accepted);
        prop_assert!(won[0] != won[1]);
    }

    #[test]
    fn a_refused_creation_leaves_nothing_held(seed: u64) {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut toy = stocked([5, 5, 1], &mut chance);
        toy.send(reservation_id(1), 11, create(&[("B", 1), ("A", 2), ("C", 2)], TERM));
        toy.run(&mut chance);
        toy.check_at_rest();
        let Outcome::Rejected(Rejection::Short(short)) = &toy.answers[&11] else { panic!() };
        prop_assert_eq!(short.len(), 1);
        prop_assert!(toy.balances().all(|(_, balance)| balance.figures().held == 0));
        prop_assert_eq!(toy.reservations().count(), 0);
    }

    #[test]
    fn whatever_clients_do_all_of_it_holds_or_nothing(seed: u64) {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut toy = stocked([6, 6, 6], &mut chance);
        for round in 0..3 {
            live(&mut toy, &mut chance, 100 + 100 * round);
            toy.run(&mut chance);
            toy.check_at_rest();
        }
        toy.pass_ms(20_000);
        toy.run(&mut chance);
        toy.check_at_rest();
        prop_assert!(toy.reservations().all(|(_, hold)| hold.state != State::Held));
    }

    #[test]
    fn a_crash_at_any_moment_leaves_every_resource_with_the_claims_of_those_that_live(seed: u64) {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut toy = stocked([6, 6, 6], &mut chance);
        for round in 0..4 {
            live(&mut toy, &mut chance, 100 + 100 * round);
            toy.crash(&mut chance);
            // Sometimes it crashes again before it has settled.
            for _ in 0..chance.random_range(0..8) {
                toy.step(&mut chance);
            }
            if chance.random_bool(0.3) {
                toy.crash(&mut chance);
            }
            toy.run(&mut chance);
            toy.check_at_rest();
        }
    }

    #[test]
    fn a_crash_while_one_reservation_lives_its_life_loses_nothing_of_it(seed: u64) {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut toy = stocked([9, 9, 9], &mut chance);
        let all = [("A", 2), ("B", 3), ("C", 1)];
        toy.send(reservation_id(1), 11, create(&all, TERM));
        toy.send(reservation_id(1), 12, to_reservation(reservation::Command::Commit));
        toy.send(order_id(2), 13, place(&[("C", 2, 1), ("A", 1, 1)]));
        toy.run(&mut chance);
        prop_assert_eq!(toy.orders().next().unwrap().1.state, sales_order::State::Completed);
        toy.crash(&mut chance);
        toy.run(&mut chance);
        toy.check_at_rest();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..quick() })]

    #[test]
    fn two_that_each_need_what_the_other_holds_are_both_refused_and_keep_it(seed: u64) {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut toy = stocked([1, 1, 0], &mut chance);
        toy.send(reservation_id(1), 11, create(&[("A", 1)], TERM));
        toy.send(reservation_id(2), 12, create(&[("B", 1)], TERM));
        toy.run(&mut chance);
        toy.send(reservation_id(1), 13, change(&[("B", 1)]));
        toy.send(reservation_id(2), 14, change(&[("A", 1)]));
        toy.run(&mut chance);
        toy.check_at_rest();
        for request in [13, 14] {
            let is_short = matches!(toy.answers[&request], Outcome::Rejected(Rejection::Short(_)));
            prop_assert!(is_short, "{:?}", toy.answers[&request]);
        }
        let kept: Vec<_> = toy.reservations().map(|(_, hold)| hold.lines.to_vec()).collect();
        prop_assert_eq!(kept, [lines(&[("A", 1)]), lines(&[("B", 1)])]);
    }
}

#[test]
fn a_cancelled_order_leaves_a_clients_reservation_of_its_id_alone() {
    for seed in 0..64 {
        let mut chance = StdRng::seed_from_u64(seed);
        let mut toy = stocked([6, 6, 6], &mut chance);
        toy.send(reservation_id(1), 11, create(&[("A", 1)], TERM));
        toy.run(&mut chance);
        toy.send(order_id(1), 12, place(&[("A", 1, 1)]));
        toy.send(order_id(1), 13, cancel_order());
        toy.run(&mut chance);
        toy.check_at_rest();
        assert_eq!(toy.reservations().next().unwrap().1.state, State::Held, "seed {seed}");
    }
}
