//! Whether a folder that nobody uses keeps its promises.

use std::fs;
use std::path::Path;

use holdfast::journal::folder;

use crate::ledger::Ledger;
use crate::process::{Process, serve};
use crate::reading::{compare, digest, read_to_rest};
use crate::server::connect;

/// Checks a copy of a folder: replayed from zero, without snapshots and without an archive, it
/// comes to the state that the running server had.
pub async fn verify_folder(data_dir: &Path, expected: &(u64, String)) {
    let scratch = tempfile::tempdir().unwrap();
    let copy = scratch.path().join("data");
    folder::copy(data_dir, &copy).unwrap();
    for derived in ["snapshots", "archive"] {
        fs::remove_dir_all(copy.join(derived)).unwrap();
    }
    let mut server = Process::spawn(serve(&copy, &[]), &scratch.path().join("errors"));
    let addresses = server.ready();
    let client = connect(addresses.grpc, "default").await;
    let mut ledger = Ledger::default();
    read_to_rest(&client, &mut ledger).await;
    compare(&client, &ledger).await;
    assert_eq!(digest(&client).await, *expected, "from zero, and as it was");
}
