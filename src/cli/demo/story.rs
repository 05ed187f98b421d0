//! What happened to one order, as the log tells it: its own events and all that they set off.
//!
//! Not here: choosing the order.

use std::fmt;

use serde::Serialize;

use super::text::grouped;
use crate::cli::view::Amount;
use crate::cli::view::event::{Event, Stream};
use crate::client::{CallError, Client};
use crate::proto::v1::{self, entity_id, event::Body};

/// More events than any order of the demo has.
const PAGE_SIZE: u32 = 100;

/// The events of one order, and those of its reservation and its stock that belong to it.
#[derive(Debug, Default)]
pub(super) struct Story {
    order_id: String,
    correlation_id: String,
    events: Vec<v1::Event>,
}

impl Story {
    /// Reads the order's own events.
    ///
    /// # Errors
    /// [`CallError`].
    pub(super) async fn begin(client: &Client, order_id: &str) -> Result<Self, CallError> {
        let id = entity_id::Id::SalesOrderId(order_id.to_owned());
        let request = v1::ReadStreamRequest {
            stream: Some(v1::EntityId { id: Some(id) }),
            page_size: PAGE_SIZE,
            ..Default::default()
        };
        let events = client.read_stream(request).await?.events;
        let correlation_id = events.first().map(|event| event.correlation_id.clone());
        let correlation_id = correlation_id.unwrap_or_default();
        Ok(Self { order_id: order_id.to_owned(), correlation_id, events })
    }

    /// Keeps an event of the log where it belongs to the order and isn't the order's own.
    pub(super) fn follow(&mut self, event: &v1::Event) {
        let id = event.stream.as_ref().and_then(|stream| stream.id.as_ref());
        let is_own = matches!(id, Some(entity_id::Id::SalesOrderId(id)) if *id == self.order_id);
        if !is_own && event.correlation_id == self.correlation_id {
            self.events.push(event.clone());
        }
    }

    /// All of it, in the order in which it happened.
    pub(super) fn end(mut self) -> OrderTold {
        self.events.sort_by_key(|event| event.position);
        let happened = self.events.iter().map(Happened::from).collect();
        let events = self.events.into_iter().map(Event::from).collect();
        OrderTold { sales_order_id: self.order_id, events, happened }
    }
}

/// One order and its events.
#[derive(Debug, Default, Serialize)]
pub(super) struct OrderTold {
    /// The order's id.
    pub(super) sales_order_id: String,
    /// Its events, in order, with those that they set off.
    pub(super) events: Vec<Event>,
    #[serde(skip)]
    happened: Vec<Happened>,
}

/// An event as a line of text.
#[derive(Debug)]
struct Happened {
    position: u64,
    to: String,
    what: String,
}

impl From<&v1::Event> for Happened {
    fn from(event: &v1::Event) -> Self {
        let detail = event.body.as_ref().map_or_else(String::new, detail);
        let position = event.position;
        let event = Event::from(event.clone());
        let to = match &event.stream {
            Stream::SalesOrder { .. } => "order".to_owned(),
            Stream::Reservation { .. } => "reservation".to_owned(),
            other => other.to_string(),
        };
        let what = format!("{:<22}{detail}", event.r#type).trim_end().to_owned();
        Self { position, to, what }
    }
}

/// What is particular to an event, in a few words.
fn detail(body: &Body) -> String {
    match body {
        Body::SalesOrderCreated(created) => {
            let total = created.total.clone().map(|total| format!(", {}", Amount::from(total)));
            let lines = match created.lines.len() {
                1 => "1 line".to_owned(),
                lines => format!("{lines} lines"),
            };
            lines + &total.unwrap_or_default()
        }
        Body::ClaimMade(claim) => format!("{} held", claim.held),
        Body::ClaimCommitted(claim) => format!("{} sold", claim.committed),
        _ => String::new(),
    }
}

impl fmt::Display for OrderTold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "One order, as the log has it:\n\n  position  what")?;
        let width = self.happened.iter().map(|it| it.to.len()).max().unwrap_or_default();
        for Happened { position, to, what } in &self.happened {
            write!(f, "\n  {:>8}  {to:<width$}  {what}", grouped(*position))?;
        }
        Ok(())
    }
}
