//! What the server said no with, taken apart.
//!
//! Not here: what to do about it. [`Family`] says whether a call was executed; the retry policy and
//! the caller decide.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use prost::{Message, Name};
use tonic::{Code, Status};
use tonic_types::{StatusExt, pb};

use crate::proto::v1;

/// What a failed call means for whether it took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// The domain says no; nothing was changed.
    Rejected,
    /// The request can't be read; nothing was changed.
    Invalid,
    /// Certainly not executed, and worth another try.
    TurnedAway,
    /// Perhaps executed: send it again with the same request id.
    Uncertain,
    /// Anything else.
    Failed,
}

/// A field of the request that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Its path, such as `lines[3].quantity`.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

/// A call that had no answer or the answer no.
#[derive(Debug, Clone, thiserror::Error)]
pub struct CallError {
    /// The gRPC code.
    pub code: Code,
    /// The reason in capitals, such as `INSUFFICIENT_STOCK`; empty where the error didn't come from
    /// the server's own hand.
    pub reason: String,
    /// What happened, for people.
    pub message: String,
    /// What varies: the expected version, the state it was in, and so on.
    pub metadata: BTreeMap<String, String>,
    /// The fields at fault.
    pub fields: Vec<FieldError>,
    /// The lines that fell short, as many as the error carried.
    pub shortages: Vec<v1::Shortage>,
    /// How many lines fell short in all.
    pub shortages_total: u32,
    /// The claims that would no longer fit, as many as the error carried.
    pub conflicts: Vec<v1::Conflict>,
    /// How many claims would no longer fit in all.
    pub conflicts_total: u32,
    /// How long the server wants not to be asked again.
    pub retry_delay: Option<Duration>,
}

impl CallError {
    /// Whether the call took effect.
    pub fn family(&self) -> Family {
        match self.code {
            Code::FailedPrecondition
            | Code::NotFound
            | Code::AlreadyExists
            | Code::Aborted
            | Code::OutOfRange => Family::Rejected,
            Code::InvalidArgument => Family::Invalid,
            Code::Unavailable => Family::TurnedAway,
            Code::ResourceExhausted if self.retry_delay.is_some() => Family::TurnedAway,
            Code::DeadlineExceeded | Code::Unknown | Code::Cancelled => Family::Uncertain,
            _ => Family::Failed,
        }
    }
}

impl From<Status> for CallError {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let (reason, metadata) = match details.error_info() {
            Some(info) => (info.reason.clone(), info.metadata.clone().into_iter().collect()),
            None => (String::new(), BTreeMap::new()),
        };
        let fields = details.bad_request().map_or_else(Vec::new, |bad| {
            let field = |v: &tonic_types::FieldViolation| FieldError {
                field: v.field.clone(),
                description: v.description.clone(),
            };
            bad.field_violations.iter().map(field).collect()
        });
        let shortages: v1::Shortages = detail(status.details());
        let conflicts: v1::Conflicts = detail(status.details());
        Self {
            code: status.code(),
            reason,
            message: status.message().to_owned(),
            metadata,
            fields,
            shortages_total: shortages.total_count,
            shortages: shortages.shortages,
            conflicts_total: conflicts.total_count,
            conflicts: conflicts.conflicts,
            retry_delay: details.retry_info().and_then(|info| info.retry_delay),
        }
    }
}

/// As a message carries an error.
impl From<pb::Status> for CallError {
    fn from(told: pb::Status) -> Self {
        status(told).into()
    }
}

/// The error of a call that a message's error would have been.
pub(super) fn status(told: pb::Status) -> Status {
    let details = told.encode_to_vec().into();
    Status::with_details(Code::from_i32(told.code), told.message, details)
}

/// What of this type is among an error's details; nothing in it where there is none, or it can't be
/// read.
fn detail<M: Message + Name + Default>(details: &[u8]) -> M {
    let Ok(status) = tonic_types::Status::decode(details) else { return M::default() };
    status.details.iter().find_map(|any| any.to_msg().ok()).unwrap_or_default()
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reason.is_empty() {
            write!(f, "{}", self.code.description())?;
        } else {
            write!(f, "{}", self.reason)?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        for (key, value) in &self.metadata {
            write!(f, "\n  {key}: {value}")?;
        }
        for field in &self.fields {
            write!(f, "\n  {}: {}", field.field, field.description)?;
        }
        write_conflicts(f, &self.conflicts, self.conflicts_total)?;
        write_shortages(f, &self.shortages, self.shortages_total)
    }
}

