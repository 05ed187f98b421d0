//! What a reader can ask a calendar, and what it answers.
//!
//! Answered by the calendar's own actor, from the state that decides, so what is told to be available
//! and what is granted can't disagree.

use std::sync::Arc;

use super::availability::{Available, ClaimPiece, Place};
use super::book::Start;
use super::claim::{ClaimLine, Conflict, LineShortfall};
use super::claiming::Short;
use super::find::{Found, Search};
use super::rules::Setting;
use super::span::{Kind, SLOT_MS_MAX};
use super::{Calendar, claiming, conflicts};
use crate::domain::ids::Position;
use crate::domain::rejection::Rejection;
use crate::domain::time::Timestamp;

/// How far an answer about what is available goes in slots, at most: 400 days.
const AVAILABLE_MS_MAX: i64 = SLOT_MS_MAX as i64;
/// How far it goes in nights, at most.
const AVAILABLE_NIGHTS_MAX: i64 = 4_000;

/// A question to a calendar. Moments are milliseconds since 1970 for slots, and dates for nights.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// What is there between two moments? Answered for 400 days of slots or 4,000 nights at the most.
    Available {
        /// The first.
        from: i64,
        /// The one after the last.
        to: i64,
        /// So many pieces at the most.
        count: usize,
    },
    /// Would these lines fit together, for whoever has claimed nothing yet?
    Fits(Arc<[ClaimLine]>),
    /// When can something be had next?
    Find(Search),
    /// Who has claimed something between two moments?
    Claims {
        /// The first.
        from: i64,
        /// The one after the last.
        to: i64,
        /// Only pieces from this place on.
        begin: Option<Place>,
        /// So many at the most.
        count: usize,
    },
    /// Which claims are in conflict with what was set since they were made?
    Conflicts {
        /// Only those whose conflict begins after this.
        after: Option<Start>,
        /// So many at the most.
        count: usize,
    },
    /// Which claims would come into conflict?
    ConflictsOf {
        /// By what.
        setting: Setting,
        /// Only those whose conflict begins after this.
        after: Option<Start>,
        /// So many at the most.
        count: usize,
    },
}

/// What a calendar answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// There is no such calendar.
    Nothing,
    /// What there is, without a gap as far as it goes.
    Available(Vec<Available>),
    /// Every line that can't be had; none where they fit.
    Fits(Vec<LineShortfall>),
    /// When something can be had.
    Found(Found),
    /// Who has claimed what, in the order of when that begins.
    Claims(Vec<ClaimPiece>),
    /// Claims in conflict, in the order of when that begins.
    Conflicts {
        /// Those that were asked for.
        conflicts: Vec<Conflict>,
        /// After which claim to go on, where there may be more.
        next: Option<Start>,
        /// How many there are, where that was counted: up to one more than one setting may bring about.
        total: Option<usize>,
    },
    /// What was proposed can't be set.
    Refused(Rejection),
}

impl Calendar {
    /// Answers a question, at this time and position of the log.
    pub fn answer(&self, question: &Question, now: Timestamp, position: Position) -> Answer {
        let Some(state) = &self.state else {
            return match question {
                Question::Fits(lines) => fits(claiming::unknown(lines), position),
                _ => Answer::Nothing,
            };
        };
        match question {
            Question::Available { from, to, count } => {
                let far = match state.rules.kind() {
                    Kind::Slots => AVAILABLE_MS_MAX,
                    Kind::Nights => AVAILABLE_NIGHTS_MAX,
                };
                let to = *to.min(&from.saturating_add(far));
                Answer::Available(state.available(*from, to, *count))
            }
            Question::Fits(lines) => fits(state.lacks(lines, now), position),
            Question::Find(search) => Answer::Found(state.find(search, now)),
            Question::Claims { from, to, begin, count } => {
                Answer::Claims(state.claims_between((*from, *to), *begin, *count))
            }
            Question::Conflicts { after, count } => {
                let conflicts::Page { conflicts, next } = state.conflicts(*after, *count, now);
                Answer::Conflicts { conflicts, next, total: None }
            }
            Question::ConflictsOf { setting, after, count } => {
                match state.conflicts_of(setting, now) {
                    Ok(conflicts) => page_of(conflicts, *after, *count),
                    Err(rejection) => Answer::Refused(rejection),
                }
            }
        }
    }
}

/// Those whose conflict begins after `after`; at most `count` of all.
fn page_of(mut conflicts: Vec<Conflict>, after: Option<Start>, count: usize) -> Answer {
    let start = |conflict: &Conflict| (conflict.span.from(), conflict.reservation);
    let total = Some(conflicts.len());
    conflicts.retain(|conflict| after.is_none_or(|after| start(conflict) > after));
    let has_more = conflicts.len() > count;
    conflicts.truncate(count);
    let next = conflicts.last().map(start).filter(|_| has_more);
    Answer::Conflicts { conflicts, next, total }
}

fn fits(short: Vec<Short>, position: Position) -> Answer {
    Answer::Fits(short.into_iter().map(|short| short.told(position)).collect())
}
