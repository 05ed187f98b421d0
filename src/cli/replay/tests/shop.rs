//! A shop without actors or a log: the least that answers as a server must.
//!
//! It loses the answer of every third call, so that whoever doesn't try again, or tries again under another
//! name, is found out.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::proto::v1;
use v1::sales_order_service_server::{SalesOrderService, SalesOrderServiceServer};
use v1::stock_service_server::{StockService, StockServiceServer};

#[derive(Clone, Default)]
pub(super) struct Shop(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    calls: u64,
    on_hand: BTreeMap<String, u64>,
    /// What was answered to which request.
    orders: HashMap<String, v1::SalesOrderState>,
    receipts: HashMap<String, u64>,
}

impl State {
    /// Takes away the answer of every third call, though the call was executed.
    fn turned_away(&mut self) -> Result<(), Status> {
        self.calls += 1;
        if !self.calls.is_multiple_of(3) {
            return Ok(());
        }
        let details = ErrorDetails::with_retry_info(Some(Duration::ZERO));
        Err(Status::with_error_details(Code::ResourceExhausted, "busy", details))
    }

    fn order(&mut self, request: &v1::CreateSalesOrderRequest) -> v1::SalesOrderState {
        let mut wanted = HashMap::new();
        for line in &request.lines {
            let Some(v1::sales_order_line::Resource::Stock(stock)) = &line.resource else {
                continue;
            };
            *wanted.entry(stock.sku.as_str()).or_insert(0) += line.quantity;
        }
        if wanted.iter().any(|(sku, quantity)| self.on_hand[*sku] < *quantity) {
            return v1::SalesOrderState::Rejected;
        }
        for (sku, quantity) in wanted {
            *self.on_hand.get_mut(sku).unwrap() -= quantity;
        }
        v1::SalesOrderState::Completed
    }
}

impl Shop {
    /// Opens on a free port; gives the address.
    pub(super) async fn open(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = tonic::transport::Server::builder()
            .add_service(StockServiceServer::new(self.clone()))
            .add_service(SalesOrderServiceServer::new(self.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        format!("http://{addr}")
    }

    pub(super) fn on_hand(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap().on_hand.clone()
    }
}

type Answer<T> = Result<Response<T>, Status>;

fn unused<T>() -> Answer<T> {
    Err(Status::unimplemented("not of this shop"))
}

#[tonic::async_trait]
impl StockService for Shop {
    async fn receive_stock(
        &self,
        request: Request<v1::ReceiveStockRequest>,
    ) -> Answer<v1::ReceiveStockResponse> {
        let request = request.into_inner();
        let mut state = self.0.lock().unwrap();
        let known = state.receipts.insert(request.request_id, request.quantity).is_some();
        if !known {
            *state.on_hand.entry(request.stock.unwrap().sku).or_default() += request.quantity;
        }
        state.turned_away()?;
        Ok(Response::new(v1::ReceiveStockResponse::default()))
    }

    async fn list_stock_balances(
        &self,
        request: Request<v1::ListStockBalancesRequest>,
    ) -> Answer<v1::ListStockBalancesResponse> {
        let v1::ListStockBalancesRequest { page_size, page_token } = request.into_inner();
        let begin: usize = page_token.parse().unwrap_or(0);
        let end = begin + (page_size as usize).min(2);
        let state = self.0.lock().unwrap();
        let balance = |(sku, on_hand): (&String, &u64)| v1::StockBalance {
            stock: Some(v1::StockResource { sku: sku.clone(), location: String::new() }),
            on_hand: *on_hand,
            ..Default::default()
        };
        let more = end < state.on_hand.len();
        Ok(Response::new(v1::ListStockBalancesResponse {
            // Backwards: no order is promised.
            stock_balances: state
                .on_hand
                .iter()
                .rev()
                .map(balance)
                .skip(begin)
                .take(end - begin)
                .collect(),
            next_page_token: if more { end.to_string() } else { String::new() },
        }))
    }

    async fn adjust_stock(
        &self,
        _: Request<v1::AdjustStockRequest>,
    ) -> Answer<v1::AdjustStockResponse> {
        unused()
    }

    async fn get_stock_balance(
        &self,
        _: Request<v1::GetStockBalanceRequest>,
    ) -> Answer<v1::GetStockBalanceResponse> {
        unused()
    }

    async fn list_claims(
        &self,
        _: Request<v1::ListClaimsRequest>,
    ) -> Answer<v1::ListClaimsResponse> {
        unused()
    }
}

#[tonic::async_trait]
impl SalesOrderService for Shop {
    async fn create_sales_order(
        &self,
        request: Request<v1::CreateSalesOrderRequest>,
    ) -> Answer<v1::CreateSalesOrderResponse> {
        let request = request.into_inner();
        assert_eq!(request.wait(), v1::SalesOrderWait::Ended);
        let mut state = self.0.lock().unwrap();
        let outcome = match state.orders.get(&request.request_id) {
            Some(known) => *known,
            None => state.order(&request),
        };
        state.orders.insert(request.request_id, outcome);
        state.turned_away()?;
        let sales_order =
            Some(v1::SalesOrder { state: outcome.into(), ended: true, ..Default::default() });
        Ok(Response::new(v1::CreateSalesOrderResponse { sales_order, ..Default::default() }))
    }

    type WatchSalesOrderStream = tokio_stream::Empty<Result<v1::WatchSalesOrderResponse, Status>>;

    async fn watch_sales_order(
        &self,
        _: Request<v1::WatchSalesOrderRequest>,
    ) -> Answer<Self::WatchSalesOrderStream> {
        unused()
    }

    async fn get_sales_order(
        &self,
        _: Request<v1::GetSalesOrderRequest>,
    ) -> Answer<v1::GetSalesOrderResponse> {
        unused()
    }

    async fn cancel_sales_order(
        &self,
        _: Request<v1::CancelSalesOrderRequest>,
    ) -> Answer<v1::CancelSalesOrderResponse> {
        unused()
    }
}
