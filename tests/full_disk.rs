//! A start on a disk that is nearly full.
#![allow(clippy::unwrap_used)]

#[path = "support/requests.rs"]
mod requests;
#[path = "support/server.rs"]
mod server;
mod support;

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use holdfast::archive::FjallArchive;
use holdfast::domain::reservation::Term;
use holdfast::journal::{DataFolder, SledOptions, SledStore};
use holdfast::snapshot::FileStore;
use requests::balance_of;
use server::Server;
use support::*;

/// Many times longer than it takes a shard to act on a deadline.
const LOOK_TAKES: Duration = Duration::from_millis(200);

/// Leaves a hold of two in a data folder, whose deadline was years ago.
fn make_overdue_hold(path: &Path) {
    let folder = DataFolder::open(path).unwrap();
    let log_id = folder.log_id();
    let stores = Stores {
        store: SledStore::open(&folder, SledOptions::default()).unwrap().store,
        snapshots: Arc::new(FileStore::open(path, log_id).unwrap()),
        archive: Arc::new(FjallArchive::open(path).unwrap()),
        log_id,
    };
    on_one_thread(async {
        let trial = stores.start(clock(), Settings::default());
        trial.command(stock_entity("A"), 1, receive(5)).await.unwrap();
        let held = create(&[("A", 2)], Term::For(60_000));
        trial.command(reservation_entity(1), 2, held).await.unwrap();
    });
}

#[test]
fn what_is_free_is_known_before_a_hold_can_expire_however_slow_the_disk_is_to_say_it() {
    let folder = tempfile::tempdir().unwrap();
    make_overdue_hold(&folder.path().join("data"));
    let full = Box::new(|| {
        thread::sleep(LOOK_TAKES);
        Ok(0)
    });
    let server = Server::on_folder(folder, full, |config| config.journal.min_free_bytes = 800);
    server.run(async {
        let client = server.client().await;
        let balance = client.get_stock_balance(balance_of("A")).await.unwrap();
        assert_eq!(balance.stock_balance.unwrap().held, 2);
    });
}
