//! A status of the rich error model while it is put together.
//!
//! Invariants: every status has exactly one ErrorInfo. As the error of a call its metadata stays
//! below 8 KiB, which is what clients read: lists are cut at [`LIST_BYTES_MAX`] and say how long they
//! were. In a message there is room for all lines that fell short.
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
    shortages: Vec<v1::Shortage>,
}

impl Wire {
    /// A status with its ErrorInfo and nothing more.
    pub fn new(code: Code, reason: &'static str, message: impl fmt::Display) -> Self {
        let message = message.to_string();
        let (metadata, details, shortages) = (HashMap::new(), Vec::new(), Vec::new());
        Self { code, reason, message, metadata, details, shortages }
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
        Self { shortages, ..self }
    }

    /// As the error of a call.
    pub fn into_status(self) -> Status {
        let code = self.code;
        let status = self.into_message(LIST_BYTES_MAX);
        let details = status.encode_to_vec().into();
        Status::with_details(code, status.message, details)
    }

    /// The status with as many shortages as fit in so many bytes.
    pub fn into_message(self, shortages_bytes_max: usize) -> pb::Status {
        let Self { code, reason, message, metadata, mut details, shortages } = self;
        let info = pb::ErrorInfo { reason: reason.to_owned(), domain: DOMAIN.to_owned(), metadata };
        details.insert(0, any("google.rpc.ErrorInfo", &info));
        if !shortages.is_empty() {
            let total_count = u32::try_from(shortages.len()).unwrap_or(u32::MAX);
            let count_alone = v1::Shortages { shortages: Vec::new(), total_count };
            let bytes_max = shortages_bytes_max.saturating_sub(count_alone.encoded_len());
            let shortages = cut(shortages.into_iter(), bytes_max);
            let told = v1::Shortages { shortages, ..count_alone };
            details.push(any("holdfast.v1.Shortages", &told));
        }
        pb::Status { code: code as i32, message, details }
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
