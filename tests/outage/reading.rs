//! Reading a server's log into a ledger, and comparing a ledger with what the server tells.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use futures::TryStreamExt;
use holdfast::client::Client;
use holdfast::proto::v1;
use prost::Message;
use v1::subscribe_request::Start;
use v1::subscribe_response::Content;

use crate::ledger::{Balance, Ledger, Stream};
use crate::requests::{order_of, reservation_of};
use crate::server::eventually;

/// How many entities are asked for themselves.
const ENTITIES_ASKED: usize = 200;

/// An event as a subscriber saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    position: u64,
    content: u64,
}

fn seen(event: &v1::Event) -> Seen {
    let mut hasher = DefaultHasher::new();
    event.encode_to_vec().hash(&mut hasher);
    Seen { position: event.position, content: hasher.finish() }
}

/// Follows a server until it is gone, and tells what was seen.
pub async fn witness(client: Client, after: u64) -> Vec<Seen> {
    let mut events = Vec::new();
    let start = Some(Start::AfterPosition(after));
    let request = v1::SubscribeRequest { start, ..Default::default() };
    let Ok(feed) = client.events().subscribe(request).await else { return events };
    let mut feed = feed.into_inner();
    while let Ok(Some(message)) = feed.try_next().await {
        if let Some(Content::Event(event)) = message.content {
            events.push(seen(&event));
        }
    }
    events
}

/// Reads on in the log to its end. What somebody has seen before must be there, as it was.
pub async fn read_on(client: &Client, ledger: &mut Ledger, witnessed: &[Seen]) {
    let mut witnessed = witnessed.iter().peekable();
    let start = Some(Start::AfterPosition(ledger.last));
    let request = v1::SubscribeRequest { start, ..Default::default() };
    let mut feed = client.events().subscribe(request).await.unwrap().into_inner();
    loop {
        match feed.try_next().await.unwrap().unwrap().content.unwrap() {
            Content::Event(event) => {
                if witnessed.peek().is_some_and(|it| it.position == event.position) {
                    assert_eq!(witnessed.next(), Some(&seen(&event)), "told otherwise before");
                }
                ledger.read(event);
            }
            Content::CaughtUp(_) => break,
            _ => {}
        }
    }
    assert_eq!(witnessed.next(), None, "somebody was told of an event that is gone");
}

/// Reads on until nothing more will happen by itself for a long time.
pub async fn read_to_rest(client: &Client, ledger: &mut Ledger) {
    let far = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let far = far.as_secs() as i64 + 1_200;
    let ledger = tokio::sync::Mutex::new(ledger);
    eventually("rest", || async {
        let mut ledger = ledger.lock().await;
        read_on(client, &mut ledger, &[]).await;
        let told = client.get_statistics(Default::default()).await.unwrap();
        let is_read = told.assigned_position == ledger.last;
        (is_read && ledger.is_at_rest_until(far)).then_some(())
    })
    .await;
}

/// What the server tells is what its log says.
pub async fn compare(client: &Client, ledger: &Ledger) {
    let (mut balances, mut page_token) = (BTreeMap::new(), String::new());
    loop {
        let request = v1::ListStockBalancesRequest { page_size: 1_000, page_token };
        let page = client.list_stock_balances(request).await.unwrap();
        for told in page.stock_balances {
            let sku = told.stock.unwrap().sku;
            let version = ledger.versions[&Stream::Stock(sku.clone())];
            assert_eq!(told.version, version, "{sku}");
            balances.insert(sku, Balance { on_hand: told.on_hand, held: told.held });
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(balances, ledger.balances);
    ledger.check_claims();
    for (stream, version) in ledger.versions.iter().take(ENTITIES_ASKED) {
        match stream {
            Stream::Stock(_) => {}
            Stream::Reservation(id) => {
                let request = reservation_of(&crate::requests::uuid(*id));
                let told = client.get_reservation(request).await.unwrap().reservation.unwrap();
                let state = ledger.reservations[id].state;
                assert_eq!((told.version, told.state()), (*version, state), "{stream:?}");
            }
            Stream::Order(id) => {
                let request = order_of(&crate::requests::uuid(*id));
                let told = client.get_sales_order(request).await.unwrap().sales_order.unwrap();
                assert_eq!((told.version, told.ended), (*version, true), "{stream:?}");
            }
        }
    }
}

/// The digest of a server at rest, and its position.
pub async fn digest(client: &Client) -> (u64, String) {
    let request = v1::GetStatisticsRequest { include_digest: true };
    let digest = client.get_statistics(request).await.unwrap().digest.unwrap();
    (digest.position, digest.sha256)
}
