//! `SalesOrderService`: orders, and how far they have come.
//!
//! Not here: what drives an order. The service creates it and watches.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use tonic::{Request, Response, Status};

use super::convert;
use super::errors::Failure;
use super::gateway::{self, Gateway};
use super::stream_watch::{self, AwaitedEnd, StreamWatch};
use crate::actors::delivery::Shown;
use crate::domain::ids::{EntityId, EntityKey};
use crate::proto::v1;
use crate::proto::v1::sales_order_service_server::SalesOrderService;

/// The service.
pub(super) struct SalesOrderApi {
    gateway: Gateway,
    watch: Arc<dyn StreamWatch>,
}

impl SalesOrderApi {
    pub(super) fn new(gateway: Gateway, watch: Arc<dyn StreamWatch>) -> Self {
        Self { gateway, watch }
    }

    async fn create(
        &self,
        request: Request<v1::CreateSalesOrderRequest>,
    ) -> Result<v1::CreateSalesOrderResponse, Failure> {
        let wait = request.get_ref().wait();
        let (ready, deadline) = gateway::read(request)?;
        let end = AwaitedEnd::of(wait, &*self.watch, &ready.request.key);
        let done = self.gateway.execute(ready, deadline).await?;
        let done = match end {
            Some(end) => end.reached(self.gateway.clone(), done).await?,
            None => done,
        };
        Ok(done.into())
    }
}

#[tonic::async_trait]
impl SalesOrderService for SalesOrderApi {
    type WatchSalesOrderStream = BoxStream<'static, Result<v1::WatchSalesOrderResponse, Status>>;

    async fn create_sales_order(
        &self,
        request: Request<v1::CreateSalesOrderRequest>,
    ) -> Result<Response<v1::CreateSalesOrderResponse>, Status> {
        Ok(Response::new(self.create(request).await?))
    }

    async fn get_sales_order(
        &self,
        request: Request<v1::GetSalesOrderRequest>,
    ) -> Result<Response<v1::GetSalesOrderResponse>, Status> {
        let (tenant, id) =
            gateway::ask(request, |fields, _, asked| fields.sales_order_id(&asked.sales_order_id))?;
        let id = EntityId::SalesOrder(id);
        let told = self.gateway.show(EntityKey { tenant, id: id.clone() }).await?;
        Ok(Response::new(v1::GetSalesOrderResponse {
            sales_order: convert::sales_order(&id, &told.answer),
            position: told.position.0,
        }))
    }

    async fn cancel_sales_order(
        &self,
        request: Request<v1::CancelSalesOrderRequest>,
    ) -> Result<Response<v1::CancelSalesOrderResponse>, Status> {
        Ok(Response::new(self.gateway.run(request).await?.into()))
    }

    async fn watch_sales_order(
        &self,
        request: Request<v1::WatchSalesOrderRequest>,
    ) -> Result<Response<Self::WatchSalesOrderStream>, Status> {
        let (tenant, id) =
            gateway::ask(request, |fields, _, asked| fields.sales_order_id(&asked.sales_order_id))?;
        let id = EntityId::SalesOrder(id);
        let key = EntityKey { tenant, id: id.clone() };
        let told = move |shown: Result<Shown, Failure>| {
            let sales_order = convert::sales_order(&id, &shown?);
            Ok(v1::WatchSalesOrderResponse { sales_order })
        };
        let admission = self.gateway.admission().clone();
        // A watcher may stay for as long as it likes, so a stopping server doesn't wait for it.
        let stopping = async move { admission.stopping().await };
        let ticks = self.watch.watch(key.clone()).take_until(stopping).boxed();
        let changes = stream_watch::changes(self.gateway.clone(), ticks, key);
        Ok(Response::new(changes.map(told).boxed()))
    }
}
