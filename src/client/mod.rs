//! A client of the server: what the command line, the demo and the tests speak through.
//!
//! [`Client`] is one connection under one tenant. Its methods send one command or query each, try
//! again where that is safe (see [`RetryPolicy`]), and turn a `google.rpc.Status` into a
//! [`CallError`] with its reason, fields and shortages. A [`Pipeline`] sends commands over one stream
//! instead of a call each. The services' generated clients are there
//! too ([`Client::stock`] and so on), for streams and for whoever wants no retries.
//!
//! `bare` is a connection for those whose calls must cost next to nothing: the load that `bench` makes.
//!
//! Not here: request ids. Whoever sends a command names it, since only they know what is the same.

pub(crate) mod bare;
mod error;
mod pipeline;
mod retry;
mod wording;

use std::error::Error;
use std::task::{Context, Poll};
use std::time::Duration;

use tonic::codegen::Service;
use tonic::codegen::http::{self, HeaderValue, Uri};
use tonic::transport::channel::ResponseFuture;
use tonic::transport::{Channel, Endpoint};

use crate::domain::name::TenantId;
use crate::proto::v1;
use v1::admin_service_client::AdminServiceClient;
use v1::calendar_service_client::CalendarServiceClient;
use v1::command_service_client::CommandServiceClient;
use v1::event_service_client::EventServiceClient;
use v1::reservation_service_client::ReservationServiceClient;
use v1::sales_order_service_client::SalesOrderServiceClient;
use v1::stock_service_client::StockServiceClient;

pub use error::{CallError, Family, FieldError, write_conflicts, write_shortages};
pub use pipeline::Pipeline;
pub use retry::{RetryPolicy, call};

/// The metadata key that names the tenant.
pub const TENANT_HEADER: &str = "x-tenant-id";

/// The largest answer that is read: the server's own bound of 4 MiB, and room around it.
const ANSWER_BYTES_MAX: usize = 5 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// Flow-control windows wide enough that one subscription can fill a fast loopback.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// Where to connect to, and as whom.
#[derive(Debug, Clone)]
pub struct Options {
    /// `http://HOST:PORT`, or `HOST:PORT` alone.
    pub addr: String,
    /// Whose data the calls are about.
    pub tenant: TenantId,
    /// What the events that these calls cause name as their source.
    pub user_agent: String,
    /// When a call is tried again.
    pub retry: RetryPolicy,
}

impl Options {
    /// The default tenant at an address, with this build's name as the user agent.
    pub fn new(addr: impl Into<String>) -> Self {
        Self {
            addr: addr.into(),
            tenant: TenantId::default_tenant(),
            user_agent: concat!("holdfast-cli/", env!("CARGO_PKG_VERSION")).to_owned(),
            retry: RetryPolicy::default(),
        }
    }

    fn uri(&self) -> Result<Uri, ConnectError> {
        let url = match self.addr.split_once("://") {
            Some(("http", _)) => self.addr.parse(),
            Some((scheme, _)) => {
                let cause = format!("the scheme {scheme} is not spoken");
                return Err(ConnectError::Address { addr: self.addr.clone(), cause });
            }
            None => format!("http://{}", self.addr).parse(),
        };
        url.map_err(|error: http::uri::InvalidUri| self.refused(&error))
    }

    fn tenant_header(&self) -> HeaderValue {
        HeaderValue::from_str(self.tenant.as_str())
            .expect("a tenant id is plain ASCII, which any header may hold")
    }

    fn refused(&self, error: &dyn Error) -> ConnectError {
        ConnectError::Address { addr: self.addr.clone(), cause: innermost(error) }
    }

    fn unreachable(&self, error: &dyn Error) -> ConnectError {
        ConnectError::Unreachable { addr: self.addr.clone(), cause: innermost(error) }
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address can't be read.
    #[error("`{addr}` is no address such as http://127.0.0.1:7420: {cause}")]
    Address {
        /// What was given.
        addr: String,
        /// What is wrong with it.
        cause: String,
    },
    /// Nobody answers there.
    #[error("cannot reach a server at {addr}: {cause}; is it running?")]
    Unreachable {
        /// Where it was looked for.
        addr: String,
        /// What the network said.
        cause: String,
    },
}

/// A connection that says whose data each call is about.
#[derive(Debug, Clone)]
pub struct TenantChannel {
    channel: Channel,
    tenant: HeaderValue,
}

impl Service<http::Request<tonic::body::Body>> for TenantChannel {
    type Response = http::Response<tonic::body::Body>;
    type Error = tonic::transport::Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_ready(cx)
    }

    fn call(&mut self, mut request: http::Request<tonic::body::Body>) -> Self::Future {
        request.headers_mut().insert(TENANT_HEADER, self.tenant.clone());
        self.channel.call(request)
    }
}

/// One connection under one tenant. Clones share the connection.
#[derive(Debug, Clone)]
pub struct Client {
    channel: TenantChannel,
    retry: RetryPolicy,
}

