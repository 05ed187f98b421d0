//! Follows the feed for as long as there is a server, also another time.
//!
//! Where the feed breaks, it is asked for again after the last position that was told, so that no
//! event is missed. What the server refuses ends it.

use std::io;
use std::time::Duration;

use tokio::time::sleep;

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::client::{CallError, Client, Family};
use crate::proto::v1::{self, subscribe_request::Start, subscribe_response::Content};

const RECONNECT_DELAY_MIN: Duration = Duration::from_millis(200);
const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(5);

/// Why one subscription was over.
enum Ended {
    /// The server is gone or going; another subscription may go on.
    Lost(String),
    /// For good.
    Failed(Failure),
}

impl From<tonic::Status> for Ended {
    fn from(status: tonic::Status) -> Self {
        let error = CallError::from(status);
        match error.family() {
            Family::TurnedAway | Family::Uncertain => Self::Lost(error.to_string()),
            Family::Rejected | Family::Invalid | Family::Failed => Self::Failed(error.into()),
        }
    }
}

/// Hands each event to `each`, until the server refuses or `each` fails.
///
/// # Errors
/// Always: it has no other end.
pub(super) async fn follow(
    client: &Client,
    mut request: v1::SubscribeRequest,
    mut each: impl FnMut(v1::Event) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut delay = RECONNECT_DELAY_MIN;
    loop {
        let before = request.start;
        let why = match subscription(client, &mut request, &mut each).await {
            Ended::Lost(why) => why,
            Ended::Failed(failure) => return Err(failure),
        };
        if request.start != before {
            delay = RECONNECT_DELAY_MIN;
        }
        output::note(&format!("the feed broke, asking for it again: {why}"));
        sleep(delay).await;
        delay = (delay * 2).min(RECONNECT_DELAY_MAX);
    }
}

/// Tells events until the feed ends; `request` then asks for what comes after them.
async fn subscription(
    client: &Client,
    request: &mut v1::SubscribeRequest,
    each: &mut impl FnMut(v1::Event) -> io::Result<()>,
) -> Ended {
    let mut feed = match client.events().subscribe(request.clone()).await {
        Ok(response) => response.into_inner(),
        Err(status) => return status.into(),
    };
    loop {
        let content = match feed.message().await {
            Ok(Some(message)) => message.content,
            Ok(None) => return Ended::Lost("the server ended it".to_owned()),
            Err(status) => return status.into(),
        };
        // A kind of message that is newer than this client says nothing to it.
        let Some(content) = content else { continue };
        let position = position(&content);
        match content {
            Content::Event(event) => {
                if let Err(error) = each(event) {
                    return Ended::Failed(error.into());
                }
            }
            Content::FellBehind(_) => {
                output::note("events come faster than they are read here; none is lost");
            }
            Content::Confirmed(_)
            | Content::Checkpoint(_)
            | Content::CaughtUp(_)
            | Content::Heartbeat(_) => {}
        }
        request.start = Some(Start::AfterPosition(position));
    }
}

/// Where to go on from, after a message.
fn position(content: &Content) -> u64 {
    match content {
        Content::Confirmed(confirmed) => confirmed.position,
        Content::Event(event) => event.position,
        Content::Checkpoint(checkpoint) => checkpoint.position,
        Content::CaughtUp(caught_up) => caught_up.position,
        Content::FellBehind(fell_behind) => fell_behind.position,
        Content::Heartbeat(heartbeat) => heartbeat.position,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::net::TcpListener;
    use tokio_stream::wrappers::TcpListenerStream;
    use tonic::{Request, Response, Status};

    use super::*;
    use crate::client::Options;
    use v1::event_service_server::{EventService, EventServiceServer};

    type Message = Result<v1::SubscribeResponse, Status>;

    fn message(content: Content) -> Message {
        Ok(v1::SubscribeResponse { content: Some(content) })
    }

    fn event(position: u64) -> Message {
        message(Content::Event(v1::Event { position, ..Default::default() }))
    }

    /// Plays one script for each subscription, the last first, and remembers where each began.
    #[derive(Clone, Default)]
    struct Feed(Arc<Mutex<Play>>);

    #[derive(Default)]
    struct Play {
        scripts: Vec<Vec<Message>>,
        starts: Vec<Start>,
    }

    #[tonic::async_trait]
    impl EventService for Feed {
        type SubscribeStream = tokio_stream::Iter<std::vec::IntoIter<Message>>;

        async fn subscribe(
            &self,
            request: Request<v1::SubscribeRequest>,
        ) -> Result<Response<Self::SubscribeStream>, Status> {
            let mut play = self.0.lock().unwrap();
            play.starts.extend(request.into_inner().start);
            let script = play.scripts.pop().ok_or_else(|| Status::invalid_argument("enough"))?;
            Ok(Response::new(tokio_stream::iter(script)))
        }

        async fn read_stream(
            &self,
            _: Request<v1::ReadStreamRequest>,
        ) -> Result<Response<v1::ReadStreamResponse>, Status> {
            Err(Status::unimplemented("not of this feed"))
        }
    }

    async fn connect(feed: &Feed) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = tonic::transport::Server::builder()
            .add_service(EventServiceServer::new(feed.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        Client::connect(&Options::new(addr.to_string())).await.unwrap()
    }

    #[tokio::test]
    async fn a_broken_feed_goes_on_after_the_last_position_that_was_told() {
        let feed = Feed::default();
        let checkpoint = message(Content::Checkpoint(v1::Checkpoint { position: 9 }));
        feed.0.lock().unwrap().scripts = vec![
            vec![message(Content::Confirmed(v1::SubscriptionConfirmed { position: 9 })), event(12)],
            vec![event(5), event(7), checkpoint, Err(Status::unavailable("stopping"))],
        ];
        let client = connect(&feed).await;
        let start = Start::From(v1::SubscribeFrom::Beginning.into());
        let mut seen = Vec::new();
        let ended = follow(
            &client,
            v1::SubscribeRequest { start: Some(start), ..Default::default() },
            |event| {
                seen.push(event.position);
                Ok(())
            },
        )
        .await;
        assert!(ended.unwrap_err().to_string().contains("enough"));
        assert_eq!(seen, [5, 7, 12]);
        let starts = feed.0.lock().unwrap().starts.clone();
        let expected = [start, Start::AfterPosition(9), Start::AfterPosition(12)];
        assert_eq!(starts, expected);
    }
}
