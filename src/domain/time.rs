//! Instants and spans as the domain counts them.
//!
//! Not here: a clock. Time enters as an argument and is recorded in events.

use serde::{Deserialize, Serialize};

/// An instant in UTC: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The latest instant that is accepted from outside: 9999-12-31T23:59:59.999Z, the last that
    /// `google.protobuf.Timestamp` can express.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// This instant and a span of milliseconds later, at most [`Timestamp::MAX`].
    pub fn plus_ms(self, span_ms: u64) -> Self {
        Self(self.0.saturating_add(span_ms).min(Self::MAX.0))
    }

    /// Milliseconds from `earlier` to this; 0 where `earlier` is later.
    pub fn since_ms(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
