//! Sales orders, and second thoughts.

use holdfast::domain::command::Command as Any;
use holdfast::domain::ids::EntityId;
use holdfast::domain::money::{Currency, UnitPrice};
use holdfast::domain::reservation::Line;
use holdfast::domain::sales_order::{Command, Create, LineRequest};
use rand::Rng;

use super::Draw;

const CURRENCIES: [&str; 3] = ["EUR", "JPY", "KWD"];

pub fn command(draw: &mut Draw<'_>) -> (EntityId, Any) {
    let command = match draw.random.random_range(0..10) {
        0..7 => Command::Create(create(draw)),
        _ => Command::Cancel { reason: draw.label() },
    };
    (EntityId::SalesOrder(draw.order_id()), Any::SalesOrder(command))
}

fn create(draw: &mut Draw<'_>) -> Create {
    let lines = draw.lines().into_iter().map(|line| priced(draw, line)).collect();
    let currency = CURRENCIES[draw.random.random_range(0..CURRENCIES.len())];
    Create { customer: draw.label(), currency: Currency::new(currency).unwrap(), lines }
}

/// Half cents are common, so that rounding matters; what costs nothing can be had without end.
fn priced(draw: &mut Draw<'_>, line: Line) -> LineRequest {
    let millionths = match draw.random.random_range(0..10) {
        _ if line.quantity > 1_000_000 && draw.random.random_bool(0.7) => 0,
        _ if draw.is_absurd() => u64::MAX,
        0..5 => draw.random.random_range(0..4_000) * 5_000,
        _ => draw.random.random_range(0..20_000_000),
    };
    let Line { id, wanted, quantity } = line;
    LineRequest { id, wanted, quantity, unit_price: UnitPrice { millionths } }
}
