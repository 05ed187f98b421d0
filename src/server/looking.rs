//! Looks at the disk again and again, without keeping a thread waiting that others need.
//!
//! Invariant: one look at a time. A disk that hangs keeps one thread, however long it hangs; what was
//! known before goes on meanwhile.
//!
//! Not here: what is looked at.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How long after a look the next one comes, at the least.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long a look may take before that is said.
const LOOK_MAX: Duration = Duration::from_secs(10);

/// Looks once a second, or as often as looks end, for as long as this isn't dropped.
pub async fn each_second(mut look: impl FnMut() + Send + 'static) {
    let mut pause = interval(LOOK_EVERY);
    pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pause.tick().await;
        let mut under_way = spawn_blocking(move || {
            look();
            look
        });
        let ended = match timeout(LOOK_MAX, &mut under_way).await {
            Ok(ended) => ended,
            Err(_) => {
                tracing::warn!("the disk doesn't answer: what is known of it may be out of date");
                under_way.await
            }
        };
        // Nothing comes back where the runtime is at its end.
        let Ok(again) = ended else { return };
        look = again;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::sync::mpsc::unbounded_channel;
    use tokio::time::{Instant, advance};

    use super::*;

    const HANGS: Duration = Duration::from_secs(60);
    /// After so long of the real time, a test that must fail does.
    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_hangs_is_asked_once_and_keeps_nobody_waiting() {
        let (begins, mut begun) = unbounded_channel();
        let (answer, answers) = mpsc::channel::<()>();
        let looks = tokio::spawn(each_second(move || {
            let _ = begins.send(Instant::now());
            // Once the other end is gone, the disk doesn't hang any more.
            let hung = answers.recv_timeout(PATIENCE);
            assert_eq!(hung, Err(mpsc::RecvTimeoutError::Disconnected));
        }));
        let first = begun.recv().await.unwrap();
        for _ in 0..HANGS.as_secs() {
            advance(LOOK_EVERY).await;
            tokio::task::yield_now().await;
        }
        drop(answer);
        let (second, third) = (begun.recv().await.unwrap(), begun.recv().await.unwrap());
        assert!(second - first >= HANGS, "one at a time");
        assert!(third - second >= LOOK_EVERY, "what was missed isn't made up for");
        looks.abort();
    }
}
