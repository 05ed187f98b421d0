//! Sends many things in their order, so many under way at once.
//!
//! With one under way, each is answered before the next is sent.

use futures::future;
use futures::stream::{self, StreamExt};

use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::output;

/// How things are sent.
pub(super) struct InTurn<'a> {
    /// What they are called, all together.
    pub(super) what: &'static str,
    pub(super) in_flight: usize,
    /// Ends it before all are sent.
    pub(super) interrupt: &'a Interrupt,
}

impl InTurn<'_> {
    /// Sends all of these, and has each answer taken by `each`.
    ///
    /// # Errors
    /// The first failure, or that the user ended it.
    pub(super) async fn send<'t, T, A, F: Future<Output = Result<A, Failure>>>(
        &self,
        things: &'t [T],
        send: impl FnMut(&'t T) -> F,
        mut each: impl FnMut(A),
    ) -> Result<(), Failure> {
        let bar = output::progress(
            things.len() as u64,
            "replaying {wide_bar} {pos}/{len} {msg}, {elapsed}",
        )
        .with_message(self.what);
        let mut answers = stream::iter(things)
            .take_while(|_| future::ready(!self.interrupt.came()))
            .map(send)
            .buffer_unordered(self.in_flight);
        let mut answered = 0;
        while let Some(answer) = answers.next().await {
            each(answer?);
            answered += 1;
            bar.inc(1);
        }
        bar.finish_and_clear();
        if answered < things.len() {
            let cause = format!("ended after {answered} of {} {}", things.len(), self.what);
            return Err(Failure::Failed(cause));
        }
        Ok(())
    }
}
