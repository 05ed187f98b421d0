//! How a reservation gathers claims.
//!
//! ```text
//!   claim 1 ──granted──▶ claim 2 ──granted──▶ … ──granted──▶ all are granted
//!                           │
//!                         short
//!                           ▼
//!                    check the rest ──all answered──▶ every short line is named
//! ```
//!
//! Resources are asked one after the other in the order of their keys, so two reservations that
//! want the same things meet at the first of them, and nobody waits for anybody in a circle. Where
//! nothing is to have an effect, all of them are only asked whether they would grant.
//!
//! Not here: what the claims are for, and what is recorded of it; that is `creation` and `changing`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::super::calendar::LineShortfall;
use super::super::claim::{ClaimAnswer, ClaimOutcome, Shortfall, Wish};
use super::super::command::Message;
use super::super::ids::ResourceKey;
use super::super::rejection::Shortage;
use super::Line;

/// Claims that are being gathered.
#[derive(Debug)]
pub(super) struct Asking {
    manner: Manner,
    /// What the claims are for, in the client's order.
    lines: Arc<[Line]>,
    /// What is asked for, in the order of asking.
    wishes: Vec<(ResourceKey, Wish)>,
    /// How many have granted a claim.
    granted: usize,
    /// What fell short.
    short: Vec<(ResourceKey, Lack)>,
    /// Whose checks are still unanswered, once no more claims are made.
    unanswered: Option<BTreeSet<ResourceKey>>,
}

/// What resources are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// For claims, which are given back at once where one falls short.
    Claim,
    /// For claims, which stay until the reservation has recorded that one fell short.
    Demand,
    /// Whether they would grant.
    Check,
}

/// How far the asking has come.
#[derive(Debug)]
pub(super) enum Progress {
    /// Resources are to be sent this, and there is more to wait for.
    Asks(Vec<Message>),
    /// All was granted.
    Granted,
    /// These lines fell short, and resources are to be sent this.
    Short(Vec<Shortage>, Vec<Message>),
}

/// What a resource lacks.
#[derive(Debug, Clone)]
enum Lack {
    /// So much is left for all lines together.
    Units(Shortfall),
    /// These lines can't be had, in the order of the client's.
    Lines(VecDeque<LineShortfall>),
}

impl Asking {
    /// Of these wishes, for these lines; with what is to be done first.
    pub(super) fn begin(
        manner: Manner,
        lines: Arc<[Line]>,
        wishes: Vec<(ResourceKey, Wish)>,
    ) -> (Self, Progress) {
        let asked = wishes.iter().map(|(key, _)| key.clone()).collect();
        let unanswered = (manner == Manner::Check).then_some(asked);
        let asking = Self { manner, lines, wishes, granted: 0, short: Vec::new(), unanswered };
        let progress = match manner {
            _ if asking.wishes.is_empty() => Progress::Granted,
            Manner::Check => Progress::Asks(asking.checks(0)),
            Manner::Claim | Manner::Demand => asking.next(),
        };
        (asking, progress)
    }

    /// Takes in an answer.
    pub(super) fn hear(&mut self, answer: ClaimAnswer) -> Progress {
        let ClaimAnswer { resource, outcome } = answer;
        if !self.is_expected(&resource) {
            return Progress::Asks(Vec::new());
        }
        let lack = Lack::of(outcome);
        let is_granted = lack.is_none();
        self.short.extend(lack.map(|lack| (resource.clone(), lack)));
        if let Some(unanswered) = &mut self.unanswered {
            unanswered.remove(&resource);
            return self.concluded(Vec::new());
        }
        if !is_granted {
            return self.turn_back();
        }
        self.granted += 1;
        self.next()
    }

    fn is_expected(&self, resource: &ResourceKey) -> bool {
        match &self.unanswered {
            Some(unanswered) => unanswered.contains(resource),
            None => self.wishes.get(self.granted).is_some_and(|(key, _)| key == resource),
        }
    }

    fn next(&self) -> Progress {
        let Some((key, wish)) = self.wishes.get(self.granted).cloned() else {
            return Progress::Granted;
        };
        Progress::Asks(vec![match self.manner {
            Manner::Demand => wish.demand(key),
            Manner::Claim | Manner::Check => wish.tell(key),
        }])
    }

    /// Asks the rest, so that every short line can be named.
    fn turn_back(&mut self) -> Progress {
        let rest = self.granted + 1;
        self.unanswered = Some(self.wishes[rest..].iter().map(|(key, _)| key.clone()).collect());
        let granted = self.wishes[..self.granted].iter();
        let release = |(key, wish): &(ResourceKey, Wish)| wish.released().tell(key.clone());
        let mut messages: Vec<_> = match self.manner {
            Manner::Claim => granted.map(release).collect(),
            Manner::Demand | Manner::Check => Vec::new(),
        };
        messages.extend(self.checks(rest));
        self.concluded(messages)
    }

    /// Questions to all from one on.
    fn checks(&self, from: usize) -> Vec<Message> {
        self.wishes[from..].iter().cloned().map(|(key, wish)| wish.ask(key)).collect()
    }

    fn concluded(&self, messages: Vec<Message>) -> Progress {
        if self.unanswered.as_ref().is_some_and(|unanswered| !unanswered.is_empty()) {
            return Progress::Asks(messages);
        }
        if self.short.is_empty() {
            return Progress::Granted;
        }
        Progress::Short(shortages(&self.lines, &self.short), messages)
    }
}

impl Lack {
    fn of(outcome: ClaimOutcome) -> Option<Self> {
        match outcome {
            ClaimOutcome::Granted => None,
            ClaimOutcome::Short(shortfall) => Some(Self::Units(shortfall)),
            ClaimOutcome::ShortLines(lines) => Some(Self::Lines(lines.into_vec().into())),
        }
    }

    /// What a line lacks, which is the next of its resource's lines.
    fn of_line(&mut self, line: &Line) -> Option<Shortfall> {
        match self {
            Self::Lines(lines) => {
                lines.front().filter(|short| short.line == line.id)?;
                lines.pop_front().map(|short| short.shortfall)
            }
            Self::Units(left) => {
                let shortfall = *left;
                left.available = left.available.saturating_sub(line.quantity);
                (line.quantity > shortfall.available).then_some(shortfall)
            }
        }
    }
}

/// Spreads what the short resources had left over their lines, in the client's order, and names
/// each line that didn't get all it asked for.
fn shortages(lines: &[Line], short: &[(ResourceKey, Lack)]) -> Vec<Shortage> {
    let mut left: BTreeMap<_, _> = short.iter().map(|(key, lack)| (key, lack.clone())).collect();
    let mut named = Vec::new();
    for line in lines {
        let resource = line.wanted.resource();
        let lack = left.get_mut(&resource).and_then(|lack| lack.of_line(line));
        let Some(shortfall) = lack else { continue };
        let Line { id: line, wanted, quantity: requested } = line.clone();
        named.push(Shortage { line, wanted, requested, shortfall });
    }
    named
}
