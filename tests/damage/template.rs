//! The folders that are damaged: made once by a real server, with everything in them that there is.
//!
//! | template | ended by | its archive |
//! | --- | --- | --- |
//! | killed | SIGKILL: the log goes on after the newest snapshot | in the tree's journal |
//! | stopped | SIGTERM: with a snapshot of its end | in the tree's tables |

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use holdfast::client::Client;
use tempfile::TempDir;

use crate::knowledge::{Knowledge, digest, entities, events};
use crate::process::{Process, serve};
use crate::requests::*;
use crate::server::{connect, eventually};

/// What every server is told: segments as short as they may be, and everything finished is archived.
pub const SETTINGS: [(&str, &str); 6] = [
    ("JOURNAL__SEGMENT_BYTES_MAX", "65536"),
    ("JOURNAL__MIN_FREE_BYTES", "0"),
    ("ENTITIES__RETENTION", "0s"),
    ("ENTITIES__IDLE", "5ms"),
    ("SERVER__SHARDS", "2"),
    ("LOG__FORMAT", "text"),
];
const ROUNDS: u64 = 4;
/// How many of each kind of entity a round has.
const ENTITIES: u64 = 25;
/// How many of a round's have finished: orders, their reservations, and what is cancelled.
const FINISHED: u64 = 3 * ENTITIES;
const MONTH_SECONDS: i64 = 29 * 24 * 60 * 60;

/// A data folder, and what a server tells of it.
pub struct Template {
    scratch: TempDir,
    pub knows: Knowledge,
}

impl Template {
    pub fn killed() -> Self {
        Self::make(|server| server.kill())
    }

    pub fn stopped() -> Self {
        let made = Self::make(|server| {
            server.terminate();
            assert!(server.ended().success());
        });
        write_tables(&made.folder().join("archive"));
        made
    }

    /// As it is.
    pub fn folder(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    /// As it was before its last round.
    pub fn earlier(&self) -> PathBuf {
        self.scratch.path().join("earlier")
    }

    fn make(end: impl FnOnce(&mut Process)) -> Self {
        let begun = Instant::now();
        let scratch = tempfile::tempdir().unwrap();
        let data = scratch.path().join("data");
        let mut server = Process::spawn(serve(&data, &SETTINGS), &scratch.path().join("errors"));
        let addresses = server.ready();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let knows = runtime.block_on(async {
            let client = connect(addresses.grpc, "default").await;
            for round in 0..ROUNDS {
                if round == ROUNDS - 1 {
                    copy(&data, &scratch.path().join("earlier"));
                }
                fill(&client).await;
                if round < ROUNDS - 1 {
                    all_archived(&client, (round + 1) * FINISHED).await;
                }
            }
            know(&client).await.unwrap()
        });
        end(&mut server);
        let took = begun.elapsed().as_secs_f64();
        println!(
            "a template of {} events, {} entities, {} segments in {took:.1} s",
            knows.events.len(),
            knows.entities.len(),
            fs::read_dir(data.join("log")).unwrap().count()
        );
        Self { scratch, knows }
    }
}

/// Everything that a server tells.
pub async fn know(client: &Client) -> Result<Knowledge, String> {
    let (position, digest) = digest(client).await?;
    let events = events(client).await?;
    let entities = entities(client, &events).await?;
    Ok(Knowledge { position, digest, events, entities })
}

/// Orders and reservations that end, and holds that don't.
async fn fill(client: &Client) {
    for sku in ["A", "B", "C"] {
        client.receive_stock(receive(sku, 1_000)).await.unwrap();
    }
    for _ in 0..ENTITIES {
        let order = order_to_its_end(&[("A", 1), ("B", 2)]);
        client.create_sales_order(order).await.unwrap();
        // The reference makes the log longer, and no two events alike.
        let reference = (0..6).map(|_| fresh()).collect::<String>();
        let wish = hold_for(MONTH_SECONDS, &[("B", 1), ("C", 1)]);
        let wish =
            holdfast::proto::v1::CreateReservationRequest { external_reference: reference, ..wish };
        let made = client.create_reservation(wish).await.unwrap().reservation.unwrap();
        client.cancel_reservation(cancel(&made.reservation_id)).await.unwrap();
        client.create_reservation(hold_for(MONTH_SECONDS, &[("C", 1)])).await.unwrap();
    }
}

/// Takes snapshots until everything finished is in the archive: what still has an actor waits for the
/// next one.
async fn all_archived(client: &Client, finished: u64) {
    eventually("the archive", || async {
        client.take_snapshot(Default::default()).await.unwrap();
        let told = client.get_statistics(Default::default()).await.unwrap();
        (told.archived_entities >= finished).then_some(())
    })
    .await;
}

/// The archive's tree keeps a little in its journal alone; a large one has tables.
fn write_tables(archive: &Path) {
    let database = fjall::Database::builder(archive).open().unwrap();
    for name in ["records", "totals"] {
        let keyspace = database.keyspace(name, fjall::KeyspaceCreateOptions::default).unwrap();
        keyspace.rotate_memtable_and_wait().unwrap();
    }
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        let to = to.join(from.file_name().unwrap());
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}
