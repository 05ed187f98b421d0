//! How long a hold lasts, and other times.

use std::fmt;

use super::Fields;
use crate::domain::reservation::{HOLD_MS_MAX, HOLD_MS_MIN, Term};
use crate::domain::time::Timestamp;

const MS_PER_SECOND: i64 = 1_000;
const NANOS_PER_MS: i32 = 1_000_000;
const NANOS_PER_SECOND: i32 = 1_000_000_000;

impl Fields {
    /// A span from the decision on; what is below a millisecond doesn't count.
    pub(super) fn ttl(&mut self, ttl: &prost_types::Duration) -> Option<Term> {
        let span_ms = milliseconds(ttl.seconds, ttl.nanos);
        let in_range = span_ms.filter(|span_ms| (HOLD_MS_MIN..=HOLD_MS_MAX).contains(span_ms));
        if in_range.is_none() {
            self.refuse(format_args!("ttl"), "must be from 1 second to 30 days");
        }
        in_range.map(Term::For)
    }

    /// The moment at which a hold ends. Whether it is near enough, the decision says.
    pub(super) fn expire_time(&mut self, time: &prost_types::Timestamp) -> Option<Term> {
        self.timestamp(format_args!("expire_time"), time).map(Term::Until)
    }

    /// An instant; what is below a millisecond doesn't count.
    pub(super) fn timestamp(
        &mut self,
        path: fmt::Arguments<'_>,
        time: &prost_types::Timestamp,
    ) -> Option<Timestamp> {
        let instant = milliseconds(time.seconds, time.nanos)
            .map(Timestamp)
            .filter(|instant| *instant <= Timestamp::MAX);
        if instant.is_none() {
            self.refuse(path, "must be from 1970-01-01T00:00:00Z to 9999-12-31T23:59:59.999Z");
        }
        instant
    }
}

/// Whole milliseconds; nothing where they are negative, too many, or the nanoseconds are out of
/// their range.
pub(super) fn milliseconds(seconds: i64, nanos: i32) -> Option<u64> {
    if !(0..NANOS_PER_SECOND).contains(&nanos) {
        return None;
    }
    let whole = seconds.checked_mul(MS_PER_SECOND)?;
    u64::try_from(whole.checked_add(i64::from(nanos / NANOS_PER_MS))?).ok()
}