macro_rules! services {
    ($($(#[$doc:meta])* $name:ident: $client:ident;)*) => {
        impl Client {$(
            $(#[$doc])*
            pub fn $name(&self) -> $client<TenantChannel> {
                $client::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
            }
        )*}
    };
}

services! {
    /// The generated client of `StockService`: without retries.
    stock: StockServiceClient;
    /// The generated client of `ReservationService`: without retries.
    reservations: ReservationServiceClient;
    /// The generated client of `SalesOrderService`: without retries.
    sales_orders: SalesOrderServiceClient;
    /// The generated client of `CalendarService`: without retries.
    calendars: CalendarServiceClient;
    /// The generated client of `EventService`: without retries.
    events: EventServiceClient;
    /// The generated client of `CommandService`: without retries.
    commands: CommandServiceClient;
    /// The generated client of `AdminService`: without retries.
    admin: AdminServiceClient;
}

macro_rules! calls {
    ($($service:ident.$method:ident($request:ident) -> $response:ident;)*) => {
        impl Client {$(
            #[doc = concat!(
                "Sends one [`", stringify!($request), "`](v1::", stringify!($request),
                "), again where that is safe.\n\n# Errors\n",
                "[`CallError`], where the last try had no answer or another than this."
            )]
            pub async fn $method(
                &self,
                message: v1::$request,
            ) -> Result<v1::$response, CallError> {
                call(self.retry, message, |request| {
                    let mut service = self.$service();
                    async move { service.$method(request).await }
                })
                .await
            }
        )*}
    };
}

calls! {
    stock.receive_stock(ReceiveStockRequest) -> ReceiveStockResponse;
    stock.adjust_stock(AdjustStockRequest) -> AdjustStockResponse;
    stock.get_stock_balance(GetStockBalanceRequest) -> GetStockBalanceResponse;
    stock.list_stock_balances(ListStockBalancesRequest) -> ListStockBalancesResponse;
    stock.list_claims(ListClaimsRequest) -> ListClaimsResponse;
    reservations.create_reservation(CreateReservationRequest) -> CreateReservationResponse;
    reservations.confirm_reservation(ConfirmReservationRequest) -> ConfirmReservationResponse;
    reservations.commit_reservation(CommitReservationRequest) -> CommitReservationResponse;
    reservations.cancel_reservation(CancelReservationRequest) -> CancelReservationResponse;
    reservations.extend_reservation(ExtendReservationRequest) -> ExtendReservationResponse;
    reservations.change_reservation(ChangeReservationRequest) -> ChangeReservationResponse;
    reservations.get_reservation(GetReservationRequest) -> GetReservationResponse;
    reservations.list_reservations(ListReservationsRequest) -> ListReservationsResponse;
    sales_orders.create_sales_order(CreateSalesOrderRequest) -> CreateSalesOrderResponse;
    sales_orders.get_sales_order(GetSalesOrderRequest) -> GetSalesOrderResponse;
    sales_orders.cancel_sales_order(CancelSalesOrderRequest) -> CancelSalesOrderResponse;
    calendars.create_calendar(CreateCalendarRequest) -> CreateCalendarResponse;
    calendars.update_calendar_rules(UpdateCalendarRulesRequest) -> UpdateCalendarRulesResponse;
    calendars.set_capacity(SetCapacityRequest) -> SetCapacityResponse;
    calendars.close_dates(CloseDatesRequest) -> CloseDatesResponse;
    calendars.open_dates(OpenDatesRequest) -> OpenDatesResponse;
    calendars.retire_calendar(RetireCalendarRequest) -> RetireCalendarResponse;
    calendars.get_calendar(GetCalendarRequest) -> GetCalendarResponse;
    calendars.list_calendars(ListCalendarsRequest) -> ListCalendarsResponse;
    calendars.get_availability(GetAvailabilityRequest) -> GetAvailabilityResponse;
    calendars.check_availability(CheckAvailabilityRequest) -> CheckAvailabilityResponse;
    calendars.find_slots(FindSlotsRequest) -> FindSlotsResponse;
    calendars.list_conflicts(ListConflictsRequest) -> ListConflictsResponse;
    events.read_stream(ReadStreamRequest) -> ReadStreamResponse;
    admin.take_snapshot(TakeSnapshotRequest) -> TakeSnapshotResponse;
    admin.get_statistics(GetStatisticsRequest) -> GetStatisticsResponse;
    admin.accept_clock(AcceptClockRequest) -> AcceptClockResponse;
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// [`ConnectError`], where the address can't be read or nobody answers there within 5 seconds.
    pub async fn connect(options: &Options) -> Result<Self, ConnectError> {
        let connected = endpoint(options)?.connect().await;
        let channel = connected.map_err(|error| options.unreachable(&error))?;
        let tenant = options.tenant_header();
        Ok(Self { channel: TenantChannel { channel, tenant }, retry: options.retry })
    }

    /// Sends one [`CalendarServiceListClaimsRequest`](v1::CalendarServiceListClaimsRequest), again
    /// where that is safe.
    ///
    /// # Errors
    /// [`CallError`], where the last try had no answer or another than this.
    pub async fn list_calendar_claims(
        &self,
        message: v1::CalendarServiceListClaimsRequest,
    ) -> Result<v1::CalendarServiceListClaimsResponse, CallError> {
        call(self.retry, message, |request| {
            let mut service = self.calendars();
            async move { service.list_claims(request).await }
        })
        .await
    }
}

fn endpoint(options: &Options) -> Result<Endpoint, ConnectError> {
    Ok(Endpoint::from(options.uri()?)
        .user_agent(options.user_agent.as_str())
        .map_err(|error| options.refused(&error))?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES))
}

/// The text of the error at the bottom of the chain: the one that says what really happened.
fn innermost(error: &dyn Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_no_scheme_but_takes_no_other() {
        assert!(endpoint(&Options::new("127.0.0.1:7420")).is_ok());
        assert!(endpoint(&Options::new("http://localhost:7420")).is_ok());
        for addr in ["https://localhost:7420", "", "http://a b"] {
            assert!(endpoint(&Options::new(addr)).is_err(), "{addr:?}");
        }
    }
}
