//! The customers: each on a connection of its own, one order at a time, all at once.
//!
//! A call is tried again where that is safe, and its latency counts from the first try.
//!
//! Not here: what the answers must add up to.

use std::cell::Cell;
use std::time::{Duration, Instant};

use futures::future;
use hdrhistogram::Histogram;
use indicatif::ProgressBar;

use super::shop::Order;
use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::output;
use crate::client::Client;
use crate::proto::v1;

/// A minute, as long as a call is waited for; what takes longer counts as this long.
const LATENCY_US_MAX: u64 = 60_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// What one customer was told.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) order_id: String,
    pub(super) state: v1::SalesOrderState,
    /// How many lines the order has.
    pub(super) lines: usize,
    latency: Duration,
}

/// What all of them were told.
#[derive(Debug)]
pub(super) struct Evening {
    pub(super) told: Vec<Told>,
    /// From the first order to the last answer.
    pub(super) took: Duration,
    latencies_us: Histogram<u64>,
}

impl Evening {
    fn new(told: Vec<Told>, took: Duration) -> Self {
        let mut latencies_us = Histogram::new_with_bounds(1, LATENCY_US_MAX, SIGNIFICANT_DIGITS)
            .expect("the bounds are constants that were tried");
        for told in &told {
            let us = u64::try_from(told.latency.as_micros()).unwrap_or(LATENCY_US_MAX);
            latencies_us.saturating_record(us.max(1));
        }
        Self { told, took, latencies_us }
    }

    /// How many orders ended like this.
    pub(super) fn count(&self, state: v1::SalesOrderState) -> u64 {
        self.told.iter().filter(|told| told.state == state).count() as u64
    }

    /// Of the orders that ended like this, the first of those with the most lines.
    pub(super) fn example(&self, state: v1::SalesOrderState) -> Option<&Told> {
        let ended = self.told.iter().filter(|told| told.state == state);
        ended.rev().max_by_key(|told| told.lines)
    }

    /// The time in which this share of all orders had ended, in microseconds.
    pub(super) fn quantile_us(&self, share: f64) -> u64 {
        self.latencies_us.value_at_quantile(share)
    }
}

/// Sends all orders and waits until each has ended.
///
/// # Errors
/// Where an order has no answer, or the user ends it.
pub(super) async fn order_all(
    clients: &[Client],
    orders: &[Order],
    interrupt: &Interrupt,
) -> Result<Evening, Failure> {
    let queue = Queue {
        orders,
        next: Cell::new(0),
        interrupt,
        bar: output::progress(
            orders.len() as u64,
            "ordering {wide_bar} {pos}/{len} orders, {elapsed}",
        ),
    };
    let begun = Instant::now();
    let customers = clients.iter().map(|client| queue.serve(client));
    let told: Vec<_> = future::try_join_all(customers).await?.into_iter().flatten().collect();
    let took = begun.elapsed();
    queue.bar.finish_and_clear();
    if told.len() < orders.len() {
        let cause = format!("ended after {} of {} orders", told.len(), orders.len());
        return Err(Failure::Failed(cause));
    }
    Ok(Evening::new(told, took))
}

/// The orders that wait; whoever is free takes the next.
struct Queue<'a> {
    orders: &'a [Order],
    next: Cell<usize>,
    interrupt: &'a Interrupt,
    bar: ProgressBar,
}

impl Queue<'_> {
    /// Sends one order after the other until there is none left.
    async fn serve(&self, client: &Client) -> Result<Vec<Told>, Failure> {
        let mut told = Vec::new();
        while let Some(order) = self.take() {
            told.push(send(client, order).await?);
            self.bar.inc(1);
        }
        Ok(told)
    }

    fn take(&self) -> Option<&Order> {
        if self.interrupt.came() {
            return None;
        }
        let order = self.orders.get(self.next.get())?;
        self.next.set(self.next.get() + 1);
        Some(order)
    }
}

async fn send(client: &Client, order: &Order) -> Result<Told, Failure> {
    let request = order.request();
    let begun = Instant::now();
    let answer = client.create_sales_order(request).await?;
    let latency = begun.elapsed();
    let order = answer.sales_order.unwrap_or_default();
    let (state, lines) = (order.state(), order.lines.len());
    Ok(Told { order_id: order.sales_order_id, state, lines, latency })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(order_id: &str, state: v1::SalesOrderState, lines: usize, ms: u64) -> Told {
        let order_id = order_id.to_owned();
        Told { order_id, state, lines, latency: Duration::from_millis(ms) }
    }

    #[test]
    fn an_evening_counts_each_order_by_how_it_ended() {
        use v1::SalesOrderState::{Completed, Rejected};
        let told = vec![
            told("a", Completed, 1, 1),
            told("b", Completed, 3, 2),
            told("c", Completed, 3, 3),
            told("d", Rejected, 2, 100),
        ];
        let evening = Evening::new(told, Duration::from_secs(1));
        assert_eq!((evening.count(Completed), evening.count(Rejected)), (3, 1));
        assert_eq!(evening.example(Completed).unwrap().order_id, "b");
        assert!(evening.quantile_us(0.5).abs_diff(2_000) <= 2);
        assert!(evening.quantile_us(0.99).abs_diff(100_000) <= 100);
    }
}
