//! `ReservationService`: lines that live and die together.
//!
//! Not here: anything but reading, passing on and answering.

use prost::Message;
use tonic::{Request, Response, Status};

use super::convert::{self, accepted};
use super::errors::Failure;
use super::gateway::Gateway;
use super::validate::lists::{Page, Reservations};
use crate::actors::delivery::Shown;
use crate::actors::listing::ReservationQuery;
use crate::domain::ids::{EntityId, EntityKey, ReservationId};
use crate::domain::name::TenantId;
use crate::domain::time::Timestamp;
use crate::domain::view::View;
use crate::proto::v1;
use crate::proto::v1::reservation_service_server::ReservationService;

/// Room beside a page's reservations: its token, and what each costs in the list.
const PAGE_ROOM_BYTES: usize = 16 * 1_024;

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
        let room = self.answer_bytes_max.saturating_sub(PAGE_ROOM_BYTES);
        let reservations = fitting(&found[..found.len().min(size)], room);
        let has_more = reservations.len() < found.len();
        let last = reservations.len().checked_sub(1).filter(|_| has_more).map(|at| &found[at]);
        let cursor = last.and_then(|(id, shown)| Some((created(shown)?, *id)));
        let next_page_token = cursor.map(|cursor| scope.token(&cursor)).unwrap_or_default();
        Ok(v1::ListReservationsResponse { reservations, next_page_token })
    }
}

/// As many from the start as fit in so many bytes; at least one.
fn fitting(found: &[(ReservationId, Shown)], room: usize) -> Vec<v1::Reservation> {
    let mut bytes = 0;
    found
        .iter()
        .filter_map(|(id, shown)| convert::reservation(&EntityId::Reservation(*id), shown))
        .enumerate()
        .take_while(|(index, reservation)| {
            bytes += reservation.encoded_len();
            *index == 0 || bytes <= room
        })
        .map(|(_, reservation)| reservation)
        .collect()
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
        let done = self.gateway.run(request).await?;
        Ok(Response::new(accepted!(CreateReservationResponse { reservation }, done)))
    }

    async fn confirm_reservation(
        &self,
        request: Request<v1::ConfirmReservationRequest>,
    ) -> Result<Response<v1::ConfirmReservationResponse>, Status> {
        let done = self.gateway.run(request).await?;
        Ok(Response::new(accepted!(ConfirmReservationResponse { reservation }, done)))
    }

    async fn commit_reservation(
        &self,
        request: Request<v1::CommitReservationRequest>,
    ) -> Result<Response<v1::CommitReservationResponse>, Status> {
        let done = self.gateway.run(request).await?;
        Ok(Response::new(accepted!(CommitReservationResponse { reservation }, done)))
    }

    async fn cancel_reservation(
        &self,
        request: Request<v1::CancelReservationRequest>,
    ) -> Result<Response<v1::CancelReservationResponse>, Status> {
        let done = self.gateway.run(request).await?;
        Ok(Response::new(accepted!(CancelReservationResponse { reservation }, done)))
    }

    async fn extend_reservation(
        &self,
        request: Request<v1::ExtendReservationRequest>,
    ) -> Result<Response<v1::ExtendReservationResponse>, Status> {
        let done = self.gateway.run(request).await?;
        Ok(Response::new(accepted!(ExtendReservationResponse { reservation }, done)))
    }

    async fn get_reservation(
        &self,
        request: Request<v1::GetReservationRequest>,
    ) -> Result<Response<v1::GetReservationResponse>, Status> {
        let (tenant, id) = self
            .gateway
            .ask(request, |fields, _, asked| fields.reservation_id(&asked.reservation_id))?;
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
        let (tenant, asked) = self
            .gateway
            .ask(request, |fields, tenant, asked| fields.reservations(tenant, asked))?;
        Ok(Response::new(self.listed(&tenant, asked).await?))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::{Position, Version};
    use crate::domain::name::Label;
    use crate::domain::reservation::{Details, State};

    fn found(count: u128) -> Vec<(ReservationId, Shown)> {
        let details = Arc::new(Details {
            state: State::Held,
            lines: Arc::new([]),
            deadline: None,
            customer: Label::new(&"x".repeat(200)).unwrap(),
            external_reference: Label::empty(),
            attributes: Default::default(),
            owner: None,
            cancel_reason: Label::empty(),
            created: Timestamp(1),
            updated: Timestamp(1),
            claims_version: Version(1),
        });
        let view = View::Reservation(details);
        let shown = Shown { version: Version(1), position: Position(1), view };
        (0..count).map(|id| (ReservationId(Uuid::from_u128(id)), shown.clone())).collect()
    }

    #[test]
    fn a_page_ends_where_it_would_be_too_large_and_is_never_empty() {
        let found = found(10);
        let one = fitting(&found[..1], usize::MAX)[0].encoded_len();
        assert_eq!(fitting(&found, one * 3).len(), 3);
        assert_eq!(fitting(&found, one * 4 - 1).len(), 3);
        assert_eq!(fitting(&found, 0).len(), 1, "or the listing would never go on");
        assert_eq!(fitting(&found, usize::MAX).len(), 10);
    }
}
