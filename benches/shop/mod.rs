//! A shop at work: an engine on one thread with stores in memory, a stock of SKUs, and
//! reservations of one unit of them.
//!
//! Not here: what is measured of it, and in which unit.

use std::ops::Range;

use futures::stream::{self, StreamExt};
use holdfast::actors::environment::Limits;
use holdfast::domain::reservation::{HOLD_MS_DEFAULT, Term};

use crate::support::{self, Disks, Settings, Trial};

const IN_FLIGHT: usize = 256;
const UNITS_OF_EACH: u64 = 1 << 40;
const SEGMENT_BYTES: u64 = 1 << 30;
const SHARDS: usize = 2;

fn sku(number: u64) -> String {
    format!("PRODUCT-{number:06}")
}

/// An engine with so many SKUs in stock.
pub async fn stocked(skus: u64) -> Trial {
    let settings = Settings { limits: Limits::default(), shards: SHARDS, ..Settings::default() };
    let trial = support::start(&Disks::new(SEGMENT_BYTES), support::clock(), settings);
    let receipts = stream::iter(0..skus).map(|number| {
        let key = support::stock_entity(&sku(number));
        trial.command(key, u128::from(number), support::receive(UNITS_OF_EACH))
    });
    receipts.buffer_unordered(IN_FLIGHT).for_each(|receipt| async { drop(receipt.unwrap()) }).await;
    trial
}

/// Makes the reservations of these numbers, as many under way as a busy edge has; each SKU has its
/// turn.
pub async fn reserve(trial: &Trial, numbers: Range<u64>, skus: u64) {
    let term = Term::For(HOLD_MS_DEFAULT);
    let reservations = stream::iter(numbers).map(|number| {
        // Above every receipt's number, so that no request id is used twice.
        let id = u128::from(number) + (1 << 64);
        let command = support::create(&[(&sku(number % skus), 1)], term);
        trial.command(support::reservation_entity(id), id, command)
    });
    let answers = reservations.buffer_unordered(IN_FLIGHT);
    answers.for_each(|answer| async { drop(answer.unwrap()) }).await;
}
