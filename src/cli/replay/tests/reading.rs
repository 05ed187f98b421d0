//! What a file is read as, and where it is found broken.

use super::{HEADER, file};
use crate::cli::replay::invoices::{self, Content};

/// What an invoice asks for, in short.
fn told(file: &str) -> Vec<String> {
    let invoices = invoices::read(file.as_bytes()).unwrap();
    let line = |line: &invoices::OrderLine| {
        format!(" {}x{}@{:?}", line.quantity, line.code, line.unit_price)
    };
    let tell = |invoice: &invoices::Invoice| match &invoice.content {
        Content::Order(order) => {
            format!("{} order{}", invoice.number, order.lines.iter().map(line).collect::<String>())
        }
        Content::Return(lines) => format!("{} return {lines:?}", invoice.number),
        Content::Nothing => format!("{} nothing", invoice.number),
    };
    invoices.iter().map(tell).collect()
}

fn broken(file: &str) -> (u64, String) {
    let broken = invoices::read(file.as_bytes()).unwrap_err();
    (broken.line, broken.cause)
}

#[test]
fn an_invoices_rows_belong_together_wherever_they_stand() {
    let file = file(&[
        ("2", "A", "1", "1.5"),
        ("1", "B", "2", "3"),
        ("2", "a", "3", "1.5"),
        ("2", "A", "4", "1.50"),
        ("2", "A", "5", "1.6"),
    ]);
    let order = "2 order 5xA@1500000 millionths 3xa@1500000 millionths 5xA@1600000 millionths";
    assert_eq!(told(&file), [order, "1 order 2xB@3000000 millionths"]);
}

#[test]
fn only_lines_that_can_be_ordered_are() {
    let file = file(&[
        ("1", "A", "-1", "1"),
        ("1", "B", "0", "1"),
        ("1", "C", "1", "0"),
        ("1", "D", "1", "-1"),
        ("3", "E", "1", "0.001"),
        ("3", "F", "1", "0"),
    ]);
    assert_eq!(told(&file), ["1 nothing", "3 order 1xE@1000 millionths"]);
}

#[test]
fn a_return_takes_lines_below_zero_at_any_price_one_by_one() {
    let rows = [("C1", "A", "-2", "0"), ("C1", "A", "-3", "1"), ("C1", "B", "4", "1")];
    assert_eq!(told(&file(&rows)), [r#"C1 return [("A", 2), ("A", 3)]"#]);
    assert_eq!(told(&file(&[("c1", "A", "-2", "1")])), ["c1 nothing"]);
    assert_eq!(told(&file(&[("C2", "A", "2", "1")])), ["C2 return []"]);
}

#[test]
fn columns_are_found_by_name_and_codes_stay_as_they_are() {
    let file = "Price,x,Customer ID,Quantity,StockCode,Invoice,InvoiceDate,Country\n\
                0.85,y,,2,BANK CHARGES,7,,\n";
    assert_eq!(told(file), ["7 order 2xBANK CHARGES@850000 millionths"]);
    let (line, cause) = broken("Invoice,StockCode,Quantity,Customer ID\n");
    assert_eq!((line, cause.as_str()), (1, "there is no column `Price`"));
}

#[test]
fn a_broken_row_is_named_by_the_line_it_begins_on() {
    let good = "1,A,\"two\nlines\",1,d,1,2,UK";
    for end in ["\n", "\r\n"] {
        for (bad, why) in [
            ("1,A,x,1.5,d,1,2,UK", "the quantity `1.5` is no integer"),
            ("1,A,\"x\ny\",,d,1,2,UK", "the quantity `` is no integer"),
            ("1,A,x,1,d,free,2,UK", "the price `free` is no price: no decimal number"),
            ("1,A,x,1,d,0.1234567,2,UK", "more than six decimals"),
            ("1,A,x,1,d,1,2", "it has 7 columns where the header has 8"),
            ("1,A,x,1,d,1,2,UK,9", "it has 9 columns where the header has 8"),
            ("1, A,x,1,d,1,2,UK", "the stock code has a character that is not allowed"),
        ] {
            let file = [HEADER, good, "", good, bad, good].join(end);
            let (line, cause) = broken(&file);
            assert_eq!(line, 7, "{bad}");
            assert!(cause.contains(why), "{cause}");
        }
    }
}

#[test]
fn an_order_of_too_many_lines_is_found_before_anything_is_sent() {
    let rows = |count: u32| {
        let rows = (0..count).map(|n| format!("\n1,S{n},x,1,d,1,2,UK"));
        HEADER.to_owned() + &rows.collect::<String>()
    };
    assert!(invoices::read(rows(1_000).as_bytes()).is_ok());
    assert_eq!(broken(&rows(1_001)).0, 2);
}

#[test]
fn quantities_that_add_up_to_too_much_are_broken() {
    let most = i64::MAX.to_string();
    assert_eq!(broken(&file(&[("1", "A", &most, "1"), ("1", "A", "1", "1")])).0, 3);
    assert_eq!(broken(&file(&[("C1", "A", &i64::MIN.to_string(), "1")])).0, 2);
}
