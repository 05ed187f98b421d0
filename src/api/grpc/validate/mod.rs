//! From the wire's requests to what the domain understands.
//!
//! Every field is bounded and checked here, before anything is let in, and all offending fields of
//! a request are told at once. One file for each service says what its requests mean; `Fields`
//! gathers what is wrong with them.
//!
//! ```text
//!   message ──read──▶ Wish { entity, command, request id, version }
//!                └──▶ violations: lines[3].stock.sku, ttl, …
//! ```
//!
//! Not here: whatever depends on the state or on the clock; entities decide that.

mod calendar;
pub(super) mod calendar_questions;
pub(super) mod events;
mod lines;
pub(super) mod lists;
mod money;
mod reservation;
mod sales_order;
mod spans;
mod stock;
mod terms;

use std::fmt;

use uuid::Uuid;

use super::errors::{Failure, Violation};
use crate::domain::command::{Command, Intent};
use crate::domain::ids::{EntityId, RequestId, ReservationId, SalesOrderId, Version};
use crate::domain::name::{Label, TenantId};

/// A UUID in its canonical text (RFC 9562 §4): 8-4-4-4-12 hexadecimal digits.
const UUID_BYTES: usize = 36;

/// What a client wants done.
#[derive(Debug)]
pub(super) struct Wish {
    /// By whom.
    pub id: EntityId,
    /// What.
    pub command: Command,
    /// Whether it is to take effect.
    pub intent: Intent,
    /// What the client calls it.
    pub request_id: RequestId,
    /// The version that it is meant for.
    pub expected_version: Option<Version>,
}

impl Wish {
    /// The wish, where every part of it could be read.
    fn of(
        request_id: Option<RequestId>,
        expected_version: Option<u64>,
        id: Option<EntityId>,
        command: Option<Command>,
    ) -> Option<Self> {
        let expected_version = expected_version.map(Version);
        let (id, command, request_id) = (id?, command?, request_id?);
        Some(Self { id, command, intent: Intent::Execute, request_id, expected_version })
    }

    /// The same, perhaps without effect.
    fn with(self, validate_only: bool) -> Self {
        let intent = if validate_only { Intent::Validate } else { Intent::Execute };
        Self { intent, ..self }
    }
}

/// A message that is a command.
pub(super) trait ReadCommand {
    /// The command's name, as the domain knows it.
    const NAME: &'static str;

    /// Reads it, or says what is wrong with it.
    fn read(self, tenant: &TenantId, fields: &mut Fields) -> Option<Wish>;
}

/// What is wrong with a request, field by field.
#[derive(Debug, Default)]
pub(super) struct Fields {
    violations: Vec<Violation>,
}

impl Fields {
    /// Notes that a field is wrong. The description goes on after the field's path, as in
    /// `ttl must be …`.
    pub fn refuse(&mut self, path: fmt::Arguments<'_>, description: impl fmt::Display) {
        self.violations
            .push(Violation { field: path.to_string(), description: description.to_string() });
    }

    /// The value, or a note of why there is none.
    pub fn check<T, E: fmt::Display>(
        &mut self,
        path: fmt::Arguments<'_>,
        read: Result<T, E>,
    ) -> Option<T> {
        read.map_err(|error| self.refuse(path, error)).ok()
    }

    /// A field that must be there.
    pub fn required<T>(&mut self, path: fmt::Arguments<'_>, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.refuse(path, "must be set");
        }
        value
    }

    /// A UUID of any version.
    pub fn uuid(&mut self, path: fmt::Arguments<'_>, text: &str) -> Option<Uuid> {
        if text.is_empty() {
            return self.required(path, None);
        }
        let canonical = Some(text).filter(|text| text.len() == UUID_BYTES);
        let uuid = canonical.and_then(|text| Uuid::try_parse(text).ok());
        if uuid.is_none() {
            self.refuse(path, "must be a UUID such as 123e4567-e89b-12d3-a456-426614174000");
        }
        uuid
    }

    /// A command's own id.
    pub fn request_id(&mut self, text: &str) -> Option<RequestId> {
        self.uuid(format_args!("request_id"), text).map(RequestId)
    }

    /// Names a reservation.
    pub fn reservation_id(&mut self, text: &str) -> Option<ReservationId> {
        self.uuid(format_args!("reservation_id"), text).map(ReservationId)
    }

    /// Names a sales order.
    pub fn sales_order_id(&mut self, text: &str) -> Option<SalesOrderId> {
        self.uuid(format_args!("sales_order_id"), text).map(SalesOrderId)
    }

    /// Text that is only carried.
    pub fn label(&mut self, path: fmt::Arguments<'_>, text: &str) -> Option<Label> {
        self.check(path, Label::new(text))
    }

    /// What was read, where nothing was wrong.
    ///
    /// # Errors
    /// [`Failure::Invalid`], with everything that was.
    pub fn finish<T>(self, read: Option<T>) -> Result<T, Failure> {
        match read {
            Some(read) if self.violations.is_empty() => Ok(read),
            _ => Err(Failure::Invalid(self.violations)),
        }
    }

    /// What was read, or the paths of what was wrong.
    #[cfg(test)]
    pub fn paths_or<T>(self, read: Option<T>) -> Result<T, Vec<String>> {
        match self.finish(read) {
            Ok(read) => Ok(read),
            Err(Failure::Invalid(found)) => {
                Err(found.into_iter().map(|violation| violation.field).collect())
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[cfg(test)]
mod tests;
