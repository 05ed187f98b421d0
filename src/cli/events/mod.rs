//! `holdfast events`: follow the log, or read one entity's history.

mod tail;

use clap::{Args, Subcommand, ValueEnum};
use tokio::signal::ctrl_c;

use crate::cli::failure::Failure;
use crate::cli::line;
use crate::cli::output;
use crate::cli::parse;
use crate::cli::remote::{ListArgs, Remote};
use crate::cli::view::event::{Event, Stream};
use crate::client::RetryPolicy;
use crate::domain::name::CalendarId;
use crate::proto::v1::{self, entity_id, subscribe_request::Start};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Follow the log as it grows; Ctrl-C or the end of its reader ends it
    #[command(after_help = "Examples:\n  holdfast events tail\n  \
        holdfast events tail --after beginning --kind sales-order -o json\n  \
        holdfast events tail --after 1200 --type SalesOrderRejected --type StockReceived\n  \
        holdfast events tail --after beginning | head -5\n\n\
        Where the server goes away it waits for it to come back, and misses no event.")]
    Tail(Tail),
    /// Read the history of one entity
    #[command(
        after_help = "Examples:\n  holdfast events read stock:MUG --backwards --limit 10\n  \
        holdfast events read reservation:ID\n  holdfast events read order:ID -o json"
    )]
    Read(Read),
}

#[derive(Debug, Args)]
pub(super) struct Tail {
    /// Where to start: after a position, at the beginning, or at the end
    #[arg(long, value_name = "POSITION|beginning|end", default_value = "end", value_parser = after)]
    after: Start,
    /// Only entities of this kind; repeat it for more
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<Kind>,
    /// Only this entity: stock:SKU[@LOCATION], reservation:ID, order:ID or calendar:ID
    #[arg(long, value_name = "ENTITY", value_parser = entity)]
    stream: Option<v1::EntityId>,
    /// Only events of this type, such as StockReceived; repeat it for more
    #[arg(long = "type", value_name = "TYPE", value_parser = event_type)]
    types: Vec<v1::EventType>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(super) struct Read {
    /// Whose history: stock:SKU[@LOCATION], reservation:ID, order:ID or calendar:ID
    #[arg(value_name = "ENTITY", value_parser = entity)]
    stream: v1::EntityId,
    /// From the last event to the first
    #[arg(long)]
    backwards: bool,
    /// The version to begin with; without it, the first, or backwards the last
    #[arg(long, value_name = "VERSION", default_value_t = 0, hide_default_value = true)]
    from_version: u64,
    #[command(flatten)]
    list: ListArgs,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    StockBalance,
    Reservation,
    SalesOrder,
    Calendar,
}

impl Kind {
    fn message(self) -> v1::EntityKind {
        match self {
            Self::StockBalance => v1::EntityKind::StockBalance,
            Self::Reservation => v1::EntityKind::Reservation,
            Self::SalesOrder => v1::EntityKind::SalesOrder,
            Self::Calendar => v1::EntityKind::Calendar,
        }
    }
}

fn after(text: &str) -> Result<Start, String> {
    match text {
        "beginning" => Ok(Start::From(v1::SubscribeFrom::Beginning.into())),
        "end" => Ok(Start::From(v1::SubscribeFrom::End.into())),
        position => position
            .parse()
            .map(Start::AfterPosition)
            .map_err(|_| "no position such as 1200, nor beginning nor end".to_owned()),
    }
}

fn entity(text: &str) -> Result<v1::EntityId, String> {
    let uuid = |id: &str| parse::id(id).map(|id| id.to_string());
    let id = match text.split_once(':') {
        Some(("reservation", id)) => entity_id::Id::ReservationId(uuid(id)?),
        Some(("order", id)) => entity_id::Id::SalesOrderId(uuid(id)?),
        Some(("calendar", id)) => {
            CalendarId::new(id).map_err(|error| format!("the calendar {error}"))?;
            entity_id::Id::CalendarId(id.to_owned())
        }
        Some(("stock", name)) => {
            entity_id::Id::StockBalance(line::stock(name).map_err(|error| error.to_string())?)
        }
        _ => {
            return Err(
                "no entity such as stock:MUG, reservation:ID, order:ID or calendar:ID".to_owned()
            );
        }
    };
    Ok(v1::EntityId { id: Some(id) })
}

/// Every type but the one that stands for none, from its number on; they are dense.
fn event_types() -> impl Iterator<Item = v1::EventType> {
    (1..).map_while(|number| v1::EventType::try_from(number).ok())
}

/// `EVENT_TYPE_STOCK_RECEIVED`, `StockReceived` and `stock-received` are all `stockreceived`.
fn plain(name: &str) -> String {
    let name = name.strip_prefix("EVENT_TYPE_").unwrap_or(name);
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn event_type(text: &str) -> Result<v1::EventType, String> {
    let wanted = plain(text);
    event_types().find(|known| plain(known.as_str_name()) == wanted).ok_or_else(|| {
        let names: Vec<_> = event_types()
            .map(|known| known.as_str_name().trim_start_matches("EVENT_TYPE_").to_lowercase())
            .collect();
        format!("no type of event; there are: {}", names.join(", "))
    })
}

pub(super) async fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Tail(args) => tokio::select! {
            outcome = follow(args) => outcome,
            _ = ctrl_c() => Ok(()),
            () = output::reader_gone() => Ok(()),
        },
        Command::Read(args) => read(args).await,
    }
}

