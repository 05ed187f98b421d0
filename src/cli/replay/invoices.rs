//! Reads a shop's month: rows of invoices, and what each invoice asks for.
//!
//! The file is read and checked whole before anything is done with it.
//!
//! Not here: the server. What this gives is the same whatever the server says.

use std::collections::HashMap;
use std::sync::Arc;

use super::table::{self, Broken};
use crate::cli::parse::Price;
use crate::domain::name::{Label, Sku};

/// The columns that matter.
const COLUMNS: [&str; 5] = ["Invoice", "StockCode", "Quantity", "Price", "Customer ID"];
/// The most lines that an order may have.
const ORDER_LINES_MAX: usize = 1_000;
/// The most units that a line or a receipt may have.
pub(super) const QUANTITY_MAX: u64 = i64::MAX as u64;

/// A stock code, as it stands in the file.
pub(super) type Code = Arc<str>;

/// What one invoice asks for.
#[derive(Debug, PartialEq)]
pub(super) struct Invoice {
    pub(super) number: String,
    pub(super) content: Content,
}

#[derive(Debug, PartialEq)]
pub(super) enum Content {
    /// One sales order.
    Order(Order),
    /// Units that come back, line by line.
    Return(Vec<(Code, u64)>),
    /// Neither a return nor a line that can be ordered.
    Nothing,
}

#[derive(Debug, PartialEq)]
pub(super) struct Order {
    pub(super) customer: String,
    /// One line for each code and price, in the order of their first rows.
    pub(super) lines: Vec<OrderLine>,
}

#[derive(Debug, PartialEq)]
pub(super) struct OrderLine {
    pub(super) code: Code,
    pub(super) unit_price: Price,
    pub(super) quantity: u64,
}

/// Reads and checks a whole file, and puts each invoice's rows together, in the order of their first
/// rows.
///
/// # Errors
/// [`Broken`], with the first row that is.
pub(super) fn read(data: &[u8]) -> Result<Vec<Invoice>, Broken> {
    let mut gathering = Gathering::default();
    table::read_rows(data, COLUMNS, |line, fields| gathering.add(Row::read(line, fields)?))?;
    gathering.invoices.into_iter().map(Gathered::finish).collect()
}

/// One row's fields, checked for themselves.
#[derive(Debug)]
struct Row {
    line: u64,
    invoice: String,
    code: String,
    quantity: i64,
    price: Price,
    customer: String,
}

impl Row {
    fn read(line: u64, fields: [&str; COLUMNS.len()]) -> Result<Self, String> {
        let [invoice, code, quantity, price, customer] = fields;
        Ok(Self {
            line,
            invoice: invoice.to_owned(),
            code: code.to_owned(),
            quantity: quantity
                .parse()
                .map_err(|_| format!("the quantity `{quantity}` is no integer"))?,
            price: price
                .parse()
                .map_err(|cause| format!("the price `{price}` is no price: {cause}"))?,
            customer: customer.to_owned(),
        })
    }
}

/// Invoices whose rows are still coming.
#[derive(Default)]
struct Gathering {
    invoices: Vec<Gathered>,
    by_number: HashMap<String, usize>,
    codes: HashMap<String, Code>,
}

struct Gathered {
    /// Where its first row begins.
    line: u64,
    invoice: Invoice,
    order_lines: HashMap<(Code, Price), usize>,
}

impl Gathering {
    fn add(&mut self, row: Row) -> Result<(), String> {
        let next = self.invoices.len();
        let index = *self.by_number.entry(row.invoice.clone()).or_insert(next);
        if index == next {
            self.invoices.push(Gathered::new(&row));
        }
        let is_return = row.invoice.starts_with('C');
        let counts =
            if is_return { row.quantity < 0 } else { row.quantity > 0 && row.price.is_positive() };
        if !counts {
            return Ok(());
        }
        let code = self.code(&row)?;
        self.invoices[index].add(&row, code)
    }

    /// The row's code, one allocation for all rows that have it.
    fn code(&mut self, row: &Row) -> Result<Code, String> {
        if let Some(code) = self.codes.get(&row.code) {
            return Ok(code.clone());
        }
        Sku::new(&row.code).map_err(|error| format!("the stock code {error}"))?;
        let code = Code::from(row.code.as_str());
        self.codes.insert(row.code.clone(), code.clone());
        Ok(code)
    }
}

impl Gathered {
    fn new(row: &Row) -> Self {
        let content = if row.invoice.starts_with('C') {
            Content::Return(Vec::new())
        } else {
            Content::Nothing
        };
        let invoice = Invoice { number: row.invoice.clone(), content };
        Self { line: row.line, invoice, order_lines: HashMap::new() }
    }

    fn add(&mut self, row: &Row, code: Code) -> Result<(), String> {
        let quantity = row.quantity.unsigned_abs();
        if quantity > QUANTITY_MAX {
            return Err("the quantity is too large".to_owned());
        }
        if let Content::Nothing = self.invoice.content {
            Label::new(&row.customer).map_err(|error| format!("the customer {error}"))?;
            let order = Order { customer: row.customer.clone(), lines: Vec::new() };
            self.invoice.content = Content::Order(order);
        }
        match &mut self.invoice.content {
            Content::Return(lines) => lines.push((code, quantity)),
            Content::Order(order) => {
                let next = order.lines.len();
                let index = *self.order_lines.entry((code.clone(), row.price)).or_insert(next);
                if index == next {
                    order.lines.push(OrderLine { code, unit_price: row.price, quantity: 0 });
                }
                let line = &mut order.lines[index];
                let sum = line.quantity.checked_add(quantity).filter(|sum| *sum <= QUANTITY_MAX);
                line.quantity = sum.ok_or("the quantities add up to too much")?;
            }
            Content::Nothing => {}
        }
        Ok(())
    }

    fn finish(self) -> Result<Invoice, Broken> {
        if let Content::Order(order) = &self.invoice.content
            && order.lines.len() > ORDER_LINES_MAX
        {
            let Invoice { number, .. } = &self.invoice;
            let count = order.lines.len();
            let cause = format!(
                "invoice {number} comes to {count} order lines; an order has {ORDER_LINES_MAX} at most"
            );
            return Err(Broken { line: self.line, cause });
        }
        Ok(self.invoice)
    }
}
