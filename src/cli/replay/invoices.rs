//! Reads a shop's month: rows of invoices, and what each invoice asks for.
//!
//! The file is read and checked whole before anything is done with it. A row that can't be read is
//! named by the line of the file on which it begins (the header is line 1); quoted fields may hold
//! line breaks, so rows and lines are counted apart.
//!
//! Not here: the server. What this gives is the same whatever the server says.

use std::collections::HashMap;
use std::sync::Arc;

use csv::{ByteRecord, ReaderBuilder};

use crate::cli::parse::Price;
use crate::domain::name::{Label, Sku};

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

/// A row that can't be read or used.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("line {line}: {cause}")]
pub(super) struct Broken {
    pub(super) line: u64,
    pub(super) cause: String,
}

/// Reads and checks a whole file, and puts each invoice's rows together, in the order of their first
/// rows.
///
/// # Errors
/// [`Broken`], with the first row that is.
pub(super) fn read(data: &[u8]) -> Result<Vec<Invoice>, Broken> {
    let mut gathering = Gathering::default();
    for row in rows(data)? {
        gathering.add(row)?;
    }
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

/// Where the columns that matter stand in a row.
struct Columns {
    invoice: usize,
    code: usize,
    quantity: usize,
    price: usize,
    customer: usize,
}

impl Columns {
    fn find(header: &ByteRecord) -> Result<Self, Broken> {
        let find = |name: &str| {
            let found = header.iter().position(|field| field == name.as_bytes());
            found.ok_or_else(|| Broken { line: 1, cause: format!("there is no column `{name}`") })
        };
        Ok(Self {
            invoice: find("Invoice")?,
            code: find("StockCode")?,
            quantity: find("Quantity")?,
            price: find("Price")?,
            customer: find("Customer ID")?,
        })
    }

    fn row(&self, line: u64, record: &ByteRecord) -> Result<Row, Broken> {
        let broken = |cause: String| Broken { line, cause };
        let text = |column: usize| {
            // Every record has the header's number of fields, so the column is there.
            let field = record.get(column).unwrap_or_default();
            str::from_utf8(field).map_err(|error| broken(error.to_string()))
        };
        let (quantity, price) = (text(self.quantity)?, text(self.price)?);
        Ok(Row {
            line,
            invoice: text(self.invoice)?.to_owned(),
            code: text(self.code)?.to_owned(),
            quantity: quantity
                .parse()
                .map_err(|_| broken(format!("the quantity `{quantity}` is no integer")))?,
            price: price
                .parse()
                .map_err(|cause| broken(format!("the price `{price}` is no price: {cause}")))?,
            customer: text(self.customer)?.to_owned(),
        })
    }
}

fn rows(data: &[u8]) -> Result<Vec<Row>, Broken> {
    let mut reader = ReaderBuilder::new().from_reader(data);
    let mut lines = LineCount { data, offset: 0, line: 1 };
    let header = reader
        .byte_headers()
        .map_err(|error| Broken { line: 1, cause: error.to_string() })?
        .clone();
    let columns = Columns::find(&header)?;
    let mut rows = Vec::new();
    let mut record = ByteRecord::new();
    loop {
        let offset = reader.position().byte();
        match reader.read_byte_record(&mut record) {
            Ok(false) => return Ok(rows),
            Ok(true) => rows.push(columns.row(lines.at(offset), &record)?),
            Err(error) => {
                return Err(Broken { line: lines.at(offset), cause: cause(&error, header.len()) });
            }
        }
    }
}

fn cause(error: &csv::Error, columns: usize) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { len, .. } => {
            format!("it has {len} columns where the header has {columns}")
        }
        _ => error.to_string(),
    }
}

/// Turns growing byte offsets into lines.
struct LineCount<'a> {
    data: &'a [u8],
    offset: usize,
    line: u64,
}

impl LineCount<'_> {
    /// The line on which the first byte at or after `offset` stands that is no line break: a
    /// reader may stand before blank lines, or inside a break of two bytes.
    fn at(&mut self, offset: u64) -> u64 {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(self.data.len());
        let breaks = self.data[offset..].iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let begin = offset + breaks;
        let passed = &self.data[self.offset..begin];
        self.line += passed.iter().filter(|b| **b == b'\n').count() as u64;
        self.offset = begin;
        self.line
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
    fn add(&mut self, row: Row) -> Result<(), Broken> {
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
    fn code(&mut self, row: &Row) -> Result<Code, Broken> {
        if let Some(code) = self.codes.get(&row.code) {
            return Ok(code.clone());
        }
        let wrong = |error| Broken { line: row.line, cause: format!("the stock code {error}") };
        Sku::new(&row.code).map_err(wrong)?;
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

    fn add(&mut self, row: &Row, code: Code) -> Result<(), Broken> {
        let broken = |cause: &str| Broken { line: row.line, cause: cause.to_owned() };
        let quantity = row.quantity.unsigned_abs();
        if quantity > QUANTITY_MAX {
            return Err(broken("the quantity is too large"));
        }
        if let Content::Nothing = self.invoice.content {
            let wrong = |error| broken(&format!("the customer {error}"));
            Label::new(&row.customer).map_err(wrong)?;
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
                line.quantity = sum.ok_or_else(|| broken("the quantities add up to too much"))?;
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
