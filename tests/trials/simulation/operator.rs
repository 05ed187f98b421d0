//! What happens around a server while it runs: disks, clocks, snapshots.

use std::rc::Rc;
use std::time::Duration;

use holdfast::archive::PutFailure;
use holdfast::clock::Clock;
use holdfast::journal::Room;
use holdfast::snapshot::memory_store::Operation;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::sleep;

use super::faults::Fault;
use super::life::{Life, MAX_LEAP_MS};

/// Whoever sets clocks, takes snapshots, and pulls plugs.
pub struct Operator {
    life: Rc<Life>,
    random: StdRng,
}

impl Operator {
    pub fn new(life: Rc<Life>, seed: u64) -> Self {
        Self { life, random: StdRng::seed_from_u64(seed) }
    }

    /// Works as long as clients do.
    pub async fn run(mut self) {
        if !self.life.clock.is_trusted() {
            self.life.scene().fault(Fault::StartPaused);
            self.pause().await;
        }
        if self.life.plan.tears {
            sleep(Duration::from_millis(self.random.random_range(10..300))).await;
            self.fail_sync();
        }
        while self.life.goes_on() {
            sleep(Duration::from_millis(self.random.random_range(5..250))).await;
            match self.random.random_range(0..32) {
                0..8 => self.take_snapshot(),
                8..10 => self.leap_ahead(),
                10 => self.leap_far_ahead().await,
                11 => self.leap_back(),
                12 => self.leap_far_back(),
                13 | 14 => self.fill_disk().await,
                15 => self.life.disks.archive.fail_next_put(match self.random.random_bool(0.5) {
                    true => PutFailure::Lost,
                    false => PutFailure::Kept,
                }),
                16 | 17 => self.fail_snapshot(),
                18..21 => self.fail_write(),
                21 => self.fail_sync(),
                _ => {}
            }
        }
    }

    fn take_snapshot(&mut self) {
        let life = self.life.clone();
        tokio::task::spawn_local(async move {
            life.snapshot_begins();
            let taken = life.engine.take_snapshot().await;
            life.snapshot_ends();
            life.scene().fault(match taken {
                Ok(_) => Fault::Snapshot,
                Err(_) => Fault::SnapshotFailed,
            });
        });
    }

    fn fail_snapshot(&mut self) {
        let operations = [Operation::Begin, Operation::Put, Operation::Finish, Operation::Prune];
        let operation = operations[self.random.random_range(0..operations.len())];
        self.life.disks.snapshots.fail(operation, 1);
    }

    fn fail_write(&mut self) {
        self.life.disks.log.fail_write_after(self.random.random_range(0..6));
        self.life.scene().fault(Fault::WriteFailed);
    }

    fn fail_sync(&mut self) {
        self.life.disks.log.fail_sync_after(self.random.random_range(0..4));
        self.life.scene().fault(Fault::SyncFailed);
    }

    async fn fill_disk(&mut self) {
        self.life.scene().fault(Fault::DiskNearlyFull);
        self.life.expiry_stops();
        let room = if self.random.random_bool(0.5) { Room::UnderWay } else { Room::OwnWork };
        self.life.engine.journal().set_room(room);
        sleep(Duration::from_millis(self.random.random_range(1..400))).await;
        self.life.engine.journal().set_room(Room::Commands);
        self.life.expiry_goes_on();
    }

    /// The wall clock is set by so much; whatever the server makes of it, it makes at once.
    fn leap(&self, span_ms: i64) {
        self.life.expiry_stops();
        self.life.source.leap(span_ms);
        self.life.expiry_goes_on();
    }

    fn leap_ahead(&mut self) {
        let span_ms = match self.random.random_bool(0.1) {
            true => MAX_LEAP_MS,
            false => self.random.random_range(1..1_000),
        };
        self.leap(span_ms);
        self.life.scene().fault(Fault::LeapAhead);
    }

    fn leap_back(&mut self) {
        let span_ms = self.random.random_range(1..500);
        self.leap(-span_ms);
        self.life.scene().fault(Fault::LeapBack);
    }

    fn leap_far_back(&mut self) {
        let span_ms = MAX_LEAP_MS + self.random.random_range(1..10_000);
        self.leap(-span_ms);
        self.life.scene().fault(Fault::LeapFarBack);
    }

    async fn leap_far_ahead(&mut self) {
        let span_ms = match self.random.random_bool(0.5) {
            true => MAX_LEAP_MS + self.random.random_range(1..5_000),
            // So far that request ids may be forgotten.
            false => 25 * 60 * 60 * 1_000,
        };
        self.life.expiry_stops();
        self.life.source.leap(span_ms);
        // It may have been behind.
        if self.life.clock.is_trusted() {
            return self.life.expiry_goes_on();
        }
        self.life.scene().fault(Fault::LeapFarAhead);
        if self.random.random_bool(0.5) {
            sleep(Duration::from_millis(self.random.random_range(1..900))).await;
            self.life.source.leap(-span_ms);
            self.life.scene().fault(Fault::LeapTakenBack);
        }
        if !self.life.clock.is_trusted() {
            return self.pause().await;
        }
        self.life.expiry_goes_on();
    }

    /// For a while nobody knows what time it is; then somebody says that it is right.
    async fn pause(&mut self) {
        self.life.expiry_stops();
        sleep(Duration::from_millis(self.random.random_range(1..900))).await;
        self.life.engine.accept_clock();
        self.life.expiry_goes_on();
        self.life.scene().fault(Fault::LeapAccepted);
    }
}
