//! Receipts and corrections.

use holdfast::domain::command::Command as Any;
use holdfast::domain::ids::{EntityId, ResourceKey, StockKey};
use holdfast::domain::name::Sku;
use holdfast::domain::stock_balance::{Adjustment, Command};
use rand::Rng;

use super::{Draw, MOST};

pub fn command(draw: &mut Draw<'_>) -> (EntityId, Any) {
    let is_absurd = draw.is_absurd();
    let stock = if is_absurd { whale(draw) } else { draw.stock() };
    let label = draw.label();
    let random = &mut *draw.random;
    let receive = |quantity, reference| Command::Receive { quantity, reference };
    let command = match random.random_range(0..10) {
        0..7 if is_absurd => receive(random.random_range(MOST / 2..=MOST), label),
        0..7 => receive(random.random_range(1..30), label),
        7 if is_absurd => {
            let delta = if random.random_bool(0.5) { i64::MIN } else { i64::MAX };
            Command::Adjust { to: Adjustment::By(delta), reason: label }
        }
        7 | 8 => {
            let delta = random.random_range(1..6) * if random.random_bool(0.6) { -1 } else { 1 };
            Command::Adjust { to: Adjustment::By(delta), reason: label }
        }
        _ => {
            let count = random.random_range(0..40);
            Command::Adjust { to: Adjustment::Counted(count), reason: label }
        }
    };
    (EntityId::Resource(ResourceKey::Stock(stock)), Any::StockBalance(command))
}

/// A balance of its own for quantities that nobody could ever use up.
fn whale(draw: &mut Draw<'_>) -> StockKey {
    StockKey { sku: Sku::new("whale").unwrap(), ..draw.stock() }
}
