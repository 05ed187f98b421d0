//! What is counted where it happens, on one thread in simulated time.
#![allow(clippy::unwrap_used)]

mod support;

use futures::FutureExt;
use holdfast::domain::reservation::Term;
use holdfast::journal::Room;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use support::*;

/// Runs a test that can look at what it has counted so far.
fn counting<F: Future<Output = ()>>(test: impl FnOnce(PrometheusHandle) -> F) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || on_one_thread(test(handle)));
}

/// The value of a metric without labels, as far as it is known; 0 where it isn't.
fn value(metrics: &PrometheusHandle, name: &str) -> f64 {
    let told = metrics.render();
    let value = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map_or(0.0, |value| value.parse().unwrap())
}

#[test]
fn an_expiry_is_as_late_as_it_was_decided_after_its_deadline() {
    counting(|metrics| async move {
        let trial = start(&Disks::new(1 << 20), clock(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(5)).await.unwrap();
        for (n, term_ms) in [(1, 1_000), (2, 3_000)] {
            let held = create(&[("A", 1)], Term::For(term_ms));
            trial.command(reservation_entity(n), 10 + n, held).await.unwrap();
        }
        trial.pass_ms(1_010).await;
        assert_eq!(value(&metrics, "holdfast_hold_expiry_lag_seconds_count"), 1.0);
        let soon = value(&metrics, "holdfast_hold_expiry_lag_seconds_sum");
        assert!(soon <= 0.005, "{soon}");

        trial.engine.journal().set_room(Room::UnderWay);
        trial.pass_ms(2_490).await;
        trial.engine.journal().set_room(Room::Commands);
        trial.pass_ms(10).await;
        assert_eq!(value(&metrics, "holdfast_hold_expiry_lag_seconds_count"), 2.0);
        let late = value(&metrics, "holdfast_hold_expiry_lag_seconds_sum") - soon;
        assert!((0.5..0.51).contains(&late), "{late}");
    });
}

#[test]
fn a_step_is_in_flight_from_when_it_is_due_until_it_is_done() {
    counting(|metrics| async move {
        let trial = start(&Disks::new(1 << 20), clock(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(5)).await.unwrap();
        trial.engine.journal().set_room(Room::UnderWay);
        for n in 0..3 {
            trial.command(order_entity(n), 10 + n, order(&[("A", 2)])).await.unwrap();
        }
        assert_eq!(value(&metrics, "holdfast_process_steps_in_flight"), 3.0);
        trial.engine.journal().set_room(Room::Commands);
        trial.pass_ms(50).await;
        assert_eq!(value(&metrics, "holdfast_process_steps_in_flight"), 0.0);
    });
}

#[test]
fn a_message_waits_until_its_shard_has_taken_it_up() {
    on_one_thread(async {
        let trial = start(&Disks::new(1 << 20), clock(), Settings::default());
        let mut asked = [1, 2].map(|n| trial.engine.show(reservation_entity(n)).boxed_local());
        assert!(asked.iter_mut().all(|asked| asked.now_or_never().is_none()));
        assert_eq!(trial.engine.messages_waiting(), 2);
        trial.pass_ms(1).await;
        assert_eq!(trial.engine.messages_waiting(), 0);
    });
}
