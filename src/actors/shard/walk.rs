//! Handing over every record, in slices between messages.

use std::time::Duration;

use actix::{AsyncContext, Context, Handler, Message};

use super::super::capture::Capture;
use super::super::table::Slot;
use super::Shard;
use crate::codec::v1;
use crate::domain::ids::EntityKey;

/// How many entities a slice meets.
const SLICE: usize = 256;

/// How long a walk pauses when the other end is behind.
const PAUSE: Duration = Duration::from_millis(1);

/// The walks under way.
#[derive(Default)]
pub(super) struct Walks {
    under_way: Vec<Progress>,
    is_scheduled: bool,
}

struct Progress {
    capture: Capture,
    /// How many entities, from the front of the table, are still to be met.
    left: usize,
}

/// The next slice is due.
#[derive(Message)]
#[rtype(result = "()")]
struct GoOn;

impl Shard {
    pub(super) fn begin_walk(&mut self, capture: Capture, context: &mut Context<Self>) {
        self.walks.under_way.push(Progress { capture, left: self.residents.borrow().table.len() });
        self.schedule(context);
    }

    fn schedule(&mut self, context: &mut Context<Self>) {
        if self.walks.is_scheduled || self.walks.under_way.is_empty() {
            return;
        }
        self.walks.is_scheduled = true;
        if self.walks.under_way.iter().all(|walk| walk.capture.is_full()) {
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
            if walk.left > 0 {
                self.walks.under_way.push(walk);
            }
        }
    }

    fn slice(&self, walk: &mut Progress) {
        let table = &self.residents.borrow().table;
        walk.left = walk.left.min(table.len());
        for _ in 0..SLICE.min(walk.left) {
            walk.left -= 1;
            if let Some((key, slot)) = table.at(walk.left) {
                capture(&key, slot, &walk.capture);
            }
        }
    }
}

fn capture(key: &EntityKey, slot: &Slot, capture: &Capture) {
    match slot {
        Slot::Passive(record) => {
            let packed = (v1::encode(key), record.to_vec());
            capture.put(Box::new(move || packed));
        }
        Slot::Active(active) if active.is_archived => {}
        Slot::Active(active) => {
            if let Some(record) = active.seat.captured() {
                capture.put(record);
            }
        }
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
