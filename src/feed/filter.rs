//! Which events a subscriber wants, and from where.
//!
//! Not here: the events of other tenants. They are told apart before any filter is asked.

use crate::domain::event::Event;
use crate::domain::ids::{EntityId, EntityKey, EntityKind, Position};
use crate::domain::name::TenantId;

/// Where a subscription starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// After this position, not including it.
    After(Position),
    /// Before the first event.
    Beginning,
    /// After the last event there is.
    End,
}

/// What a subscriber wants; an event must pass every part. The default lets all pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only events of entities of these kinds; all where empty.
    pub kinds: Vec<EntityKind>,
    /// Only events of this entity.
    pub stream: Option<EntityId>,
    /// Only events with these names, as [`Body::name`](crate::domain::event::Body::name) tells
    /// them; all where empty.
    pub names: Vec<&'static str>,
}

/// A filter within a tenant.
pub(super) struct Criteria {
    tenant: TenantId,
    kinds: Vec<EntityKind>,
    stream: Option<EntityKey>,
    names: Vec<&'static str>,
}

impl Criteria {
    pub(super) fn new(tenant: TenantId, filter: Filter) -> Self {
        let Filter { kinds, stream, names } = filter;
        let stream = stream.map(|id| EntityKey { tenant: tenant.clone(), id });
        Self { tenant, kinds, stream, names }
    }

    /// The one stream that can match, if there is but one.
    pub(super) fn stream(&self) -> Option<&EntityKey> {
        self.stream.as_ref()
    }

    pub(super) fn match_event(&self, event: &Event) -> bool {
        event.stream.tenant == self.tenant
            && (self.kinds.is_empty() || self.kinds.contains(&event.stream.kind()))
            && self.stream.as_ref().is_none_or(|stream| *stream == event.stream)
            && (self.names.is_empty() || self.names.contains(&event.body.name()))
    }
}
