//! The demo as a newcomer runs it: the binary, a fresh folder, few orders.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn demo(data_dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_holdfast"))
        .args(["demo", "--orders", "200", "--clients", "8", "--data-dir"])
        .arg(data_dir)
        .args(arguments)
        .output()
        .unwrap()
}

fn units(thing: &Value, key: &str) -> u64 {
    thing[key].as_u64().unwrap_or_else(|| panic!("{key} in {thing}"))
}

#[test]
fn the_demo_shows_that_nothing_is_sold_twice() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    let output = demo(&data_dir, &["-o", "json"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), errors.as_ref()), (Some(0), ""));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();

    assert_eq!(report["ok"], true, "{:#}", report["checks"]);
    assert_eq!(units(&report, "orders"), 200);
    assert_eq!(units(&report, "completed") + units(&report, "rejected"), 200);
    assert!(units(&report, "completed") > 0 && units(&report, "rejected") > 0);
    let products = report["products"].as_array().unwrap();
    assert_eq!(products.len(), 12);
    for product in products {
        let [wanted, received, sold, left] =
            ["wanted", "received", "sold", "left"].map(|key| units(product, key));
        assert!(sold + left == received && received < wanted, "{product}");
    }
    let sold: u64 = products.iter().map(|product| units(product, "sold")).sum();
    assert!(sold > 0 && sold == units(&report, "units_sold"));

    let order = report["order"]["events"].as_array().unwrap();
    let types: Vec<_> = order.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types.first(), Some(&"SalesOrderCreated"));
    for expected in ["ClaimMade", "ReservationCreated", "ClaimCommitted", "SalesOrderCompleted"] {
        assert!(types.contains(&expected), "{expected} in {types:?}");
    }
    assert!(order.is_sorted_by_key(|event| units(event, "position")));

    let again = demo(&data_dir, &[]);
    assert_eq!(again.status.code(), Some(2), "a folder that is not empty");
}
