//! Answers in every form, from a server that speaks HTTP/2 by hand.

use std::net::SocketAddr;
use std::time::Duration;

use h2::server::SendResponse;
use tokio::net::{TcpListener, TcpSocket};
use tonic::Code;
use tonic_types::{ErrorDetails, StatusExt};

use super::*;
use crate::client::Client;
use crate::domain::name::TenantId;

const PATH: &str = "/holdfast.v1.StockService/ReceiveStock";
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A frame around a message.
fn frame(message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; PREFIX_BYTES];
    frame.extend_from_slice(message);
    write_prefix(&mut frame);
    frame
}

fn ok() -> HeaderMap {
    HeaderMap::from_iter([(Status::GRPC_STATUS, HeaderValue::from_static("0"))])
}

/// Takes one call, answers it, and gives what has arrived.
async fn serve(
    listener: TcpListener,
    answer: impl FnOnce(SendResponse<Bytes>),
) -> (Request<()>, Vec<u8>) {
    let (socket, _) = listener.accept().await.unwrap();
    let mut connection = h2::server::handshake(socket).await.unwrap();
    let (request, respond) = connection.accept().await.unwrap().unwrap();
    let (head, mut body) = request.into_parts();
    let read = async {
        let mut message = Vec::new();
        while let Some(chunk) = body.data().await {
            message.extend(chunk.unwrap());
        }
        message
    };
    let message = tokio::select! {
        message = read => message,
        _ = std::future::poll_fn(|context| connection.poll_closed(context)) => panic!(),
    };
    answer(respond);
    // Until the client has gone.
    while connection.accept().await.is_some() {}
    (Request::from_parts(head, ()), message)
}

/// Sends one message; gives what arrived, and the messages and the end of the answer.
async fn exchange(
    sent: Vec<u8>,
    answer: impl FnOnce(SendResponse<Bytes>),
) -> ((Request<()>, Vec<u8>), Vec<Bytes>, Result<(), Status>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let client = async {
        let options = Options { tenant: TenantId::new("t-1").unwrap(), ..Options::new(addr) };
        let (method, connection) = connect(&options, PATH).await.unwrap();
        let call = async {
            let mut answer = method.call(sent.into()).unwrap();
            let mut messages = Vec::new();
            loop {
                match answer.message().await {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => return (messages, Ok(())),
                    Err(status) => return (messages, Err(status)),
                }
            }
        };
        tokio::select! {
            biased;
            came = call => came,
            ended = connection => panic!("{ended:?}"),
        }
    };
    let (arrived, (messages, end)) = tokio::join!(serve(listener, answer), client);
    (arrived, messages, end)
}

fn begin(mut respond: SendResponse<Bytes>) -> SendStream<Bytes> {
    respond.send_response(Response::new(()), false).unwrap()
}

#[tokio::test]
async fn a_call_arrives_with_its_metadata_and_its_message() {
    let sent = frame(&[7; 1_000]);
    let answer = |respond| begin(respond).send_trailers(ok()).unwrap();
    let ((head, message), messages, end) = exchange(sent.clone(), answer).await;
    assert_eq!(message, sent);
    assert_eq!((head.method().as_str(), head.uri().path()), ("POST", PATH));
    let metadata = ["te", "content-type", "x-tenant-id", "user-agent"].map(|key| {
        assert_eq!(head.headers().get_all(key).iter().count(), 1);
        head.headers()[key].to_str().unwrap()
    });
    let user_agent = Options::new("").user_agent;
    assert_eq!(metadata, ["trailers", "application/grpc", "t-1", &user_agent]);
    assert!(messages.is_empty() && end.is_ok());
}

#[tokio::test]
async fn messages_are_whole_however_they_are_cut() {
    let told = [vec![1; 300], vec![], vec![2; 70_000]];
    let bytes: Vec<u8> = told.iter().flat_map(|message| frame(message)).collect();
    for piece in [1_000, 3, bytes.len()] {
        let answer = |respond| {
            let mut body = begin(respond);
            let (fine, coarse) = bytes.split_at(700);
            for piece in fine.chunks(piece).chain(coarse.chunks(piece.max(1_000))) {
                body.send_data(piece.to_vec().into(), false).unwrap();
            }
            body.send_trailers(ok()).unwrap();
        };
        let (_, messages, end) = exchange(frame(&[]), answer).await;
        assert_eq!(messages, told);
        assert!(end.is_ok());
    }
}

#[tokio::test]
async fn answers_go_on_when_they_have_filled_the_windows() {
    let messages_told = CONNECTION_WINDOW_BYTES / STREAM_WINDOW_BYTES + 2;
    let message = frame(&vec![1; STREAM_WINDOW_BYTES as usize]);
    let answer = |respond| {
        let mut body = begin(respond);
        for _ in 0..messages_told {
            body.send_data(message.clone().into(), false).unwrap();
        }
        body.send_trailers(ok()).unwrap();
    };
    let exchange = exchange(frame(&[]), answer);
    let (_, messages, end) = timeout(PATIENCE, exchange).await.unwrap();
    assert_eq!(messages.len(), messages_told as usize);
    assert!(end.is_ok());
}

#[tokio::test]
async fn an_error_is_told_with_its_details_wherever_it_stands() {
    let details = ErrorDetails::with_bad_request_violation("ttl", "is below 1s");
    let status = Status::with_error_details(Code::InvalidArgument, "no", details);
    let mut headers = HeaderMap::new();
    status.add_header(&mut headers).unwrap();

    let trailers = headers.clone();
    let late = |respond| begin(respond).send_trailers(trailers).unwrap();
    let at_once = |mut respond: SendResponse<Bytes>| {
        let mut head = Response::new(());
        *head.headers_mut() = headers;
        respond.send_response(head, true).unwrap();
    };
    let ends = [exchange(frame(&[]), late).await.2, exchange(frame(&[]), at_once).await.2];
    for end in ends {
        let end = end.unwrap_err();
        assert_eq!((end.code(), end.message()), (Code::InvalidArgument, "no"));
        assert_eq!(end.get_details_bad_request().unwrap().field_violations[0].field, "ttl");
    }
}

#[tokio::test]
async fn an_answer_without_a_status_is_no_success() {
    let silent = |respond| begin(respond).send_data(Bytes::new(), true).unwrap();
    let foreign = |mut respond: SendResponse<Bytes>| {
        let mut head = Response::new(());
        *head.status_mut() = tonic::codegen::http::StatusCode::NOT_FOUND;
        respond.send_response(head, true).unwrap();
    };
    let reset = |mut respond: SendResponse<Bytes>| respond.send_reset(h2::Reason::REFUSED_STREAM);
    let ends = [
        exchange(frame(&[]), silent).await.2,
        exchange(frame(&[]), foreign).await.2,
        exchange(frame(&[]), reset).await.2,
    ];
    let codes = ends.map(|end| end.unwrap_err().code());
    assert_eq!(codes, [Code::Unknown, Code::Unknown, Code::Unavailable]);
}

#[tokio::test]
async fn there_is_no_connection_where_nobody_listens_or_to_what_is_no_address() {
    // A port that is taken, and where nobody listens.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let nobody = socket.local_addr().unwrap().to_string();
    for addr in [nobody.as_str(), "https://localhost:7420", "http://a b"] {
        let options = Options::new(addr);
        let bare = connect(&options, PATH).await.unwrap_err();
        let client = Client::connect(&options).await.unwrap_err();
        assert_eq!(bare.to_string(), client.to_string());
    }
}
