//! A status of the rich error model while it is put together.
//!
//! Invariants: every status has exactly one ErrorInfo. As the error of a call its metadata stays
//! below 8 KiB, which is what clients read: lists are cut at [`LIST_BYTES_MAX`] and say how long they
//! were. In a message there is room for the whole list.
//!
//! Not here: which failure has which code, reason and details.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use prost::Message;
use prost_types::Any;
use tonic::{Code, Status};
use tonic_types::pb;

use crate::proto::v1;

/// The domain of every ErrorInfo.
const DOMAIN: &str = "holdfast";
/// The longest list in a status, encoded.
pub(super) const LIST_BYTES_MAX: usize = 4_096;

/// A status while it is put together.
pub(super) struct Wire {
    code: Code,
    reason: &'static str,
    message: String,
    metadata: HashMap<String, String>,
    details: Vec<Any>,
    list: Option<List>,
}

/// What a refusal names, one by one.
enum List {
    Shortages(Vec<v1::Shortage>),
    /// With how many there are.
    Conflicts(Vec<v1::Conflict>, usize),
}

impl Wire {
    /// A status with its ErrorInfo and nothing more.
    pub fn new(code: Code, reason: &'static str, message: impl fmt::Display) -> Self {
        let message = message.to_string();
        let (metadata, details, list) = (HashMap::new(), Vec::new(), None);
        Self { code, reason, message, metadata, details, list }
    }

    /// The same, with something that varies in the ErrorInfo.
    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.metadata.insert(key.to_owned(), value.to_string());
        self
    }

    /// The same, for whoever may try again.
    pub fn retry_after(self, delay: Duration) -> Self {
        // A delay that a Duration can't say is one that nobody waits for.
        let retry_delay = prost_types::Duration::try_from(delay).ok();
        self.detail("google.rpc.RetryInfo", &pb::RetryInfo { retry_delay })
    }

    /// The same, with another detail of this type.
    pub fn detail(mut self, name: &str, message: &impl Message) -> Self {
        self.details.push(any(name, message));
        self
    }

    /// The same, with the lines that fell short.
    pub fn short_of(self, shortages: Vec<v1::Shortage>) -> Self {
        Self { list: Some(List::Shortages(shortages)), ..self }
    }

    /// The same, with claims in conflict, of so many.
    pub fn in_conflict(self, conflicts: Vec<v1::Conflict>, total: usize) -> Self {
        Self { list: Some(List::Conflicts(conflicts, total)), ..self }
    }

    /// As the error of a call.
    pub fn into_status(self) -> Status {
        let code = self.code;
        let status = self.into_message(LIST_BYTES_MAX);
        let details = status.encode_to_vec().into();
        Status::with_details(code, status.message, details)
    }

    /// The status with as much of its list as fits in so many bytes.
    pub fn into_message(self, list_bytes_max: usize) -> pb::Status {
        let Self { code, reason, message, metadata, mut details, list } = self;
        let info = pb::ErrorInfo { reason: reason.to_owned(), domain: DOMAIN.to_owned(), metadata };
        details.insert(0, any("google.rpc.ErrorInfo", &info));
        details.extend(list.and_then(|list| list.into_detail(list_bytes_max)));
        pb::Status { code: code as i32, message, details }
    }
}

impl List {
    /// As much as fits in so many bytes, with the count of all; nothing where there is nothing.
    fn into_detail(self, bytes_max: usize) -> Option<Any> {
        let count = |total| u32::try_from(total).unwrap_or(u32::MAX);
        match self {
            Self::Shortages(shortages) => {
                let total_count = Some(count(shortages.len())).filter(|total| *total > 0)?;
                let mut told = v1::Shortages { shortages: Vec::new(), total_count };
                let bytes_max = bytes_max.saturating_sub(told.encoded_len());
                told.shortages = cut(shortages.into_iter(), bytes_max);
                Some(any("holdfast.v1.Shortages", &told))
            }
            Self::Conflicts(conflicts, total) => {
                let mut told = v1::Conflicts { conflicts: Vec::new(), total_count: count(total) };
                let bytes_max = bytes_max.saturating_sub(told.encoded_len());
                told.conflicts = cut(conflicts.into_iter(), bytes_max);
                Some(any("holdfast.v1.Conflicts", &told))
            }
        }
    }
}

/// As many messages from the start as fit in so many bytes, as a repeated field with a number below
/// 16.
pub(super) fn cut<M: Message>(messages: impl Iterator<Item = M>, bytes_max: usize) -> Vec<M> {
    let mut bytes = 0;
    messages
        .take_while(|message| {
            let message_bytes = message.encoded_len();
            bytes += 1 + prost::length_delimiter_len(message_bytes) + message_bytes;
            bytes <= bytes_max
        })
        .collect()
}

fn any(name: &str, message: &impl Message) -> Any {
    Any { type_url: format!("type.googleapis.com/{name}"), value: message.encode_to_vec() }
}
