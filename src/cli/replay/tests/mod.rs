//! The replay's rules: reading, and sending to a shop that is only its rules.

mod reading;
mod sending;
mod shop;

const HEADER: &str = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country";

/// A file of rows: invoice, code, quantity, price.
fn file(rows: &[(&str, &str, &str, &str)]) -> String {
    let mut file = HEADER.to_owned();
    for (invoice, code, quantity, price) in rows {
        file += &format!("\n{invoice},{code},x,{quantity},2009-12-01 07:45:00,{price},13085,UK");
    }
    file
}
