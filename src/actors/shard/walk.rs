//! Handing over every record, in slices between messages.
//!
//! A message that goes from entity to entity meets a slice at each step. So where there is other
//! work, a walk takes a small part of the time, and all of it only where there is none.

use std::time::Duration;

use actix::{AsyncContext, Context, Handler, Message};

use super::super::capture::{Bundle, Capture};
use super::super::table::Slot;
use super::Shard;
use crate::codec::v1;
use crate::recovery::entity_map;

/// How much a slice may cost, in passive entities: a tenth of a millisecond.
const SLICE: usize = 512;

/// What an active entity costs, whose state is copied and not only its record.
const ACTIVE_COST: usize = 8;

/// How long a walk pauses where others have work to do, or the other end is behind.
const PAUSE: Duration = Duration::from_millis(1);

/// The walks under way.
#[derive(Default)]
pub(super) struct Walks {
    under_way: Vec<Progress>,
    is_scheduled: bool,
    /// How many messages had been delivered at the last slice.
    delivered: u64,
}

struct Progress {
    capture: Capture,
    through: entity_map::Walk,
    is_done: bool,
}

/// The next slice is due.
#[derive(Message)]
#[rtype(result = "()")]
struct GoOn;

impl Shard {
    pub(super) fn begin_walk(&mut self, capture: Capture, context: &mut Context<Self>) {
        let through = entity_map::Walk::default();
        self.walks.under_way.push(Progress { capture, through, is_done: false });
        self.schedule(context);
    }

    fn schedule(&mut self, context: &mut Context<Self>) {
        if self.walks.is_scheduled || self.walks.under_way.is_empty() {
            return;
        }
        self.walks.is_scheduled = true;
        let delivered = self.residents.borrow().delivered;
        let has_other_work = std::mem::replace(&mut self.walks.delivered, delivered) != delivered;
        if has_other_work || self.walks.under_way.iter().all(|walk| walk.capture.is_full()) {
            context.notify_later(GoOn, PAUSE);
        } else {
            context.notify(GoOn);
        }
    }

    fn go_on(&mut self) {
        for mut walk in std::mem::take(&mut self.walks.under_way) {
            if walk.capture.is_abandoned() {
                continue;
            }
            if !walk.capture.is_full() {
                self.slice(&mut walk);
            }
            if !walk.is_done {
                self.walks.under_way.push(walk);
            }
        }
    }

    fn slice(&self, walk: &mut Progress) {
        let table = &self.residents.borrow().table;
        let mut passive = Bundle::default();
        let mut cost = 0;
        while cost < SLICE {
            cost += 1;
            match table.step(&mut walk.through) {
                Some((key, Slot::Passive(record))) => {
                    passive.push(|bytes| v1::encode_into(&key, bytes), record);
                }
                Some((_, Slot::Active(active))) if !active.is_archived => {
                    if let Some(record) = active.seat.captured() {
                        walk.capture.put(record);
                    }
                    cost += ACTIVE_COST;
                }
                Some((_, Slot::Active(_))) => {}
                None => {
                    walk.is_done = true;
                    break;
                }
            }
        }
        walk.capture.put_all(passive);
    }
}

impl Handler<GoOn> for Shard {
    type Result = ();

    fn handle(&mut self, _: GoOn, context: &mut Context<Self>) {
        self.walks.is_scheduled = false;
        self.go_on();
        self.schedule(context);
    }
}