async fn follow(args: Tail) -> Result<(), Failure> {
    let client = args.remote.connect().await?;
    let request = v1::SubscribeRequest {
        start: Some(args.after),
        kinds: args.kinds.iter().map(|kind| kind.message().into()).collect(),
        stream: args.stream,
        event_types: args.types.iter().map(|kind| (*kind).into()).collect(),
    };
    let print = |event| args.remote.output.print(&Event::from(event));
    let ended = tail::follow(&client, request, RetryPolicy::default().patience, print).await;
    ended.map_err(|failure| args.remote.explain(failure))
}

async fn read(args: Read) -> Result<(), Failure> {
    let client = args.remote.connect().await?;
    let direction =
        if args.backwards { v1::ReadDirection::Backwards } else { v1::ReadDirection::Forwards };
    let mut request = v1::ReadStreamRequest {
        stream: Some(args.stream),
        direction: direction.into(),
        from_version: args.from_version,
        ..Default::default()
    };
    let subject = request.stream.clone().map(Stream::from).unwrap_or(Stream::Unknown);
    let mut seen = 0;
    while let Some(page_size) = args.list.page_size(seen) {
        request.page_size = page_size;
        let page = client.read_stream(request.clone()).await;
        let page = page.map_err(args.remote.explain_about(&subject))?;
        seen += page.events.len();
        for event in page.events {
            args.remote.output.print(&Event::from(event))?;
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_type_is_known_by_any_spelling_of_its_name() {
        for text in ["StockReceived", "stock_received", "STOCK-RECEIVED"] {
            assert_eq!(event_type(text), Ok(v1::EventType::StockReceived));
        }
        assert_eq!(event_types().count(), 30);
        assert!(event_type("Nothing").unwrap_err().contains("sales_order_released"));
        assert!(event_type("unspecified").is_err());
    }

    #[test]
    fn an_entity_is_named_by_its_kind_and_id() {
        let id = "6f2c1c1e-0d7b-4c7e-9d64-0a4d3f5f2a11";
        assert!(entity(&format!("reservation:{id}")).is_ok());
        assert!(entity(&format!("order:{id}")).is_ok());
        assert!(entity("stock:BLUE MUG@CELLAR").is_ok());
        assert!(entity("calendar:ROOM 7").is_ok());
        for text in ["MUG", "order:7", "stock:", "calendar:"] {
            assert!(entity(text).is_err(), "{text:?}");
        }
    }
}
