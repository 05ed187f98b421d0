//! `ReservationService`: lines that live and die together.
//!
//! Not here: anything but reading, passing on and answering.

use tonic::{Request, Response, Status};

use super::convert;
use super::errors::Failure;
use super::gateway::{self, Gateway};
use super::page;
use super::validate::lists::{Page, Reservations};
use crate::actors::delivery::Shown;
use crate::actors::listing::ReservationQuery;
use crate::domain::ids::{EntityId, EntityKey};
use crate::domain::name::TenantId;
use crate::domain::time::Timestamp;
use crate::domain::view::View;
use crate::proto::v1;
use crate::proto::v1::reservation_service_server::ReservationService;

/// The service.
pub(super) struct ReservationApi {
    gateway: Gateway,
    answer_bytes_max: usize,
}

impl ReservationApi {
    /// The service, whose answers are at most this large.
    pub(super) fn new(gateway: Gateway, answer_bytes_max: usize) -> Self {
        Self { gateway, answer_bytes_max }
    }

    async fn listed(
        &self,
        tenant: &TenantId,
        asked: Reservations,
    ) -> Result<v1::ListReservationsResponse, Failure> {
        let Reservations { states, created_from, created_before, page } = asked;
        let Page { size, after, scope } = page;
        // One more than the page holds tells whether there is a next one.
        let query =
            ReservationQuery { states, created_from, created_before, after, count: size + 1 };
        let found = self.gateway.engine().list_reservations(tenant, query).await?;
        let shown = |(id, shown): &(_, _)| convert::reservation(&EntityId::Reservation(*id), shown);
        let page = found.iter().take(size).filter_map(shown);
        let reservations = page::fitting(page, self.answer_bytes_max);
        let has_more = reservations.len() < found.len();
        let last = reservations.len().checked_sub(1).filter(|_| has_more).map(|at| &found[at]);
        let cursor = last.and_then(|(id, shown)| Some((created(shown)?, *id)));
        let next_page_token = cursor.map(|cursor| scope.token(&cursor)).unwrap_or_default();
        Ok(v1::ListReservationsResponse { reservations, next_page_token })
    }
}

fn created(shown: &Shown) -> Option<Timestamp> {
    match &shown.view {
        View::Reservation(details) => Some(details.created),
        _ => None,
    }
}

#[tonic::async_trait]
impl ReservationService for ReservationApi {
    async fn create_reservation(
        &self,
        request: Request<v1::CreateReservationRequest>,
    ) -> Result<Response<v1::CreateReservationResponse>, Status> {
        Ok(Response::new(self.gateway.run(request).await?.into()))
    }

    async fn confirm_reservation(
        &self,
        request: Request<v1::ConfirmReservationRequest>,
    ) -> Result<Response<v1::ConfirmReservationResponse>, Status> {
        Ok(Response::new(self.gateway.run(request).await?.into()))
    }

    async fn commit_reservation(
        &self,
        request: Request<v1::CommitReservationRequest>,
    ) -> Result<Response<v1::CommitReservationResponse>, Status> {
        Ok(Response::new(self.gateway.run(request).await?.into()))
    }

    async fn cancel_reservation(
        &self,
        request: Request<v1::CancelReservationRequest>,
    ) -> Result<Response<v1::CancelReservationResponse>, Status> {
        Ok(Response::new(self.gateway.run(request).await?.into()))
    }

    async fn extend_reservation(
        &self,
        request: Request<v1::ExtendReservationRequest>,
    ) -> Result<Response<v1::ExtendReservationResponse>, Status> {
        Ok(Response::new(self.gateway.run(request).await?.into()))
    }

    async fn change_reservation(
        &self,
        request: Request<v1::ChangeReservationRequest>,
    ) -> Result<Response<v1::ChangeReservationResponse>, Status> {
        Ok(Response::new(self.gateway.run(request).await?.into()))
    }

    async fn get_reservation(
        &self,
        request: Request<v1::GetReservationRequest>,
    ) -> Result<Response<v1::GetReservationResponse>, Status> {
        let (tenant, id) =
            gateway::ask(request, |fields, _, asked| fields.reservation_id(&asked.reservation_id))?;
        let id = EntityId::Reservation(id);
        let told = self.gateway.show(EntityKey { tenant, id: id.clone() }).await?;
        Ok(Response::new(v1::GetReservationResponse {
            reservation: convert::reservation(&id, &told.answer),
            position: told.position.0,
        }))
    }

    async fn list_reservations(
        &self,
        request: Request<v1::ListReservationsRequest>,
    ) -> Result<Response<v1::ListReservationsResponse>, Status> {
        let (tenant, asked) =
            gateway::ask(request, |fields, tenant, asked| fields.reservations(tenant, asked))?;
        Ok(Response::new(self.listed(&tenant, asked).await?))
    }
}
