//! The kinds of entities: what the model has to know of each, and which there are.

use holdfast::domain::command::Command;
use holdfast::domain::event::{Body, Event};
use holdfast::domain::ids::*;
use holdfast::domain::time::Timestamp;
use holdfast::domain::view::View;

use super::calendar::{self, Calendar};
use super::reservation::Reservation;
use super::resource::Resource;
use super::sales_order::SalesOrder;
use super::stock_balance::StockBalance;
use super::stream::Stream;
use super::{Checked, Decision, Map, Model, Situation};
use crate::sent::Registry;

/// An entity as a reader is to be shown it.
#[derive(Debug, Clone, PartialEq)]
pub enum Sight {
    /// What clients are shown of a calendar.
    Calendar(calendar::Sight),
    /// Any other, or nothing.
    Other(View),
}

impl Sight {
    pub const NOTHING: Self = Self::Other(View::Nothing);
}

impl From<View> for Sight {
    fn from(view: View) -> Self {
        match view {
            View::Calendar(details) => Self::Calendar(calendar::Sight::of(&details)),
            view => Self::Other(view),
        }
    }
}

/// An entity of some kind, as each of its events left it; by default, one to which nothing has
/// happened.
pub trait Entity: Default {
    type Command;
    type Happened;

    /// What a command leads to.
    fn decide(
        model: &Model,
        key: &EntityKey,
        command: &Self::Command,
        situation: &Situation,
    ) -> Decision;

    /// What an event that no command is behind has to be, with what follows in its decision.
    fn by_itself(
        model: &Model,
        event: &Event,
        happened: &Self::Happened,
        sent: &Registry,
    ) -> Result<Vec<Body>, String>;

    /// Follows an event.
    fn apply(&mut self, happened: &Self::Happened, event: &Event);

    /// What a reader was to be shown when it had a version.
    fn sight(&self, stream: &Stream, version: Version) -> Sight;

    /// Checks what has to be so once an event has happened.
    fn check_after(_model: &Model, _event: &Event) -> Checked {
        Ok(())
    }

    /// Checks what has to be so of all of them when nothing is under way.
    fn check_at_rest(model: &Model, now: Timestamp) -> Checked;
}

/// Whatever is done by kind, for each line: the kind's name in commands, events and ids, and where its
/// entities are.
macro_rules! kinds {
    ($($Kind:ident in $field:ident,)*) => {
        /// Every entity of every kind.
        #[derive(Default)]
        pub struct Entities {
            $(pub $field: Map<EntityKey, $Kind>,)*
            blank: Blank,
        }

        /// Of each kind one to which nothing has happened.
        #[derive(Default)]
        struct Blank {
            $($field: $Kind,)*
        }

        impl Entities {
            pub fn apply(&mut self, event: &Event) {
                match &event.body {
                    $(Body::$Kind(happened) => {
                        let known = self.$field.entry(event.stream.clone()).or_default();
                        known.apply(happened, event);
                    })*
                }
            }
        }

        impl Model {
            pub(super) fn decide(
                &self,
                key: &EntityKey,
                command: &Command,
                situation: &Situation,
            ) -> Decision {
                match command {
                    $(Command::$Kind(command) => $Kind::decide(self, key, command, situation),)*
                }
            }

            /// What an event that no command is behind has to be.
            pub(super) fn by_itself(
                &self,
                event: &Event,
                sent: &Registry,
            ) -> Result<Vec<Body>, String> {
                match &event.body {
                    $(Body::$Kind(happened) => $Kind::by_itself(self, event, happened, sent),)*
                }
            }

            pub(super) fn check_after(&self, event: &Event) -> Checked {
                match event.stream.kind() {
                    $(EntityKind::$Kind => $Kind::check_after(self, event),)*
                }
            }

            /// What a reader of an entity was to be shown when it had a version.
            pub(super) fn sight(&self, key: &EntityKey, version: Version) -> Sight {
                let (all, stream) = (&self.entities, self.stream(key));
                match key.kind() {
                    $(EntityKind::$Kind => {
                        all.$field.get(key).unwrap_or(&all.blank.$field).sight(stream, version)
                    })*
                }
            }

            /// Checks that nothing is under way: every claim is its reservation's wish, every wish is
            /// met, and every order has ended.
            pub fn check_at_rest(&self, now: Timestamp) -> Checked {
                $($Kind::check_at_rest(self, now)?;)*
                Ok(())
            }
        }
    };
}

kinds! {
    StockBalance in balances,
    Calendar in calendars,
    Reservation in reservations,
    SalesOrder in orders,
}

impl Model {
    /// What claims are made on, if it is that.
    pub(super) fn resource(&self, key: &EntityKey) -> Option<&dyn Resource> {
        let all = &self.entities;
        match &key.id {
            EntityId::Resource(ResourceKey::Stock(_)) => {
                Some(all.balances.get(key).unwrap_or(&all.blank.balances))
            }
            EntityId::Resource(ResourceKey::Calendar(_)) => {
                Some(all.calendars.get(key).unwrap_or(&all.blank.calendars))
            }
            EntityId::Reservation(_) | EntityId::SalesOrder(_) => None,
        }
    }
}
