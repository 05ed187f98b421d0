//! How many commands may be under way at once, and whether any may.
//!
//! Everything behind the edge has room for what is let in here, so this is the one place where a
//! command is turned away for load: at once, and certainly not executed.
//!
//! ```text
//!   admit ──closed?──▶ turned away
//!     │
//!     ├──no permit, nobody holds──▶ turned away: overloaded
//!     ├──somebody holds──▶ wait, bounded in number and time
//!     ▼
//!   Admitted ── dropped when its commands have their answers, or never had an effect
//! ```
//!
//! Invariants: at most `in_flight_max` are admitted; while somebody has a [`Hold`], nobody is.
//! [`Closed::Stopping`] is final.
//!
//! Not here: what the client is told; `grpc::errors` knows the words.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, watch};

/// How much is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Commands in flight; and, while somebody holds, so many more may wait.
    pub in_flight_max: u32,
    /// How long a command, or a hold, waits for the other.
    pub wait_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { in_flight_max: 8_192, wait_max: Duration::from_secs(5) }
    }
}

/// Why nothing is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The disk is nearly full.
    StorageLow,
    /// The server is on its way out.
    Stopping,
}

/// Why a command was turned away. It was certainly not executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TurnedAway {
    /// Too much is under way.
    #[error("too many commands are under way; try again a little later")]
    Overloaded,
    /// The log is being replayed.
    #[error("the server is replaying its log; try again when it is ready")]
    Recovering,
    /// The disk is nearly full.
    #[error("the server's disk is nearly full; try again when there is room")]
    StorageLow,
    /// The server is on its way out.
    #[error("the server is stopping; try again on another, or when it is back")]
    Stopping,
}

impl TurnedAway {
    /// What clients and metrics call it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Overloaded => "OVERLOADED",
            Self::Recovering => "RECOVERING",
            Self::StorageLow => "STORAGE_LOW",
            Self::Stopping => "STOPPING",
        }
    }
}

impl From<Closed> for TurnedAway {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::StorageLow => Self::StorageLow,
            Closed::Stopping => Self::Stopping,
        }
    }
}

/// The gate. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Admission {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limits: Limits,
    // Fair: who holds takes all permits, and whoever comes after queues behind.
    permits: Arc<Semaphore>,
    closed: watch::Sender<Option<Closed>>,
    in_flight: AtomicUsize,
    waiting: AtomicUsize,
    holds: AtomicUsize,
}

/// Leave for some commands, for as long as this lives.
#[derive(Debug)]
pub struct Admitted {
    count: Counted,
    permits: OwnedSemaphorePermit,
}

impl Admitted {
    /// For how many commands.
    pub fn commands(&self) -> usize {
        self.permits.num_permits()
    }

    /// Adds another leave from the same gate.
    pub fn merge(&mut self, other: Self) {
        let Self { count, permits } = other;
        self.count.merge(count);
        self.permits.merge(permits);
    }

    /// Gives back the leave of so many commands, or of all where there are fewer.
    pub fn give_back(&mut self, commands: usize) {
        let commands = commands.min(self.commands());
        self.count.shrink(commands);
        drop(self.permits.split(commands));
    }
}

/// Nothing is in flight and nothing is let in, for as long as this lives.
#[derive(Debug)]
pub struct Hold {
    _count: Counted,
    _permits: OwnedSemaphorePermit,
}

/// So many more, counted until this is dropped.
#[derive(Debug)]
struct Counted {
    shared: Arc<Shared>,
    counter: fn(&Shared) -> &AtomicUsize,
    count: usize,
}

