//! Reads what is already there, slice by slice.
//!
//! A slice is bounded in the events that it looks at and in the bytes that it keeps, so a
//! subscriber costs the same however long the log is.
//!
//! Not here: when to stop. The subscription knows where the present begins.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::Limits;
use super::filter::Criteria;
use super::subscription::FeedError;
use crate::codec::v1;
use crate::domain::event::Event;
use crate::domain::ids::Position;
use crate::journal::LogReader;

/// Where the log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// On tokio's threads for blocking work: a read may wait for the disk.
    Threads,
    /// Right where it is wanted: for a log in memory, and one thread in simulated time.
    Inline,
}

impl Reading {
    /// Runs the job; nothing where the runtime stops before it is done.
    pub(super) async fn run<T: Send + 'static>(
        self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        match self {
            Self::Threads => tokio::task::spawn_blocking(job).await.ok(),
            Self::Inline => {
                let result = job();
                // Others get a turn between two slices, as they would with threads.
                tokio::task::yield_now().await;
                Some(result)
            }
        }
    }
}

/// Consecutive events, of which only those that match are kept.
#[derive(Debug, Default)]
pub(super) struct Slice {
    pub(super) events: VecDeque<Arc<Event>>,
    /// The last position that was looked at.
    pub(super) through: Position,
}

/// Reads events from `from` to `through`, or as many of them as a slice may have.
pub(super) fn read_slice(
    reader: &dyn LogReader,
    criteria: &Criteria,
    (from, through): (Position, Position),
    limits: &Limits,
) -> Result<Slice, FeedError> {
    let furthest = from.plus(limits.slice_events_max.max(1) - 1);
    let mut slice = Slice::default();
    let mut bytes = 0;
    let mut failure = None;
    reader.read(from, through.min(furthest), &mut |position, stored| {
        let event = match v1::decode_event(position, stored) {
            Ok(event) => event,
            Err(source) => {
                failure = Some(FeedError::Event { position, source });
                return ControlFlow::Break(());
            }
        };
        slice.through = position;
        if criteria.match_event(&event) {
            bytes += stored.len();
            slice.events.push_back(Arc::new(event));
        }
        if bytes < limits.slice_bytes_max {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    match failure {
        Some(failure) => Err(failure),
        // The log is said to reach further, so not even one event is a hole.
        None if slice.through < from => Err(FeedError::Missing { position: from }),
        None => Ok(slice),
    }
}
