//! What comes of sending a file.

use super::file;
use super::shop::Shop;
use crate::cli::interrupt::Interrupt;
use crate::cli::replay::invoices;
use crate::cli::replay::retail::{Plan, Report};
use crate::cli::replay::sender::Figures;
use crate::client::{Client, Options, RetryPolicy};

async fn plan(shop: &Shop, in_flight: usize) -> Plan {
    let mut options = Options::new(shop.open().await);
    options.retry = RetryPolicy::patient();
    let client = Client::connect(&options).await.unwrap();
    Plan { client, initial_on_hand: 10, in_flight }
}

/// Sends a file; gives the report, and whether the sums agree.
async fn replay(shop: &Shop, file: &str, in_flight: usize) -> (Report, bool) {
    let invoices = invoices::read(file.as_bytes()).unwrap();
    let plan = plan(shop, in_flight).await;
    let (report, on_hand) = plan.replay(&invoices, &Interrupt::default()).await.unwrap();
    let agree = plan.check_sums(&report, on_hand).is_ok();
    (report, agree)
}

#[tokio::test]
async fn one_after_the_other_the_figures_can_be_worked_out_by_hand() {
    let file = file(&[
        ("1", "A", "4", "1"),
        ("1", "A", "4", "2"),
        ("1", "B", "10", "1"),
        ("2", "A", "3", "1"),
        ("2", "C", "1", "1"),
        ("C3", "A", "-1", "1"),
        ("C3", "D", "-5", "0"),
        ("4", "A", "3", "1"),
        ("5", "E", "1", "0"),
        ("C6", "E", "1", "1"),
    ]);
    let shop = Shop::default();
    let (report, agree) = replay(&shop, &file, 1).await;
    let figures = Figures {
        orders_completed: 2,
        orders_rejected: 1,
        invoices_returned: 2,
        invoices_skipped: 1,
        lines_committed: 3,
        units_committed: 21,
        units_returned: 6,
    };
    assert_eq!((report.figures, report.skus, agree), (figures, 4, true));
    let left = [("A", 0), ("B", 0), ("C", 10), ("D", 15)].map(|(code, n)| (code.to_owned(), n));
    assert_eq!(shop.on_hand(), left.into());
}

#[tokio::test]
async fn side_by_side_every_code_gets_its_first_units_once() {
    let numbers: Vec<_> = (0..300).map(|n| n.to_string()).collect();
    let rows: Vec<_> = numbers.iter().map(|n| (n.as_str(), "A", "1", "1")).collect();
    let shop = Shop::default();
    let (report, agree) = replay(&shop, &file(&rows), 50).await;
    let Figures { orders_completed, orders_rejected, .. } = report.figures;
    assert_eq!((orders_completed, orders_rejected, agree), (10, 290, true));
    assert_eq!(shop.on_hand()["A"], 0);
}

#[tokio::test]
async fn a_server_with_stock_is_left_alone() {
    let shop = Shop::default();
    let file = file(&[("1", "A", "1", "1")]);
    replay(&shop, &file, 1).await;
    let before = shop.on_hand();
    let invoices = invoices::read(file.as_bytes()).unwrap();
    let refusal = plan(&shop, 1).await.replay(&invoices, &Interrupt::default()).await.unwrap_err();
    assert!(refusal.to_string().contains("stock:A"), "{refusal}");
    assert_eq!(shop.on_hand(), before);
}
