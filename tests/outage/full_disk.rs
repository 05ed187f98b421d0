//! A server on a disk that fills up, really: a file system in memory of a given size.
//!
//! Not here: the levels between ample and full; `tests/grpc/storage.rs` has them.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use holdfast::client::Client;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tempfile::TempDir;

use crate::load::{Customer, Report, stock_up};
use crate::process::{Process, serve};
use crate::promises::Promises;
use crate::requests::receive;
use crate::server::{connect, eventually, get};
use crate::tally::Tally;
use crate::trigger::Trigger;

const CUSTOMERS: u64 = 60;
const ABORTED: i32 = 6;
/// Room for everything that a trial does.
const AMPLE_MIB: u64 = 4_096;
/// The disk is filled until a write fails; and it fills soon.
const TO_THE_BRIM: [(&str, &str); 2] =
    [("JOURNAL__MIN_FREE_BYTES", "0"), ("ENTITIES__RESOURCE_REQUESTS_REMEMBERED", "100000")];

/// A file system of a given size; gone with this.
pub struct Filling(TempDir);

fn mount(options: &str, place: &Path) -> Result<(), String> {
    let mut command = Command::new("mount");
    let done = command.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(place).output();
    match done {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => Err(String::from_utf8_lossy(&done.stderr).into_owned()),
        Err(error) => Err(format!("mount: {error}")),
    }
}

impl Filling {
    /// One of so many MiB; where this user or machine can't mount any, the reason.
    pub fn mount(mib: u64) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        mount(&format!("size={mib}m"), folder.path())?;
        Ok(Self(folder))
    }

    fn grow(&self) {
        mount(&format!("remount,size={AMPLE_MIB}m"), self.0.path()).unwrap();
    }

    fn data_dir(&self) -> PathBuf {
        self.0.path().join("data")
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

/// Clients that buy until the server is gone.
fn customers(client: &Client, trigger: &Arc<Trigger>) -> Vec<tokio::task::JoinHandle<Report>> {
    let customer = |seed| Customer::new(client.clone(), seed, trigger.clone()).run();
    (0..CUSTOMERS).map(|seed| tokio::spawn(customer(seed))).collect()
}

/// A server that doesn't look at the room is ended by a write that fails.
pub async fn fill_and_come_back(disk: &Filling) {
    let scratch = tempfile::tempdir().unwrap();
    let errors = scratch.path().join("errors");
    let mut server = Process::spawn(serve(&disk.data_dir(), &TO_THE_BRIM), &errors);
    let client = connect(server.ready().grpc, "default").await;
    stock_up(&client).await;
    let trigger = Arc::new(Trigger::new(server, None));
    let mut promises = Promises::default();
    for customer in customers(&client, &trigger) {
        promises.add(customer.await.unwrap());
    }
    let mut server = Arc::into_inner(trigger).expect("the customers are gone").into_server();
    let status = server.ended();
    let said = server.errors();
    assert_eq!(status.signal(), Some(ABORTED), "{said}");
    check_last_words(&said, &disk.data_dir());
    come_back(disk, &errors, promises).await;
}

/// What failed, where, why, and what to do, in one line.
fn check_last_words(said: &str, data_dir: &Path) {
    let fatal: Vec<_> = said.lines().filter(|line| line.starts_with("holdfast: fatal:")).collect();
    assert_eq!(fatal.len(), 1, "{said}");
    let place = data_dir.display().to_string();
    for part in [place.as_str(), "No space left on device", "make room"] {
        assert!(fatal[0].contains(part), "{part:?} is not in {:?}", fatal[0]);
    }
    assert!(!said.contains("panicked"), "{said}");
}

async fn come_back(disk: &Filling, errors: &Path, mut promises: Promises) {
    disk.grow();
    let mut server = Process::spawn(serve(&disk.data_dir(), &TO_THE_BRIM), errors);
    let client = connect(server.ready().grpc, "default").await;
    let mut tally = Tally::default();
    promises.check(&client, &mut StdRng::seed_from_u64(0), &mut tally).await;
    println!("{tally}");
    assert_eq!(tally.lost, 0, "acknowledgements are lost");
    let said = promises.compare_at_rest(&client).await;
    server.kill();
    Promises::verify(&disk.data_dir(), &said);
}

/// A server that looks at the room refuses commands before there is none.
pub async fn stop_short(disk: &Filling) {
    let scratch = tempfile::tempdir().unwrap();
    let mut server = Process::spawn(serve(&disk.data_dir(), &[]), &scratch.path().join("errors"));
    let addresses = server.ready();
    let client = connect(addresses.grpc, "default").await;
    stock_up(&client).await;
    let trigger = Arc::new(Trigger::new(server, None));
    let customers = customers(&client, &trigger);
    eventually("a disk that is nearly full", || async { is_refused(&client).await.then_some(()) })
        .await;
    trigger.check_alive();
    check_readiness(addresses.http, 503);
    disk.grow();
    eventually("room again", || async { (!is_refused(&client).await).then_some(()) }).await;
    check_readiness(addresses.http, 200);
    trigger.end();
    for customer in customers {
        customer.await.unwrap();
    }
}

async fn is_refused(client: &Client) -> bool {
    match client.receive_stock(receive("A", 1)).await {
        Ok(_) => false,
        Err(error) => error.reason == "STORAGE_LOW",
    }
}

fn check_readiness(http: SocketAddr, status: u16) {
    let (found, why) = get(http, "/health/ready");
    assert_eq!(found, status, "{why}");
}