/// Writes one indented line for each shortage, and how many more there are, each after a line break.
///
/// # Errors
/// Where `out` can't be written to.
pub fn write_shortages(
    out: &mut impl fmt::Write,
    shortages: &[v1::Shortage],
    total: u32,
) -> fmt::Result {
    for shortage in shortages {
        write!(out, "\n  ")?;
        if !shortage.line_id.is_empty() {
            write!(out, "line {}, ", shortage.line_id)?;
        }
        match &shortage.resource {
            Some(resource) => write!(out, "{resource}")?,
            None => write!(out, "a resource unknown to this client")?,
        }
        write!(out, ": wanted {}, available {}", shortage.requested, shortage.available)?;
        match &shortage.blocker {
            Some(blocker) => write!(out, " ({blocker})")?,
            None => write!(out, " (nothing is known of it)")?,
        }
        write!(out, ", decided at position {}", shortage.position)?;
    }
    write_rest(out, total, shortages.len())
}

/// Writes one indented line for each claim in conflict, and how many more there are, each after a line
/// break.
///
/// # Errors
/// Where `out` can't be written to.
pub fn write_conflicts(
    out: &mut impl fmt::Write,
    conflicts: &[v1::Conflict],
    total: u32,
) -> fmt::Result {
    for conflict in conflicts {
        write!(out, "\n  {conflict}")?;
    }
    write_rest(out, total, conflicts.len())
}

fn write_rest(out: &mut impl fmt::Write, total: u32, told: usize) -> fmt::Result {
    match (total as usize).saturating_sub(told) {
        0 => Ok(()),
        more => write!(out, "\n  and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use prost_types::Any;
    use tonic_types::ErrorDetails;

    use super::*;
    use crate::proto::v1::shortage;

    fn short_of_a_mug() -> v1::Shortages {
        let stock = v1::StockResource { sku: "MUG".into(), location: "B".into() };
        let blocker = v1::StockBlocker { on_hand: 5, held: 3 };
        v1::Shortages {
            shortages: vec![v1::Shortage {
                line_id: "1".into(),
                requested: 3,
                available: 2,
                position: 17,
                resource: Some(shortage::Resource::Stock(stock)),
                blocker: Some(shortage::Blocker::StockBlocker(blocker)),
            }],
            total_count: 4,
        }
    }

    fn status_with_shortages() -> Status {
        let info = pb::ErrorInfo {
            reason: "INSUFFICIENT_STOCK".into(),
            domain: "holdfast".into(),
            metadata: [("command".to_owned(), "CreateReservation".to_owned())].into(),
        };
        let info = Any {
            type_url: "type.googleapis.com/google.rpc.ErrorInfo".into(),
            value: info.encode_to_vec(),
        };
        let details = pb::Status {
            code: Code::FailedPrecondition as i32,
            message: "not enough left".into(),
            details: vec![info, Any::from_msg(&short_of_a_mug()).unwrap()],
        };
        let details = details.encode_to_vec().into();
        Status::with_details(Code::FailedPrecondition, "not enough left", details)
    }

    #[test]
    fn a_refusal_names_its_reason_and_each_line_that_fell_short() {
        let error = CallError::from(status_with_shortages());
        assert_eq!(error.family(), Family::Rejected);
        assert_eq!(
            error.to_string(),
            "INSUFFICIENT_STOCK: not enough left\
             \n  command: CreateReservation\
             \n  line 1, stock:MUG@B: wanted 3, available 2 (5 on hand, 3 held), decided at position 17\
             \n  and 3 more"
        );
    }

    #[test]
    fn fields_and_the_wish_to_be_left_alone_are_found() {
        let mut details = ErrorDetails::with_bad_request_violation("ttl", "is below 1s");
        details.set_retry_info(Some(Duration::from_millis(20)));
        let status = Status::with_error_details(Code::ResourceExhausted, "busy", details);
        let error = CallError::from(status);
        assert_eq!(error.fields[0].field, "ttl");
        assert_eq!(error.retry_delay, Some(Duration::from_millis(20)));
        assert_eq!(error.family(), Family::TurnedAway);
    }

    #[test]
    fn details_that_cannot_be_read_do_no_harm() {
        let status = Status::with_details(Code::Internal, "x", vec![0xff, 0x01].into());
        assert_eq!(CallError::from(status).shortages_total, 0);
    }
}
