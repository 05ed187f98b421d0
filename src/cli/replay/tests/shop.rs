//! A shop without actors or a log: the least that answers as a server must.
//!
//! It loses the answer of every third command, so that whoever doesn't try again, or tries again under
//! another name, is found out.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use prost::Message;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt, pb};

use crate::proto::v1;
use v1::command_service_server::{CommandService, CommandServiceServer};
use v1::sequenced_answer::Outcome;
use v1::sequenced_command::Command;
use v1::stock_service_server::{StockService, StockServiceServer};

#[derive(Clone, Default)]
pub(super) struct Shop(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    commands: u64,
    on_hand: BTreeMap<String, u64>,
    /// What was answered to which request.
    orders: HashMap<String, v1::SalesOrderState>,
    receipts: HashMap<String, u64>,
}

impl State {
    /// Executes a command, but takes away the answer of every third.
    fn answer(&mut self, command: v1::SequencedCommand) -> v1::SequencedAnswer {
        let outcome = match command.command.unwrap() {
            Command::ReceiveStock(receipt) => {
                self.receive(receipt);
                Outcome::ReceiveStock(v1::ReceiveStockResponse::default())
            }
            Command::CreateSalesOrder(order) => Outcome::CreateSalesOrder(self.place(order)),
            other => panic!("{other:?}"),
        };
        self.commands += 1;
        let is_lost = self.commands.is_multiple_of(3);
        let outcome = Some(if is_lost { Outcome::Error(busy()) } else { outcome });
        v1::SequencedAnswer { sequence: command.sequence, outcome }
    }

    fn receive(&mut self, receipt: v1::ReceiveStockRequest) {
        let known = self.receipts.insert(receipt.request_id, receipt.quantity).is_some();
        if !known {
            *self.on_hand.entry(receipt.stock.unwrap().sku).or_default() += receipt.quantity;
        }
    }

    fn place(&mut self, request: v1::CreateSalesOrderRequest) -> v1::CreateSalesOrderResponse {
        assert_eq!(request.wait(), v1::SalesOrderWait::Ended);
        let outcome = match self.orders.get(&request.request_id) {
            Some(known) => *known,
            None => self.order(&request),
        };
        self.orders.insert(request.request_id, outcome);
        let sales_order =
            Some(v1::SalesOrder { state: outcome.into(), ended: true, ..Default::default() });
        v1::CreateSalesOrderResponse { sales_order, ..Default::default() }
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
            .add_service(CommandServiceServer::new(self.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        format!("http://{addr}")
    }

    pub(super) fn on_hand(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap().on_hand.clone()
    }
}

type Answer<T> = Result<Response<T>, Status>;
type Answers = Result<v1::ExecuteResponse, Status>;

fn busy() -> pb::Status {
    let details = ErrorDetails::with_retry_info(Some(Duration::ZERO));
    let status = Status::with_error_details(Code::ResourceExhausted, "busy", details);
    pb::Status::decode(status.details()).unwrap()
}

fn unused<T>() -> Answer<T> {
    Err(Status::unimplemented("not of this shop"))
}

#[tonic::async_trait]
impl StockService for Shop {
    async fn receive_stock(
        &self,
        _: Request<v1::ReceiveStockRequest>,
    ) -> Answer<v1::ReceiveStockResponse> {
        unused()
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
impl CommandService for Shop {
    type ExecuteStream = BoxStream<'static, Answers>;

    async fn execute(
        &self,
        request: Request<Streaming<v1::ExecuteRequest>>,
    ) -> Answer<Self::ExecuteStream> {
        let shop = self.clone();
        let answers = request.into_inner().map(move |message| {
            let mut state = shop.0.lock().unwrap();
            let answers = message?.commands.into_iter().map(|command| state.answer(command));
            Ok(v1::ExecuteResponse { answers: answers.collect() })
        });
        Ok(Response::new(answers.boxed()))
    }
}
