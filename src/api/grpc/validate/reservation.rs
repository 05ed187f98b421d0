//! Commands to reservations.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;

use super::{Fields, ReadCommand, Wish};
use crate::domain::command::Command;
use crate::domain::ids::{self, EntityId, EntityKind, RequestId, ReservationId};
use crate::domain::name::{Label, TenantId};
use crate::domain::reservation::{self, CommitLine, Create, End, HOLD_MS_DEFAULT, Line, Term};
use crate::proto::v1;

/// The most attributes of one reservation.
const ATTRIBUTES_MAX: usize = 32;
/// The longest key of an attribute.
const ATTRIBUTE_KEY_BYTES_MAX: usize = 64;

impl Fields {
    fn reservation_lines(&mut self, lines: &[v1::ReservationLine]) -> Option<Vec<Line>> {
        self.lines(
            lines,
            |line| &line.line_id,
            |fields, path, line, id| {
                let wanted = fields.wanted(path, line.resource.as_ref());
                let quantity = fields.quantity(format_args!("{path}.quantity"), line.quantity);
                Some(Line { id, wanted: wanted?, quantity: quantity? })
            },
        )
    }

    fn term(&mut self, lifetime: Option<v1::create_reservation_request::Lifetime>) -> Option<Term> {
        use v1::create_reservation_request::Lifetime;
        match lifetime {
            None => Some(Term::For(HOLD_MS_DEFAULT)),
            Some(Lifetime::Ttl(ttl)) => self.ttl(&ttl),
            Some(Lifetime::ExpireTime(time)) => self.expire_time(&time),
            Some(Lifetime::Confirmed(true)) => Some(Term::Confirmed),
            Some(Lifetime::Confirmed(false)) => {
                self.refuse(format_args!("confirmed"), "must be true where it is set");
                None
            }
        }
    }

    fn attributes(&mut self, given: &BTreeMap<String, String>) -> Option<BTreeMap<Label, Label>> {
        if given.len() > ATTRIBUTES_MAX {
            let found = given.len();
            let path = format_args!("attributes");
            self.refuse(path, format_args!("must be at most {ATTRIBUTES_MAX}, not {found}"));
            return None;
        }
        let mut attributes = BTreeMap::new();
        for (key, value) in given {
            let key = self.attribute_key(key)?;
            let value = self.label(format_args!("attributes[\"{key}\"]"), value);
            if let Some(value) = value {
                attributes.insert(key, value);
            }
        }
        Some(attributes)
    }

    fn attribute_key(&mut self, key: &str) -> Option<Label> {
        // What can't be a key isn't told as part of a path either.
        let path = format_args!("attributes");
        if !(1..=ATTRIBUTE_KEY_BYTES_MAX).contains(&key.len()) {
            let bytes = key.len();
            self.refuse(
                path,
                format_args!("has a key of {bytes} bytes, not 1 to {ATTRIBUTE_KEY_BYTES_MAX}"),
            );
            return None;
        }
        Label::new(key)
            .map_err(|error| self.refuse(path, format_args!("has a key that {error}")))
            .ok()
    }
}

impl ReadCommand for v1::CreateReservationRequest {
    const NAME: &'static str = "CreateReservation";

    fn read(self, tenant: &TenantId, fields: &mut Fields) -> Option<Wish> {
        let request_id = fields.request_id(&self.request_id);
        let id = match self.reservation_id.as_str() {
            "" => request_id.map(|id| derived(tenant, id)),
            text => fields.reservation_id(text),
        };
        let lines = fields.reservation_lines(&self.lines);
        let term = fields.term(self.lifetime);
        let customer = fields.label(format_args!("customer"), &self.customer);
        let reference_path = format_args!("external_reference");
        let external_reference = fields.label(reference_path, &self.external_reference);
        let attributes = fields.attributes(&self.attributes);
        let create = Create {
            lines: lines?.into(),
            term: term?,
            customer: customer?,
            external_reference: external_reference?,
            attributes: attributes?,
            owner: None,
        };
        let command = Command::Reservation(reservation::Command::Create(create));
        let id = id.map(EntityId::Reservation);
        let wish = Wish::of(request_id, self.expected_version, id, Some(command));
        wish.map(|wish| wish.with(self.validate_only))
    }
}

fn derived(tenant: &TenantId, request_id: RequestId) -> ReservationId {
    ReservationId(ids::derived(tenant, EntityKind::Reservation, request_id))
}

impl ReadCommand for v1::ConfirmReservationRequest {
    const NAME: &'static str = "ConfirmReservation";

