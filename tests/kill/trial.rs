//! The rounds of a trial: start, check, load, kill.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use holdfast::client::Client;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use tempfile::TempDir;

use crate::ledger::Ledger;
use crate::load::{Ack, Customer, Report, Sent, is_answer, keep_taking_snapshots, stock_up};
use crate::process::{Addresses, Process, serve};
use crate::reading::{Seen, compare, digest, read_on, read_to_rest, witness};
use crate::server::connect;
use crate::trigger::Trigger;
use crate::verification::{Said, verify_folder};

const KILLS_OF_A_FOLDER: u64 = 20;
const CONNECTIONS: usize = 4;
const CUSTOMERS_OF_A_CONNECTION: usize = 60;
/// Acknowledged commands that are sent again after each start.
const SENT_AGAIN: usize = 300;

pub struct Plan {
    pub kills: u64,
    pub seed: u64,
    pub load_ms_max: u64,
}

/// What a trial came to.
pub struct Tally {
    pub kills: u64,
    pub acknowledgements: u64,
    in_snapshots: u64,
    in_recovery: u64,
    events: u64,
    sent_again: u64,
    unanswered: u64,
    took_effect: u64,
    folders: u64,
    begun: Instant,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.begun.elapsed().as_secs_f64();
        write!(
            f,
            "kill trial: {} kills ({} inside a snapshot, {} inside recovery) on {} folders in \
             {seconds:.0} s; {} acknowledgements checked, {:.0}/s; {} events read; {} commands sent \
             again; of {} commands without an answer {} took effect, each once",
            self.kills,
            self.in_snapshots,
            self.in_recovery,
            self.folders,
            self.acknowledgements,
            self.acknowledgements as f64 / seconds,
            self.events,
            self.sent_again,
            self.unanswered,
            self.took_effect,
        )
    }
}

pub fn run(plan: Plan) -> Tally {
    let mut tally = Tally {
        kills: 0,
        acknowledgements: 0,
        in_snapshots: 0,
        in_recovery: 0,
        events: 0,
        sent_again: 0,
        unanswered: 0,
        took_effect: 0,
        folders: 0,
        begun: Instant::now(),
    };
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    while tally.kills < plan.kills {
        let kills = KILLS_OF_A_FOLDER.min(plan.kills - tally.kills);
        let until = tally.kills + kills;
        let mut folder = Folder::new(StdRng::from_rng(&mut rng), plan.load_ms_max);
        runtime.block_on(async {
            while tally.kills < until {
                folder.round(&mut tally).await;
            }
            folder.finish(&mut tally).await;
        });
        println!("{tally}");
    }
    tally
}

/// One data folder, and what is known of it.
struct Folder {
    rng: StdRng,
    load_ms_max: u64,
    scratch: TempDir,
    settings: Vec<(&'static str, String)>,
    ledger: Ledger,
    kept: Vec<(Sent, Ack)>,
    /// What was promised and seen since the log was read last.
    promised: Promised,
    /// How long the last start took.
    start: Duration,
}

impl Drop for Folder {
    /// A promise that was broken is looked into: the folder stays, and the server's last words.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.scratch.disable_cleanup(true);
            let said = std::fs::read_to_string(self.scratch.path().join("errors"));
            let settings = &self.settings;
            println!(
                "kept: {}; {settings:?}\n{}",
                self.data_dir().display(),
                said.unwrap_or_default()
            );
        }
    }
}

#[derive(Default)]
struct Promised {
    acks: Vec<Ack>,
    unsure: Vec<Sent>,
    witnessed: Vec<Seen>,
}

