//! A real shop's month, replayed over the real command line and worked out by hand beside it.
//!
//! The file lies in the folder that `HOLDFAST_TEST_DATA` names, `../shared/data` by default. Where
//! it isn't there, `scripts/test` leaves these tests out and counts them as skipped; run by
//! themselves they say so and pass.
#![allow(clippy::unwrap_used)]

#[path = "support/process.rs"]
mod process;
#[path = "support/server.rs"]
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use holdfast::proto::v1;
use server::Server;
use sha2::{Digest, Sha256};

const FILE: &str = "retail_2009_12.csv.gz";

fn file() -> Option<PathBuf> {
    let folder = std::env::var_os("HOLDFAST_TEST_DATA").unwrap_or("../shared/data".into());
    let path = Path::new(&folder).join(FILE);
    if !path.exists() {
        println!("SKIPPED: {} is not there; set HOLDFAST_TEST_DATA to its folder", path.display());
        return None;
    }
    Some(path)
}

/// One row, as far as the rules speak of it.
struct Row {
    invoice: String,
    code: String,
    quantity: i64,
    is_priced: bool,
}

fn rows(path: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(GzDecoder::new(File::open(path).unwrap()));
    let headers = reader.headers().unwrap().clone();
    let column = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let (invoice, code) = (column("Invoice"), column("StockCode"));
    let (quantity, price) = (column("Quantity"), column("Price"));
    reader
        .records()
        .map(|record| record.unwrap())
        .map(|record| Row {
            invoice: record[invoice].to_owned(),
            code: record[code].to_owned(),
            quantity: record[quantity].parse().unwrap(),
            is_priced: record[price].parse::<f64>().unwrap() > 0.0,
        })
        .collect()
}

/// The figures, by the names that scripts know them by.
#[derive(Debug, Default, PartialEq, serde::Deserialize)]
struct Figures {
    orders_completed: u64,
    orders_rejected: u64,
    invoices_returned: u64,
    invoices_skipped: u64,
    lines_committed: u64,
    units_committed: u64,
    units_returned: u64,
    skus: u64,
    on_hand_sha256: String,
}

/// The rules, read one invoice after the other. What is left of each code comes with the figures.
fn by_hand(rows: &[Row], initial_on_hand: u64) -> (Figures, BTreeMap<String, u64>) {
    let mut invoices: Vec<(&str, Vec<&Row>)> = Vec::new();
    let mut places = BTreeMap::new();
    for row in rows {
        let place = *places.entry(row.invoice.as_str()).or_insert_with(|| {
            invoices.push((row.invoice.as_str(), Vec::new()));
            invoices.len() - 1
        });
        invoices[place].1.push(row);
    }
    let (mut figures, mut on_hand) = (Figures::default(), BTreeMap::new());
    for (number, rows) in invoices {
        if number.starts_with('C') {
            figures.invoices_returned += 1;
            for row in rows.into_iter().filter(|row| row.quantity < 0) {
                let left = on_hand.entry(row.code.clone()).or_insert(initial_on_hand);
                *left += row.quantity.unsigned_abs();
                figures.units_returned += row.quantity.unsigned_abs();
            }
            continue;
        }
        let mut wanted: BTreeMap<&str, u64> = BTreeMap::new();
        for row in rows.into_iter().filter(|row| row.quantity > 0 && row.is_priced) {
            *wanted.entry(&row.code).or_default() += row.quantity.unsigned_abs();
        }
        if wanted.is_empty() {
            figures.invoices_skipped += 1;
            continue;
        }
        for code in wanted.keys() {
            on_hand.entry((*code).to_owned()).or_insert(initial_on_hand);
        }
        if wanted.iter().any(|(code, units)| on_hand[*code] < *units) {
            figures.orders_rejected += 1;
            continue;
        }
        figures.orders_completed += 1;
        figures.lines_committed += wanted.len() as u64;
        for (code, units) in wanted {
            *on_hand.get_mut(code).unwrap() -= units;
            figures.units_committed += units;
        }
    }
    figures.skus = on_hand.len() as u64;
    figures.on_hand_sha256 = digest(&on_hand);
    (figures, on_hand)
}

fn digest(on_hand: &BTreeMap<String, u64>) -> String {
    let lines: Vec<_> = on_hand.iter().map(|(code, units)| format!("{code},{units}")).collect();
    Sha256::digest(lines.join("\n")).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs the command line as a user would.
fn replay(server: &Server, file: &Path, initial_on_hand: u64, in_flight: u32) -> Figures {
    let mut command = Command::new(process::HOLDFAST);
    process::set(&mut command, &[]);
    command.args(["replay", "retail", file.to_str().unwrap(), "-o", "json"]);
    command.args(["--initial-on-hand", &initial_on_hand.to_string()]);
    command.args(["--in-flight", &in_flight.to_string()]);
    command.args(["--addr", &format!("http://{}", server.grpc())]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn balances(server: &Server) -> BTreeMap<String, u64> {
    server.run(async {
        let client = server.client().await;
        let (mut found, mut page_token) = (BTreeMap::new(), String::new());
        loop {
            let request = v1::ListStockBalancesRequest { page_size: 1_000, page_token };
            let page = client.list_stock_balances(request).await.unwrap();
            for balance in page.stock_balances {
                assert_eq!(balance.held, 0, "{balance:?}");
                found.insert(balance.stock.unwrap().sku, balance.on_hand);
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return found;
            }
        }
    })
}

#[test]
fn one_invoice_after_the_other_comes_to_exactly_what_the_rules_say() {
    let Some(file) = file() else { return };
    let (expected, on_hand) = by_hand(&rows(&file), 100);
    assert!(expected.orders_completed > 0 && expected.orders_rejected > 0, "{expected:?}");
    let server = Server::start();
    assert_eq!(replay(&server, &file, 100, 1), expected);
    assert_eq!(balances(&server), on_hand);
}

#[test]
fn side_by_side_nothing_is_sold_twice_and_the_sums_agree() {
    let Some(file) = file() else { return };
    let rows = rows(&file);
    let (alone, _) = by_hand(&rows, 100);
    let server = Server::start();
    let together = replay(&server, &file, 100, 64);
    assert_eq!(
        together.orders_completed + together.orders_rejected,
        alone.orders_completed + alone.orders_rejected
    );
    assert_eq!(together.invoices_returned, alone.invoices_returned);
    assert_eq!(together.invoices_skipped, alone.invoices_skipped);
    assert_eq!(together.units_returned, alone.units_returned);
    assert_eq!(together.skus, alone.skus);
    let on_hand = balances(&server);
    assert_eq!(
        on_hand.values().sum::<u64>() + together.units_committed,
        alone.skus * 100 + alone.units_returned
    );
    assert_eq!(together.on_hand_sha256, digest(&on_hand));
    let codes: BTreeSet<_> = rows.iter().map(|row| &row.code).collect();
    assert!(on_hand.keys().all(|code| codes.contains(code)));
}
