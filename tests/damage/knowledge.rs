//! Everything that a server tells of its state, to be compared.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use futures::future::try_join_all;
use holdfast::client::Client;
use holdfast::proto::v1;
use prost::Message;
use v1::subscribe_request::Start;
use v1::subscribe_response::Content;

use crate::requests::{balance_of, order_of, reservation_of};

/// What a server told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Knowledge {
    pub position: u64,
    pub digest: String,
    /// In the order of their positions, as bytes.
    pub events: Vec<Vec<u8>>,
    /// Balances, reservations and orders, finished ones too.
    pub entities: BTreeMap<String, Vec<u8>>,
}

/// The state's position and digest.
pub async fn digest(client: &Client) -> Result<(u64, String), String> {
    let request = v1::GetStatisticsRequest { include_digest: true };
    let told = client.get_statistics(request).await.map_err(|error| error.to_string())?;
    let digest = told.digest.ok_or("no digest")?;
    Ok((digest.position, digest.sha256))
}

/// Every event from the first to the last.
pub async fn events(client: &Client) -> Result<Vec<Vec<u8>>, String> {
    let request =
        v1::SubscribeRequest { start: Some(Start::AfterPosition(0)), ..Default::default() };
    let feed = client.events().subscribe(request).await.map_err(|status| status.to_string())?;
    let mut feed = feed.into_inner();
    let mut events = Vec::new();
    loop {
        let message = feed.try_next().await.map_err(|status| status.to_string())?;
        match message.and_then(|message| message.content).ok_or("the feed has ended")? {
            Content::Event(event) => events.push(event.encode_to_vec()),
            Content::CaughtUp(_) => return Ok(events),
            _ => {}
        }
    }
}

/// Each of the entities that the events speak of.
pub async fn entities(
    client: &Client,
    events: &[Vec<u8>],
) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut ids = BTreeMap::new();
    for event in events {
        let event = v1::Event::decode(&event[..]).unwrap();
        let id = event.stream.unwrap().id.unwrap();
        ids.insert(format!("{id:?}"), id);
    }
    let ask = |(name, id): (String, v1::entity_id::Id)| async move {
        Ok::<_, String>((name, entity(client, id).await?))
    };
    Ok(try_join_all(ids.into_iter().map(ask)).await?.into_iter().collect())
}

async fn entity(client: &Client, id: v1::entity_id::Id) -> Result<Vec<u8>, String> {
    use v1::entity_id::Id;
    let told = match id {
        Id::StockBalance(stock) => {
            let told = client.get_stock_balance(balance_of(&stock.sku)).await;
            told.map(|told| told.encode_to_vec())
        }
        Id::ReservationId(id) => {
            let told = client.get_reservation(reservation_of(&id)).await;
            told.map(|told| told.encode_to_vec())
        }
        Id::CalendarId(calendar_id) => {
            let told = client.get_calendar(v1::GetCalendarRequest { calendar_id }).await;
            told.map(|told| told.encode_to_vec())
        }
        Id::SalesOrderId(id) => {
            let told = client.get_sales_order(order_of(&id)).await;
            told.map(|told| told.encode_to_vec())
        }
    };
    told.map_err(|error| error.to_string())
}