impl Folder {
    fn new(mut rng: StdRng, load_ms_max: u64) -> Self {
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
            rng,
            load_ms_max,
            scratch: tempfile::tempdir().unwrap(),
            settings,
            ledger: Ledger::default(),
            kept: Vec::new(),
            promised: Promised::default(),
            start: Duration::from_millis(100),
        }
    }

    fn data_dir(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    fn spawn(&self) -> Process {
        let settings: Vec<_> =
            self.settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
        Process::spawn(serve(&self.data_dir(), &settings), &self.scratch.path().join("errors"))
    }

    fn started(&mut self) -> (Process, Addresses) {
        let begun = Instant::now();
        let mut server = self.spawn();
        let addresses = server.ready();
        self.start = begun.elapsed();
        (server, addresses)
    }

    /// One load that ends with a kill, and perhaps more kills before the next start succeeds.
    async fn round(&mut self, tally: &mut Tally) {
        let (server, addresses) = self.started();
        let client = connect(addresses.grpc, "default").await;
        self.check(&client, tally).await;
        if self.ledger.last == 0 {
            stock_up(&client).await;
        }
        let cut_off = self.load(server, addresses, tally).await;
        tally.kills += 1;
        tally.in_snapshots += u64::from(cut_off);
        while self.rng.random_range(0..4u32) == 0 {
            let moment = self.start.mul_f64(self.rng.random_range(0.0..1.0));
            let mut server = self.spawn();
            let is_ready = server.ready_within(moment).is_some();
            server.kill();
            tally.kills += 1;
            tally.in_recovery += u64::from(!is_ready);
        }
    }

    /// Full load, until the server is killed; tells whether that cut off a snapshot.
    async fn load(&mut self, server: Process, addresses: Addresses, tally: &mut Tally) -> bool {
        let trigger = Arc::new(Trigger::new(server));
        let mut customers = Vec::new();
        for _ in 0..CONNECTIONS {
            let client = connect(addresses.grpc, "default").await;
            for _ in 0..CUSTOMERS_OF_A_CONNECTION {
                let customer = Customer::new(client.clone(), self.rng.random(), trigger.clone());
                customers.push(tokio::spawn(customer.run()));
            }
        }
        let client = connect(addresses.grpc, "default").await;
        let watching = (self.rng.random_range(0..3u32) == 0)
            .then(|| tokio::spawn(witness(client.clone(), self.ledger.last)));
        let snapshots = (self.rng.random_range(0..3u32) == 0)
            .then(|| tokio::spawn(keep_taking_snapshots(client)));
        let load = Duration::from_millis(self.rng.random_range(20..=self.load_ms_max));
        // The load's length is chosen, not waited for: there is no condition to look at.
        tokio::time::sleep(load).await;
        trigger.check_alive();
        match self.rng.random_range(0..3u32) {
            0 => trigger.kill(),
            _ => trigger.arm(),
        }
        let reports = join_all(customers).await;
        trigger.check_gone();
        for report in reports {
            let Report { acks, kept, unsure } = report.unwrap();
            tally.unanswered += unsure.len() as u64;
            self.promised.acks.extend(acks);
            self.promised.unsure.extend(unsure);
            self.kept.extend(kept);
        }
        if let Some(watching) = watching {
            self.promised.witnessed = watching.await.unwrap();
        }
        match snapshots {
            Some(snapshots) => snapshots.await.unwrap(),
            None => false,
        }
    }

    /// Reads on in the log, and checks what was promised since.
    async fn check(&mut self, client: &Client, tally: &mut Tally) {
        let Promised { acks, unsure, witnessed } = std::mem::take(&mut self.promised);
        let before = self.ledger.last;
        read_on(client, &mut self.ledger, &witnessed).await;
        tally.events += self.ledger.last - before;
        for ack in &acks {
            let effect = self.ledger.requests.get(&ack.request);
            let effect = effect.unwrap_or_else(|| panic!("{ack:?} is gone"));
            assert_eq!((effect.version, effect.position), (ack.version, ack.position), "{ack:?}");
        }
        tally.acknowledgements += acks.len() as u64;
        self.kept.shuffle(&mut self.rng);
        for some in self.kept[..self.kept.len().min(SENT_AGAIN)].chunks(50) {
            let sent = some.iter().map(|(sent, ack)| async move {
                let again = sent.send(client).await;
                let again = again.unwrap_or_else(|error| panic!("{sent:?}, {ack:?}: {error}"));
                assert_eq!(again, *ack, "{sent:?}");
            });
            tally.sent_again += join_all(sent).await.len() as u64;
        }
        self.send_the_unsure_again(client, unsure, tally).await;
    }

    /// A command without an answer either took effect or didn't; sent again, it has.
    async fn send_the_unsure_again(&self, client: &Client, unsure: Vec<Sent>, tally: &mut Tally) {
        for some in unsure.chunks(50) {
            let sent = some.iter().map(|sent| async move {
                let before = self.ledger.requests.get(&sent.request());
                match (sent.send(client).await, before) {
                    (Ok(again), Some(effect)) => {
                        let kept = (effect.version, effect.position);
                        assert_eq!((again.version, again.position), kept, "{sent:?}");
                    }
                    (Ok(again), None) => {
                        assert!(again.position > self.ledger.last, "{sent:?}: {again:?}");
                    }
                    (Err(error), None) => assert!(is_answer(&error), "{sent:?}: {error}"),
                    (Err(error), Some(effect)) => panic!("{sent:?}, {effect:?}: {error}"),
                }
                u64::from(before.is_some())
            });
            tally.took_effect += join_all(sent).await.into_iter().sum::<u64>();
        }
    }

    /// The last start: everything is as the log says, and the folder is whole.
    async fn finish(mut self, tally: &mut Tally) {
        let (mut server, addresses) = self.started();
        let client = connect(addresses.grpc, "default").await;
        self.check(&client, tally).await;
        read_to_rest(&client, &mut self.ledger).await;
        compare(&client, &self.ledger).await;
        let (position, state_sha256) = digest(&client).await;
        let streams = self.ledger.versions.len() as u64;
        server.kill();
        tally.folders += 1;
        let said = Said { position, state_sha256, streams };
        tokio::task::block_in_place(|| verify_folder(&self.data_dir(), &said));
    }
}
