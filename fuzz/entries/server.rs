//! A server in this process, fed with messages as they come off the wire.

use std::net::SocketAddr;
use std::time::Duration;

use holdfast::config::Config;
use holdfast::server::{Running, Starting};
use holdfast::telemetry;
use prost::bytes::Bytes;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::codegen::http::Request;
use tonic::{Code, Status};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Every method of a client; an input's first byte chooses.
pub const METHODS: [&str; 19] = [
    "StockService/ReceiveStock",
    "StockService/AdjustStock",
    "StockService/GetStockBalance",
    "StockService/ListStockBalances",
    "StockService/ListClaims",
    "ReservationService/CreateReservation",
    "ReservationService/ExtendReservation",
    "ReservationService/ConfirmReservation",
    "ReservationService/CommitReservation",
    "ReservationService/CancelReservation",
    "ReservationService/GetReservation",
    "ReservationService/ListReservations",
    "SalesOrderService/CreateSalesOrder",
    "SalesOrderService/CancelSalesOrder",
    "SalesOrderService/GetSalesOrder",
    "CommandService/Execute",
    "EventService/Subscribe",
    "EventService/ReadStream",
    "ReservationService/ChangeReservation",
];

/// A server on a folder of its own.
pub struct Server {
    running: Running,
    folder: TempDir,
}

impl Server {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.server.data_dir = folder.path().join("data");
        config.server.grpc_addr = SocketAddr::from(([127, 0, 0, 1], 0));
        config.server.http_addr = config.server.grpc_addr;
        config.server.shards = 2;
        let starting = Starting::listen(&config, telemetry::install().unwrap()).unwrap();
        let starting = starting.with_free_space(Box::new(|| Ok(u64::MAX)));
        let running = starting.recover(std::future::pending()).unwrap();
        Self { running, folder }
    }

    /// Sends a message to the method that the first byte names, and gives what it is answered with;
    /// a stream counts as answered once it says anything.
    ///
    /// # Panics
    /// Where no answer comes, or one that tells of a defect.
    pub fn request(&self, data: &[u8]) -> Code {
        let Some((method, message)) = data.split_first() else { return Code::Ok };
        let method = METHODS[usize::from(*method) % METHODS.len()];
        let answer = self.running.block_on(async {
            timeout(PATIENCE, self.call(method, message)).await.expect("no answer in time")
        });
        let status = answer.expect("the connection has broken off");
        let is_unreadable = status.message().contains("decode");
        let is_defect = matches!(status.code(), Code::Internal | Code::Unknown | Code::DataLoss);
        assert!(is_unreadable || !is_defect, "{method}: {status:?}");
        status.code()
    }

    async fn call(&self, method: &str, message: &[u8]) -> Result<Status, h2::Error> {
        let address = self.running.addresses().grpc;
        let socket = TcpStream::connect(address).await.expect("the server listens");
        let (client, connection) = h2::client::handshake(socket).await?;
        let connection = tokio::spawn(connection);
        let head = Request::post(format!("http://{address}/holdfast.v1.{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .expect("every method is a path");
        let (answer, mut body) = client.ready().await?.send_request(head, false)?;
        let length = (message.len() as u32).to_be_bytes();
        let frame = [&[0][..], &length, message].concat();
        // Refused before its message is read, perhaps; then there is nobody to send it to.
        let _ = body.send_data(Bytes::from(frame), true);
        let answer = answer.await?;
        if let Some(status) = Status::from_header_map(answer.headers()) {
            connection.abort();
            return Ok(status);
        }
        let mut told = answer.into_body();
        if told.data().await.is_some() {
            connection.abort();
            return Ok(Status::ok(""));
        }
        let trailers = told.trailers().await?;
        connection.abort();
        Ok(trailers.as_ref().and_then(Status::from_header_map).unwrap_or(Status::ok("")))
    }

    /// Stops, and gives the folder that it worked on.
    pub fn stop(self) -> TempDir {
        self.running.stop();
        self.folder
    }
}
