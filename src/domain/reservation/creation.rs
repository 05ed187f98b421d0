//! How a reservation comes into being: it gathers its claims before it exists.
//!
//! Invariant: a refused reservation appends nothing to its own stream, and holds nothing.

use super::super::claim::ClaimAnswer;
use super::super::command::Intent;
use super::super::entity::{Context, Decision};
use super::super::ids::{ReservationId, Version};
use super::super::rejection::Rejection;
use super::asked::asked;
use super::asking::{Asking, Manner, Progress};
use super::{Create, Event, Pending, Waiting, waits};

/// A creation under way.
#[derive(Debug)]
pub(super) struct Creation {
    asking: Asking,
    /// What happens when all claims are granted.
    created: Event,
}

/// The version that the reservation will have when it exists.
const FIRST: Version = Version(1);

pub(super) fn begin(
    waiting: &mut Waiting,
    create: Create,
    id: ReservationId,
    context: &Context<'_>,
) -> Decision<Event> {
    let deadline = match create.term.deadline(context.now) {
        Ok(deadline) => deadline,
        Err(rejection) => return Decision::rejected(rejection),
    };
    let Some(wanted) = asked(&create.lines) else {
        return Decision::rejected(Rejection::Overflow);
    };
    let wanted = wanted.into_iter().filter(|(_, asked)| !asked.is_nothing());
    let wishes = wanted.map(|(key, asked)| (key, asked.wish(deadline, id, FIRST))).collect();
    let manner = match context.intent {
        Intent::Execute => Manner::Claim,
        Intent::Validate => Manner::Check,
    };
    let (asking, progress) = Asking::begin(manner, create.lines.clone(), wishes);
    let Create { lines, customer, external_reference, attributes, owner, .. } = create;
    let created =
        Event::Created { lines, deadline, customer, external_reference, attributes, owner };
    Creation { asking, created }.after(progress, waiting)
}

impl Creation {
    pub(super) fn go_on(mut self, waiting: &mut Waiting, answer: ClaimAnswer) -> Decision<Event> {
        let progress = self.asking.hear(answer);
        self.after(progress, waiting)
    }

    fn after(self, progress: Progress, waiting: &mut Waiting) -> Decision<Event> {
        match progress {
            Progress::Asks(messages) => {
                waiting.pending = Some(Pending::Creation(self));
                waits(messages)
            }
            Progress::Granted => Decision::accepted(vec![self.created]),
            Progress::Short(short, messages) => {
                Decision::rejected(Rejection::Short(short)).telling(messages)
            }
        }
    }
}
