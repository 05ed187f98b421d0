//! One life of the server: from its start to its crash, with whoever is around it.

use std::cell::{Cell, RefCell, RefMut};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use holdfast::actors::engine::{Engine, Statistics};
use holdfast::clock::{Clock, SystemClock};
use holdfast::codec::digest::Digest;
use holdfast::domain::ids::Position;
use holdfast::domain::time::Timestamp;
use holdfast::journal::Room;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::engine::{Started, WriterState};
use super::scene::Scene;
use super::time::Source;
use crate::support::{Disks, Told};

/// A clock that is further ahead is not believed.
pub const MAX_LEAP_MS: i64 = 5 * 60 * 1_000;

/// How long an engine may take to come to rest, in simulated time.
const REST_MAX: Duration = Duration::from_secs(60);

/// What a server at rest said of itself.
pub struct Rested {
    pub position: Position,
    pub digest: Digest,
    pub now: Timestamp,
    pub statistics: Statistics,
}

/// How a life ends.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many commands are sent.
    pub commands: u64,
    /// By how many clients.
    pub clients: u32,
    /// Where so many have been sent, it crashes; else when it has come to rest.
    pub crash_after: Option<u64>,
    /// It waits for a snapshot to be under way, which then may or may not come to its end.
    pub in_snapshot: bool,
    /// How many turns threads still have then.
    pub turns: u64,
    /// How often text is long, of ten times.
    pub long_labels: u32,
    /// The disk fails early, while commits are long.
    pub tears: bool,
}

/// What everybody around a running server shares.
pub struct Life {
    pub engine: Engine,
    pub clock: Arc<SystemClock<Source>>,
    pub source: Source,
    pub disks: Disks,
    pub told: Told,
    writer: Rc<WriterState>,
    scene: Rc<RefCell<Scene>>,
    pub plan: Plan,
    commands: Cell<u64>,
    is_ending: Cell<bool>,
    turns_left: Cell<u64>,
    snapshots_under_way: Cell<u32>,
    expiry_stopped: Cell<Option<Timestamp>>,
    rested: RefCell<Option<Rested>>,
}

impl Life {
    pub fn new(
        started: Started,
        (clock, source): (Arc<SystemClock<Source>>, Source),
        disks: Disks,
        scene: Rc<RefCell<Scene>>,
        plan: Plan,
    ) -> Self {
        let Started { engine, told, writer } = started;
        Self {
            engine,
            clock,
            source,
            disks,
            told,
            writer,
            scene,
            plan,
            commands: Cell::default(),
            is_ending: Cell::default(),
            turns_left: Cell::new(plan.turns),
            snapshots_under_way: Cell::default(),
            expiry_stopped: Cell::default(),
            rested: RefCell::default(),
        }
    }

    pub fn scene(&self) -> RefMut<'_, Scene> {
        self.scene.borrow_mut()
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether there is still something to be sent.
    pub fn goes_on(&self) -> bool {
        self.commands.get() < self.plan.commands
    }

    pub fn commanded(&self) {
        self.commands.set(self.commands.get() + 1);
    }

    /// Somebody was told of a position.
    pub fn told_at(&self, position: Position) {
        let last = self.disks.last();
        assert!(position <= last, "{position} was told, and {last} was durable");
        let mut scene = self.scene();
        scene.floor = scene.floor.max(position);
    }

    pub fn snapshot_begins(&self) {
        self.snapshots_under_way.set(self.snapshots_under_way.get() + 1);
    }

    pub fn snapshot_ends(&self) {
        self.snapshots_under_way.set(self.snapshots_under_way.get() - 1);
    }

    pub fn is_in_snapshot(&self) -> bool {
        self.snapshots_under_way.get() > 0
    }

    /// From now on nobody may expect that holds end.
    pub fn expiry_stops(&self) {
        let since = self.expiry_stopped.get().unwrap_or_else(|| self.now());
        self.expiry_stopped.set(Some(since));
    }

    pub fn expiry_goes_on(&self) {
        if let Some(since) = self.expiry_stopped.take() {
            self.scene().gaps.add(since, self.now());
        }
    }

    /// Since when expiry has stopped: at the latest, since now.
    pub fn expiry_stopped(&self) -> Timestamp {
        self.expiry_stopped.get().unwrap_or_else(|| self.now())
    }

    pub fn slow_commits(&self) -> u64 {
        self.writer.slow_commits.get()
    }

    /// Whether it ends here; asked after each turn of a thread.
    pub fn is_over(&self) -> bool {
        if self.rested.borrow().is_some() {
            return true;
        }
        let is_due = self.plan.crash_after.is_some_and(|count| self.commands.get() >= count)
            && (self.is_in_snapshot() || !self.plan.in_snapshot);
        if !is_due && !self.writer.has_failed.get() && !self.is_ending.get() {
            return false;
        }
        self.is_ending.set(true);
        let left = self.turns_left.get();
        self.turns_left.set(left.saturating_sub(1));
        left == 0
    }

    pub fn rested(&self) -> Option<Rested> {
        self.rested.borrow_mut().take()
    }

    /// When everybody has gone, lets the server come to rest.
    pub async fn close(self: Rc<Self>, everybody: Vec<JoinHandle<()>>) {
        for one in everybody {
            one.await.unwrap();
        }
        self.engine.accept_clock();
        self.engine.journal().set_room(Room::Commands);
        self.expiry_goes_on();
        match timeout(REST_MAX, self.rest()).await {
            Ok(rested) => *self.rested.borrow_mut() = Some(rested),
            // Without the disk, nobody is told anything; the crash is on its way.
            Err(_) => assert!(self.writer.has_failed.get(), "it never rests"),
        }
    }

    async fn rest(&self) -> Rested {
        let mut before = None;
        loop {
            sleep(Duration::from_millis(20)).await;
            // Without the disk there is none.
            let Ok(turn) = self.engine.digest_turn().await else { continue };
            let Ok((position, digest)) = turn.digest().await else { continue };
            if before == Some((position, digest)) {
                let statistics = self.engine.statistics().await.unwrap();
                return Rested { position, digest, now: self.now(), statistics };
            }
            before = Some((position, digest));
        }
    }
}
