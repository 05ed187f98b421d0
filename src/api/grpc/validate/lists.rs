//! Listings: how much of what, from where on.

use prost::Message;

use super::super::page_token::{Cursor, Scope};
use super::Fields;
use crate::domain::ids::{EntityId, ReservationId, StockKey};
use crate::domain::name::TenantId;
use crate::domain::reservation::State;
use crate::domain::time::Timestamp;
use crate::proto::v1;

/// A page where the client doesn't say how large.
const PAGE_SIZE_DEFAULT: usize = 50;
/// The largest page; who asks for more gets this.
const PAGE_SIZE_MAX: usize = 1_000;
/// No token is longer.
const TOKEN_BYTES_MAX: usize = 1_024;
/// The states that a listing of reservations can be asked for. There are only two.
const STATES: EnumList<State> = EnumList {
    field: "states",
    entries_max: 8,
    entry_must: "be HELD or CONFIRMED; a finished reservation is found by its id",
    read: |state| match v1::ReservationState::try_from(state) {
        Ok(v1::ReservationState::Held) => Some(State::Held),
        Ok(v1::ReservationState::Confirmed) => Some(State::Confirmed),
        _ => None,
    },
};

/// A field that lists enum values.
pub(super) struct EnumList<T> {
    /// The field's name.
    pub field: &'static str,
    /// The most entries.
    pub entries_max: usize,
    /// What an entry that can't be read must do.
    pub entry_must: &'static str,
    /// What an entry stands for.
    pub read: fn(i32) -> Option<T>,
}

/// What part of a listing is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Page<C> {
    /// The most to return.
    pub size: usize,
    /// After what.
    pub after: Option<C>,
    /// What the next page's token is for.
    pub scope: Scope,
}

/// A listing of claims.
#[derive(Debug)]
pub(in super::super) struct Claims {
    /// On what.
    pub id: EntityId,
    /// Which of them.
    pub page: Page<ReservationId>,
}

/// A listing of reservations.
#[derive(Debug)]
pub(in super::super) struct Reservations {
    /// In one of these states.
    pub states: Vec<State>,
    /// Created then or later.
    pub created_from: Option<Timestamp>,
    /// Created before.
    pub created_before: Option<Timestamp>,
    /// Which of them.
    pub page: Page<(Timestamp, ReservationId)>,
}

impl Fields {
    /// A page of balances.
    pub fn stock_balances(
        &mut self,
        tenant: &TenantId,
        request: &v1::ListStockBalancesRequest,
    ) -> Option<Page<StockKey>> {
        let scope = Scope::new("ListStockBalances", tenant, &[]);
        self.page(scope, request.page_size, &request.page_token)
    }

    /// A page of claims.
    pub fn claims(&mut self, tenant: &TenantId, request: &v1::ListClaimsRequest) -> Option<Claims> {
        let id = self.stock_id(request.stock.as_ref());
        let filter = request.stock.as_ref().map(Message::encode_to_vec).unwrap_or_default();
        let scope = Scope::new("ListClaims", tenant, &filter);
        let page = self.page(scope, request.page_size, &request.page_token);
        Some(Claims { id: id?, page: page? })
    }

    /// A page of reservations.
    pub fn reservations(
        &mut self,
        tenant: &TenantId,
        request: v1::ListReservationsRequest,
    ) -> Option<Reservations> {
        let states = self.states(&request.states);
        let [from, before] =
            [("created_from", &request.created_from), ("created_before", &request.created_before)]
                .map(|(path, time)| match time {
                    None => Some(None),
                    Some(time) => self.timestamp(format_args!("{path}"), time).map(Some),
                });
        let filter = v1::ListReservationsRequest {
            page_size: 0,
            page_token: String::new(),
            ..request.clone()
        };
        let scope = Scope::new("ListReservations", tenant, &filter.encode_to_vec());
        let page = self.page(scope, request.page_size, &request.page_token);
        Some(Reservations {
            states: states?,
            created_from: from?,
            created_before: before?,
            page: page?,
        })
    }

    fn states(&mut self, given: &[i32]) -> Option<Vec<State>> {
        if given.is_empty() {
            return Some(vec![State::Held, State::Confirmed]);
        }
        let mut states = self.entries(&STATES, given)?;
        states.sort_unstable();
        states.dedup();
        Some(states)
    }

    /// The entries of a list, where it isn't too long; each that can't be read is refused.
    pub(super) fn entries<T>(&mut self, list: &EnumList<T>, given: &[i32]) -> Option<Vec<T>> {
        let EnumList { field, entries_max, entry_must, read } = list;
        if given.len() > *entries_max {
            self.refuse(format_args!("{field}"), format_args!("must be at most {entries_max}"));
            return None;
        }
        let mut entries = Vec::with_capacity(given.len());
        for (index, entry) in given.iter().enumerate() {
            match read(*entry) {
                Some(entry) => entries.push(entry),
                None => {
                    self.refuse(format_args!("{field}[{index}]"), format_args!("must {entry_must}"))
                }
            }
        }
        Some(entries)
    }

    /// A page of whatever the scope is of.
    pub(super) fn page<C: Cursor>(
        &mut self,
        scope: Scope,
        size: u32,
        token: &str,
    ) -> Option<Page<C>> {
        let size = match size as usize {
            0 => PAGE_SIZE_DEFAULT,
            size => size.min(PAGE_SIZE_MAX),
        };
        if token.is_empty() {
            return Some(Page { size, after: None, scope });
        }
        let short_enough = Some(token).filter(|token| token.len() <= TOKEN_BYTES_MAX);
        let after = short_enough.and_then(|token| scope.cursor(token));
        if after.is_none() {
            let path = format_args!("page_token");
            self.refuse(path, "must be the next_page_token of an answer to the same query");
        }
        Some(Page { size, after: Some(after?), scope })
    }
}
