//! Reservations, and what becomes of them.

use std::collections::BTreeMap;

use holdfast::domain::command::Command as Any;
use holdfast::domain::ids::EntityId;
use holdfast::domain::name::Label;
use holdfast::domain::reservation::{Command, Create, HOLD_MS_MAX, HOLD_MS_MIN, Term};
use holdfast::domain::time::Timestamp;
use rand::Rng;

use super::Draw;

pub fn command(draw: &mut Draw<'_>) -> (EntityId, Any) {
    let command = match draw.random.random_range(0..24) {
        0..10 => Command::Create(create(draw)),
        10..13 => Command::Confirm,
        13..18 => Command::Commit,
        18..21 => Command::Cancel { reason: draw.label() },
        _ => Command::Extend(deadline(draw, 2_000)),
    };
    (EntityId::Reservation(draw.reservation_id()), Any::Reservation(command))
}

fn create(draw: &mut Draw<'_>) -> Create {
    let term = match draw.random.random_range(0..10) {
        0..2 => Term::Confirmed,
        _ => deadline(draw, 0),
    };
    let attributes = match draw.random.random_range(0..8) {
        0 => BTreeMap::from([(Label::new("colour").unwrap(), draw.label())]),
        _ => BTreeMap::new(),
    };
    Create {
        lines: draw.lines().into(),
        term,
        customer: draw.label(),
        external_reference: draw.label(),
        attributes,
        owner: None,
    }
}

/// For some seconds, rarely for a time that nobody may have.
fn deadline(draw: &mut Draw<'_>, later_ms: u64) -> Term {
    let span_ms = match draw.is_absurd() {
        true if draw.random.random_bool(0.5) => draw.random.random_range(0..HOLD_MS_MIN),
        true => HOLD_MS_MAX + draw.random.random_range(1..1_000_000),
        false => later_ms + draw.random.random_range(HOLD_MS_MIN..HOLD_MS_MIN + 2_500),
    };
    match draw.random.random_range(0..4) {
        // Some ms after the decision, as the command is under way for a while.
        0 => Term::Until(Timestamp(draw.now.0 + span_ms + 200)),
        _ => Term::For(span_ms),
    }
}