    fn read(self, _: &TenantId, fields: &mut Fields) -> Option<Wish> {
        let command = Some(reservation::Command::Confirm);
        fields.wish(&self.request_id, &self.reservation_id, self.expected_version, command)
    }
}

impl ReadCommand for v1::CommitReservationRequest {
    const NAME: &'static str = "CommitReservation";

    fn read(self, _: &TenantId, fields: &mut Fields) -> Option<Wish> {
        let command = fields.commit(&self.lines, self.r#final);
        fields.wish(&self.request_id, &self.reservation_id, self.expected_version, command)
    }
}

impl ReadCommand for v1::CancelReservationRequest {
    const NAME: &'static str = "CancelReservation";

    fn read(self, _: &TenantId, fields: &mut Fields) -> Option<Wish> {
        let reason = fields.label(format_args!("reason"), &self.reason);
        let command = reason.map(|reason| reservation::Command::Cancel { reason });
        fields.wish(&self.request_id, &self.reservation_id, self.expected_version, command)
    }
}

impl ReadCommand for v1::ExtendReservationRequest {
    const NAME: &'static str = "ExtendReservation";

    fn read(self, _: &TenantId, fields: &mut Fields) -> Option<Wish> {
        use v1::extend_reservation_request::Lifetime;
        let term = match fields.required(format_args!("lifetime"), self.lifetime) {
            None => None,
            Some(Lifetime::Ttl(ttl)) => fields.ttl(&ttl),
            Some(Lifetime::ExpireTime(time)) => fields.expire_time(&time),
        };
        let command = term.map(reservation::Command::Extend);
        fields.wish(&self.request_id, &self.reservation_id, self.expected_version, command)
    }
}

impl ReadCommand for v1::ChangeReservationRequest {
    const NAME: &'static str = "ChangeReservation";

    fn read(self, _: &TenantId, fields: &mut Fields) -> Option<Wish> {
        let lines = fields.reservation_lines(&self.lines);
        let command = lines.map(|lines| reservation::Command::Change(lines.into()));
        let wish =
            fields.wish(&self.request_id, &self.reservation_id, self.expected_version, command);
        wish.map(|wish| wish.with(self.validate_only))
    }
}

impl Fields {
    /// What is to be used. To name no line is to name all that is left.
    fn commit(
        &mut self,
        lines: &[v1::CommitLine],
        is_final: Option<bool>,
    ) -> Option<reservation::Command> {
        if lines.is_empty() {
            return Some(reservation::Command::Commit);
        }
        let lines = self.lines(
            lines,
            |line| &line.line_id,
            |fields, path, line, id| {
                if line.line_id.is_empty() {
                    return fields.required(format_args!("{path}.line_id"), None);
                }
                let quantity = fields.used_quantity(path, line.quantity);
                let end = fields.used_until(path, line.end.as_ref());
                Some(CommitLine { line: id, quantity: quantity?, end: end? })
            },
        );
        let (lines, is_final) = (lines?.into(), is_final.unwrap_or(true));
        Some(reservation::Command::CommitPart { lines, is_final })
    }

    fn used_quantity(
        &mut self,
        path: fmt::Arguments<'_>,
        quantity: Option<u64>,
    ) -> Option<Option<NonZeroU64>> {
        let Some(quantity) = quantity else { return Some(None) };
        let quantity = self.quantity(format_args!("{path}.quantity"), quantity)?;
        Some(NonZeroU64::new(quantity))
    }

    fn used_until(
        &mut self,
        path: fmt::Arguments<'_>,
        end: Option<&v1::commit_line::End>,
    ) -> Option<Option<End>> {
        use v1::commit_line::End as Wire;
        let end = match end {
            None => return Some(None),
            Some(Wire::EndTime(time)) => {
                self.timestamp(format_args!("{path}.end_time"), time).map(End::Time)
            }
            Some(Wire::CheckOutDate(date)) => {
                self.date(format_args!("{path}.check_out_date"), date).map(End::Date)
            }
        };
        end.map(Some)
    }

    /// A command to a reservation that exists.
    fn wish(
        &mut self,
        request_id: &str,
        reservation_id: &str,
        expected_version: Option<u64>,
        command: Option<reservation::Command>,
    ) -> Option<Wish> {
        let request_id = self.request_id(request_id);
        let id = self.reservation_id(reservation_id).map(EntityId::Reservation);
        Wish::of(request_id, expected_version, id, command.map(Command::Reservation))
    }
}
