//! Follows the feed for as long as there is a server, also another time.
//!
//! Where the feed breaks, it is asked for again after the last position that was told, so that no
//! event is missed; that is said once, not at each attempt. What the server refuses ends it, and so
//! does a feed that can't be had at all.

use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::client::{CallError, Client, Family};
use crate::proto::v1::{self, subscribe_request::Start, subscribe_response::Content};

const RECONNECT_DELAY_MIN: Duration = Duration::from_millis(200);
const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(10);

/// Why one subscription was over.
enum Ended {
    /// The server is gone or going; another subscription may go on.
    Lost(Failure),
    /// For good.
    Failed(Failure),
}

impl From<tonic::Status> for Ended {
    fn from(status: tonic::Status) -> Self {
        let error = CallError::from(status);
        match error.family() {
            Family::TurnedAway | Family::Uncertain => Self::Lost(error.into()),
            Family::Rejected | Family::Invalid | Family::Failed => Self::Failed(error.into()),
        }
    }
}

/// How the feed stands, and what the user was told of it.
#[derive(Debug, Default)]
struct Standing {
    /// Whether it was there, at any time.
    was_had: bool,
    /// Why it is away, as it was said last.
    said: Option<String>,
}

impl Standing {
    /// What is new about the feed that is there.
    fn is_there(&mut self) -> Option<&'static str> {
        self.was_had = true;
        self.said.take().map(|_| "the feed goes on")
    }

    /// What is new about the feed that is away.
    fn is_away(&mut self, why: &Failure) -> Option<String> {
        let why = why.to_string();
        if self.said.as_ref() == Some(&why) {
            return None;
        }
        let told = format!("the feed is away, and will be asked for until it is back: {why}");
        self.said = Some(why);
        Some(told)
    }
}

/// Hands each event to `each`, until the server refuses or `each` fails. A feed that was there is
/// waited for whenever it is away, one that wasn't yet only as long as `patience`.
///
/// # Errors
/// Always: it has no other end.
pub(super) async fn follow(
    client: &Client,
    mut request: v1::SubscribeRequest,
    patience: Duration,
    mut each: impl FnMut(v1::Event) -> io::Result<()>,
) -> Result<(), Failure> {
    let patience_end = Instant::now() + patience;
    let mut standing = Standing::default();
    let mut delay = RECONNECT_DELAY_MIN;
    loop {
        let begun = Instant::now();
        let why = match subscription(client, &mut request, &mut standing, &mut each).await {
            Ended::Lost(why) if standing.was_had || begun < patience_end => why,
            Ended::Lost(failure) | Ended::Failed(failure) => return Err(failure),
        };
        if let Some(news) = standing.is_away(&why) {
            output::note(&news);
        }
        // A feed that breaks at once whenever it is there is asked for ever less often too.
        if begun.elapsed() > RECONNECT_DELAY_MAX {
            delay = RECONNECT_DELAY_MIN;
        }
        sleep(delay).await;
        delay = (delay * 2).min(RECONNECT_DELAY_MAX);
    }
}

/// Tells events until the feed ends; `request` then asks for what comes after them.
async fn subscription(
    client: &Client,
    request: &mut v1::SubscribeRequest,
    standing: &mut Standing,
    each: &mut impl FnMut(v1::Event) -> io::Result<()>,
) -> Ended {
    let mut feed = match client.events().subscribe(request.clone()).await {
        Ok(response) => response.into_inner(),
        Err(status) => return status.into(),
    };
    loop {
        let content = match feed.message().await {
            Ok(Some(message)) => message.content,
            Ok(None) => return Ended::Lost(Failure::Failed("the server ended it".to_owned())),
            Err(status) => return status.into(),
        };
        if let Some(news) = standing.is_there() {
            output::note(news);
        }
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
            Duration::ZERO,
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

    #[test]
    fn a_feed_that_is_away_is_told_once_for_each_reason_and_when_it_is_back() {
        let [stopping, gone] = ["stopping", "gone"].map(|why| Failure::Failed(why.into()));
        let mut standing = Standing::default();
        assert_eq!(standing.is_there(), None);
        assert!(standing.is_away(&stopping).is_some());
        assert!(standing.is_away(&stopping).is_none());
        assert!(standing.is_away(&gone).is_some_and(|news| news.contains("gone")));
        assert!(standing.is_away(&gone).is_none());
        assert!(standing.is_there().is_some());
        assert!(standing.is_there().is_none());
        assert!(standing.is_away(&gone).is_some());
    }

    #[tokio::test]
    async fn a_feed_that_was_never_there_is_not_waited_for_for_ever() {
        let feed = Feed::default();
        feed.0.lock().unwrap().scripts = vec![vec![Err(Status::unavailable("not yet"))]];
        let client = connect(&feed).await;
        let request = v1::SubscribeRequest::default();
        let ended = follow(&client, request, Duration::ZERO, |_| Ok(())).await;
        assert!(ended.unwrap_err().to_string().contains("not yet"));
    }
}
