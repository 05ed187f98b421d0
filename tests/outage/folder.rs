//! One data folder, used by one server after the other: start, check, load, end.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tempfile::TempDir;
use tokio::task::block_in_place;

use crate::disk::{Mounted, Platter, Power};
use crate::load::{Customer, keep_taking_snapshots, stock_up};
use crate::process::{Addresses, PATIENCE, Process, serve};
use crate::promises::Promises;
use crate::reading::witness;
use crate::server::connect;
use crate::tally::{Counted, Tally};
use crate::trigger::Trigger;

/// From small commits to some of a megabyte.
const CONNECTIONS: [usize; 3] = [1, 4, 20];
const CUSTOMERS_OF_A_CONNECTION: usize = 60;
/// A few more than a commit takes on its disk, so that the power goes between any two of them.
const STEPS_OF_A_COMMIT: u64 = 12;
/// About as many as a start takes.
const STEPS_OF_A_START: u64 = 300;

/// How a server is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    Kill,
    PowerCut,
}

/// Where the data folder is.
enum Ground {
    /// On the disk of this machine.
    Machine,
    /// On one of our own; none while it is taken out.
    Own(Option<Mounted>),
}

/// A data folder, and what is known of it.
pub struct Folder {
    rng: StdRng,
    load_ms_max: u64,
    connections: usize,
    scratch: TempDir,
    ground: Ground,
    settings: Vec<(&'static str, String)>,
    promises: Promises,
    /// How long the last start took.
    start: Duration,
}

impl Drop for Folder {
    /// A promise that was broken is looked into: the folder stays, and the server's last words.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.scratch.disable_cleanup(true);
            let said = std::fs::read_to_string(self.scratch.path().join("errors"));
            let (data, kept) = (self.data_dir(), self.scratch.path().join("data"));
            if data != kept {
                let _ = Command::new("cp").arg("-r").args([data, kept.clone()]).status();
            }
            let settings = &self.settings;
            let (kept, said) = (kept.display(), said.unwrap_or_default());
            println!("kept: {kept}; {} connections, {settings:?}\n{said}", self.connections);
        }
    }
}

impl Folder {
    /// A folder on the disk of this machine, which only sees kills.
    pub fn new(seed: u64, load_ms_max: u64) -> Self {
        Self::on(Ground::Machine, seed, load_ms_max)
    }

    /// A folder on a disk of our own, which sees power cuts.
    pub fn on_own_disk(seed: u64, load_ms_max: u64) -> Self {
        let disk = Mounted::mount(Platter::default()).unwrap();
        Self::on(Ground::Own(Some(disk)), seed, load_ms_max)
    }

    fn on(ground: Ground, seed: u64, load_ms_max: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut one_of = |values: [&str; 3]| values[rng.random_range(0..3)].to_owned();
        let settings = vec![
            ("SNAPSHOT__EVENTS", one_of(["2000", "20000", "200000"])),
            ("JOURNAL__SEGMENT_BYTES_MAX", one_of(["1000000", "8000000", "64000000"])),
            ("JOURNAL__COMMIT_EVENTS_MAX", one_of(["8", "512", "8192"])),
            ("SERVER__SHARDS", one_of(["1", "2", "5"])),
            ("ENTITIES__RETENTION", one_of(["0s", "0s", "1s"])),
            ("ENTITIES__IDLE", one_of(["5ms", "50ms", "500ms"])),
            ("ENTITIES__RESOURCE_IDLE", one_of(["5ms", "50ms", "5s"])),
            ("ENTITIES__RESOURCE_REQUESTS_REMEMBERED", "20000".to_owned()),
        ];
        Self {
            connections: CONNECTIONS[rng.random_range(0..CONNECTIONS.len())],
            rng,
            load_ms_max,
            scratch: tempfile::tempdir().unwrap(),
            ground,
            settings,
            promises: Promises::default(),
            start: Duration::from_millis(100),
        }
    }

    fn data_dir(&self) -> PathBuf {
        match &self.ground {
            Ground::Own(Some(disk)) => disk.data_dir(),
            _ => self.scratch.path().join("data"),
        }
    }

    fn spawn(&self) -> Process {
        let settings: Vec<_> =
            self.settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
        Process::spawn(serve(&self.data_dir(), &settings), &self.scratch.path().join("errors"))
    }

    fn started(&mut self) -> (Process, Addresses) {
        let begun = Instant::now();
        let mut server = self.spawn();
        let addresses = block_in_place(|| server.ready());
        self.start = begun.elapsed();
        (server, addresses)
    }

    /// Outages until so many are counted, and what is left after them; breaks off where something
    /// was lost.
    pub async fn endure(mut self, ends: u64, counted: Counted) -> Tally {
        let mut tally = Tally { folders: 1, ..Tally::default() };
        while counted(&tally) < ends && tally.lost == 0 {
            self.round(&mut tally).await;
        }
        if tally.lost == 0 {
            self.finish(&mut tally).await;
        }
        tally
    }

