//! `StockService`: balances and the claims on them.
//!
//! Not here: anything but reading, passing on and answering.

use tonic::{Request, Response, Status};

use super::convert;
use super::errors::Failure;
use super::gateway::{self, Gateway};
use super::validate::lists::Page;
use crate::domain::ids::{EntityId, EntityKey, EntityKind, ResourceKey, StockKey, Version};
use crate::domain::name::TenantId;
use crate::proto::v1;
use crate::proto::v1::stock_service_server::StockService;

/// The service.
pub(super) struct StockApi {
    gateway: Gateway,
}

impl StockApi {
    pub(super) fn new(gateway: Gateway) -> Self {
        Self { gateway }
    }

    async fn balances(
        &self,
        tenant: &TenantId,
        page: Page<StockKey>,
    ) -> Result<v1::ListStockBalancesResponse, Failure> {
        let Page { size, after, scope } = page;
        // One more than the page holds tells whether there is a next one.
        let mut found = self.gateway.engine().list_stock_balances(tenant, after, size + 1).await?;
        let has_more = found.len() > size;
        found.truncate(size);
        let last = found.last().filter(|_| has_more);
        let next_page_token = last.map(|(key, _)| scope.token(key)).unwrap_or_default();
        let balance = |(key, shown)| {
            convert::stock_balance(&EntityId::Resource(ResourceKey::Stock(key)), &shown)
        };
        let stock_balances = found.into_iter().filter_map(balance).collect();
        Ok(v1::ListStockBalancesResponse { stock_balances, next_page_token })
    }
}

#[tonic::async_trait]
impl StockService for StockApi {
    async fn receive_stock(
        &self,
        request: Request<v1::ReceiveStockRequest>,
    ) -> Result<Response<v1::ReceiveStockResponse>, Status> {
        Ok(Response::new(self.gateway.run(request).await?.into()))
    }

    async fn adjust_stock(
        &self,
        request: Request<v1::AdjustStockRequest>,
    ) -> Result<Response<v1::AdjustStockResponse>, Status> {
        Ok(Response::new(self.gateway.run(request).await?.into()))
    }

    async fn get_stock_balance(
        &self,
        request: Request<v1::GetStockBalanceRequest>,
    ) -> Result<Response<v1::GetStockBalanceResponse>, Status> {
        let (tenant, id) =
            gateway::ask(request, |fields, _, asked| fields.stock_id(asked.stock.as_ref()))?;
        let told = self.gateway.show(EntityKey { tenant, id: id.clone() }).await?;
        Ok(Response::new(v1::GetStockBalanceResponse {
            stock_balance: convert::stock_balance(&id, &told.answer),
            position: told.position.0,
        }))
    }

    async fn list_stock_balances(
        &self,
        request: Request<v1::ListStockBalancesRequest>,
    ) -> Result<Response<v1::ListStockBalancesResponse>, Status> {
        let (tenant, page) =
            gateway::ask(request, |fields, tenant, asked| fields.stock_balances(tenant, &asked))?;
        Ok(Response::new(self.balances(&tenant, page).await?))
    }

    async fn list_claims(
        &self,
        request: Request<v1::ListClaimsRequest>,
    ) -> Result<Response<v1::ListClaimsResponse>, Status> {
        let (tenant, asked) =
            gateway::ask(request, |fields, tenant, asked| fields.claims(tenant, &asked))?;
        let Page { size, after, scope } = asked.page;
        let key = EntityKey { tenant, id: asked.id };
        let told =
            self.gateway.engine().claims(key, after, size + 1).await.map_err(Failure::from)?;
        if told.answer.version == Version(0) {
            return Err(Failure::NotFound(EntityKind::StockBalance, told.position).into());
        }
        let found = told.answer.claims;
        let page = &found[..found.len().min(size)];
        let last = page.last().filter(|_| found.len() > size);
        Ok(Response::new(v1::ListClaimsResponse {
            claims: page.iter().filter_map(convert::claim).collect(),
            next_page_token: last
                .map(|claim| scope.token(&claim.reservation()))
                .unwrap_or_default(),
        }))
    }
}