impl Admission {
    /// A gate that is open.
    pub fn new(limits: Limits) -> Self {
        let shared = Shared {
            limits,
            permits: Arc::new(Semaphore::new(limits.in_flight_max as usize)),
            closed: watch::Sender::new(None),
            in_flight: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            holds: AtomicUsize::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Lets one command in.
    ///
    /// # Errors
    /// [`TurnedAway`], at once; or after `wait_max`, where somebody holds for that long.
    pub async fn admit(&self) -> Result<Admitted, TurnedAway> {
        match self.admit_up_to(1)? {
            Some(admitted) => Ok(admitted),
            None => self.admitted(self.wait_for_hold().await?),
        }
    }

    /// Lets in as many of some commands as there is room for, at least one, without waiting.
    /// Nothing where somebody holds: then [`Admission::admit`] waits.
    ///
    /// # Errors
    /// [`TurnedAway`].
    pub fn admit_up_to(&self, commands: u32) -> Result<Option<Admitted>, TurnedAway> {
        self.check_open()?;
        match self.permits_up_to(commands)? {
            Some(permits) => self.admitted(permits).map(Some),
            None => Ok(None),
        }
    }

    /// Lets nothing in, and waits until nothing is in flight.
    ///
    /// # Errors
    /// [`TurnedAway::Overloaded`], where something is still in flight after `wait_max`.
    pub async fn hold(&self) -> Result<Hold, TurnedAway> {
        let count = self.counted(|shared| &shared.holds, 1);
        let permits = self.within_wait(self.shared.limits.in_flight_max).await?;
        Ok(Hold { _count: count, _permits: permits })
    }

    /// Waits until nothing is in flight. After [`Admission::close`], nothing will be.
    pub async fn drained(&self) {
        // The semaphore is never closed, so this ends only when every permit is back.
        drop(self.shared.permits.acquire_many(self.shared.limits.in_flight_max).await);
    }

    /// Lets nothing in from now on. [`Closed::Stopping`] is never replaced.
    pub fn close(&self, why: Closed) {
        self.set(Some(why));
    }

    /// Lets commands in again, unless the server is stopping.
    pub fn open(&self) {
        self.set(None);
    }

    /// Why the gate is closed; nothing where it is open.
    pub fn closed(&self) -> Option<Closed> {
        *self.shared.closed.borrow()
    }

    /// Waits until the server is stopping.
    pub async fn stopping(&self) {
        let mut closed = self.shared.closed.subscribe();
        // The sender is our own, so it lives as long as we wait.
        let _ = closed.wait_for(|now| *now == Some(Closed::Stopping)).await;
    }

    /// How many may be let in and not answered.
    pub fn in_flight_max(&self) -> u32 {
        self.shared.limits.in_flight_max
    }

    /// Commands that are let in and not answered.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    fn set(&self, state: Option<Closed>) {
        self.shared.closed.send_if_modified(|now| {
            let changes = *now != Some(Closed::Stopping) && *now != state;
            if changes {
                *now = state;
            }
            changes
        });
    }

    fn check_open(&self) -> Result<(), TurnedAway> {
        self.closed().map_or(Ok(()), |closed| Err(closed.into()))
    }

    fn admitted(&self, permits: OwnedSemaphorePermit) -> Result<Admitted, TurnedAway> {
        let count = self.counted(|shared| &shared.in_flight, permits.num_permits());
        // Asked again: whoever closes the gate and then waits until nothing is in flight must not
        // be passed by somebody who asked before.
        self.check_open()?;
        Ok(Admitted { count, permits })
    }

    /// Nothing where somebody holds.
    fn permits_up_to(&self, wanted: u32) -> Result<Option<OwnedSemaphorePermit>, TurnedAway> {
        let is_held = self.is_held();
        let mut wanted = wanted.max(1);
        loop {
            match self.shared.permits.clone().try_acquire_many_owned(wanted) {
                Ok(permits) => return Ok(Some(permits)),
                Err(_) if wanted > 1 => {
                    // Fewer each time, since others take what was seen just now.
                    let left = u32::try_from(self.shared.permits.available_permits());
                    wanted = left.unwrap_or(u32::MAX).clamp(1, wanted - 1);
                }
                Err(TryAcquireError::NoPermits) if is_held || self.is_held() => return Ok(None),
                Err(_) => return Err(TurnedAway::Overloaded),
            }
        }
    }

    async fn wait_for_hold(&self) -> Result<OwnedSemaphorePermit, TurnedAway> {
        let _count = self.counted(|shared| &shared.waiting, 1);
        let waiting = self.shared.waiting.load(Ordering::Relaxed);
        if waiting > self.shared.limits.in_flight_max as usize {
            return Err(TurnedAway::Overloaded);
        }
        self.within_wait(1).await
    }

    async fn within_wait(&self, permits: u32) -> Result<OwnedSemaphorePermit, TurnedAway> {
        let acquired = self.shared.permits.clone().acquire_many_owned(permits);
        match tokio::time::timeout(self.shared.limits.wait_max, acquired).await {
            Ok(Ok(permits)) => Ok(permits),
            _ => Err(TurnedAway::Overloaded),
        }
    }

    fn is_held(&self) -> bool {
        self.shared.holds.load(Ordering::Relaxed) > 0
    }

    fn counted(&self, counter: fn(&Shared) -> &AtomicUsize, count: usize) -> Counted {
        counter(&self.shared).fetch_add(count, Ordering::Relaxed);
        Counted { shared: self.shared.clone(), counter, count }
    }
}

impl Counted {
    /// Takes over what another of the same counter counts.
    fn merge(&mut self, mut other: Self) {
        self.count += std::mem::take(&mut other.count);
    }

    /// Counts so many fewer.
    fn shrink(&mut self, by: usize) {
        self.count -= by;
        (self.counter)(&self.shared).fetch_sub(by, Ordering::Relaxed);
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.counter)(&self.shared).fetch_sub(self.count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
