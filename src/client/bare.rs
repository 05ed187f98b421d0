//! Calls over bare HTTP/2, for whoever sends so many that what each costs matters.
//!
//! ```text
//!   ┌───────────────────── one task ─────────────────────┐
//!   │  Method ──call──▶ ┌────────────┐                   │
//!   │                   │ Connection │ ◀─────────────────┼──▶ server
//!   │  Answer ◀──────── └────────────┘                   │
//!   └────────────────────────────────────────────────────┘
//! ```
//!
//! Messages are bytes, both ways. Whoever calls polls the [`Connection`] too, in the same task and
//! after the calls: so what is sent together leaves in one write.
//!
//! Not here: retries, another connection in place of one that has ended, pings, and compression.
//! That is [`Client`](super::Client)'s.

use std::error::Error;
use std::io;

use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use prost::bytes::{Buf, Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::Status;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::http::{HeaderMap, HeaderValue, Request, Response, Uri, header};

use super::{
    ANSWER_BYTES_MAX, CONNECT_TIMEOUT, CONNECTION_WINDOW_BYTES, ConnectError, Options,
    STREAM_WINDOW_BYTES, TENANT_HEADER,
};

/// How many bytes of a frame come before its message: whether that is compressed, and its length.
pub(crate) const PREFIX_BYTES: usize = 5;
const HTTP_PORT: u16 = 80;
/// How many calls may be open before the server has said how many it takes: it refuses the rest.
const STREAMS_AT_FIRST: usize = 1;

/// What moves the bytes of all calls of a connection; it ends when the connection does.
pub(crate) type Connection = h2::client::Connection<TcpStream, Bytes>;

/// One method of a server, over one connection.
#[derive(Debug)]
pub(crate) struct Method {
    requests: SendRequest<Bytes>,
    head: Request<()>,
}

/// Connects, for calls of the method at this path.
///
/// # Errors
/// As [`Client::connect`](super::Client::connect).
pub(crate) async fn connect(
    options: &Options,
    path: &'static str,
) -> Result<(Method, Connection), ConnectError> {
    let uri = options.uri()?;
    let head = head(options, uri.clone(), path)?;
    let (requests, connection) = open(&uri).await.map_err(|error| options.unreachable(&error))?;
    Ok((Method { requests, head }, connection))
}

async fn open(uri: &Uri) -> io::Result<(SendRequest<Bytes>, Connection)> {
    // An IPv6 address stands in brackets.
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let address = (host, uri.port_u16().unwrap_or(HTTP_PORT));
    let socket = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await??;
    socket.set_nodelay(true)?;
    Builder::new()
        .enable_push(false)
        .initial_max_send_streams(STREAMS_AT_FIRST)
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .handshake(socket)
        .await
        .map_err(io::Error::other)
}

/// What every call begins with.
fn head(options: &Options, uri: Uri, path: &'static str) -> Result<Request<()>, ConnectError> {
    let mut parts = uri.into_parts();
    parts.path_and_query = Some(PathAndQuery::from_static(path));
    let uri = Uri::from_parts(parts).map_err(|error| options.refused(&error))?;
    let user_agent = HeaderValue::from_str(&options.user_agent);
    let user_agent = user_agent.map_err(|error| options.refused(&error))?;
    let mut head = Request::post(uri).body(()).map_err(|error| options.refused(&error))?;
    head.headers_mut().extend([
        (header::TE, HeaderValue::from_static("trailers")),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/grpc")),
        (header::USER_AGENT, user_agent),
        (header::HeaderName::from_static(TENANT_HEADER), options.tenant_header()),
    ]);
    Ok(head)
}

/// Writes the prefix of the message that is the rest of this frame.
///
/// # Panics
/// Where there is no room for it.
pub(crate) fn write_prefix(frame: &mut [u8]) {
    let length = u32::try_from(frame.len() - PREFIX_BYTES);
    let length = length.expect("no message of ours comes near 4 GiB");
    frame[0] = 0;
    frame[1..PREFIX_BYTES].copy_from_slice(&length.to_be_bytes());
}

impl Method {
    /// Makes a call with one message. Where the server has as many as it takes, this one waits in the
    /// connection until another has ended.
    ///
    /// # Errors
    /// Where the connection has ended.
    pub(crate) fn call(&self, frame: Bytes) -> Result<Answer, Status> {
        let (mut messages, answer) = self.begin()?;
        messages.send_data(frame, true).map_err(failed)?;
        Ok(answer)
    }

    /// Begins a call with any number of messages.
    ///
    /// # Errors
    /// Where the connection has ended.
    pub(crate) fn stream(&self) -> Result<(Messages, Answer), Status> {
        let (messages, answer) = self.begin()?;
        Ok((Messages(messages), answer))
    }

    fn begin(&self) -> Result<(SendStream<Bytes>, Answer), Status> {
        // A handle is ready for its first call, so each call has one of its own; the connection keeps
        // them in order.
        let mut requests = self.requests.clone();
        let (head, messages) = requests.send_request(self.head.clone(), false).map_err(failed)?;
        Ok((messages, Answer { head, body: None, unread: BytesMut::new() }))
    }
}

/// The messages of a call that has begun. Dropped before its answer has ended, it breaks the call off.
#[derive(Debug)]
pub(crate) struct Messages(SendStream<Bytes>);

impl Messages {
    /// Sends one message as soon as the server has room for it. Where the call has ended, its answer
    /// says so.
    pub(crate) fn send(&mut self, frame: Bytes) {
        let _ = self.0.send_data(frame, false);
    }
}

/// What comes back of one call.
#[derive(Debug)]
pub(crate) struct Answer {
    head: ResponseFuture,
    body: Option<RecvStream>,
    /// Of a message that isn't whole yet, or of several.
    unread: BytesMut,
}

impl Answer {
    /// The next message; none, once, after the last. What was read isn't lost where the future is
    /// dropped.
    ///
    /// # Errors
    /// What the call has ended with, where that isn't OK.
    pub(crate) async fn message(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(message) = take_message(&mut self.unread)? {
                return Ok(Some(message));
            }
            match self.chunk().await? {
                Some(chunk) => self.unread.extend_from_slice(&chunk),
                None => return self.status().await.map(|()| None),
            }
        }
    }

    /// Passes over all messages.
    ///
    /// # Errors
    /// What the call has ended with, where that isn't OK.
    pub(crate) async fn end(mut self) -> Result<(), Status> {
        while self.chunk().await?.is_some() {}
        self.status().await
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, Status> {
        let body = match &mut self.body {
            Some(body) => body,
            none => none.insert(body((&mut self.head).await.map_err(failed)?)?),
        };
        let Some(chunk) = body.data().await.transpose().map_err(failed)? else { return Ok(None) };
        body.flow_control().release_capacity(chunk.len()).map_err(failed)?;
        Ok(Some(chunk))
    }

    /// After the last chunk.
    async fn status(&mut self) -> Result<(), Status> {
        let trailers = match &mut self.body {
            Some(body) => body.trailers().await.map_err(failed)?,
            None => None,
        };
        trailers.as_ref().and_then(status).unwrap_or_else(|| {
            Err(Status::unknown("the server ended the call and didn't say with what"))
        })
    }
}

/// The body, where the call hasn't failed before there was any.
fn body(answer: Response<RecvStream>) -> Result<RecvStream, Status> {
    match status(answer.headers()) {
        Some(ended) => ended?,
        None if answer.status().is_success() => {}
        None => return Err(Status::unknown(format!("HTTP status {}", answer.status()))),
    }
    Ok(answer.into_body())
}

/// What these headers say that a call has ended with.
fn status(headers: &HeaderMap) -> Option<Result<(), Status>> {
    // Nothing needs to be taken apart of what nearly all say.
    if headers.get(Status::GRPC_STATUS)? == "0" {
        return Some(Ok(()));
    }
    Status::from_header_map(headers).map(Err)
}

fn take_message(unread: &mut BytesMut) -> Result<Option<Bytes>, Status> {
    let Some((&[compressed, a, b, c, d], rest)) = unread.split_first_chunk() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if compressed != 0 || length > ANSWER_BYTES_MAX {
        return Err(Status::internal("the server sent a message that can't be read"));
    }
    if rest.len() < length {
        return Ok(None);
    }
    unread.advance(PREFIX_BYTES);
    Ok(Some(unread.split_to(length).freeze()))
}

/// Why there is no answer.
fn failed(error: h2::Error) -> Status {
    let error: Box<dyn Error + Send + Sync> = error.into();
    Status::from_error(error)
}

#[cfg(test)]
mod tests;
