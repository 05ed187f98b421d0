//! Reservations, and what becomes of them.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use holdfast::domain::command::Command as Any;
use holdfast::domain::ids::{EntityId, ReservationId};
use holdfast::domain::name::{Label, LineId};
use holdfast::domain::reservation::{Command, CommitLine, Create, HOLD_MS_MAX, HOLD_MS_MIN, Term};
use holdfast::domain::time::Timestamp;
use rand::Rng;

use super::{Draw, calendar};

/// How often a command is for a reservation of which the client knows that it was created.
const KNOWN: f64 = 0.3;

pub fn command(draw: &mut Draw<'_>) -> (EntityId, Any) {
    match draw.created.filter(|_| draw.random.random_bool(KNOWN)) {
        Some(id) => {
            draw.about = id.0.as_u128();
            (EntityId::Reservation(id), Any::Reservation(later(draw)))
        }
        None => {
            let id = draw.reservation_id();
            (EntityId::Reservation(id), another(draw, id))
        }
    }
}

/// A command that a reservation could be sent.
pub fn another(draw: &mut Draw<'_>, id: ReservationId) -> Any {
    draw.about = id.0.as_u128();
    Any::Reservation(match draw.random.random_bool(0.5) {
        true => Command::Create(create(draw)),
        false => later(draw),
    })
}

/// What becomes of one that exists.
fn later(draw: &mut Draw<'_>) -> Command {
    match draw.random.random_range(0..17) {
        0..3 => Command::Confirm,
        3..6 => Command::Commit,
        6..11 => commit_part(draw),
        11..14 => Command::Cancel { reason: draw.label() },
        _ => Command::Extend(deadline(draw, 2_000)),
    }
}

/// Some units of a line or two, up to some time.
fn commit_part(draw: &mut Draw<'_>) -> Command {
    let count = if draw.random.random_bool(0.7) { 1 } else { 2 };
    let line = |_| {
        let most = if draw.random.random_bool(0.8) { 1 } else { 4 };
        let quantity = draw.random.random_bool(0.8).then(|| draw.random.random_range(1..3));
        CommitLine {
            line: LineId::counted(draw.random.random_range(0..most)),
            quantity: quantity.and_then(NonZeroU64::new),
            end: draw.random.random_bool(0.3).then(|| calendar::end(draw)),
        }
    };
    let lines = (0..count).map(line).collect();
    Command::CommitPart { lines, is_final: draw.random.random_bool(0.3) }
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
