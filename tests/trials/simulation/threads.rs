//! Threads without threads: each has its own set of tasks, and one real thread gives them turns.
//!
//! ```text
//!   clients │ writer │ keeper │ shard 0 │ shard 1 …      which is next? the seed says
//! ```
//!
//! The server's arbiters run at the same time, so what one sends another may come before or after
//! what a third sends. Here it is the order of turns, drawn anew in each round, and now and then a
//! thread that gets no turn for a while. Nothing in the server knows of it: where shards are
//! started is up to the wiring, here as there.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use tokio::task::LocalSet;

use crate::model::{Checked, check};

/// How many rounds a thread gets no turn, at most, when it is forgotten.
const FORGOTTEN_ROUNDS_MAX: u32 = 30;

thread_local! {
    /// Whether some task on this real thread has panicked.
    static HAS_PANICKED: Cell<bool> = const { Cell::new(false) };
}

/// A task that panics ends by itself here, and the whole process there. So it has to be noticed.
fn notice_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            HAS_PANICKED.set(true);
            before(panic);
        }));
    });
    HAS_PANICKED.set(false);
}

/// Which thread.
#[derive(Debug, Clone, Copy)]
pub enum Thread {
    Clients,
    Writer,
    Keeper,
    Shard(usize),
}

impl Thread {
    fn index(self) -> usize {
        match self {
            Self::Clients => 0,
            Self::Writer => 1,
            Self::Keeper => 2,
            Self::Shard(number) => 3 + number,
        }
    }
}

/// All threads of one life of the server, and of its clients.
pub struct Threads {
    sets: Vec<LocalSet>,
    /// For how many rounds each gets no turn.
    forgotten: Vec<u32>,
    order: Vec<usize>,
    random: StdRng,
    pub times_forgotten: u64,
}

impl Threads {
    pub fn new(shards: usize, seed: u64) -> Self {
        notice_panics();
        let count = Thread::Shard(shards).index();
        Self {
            sets: (0..count).map(|_| LocalSet::new()).collect(),
            forgotten: vec![0; count],
            order: (0..count).collect(),
            random: StdRng::seed_from_u64(seed),
            times_forgotten: 0,
        }
    }

    /// Where this thread's tasks live.
    pub fn set(&self, thread: Thread) -> &LocalSet {
        &self.sets[thread.index()]
    }

    /// Gives turns until it is over, which is asked after each.
    ///
    /// # Errors
    /// A task has panicked; with what, was printed.
    pub async fn run(&mut self, mut is_over: impl FnMut() -> bool) -> Checked {
        poll_fn(|context| self.round(context, &mut is_over)).await;
        check(!HAS_PANICKED.get(), || "a thread has panicked".into())
    }

    fn round(&mut self, context: &mut Context<'_>, is_over: &mut dyn FnMut() -> bool) -> Poll<()> {
        self.order.shuffle(&mut self.random);
        if self.random.random_ratio(1, 16) {
            let rounds = self.random.random_range(1..=FORGOTTEN_ROUNDS_MAX);
            self.forgotten[self.order[0]] = rounds;
            self.times_forgotten += 1;
        }
        for &index in &self.order {
            if self.forgotten[index] > 0 {
                self.forgotten[index] -= 1;
                context.waker().wake_by_ref();
                continue;
            }
            let _ = Pin::new(&mut self.sets[index]).poll(context);
            if is_over() || HAS_PANICKED.get() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}