    /// One load that ends with an outage, and perhaps more before the next start succeeds.
    async fn round(&mut self, tally: &mut Tally) {
        let (server, addresses) = self.started();
        let client = connect(addresses.grpc, "default").await;
        self.promises.check(&client, &mut self.rng, tally).await;
        if tally.lost > 0 {
            return;
        }
        if self.promises.last_read() == 0 {
            stock_up(&client).await;
        }
        let outage = self.next_outage();
        let cut_off = self.load(server, addresses, outage).await;
        tally.in_snapshots += u64::from(cut_off);
        self.suffer(outage, tally);
        while self.rng.random_range(0..4u32) == 0 {
            let outage = self.next_outage();
            let is_ready = self.start_and_end(outage);
            tally.in_recovery += u64::from(!is_ready);
            self.suffer(outage, tally);
        }
    }

    /// Starts a server and ends it at some moment, or at some step on its disk, of its start; tells
    /// whether it was ready by then.
    fn start_and_end(&mut self, outage: Outage) -> bool {
        let power = self.power(outage);
        let mut moment = self.start.mul_f64(self.rng.random_range(0.0..1.0));
        if let Some(power) = power.as_ref().filter(|_| self.rng.random()) {
            power.fail_before(self.rng.random_range(1..=STEPS_OF_A_START));
            moment = PATIENCE;
        }
        let mut server = self.spawn();
        let is_ready = block_in_place(|| server.ready_within(moment)).is_some();
        if let Some(power) = power {
            power.cut();
        }
        server.kill();
        is_ready
    }

    /// On a disk of our own the power goes, and now and then the process alone.
    fn next_outage(&mut self) -> Outage {
        let is_own = matches!(self.ground, Ground::Own(_));
        if is_own && self.rng.random_range(0..6u32) > 0 { Outage::PowerCut } else { Outage::Kill }
    }

    /// The switch to use where the power goes.
    fn power(&self, outage: Outage) -> Option<Power> {
        match (&self.ground, outage) {
            (Ground::Own(Some(disk)), Outage::PowerCut) => Some(disk.power()),
            _ => None,
        }
    }

    /// The server is gone; with the power goes what wasn't synced.
    fn suffer(&mut self, outage: Outage, tally: &mut Tally) {
        match (&mut self.ground, outage) {
            (Ground::Own(disk), Outage::PowerCut) => {
                let platter = disk.take().expect("the disk is in").take_out();
                let (platter, losses) = platter.after_cut(&mut self.rng);
                *disk = Some(Mounted::mount(platter).unwrap());
                tally.power_cuts += 1;
                tally.unsynced += losses;
            }
            _ => tally.kills += 1,
        }
    }

    /// Full load until the end; tells whether that cut off a snapshot.
    async fn load(&mut self, server: Process, addresses: Addresses, outage: Outage) -> bool {
        let trigger = Arc::new(Trigger::new(server, self.power(outage)));
        let mut customers = Vec::new();
        for _ in 0..self.connections {
            let client = connect(addresses.grpc, "default").await;
            for _ in 0..CUSTOMERS_OF_A_CONNECTION {
                let customer = Customer::new(client.clone(), self.rng.random(), trigger.clone());
                customers.push(tokio::spawn(customer.run()));
            }
        }
        let client = connect(addresses.grpc, "default").await;
        let watching = (self.rng.random_range(0..3u32) == 0)
            .then(|| tokio::spawn(witness(client.clone(), self.promises.last_read())));
        let snapshots = (self.rng.random_range(0..3u32) == 0)
            .then(|| tokio::spawn(keep_taking_snapshots(client)));
        let load = Duration::from_millis(self.rng.random_range(20..=self.load_ms_max));
        // The load's length is chosen, not waited for: there is no condition to look at.
        tokio::time::sleep(load).await;
        trigger.check_alive();
        match (self.rng.random_range(0..6u32), self.power(outage)) {
            (0 | 1, _) => trigger.end(),
            (2 | 3, Some(power)) => power.fail_before(self.rng.random_range(1..=STEPS_OF_A_COMMIT)),
            _ => trigger.arm(),
        }
        let reports = join_all(customers).await;
        trigger.check_gone();
        for report in reports {
            self.promises.add(report.unwrap());
        }
        if let Some(watching) = watching {
            self.promises.add_witnessed(watching.await.unwrap());
        }
        match snapshots {
            Some(snapshots) => snapshots.await.unwrap(),
            None => false,
        }
    }

    /// The last start: everything is as the log says, and the folder is whole.
    async fn finish(mut self, tally: &mut Tally) {
        let (mut server, addresses) = self.started();
        let client = connect(addresses.grpc, "default").await;
        self.promises.check(&client, &mut self.rng, tally).await;
        if tally.lost == 0 {
            let said = self.promises.compare_at_rest(&client).await;
            server.kill();
            Promises::verify(&self.data_dir(), &said);
        }
    }
}
