//! How often everything that can occur has occurred.
//!
//! Names are listed where the things are matched, so that a new kind of command, event or refusal
//! doesn't compile without a name here, and is missed where it never occurs.

use std::collections::BTreeMap;
use std::fmt;

use holdfast::domain::calendar::{Cause, Setting};
use holdfast::domain::claim::Blocker;
use holdfast::domain::command::Command;
use holdfast::domain::event::Body;
use holdfast::domain::process::Refusal;
use holdfast::domain::rejection::Rejection;
use holdfast::domain::reservation::Term;
use holdfast::domain::stock_balance::Adjustment;
use holdfast::domain::{calendar, reservation, sales_order, stock_balance};

/// A function from things to their names, and the list of all names.
macro_rules! names {
    ($all:ident $name:ident($thing:ident: $Thing:ty) { $($pattern:pat $(if $guard:expr)? => $text:literal,)* }
        $(else { $other:pat })?
    ) => {
        pub const $all: &[&str] = &[$($text),*];

        pub fn $name($thing: &$Thing) -> &'static str {
            match $thing {
                $($pattern $(if $guard)? => $text,)*
                $($other => unreachable!("no client here sees {:?}", $thing),)?
            }
        }
    };
}

names! {
    COMMANDS command(it: Command) {
        Command::StockBalance(stock_balance::Command::Receive { .. }) => "ReceiveStock",
        Command::StockBalance(stock_balance::Command::Adjust { to: Adjustment::By(_), .. }) => "AdjustStock by",
        Command::StockBalance(stock_balance::Command::Adjust { to: Adjustment::Counted(_), .. }) => "AdjustStock to",
        Command::Reservation(reservation::Command::Create(reservation::Create { term: Term::For(_), .. })) => "CreateReservation for",
        Command::Reservation(reservation::Command::Create(reservation::Create { term: Term::Until(_), .. })) => "CreateReservation until",
        Command::Reservation(reservation::Command::Create(reservation::Create { term: Term::Confirmed, .. })) => "CreateReservation confirmed",
        Command::Reservation(reservation::Command::Confirm) => "ConfirmReservation",
        Command::Reservation(reservation::Command::Commit) => "CommitReservation",
        Command::Reservation(reservation::Command::CommitPart { is_final: true, .. }) => "CommitReservation of a part, at last",
        Command::Reservation(reservation::Command::CommitPart { is_final: false, .. }) => "CommitReservation of a part",
        Command::Reservation(reservation::Command::Cancel { .. }) => "CancelReservation",
        Command::Reservation(reservation::Command::Extend(Term::For(_))) => "ExtendReservation for",
        Command::Reservation(reservation::Command::Extend(Term::Until(_))) => "ExtendReservation until",
        Command::SalesOrder(sales_order::Command::Create(_)) => "CreateSalesOrder",
        Command::SalesOrder(sales_order::Command::Cancel { .. }) => "CancelSalesOrder",
        Command::Calendar(calendar::Command::Create(_)) => "CreateCalendar",
        Command::Calendar(calendar::Command::Set { setting, .. }) if is_rules(setting) => "UpdateCalendarRules",
        Command::Calendar(calendar::Command::Set { setting, .. }) if is_capacity(setting) => "SetCapacity",
        Command::Calendar(calendar::Command::Set { setting, .. }) if is_closure(setting) => "CloseDates",
        Command::Calendar(calendar::Command::Set { .. }) => "OpenDates",
        Command::Calendar(calendar::Command::Retire) => "RetireCalendar",
    } else {
        Command::StockBalance(stock_balance::Command::Claim(_) | stock_balance::Command::Check(_) | stock_balance::Command::Demand(_))
        | Command::Reservation(reservation::Command::Change(_))
        | Command::Reservation(reservation::Command::Extend(Term::Confirmed))
        | Command::Reservation(reservation::Command::Expire | reservation::Command::Answered(_))
        | Command::SalesOrder(sales_order::Command::Report(_))
        | Command::Calendar(calendar::Command::Claim(_) | calendar::Command::Check(_) | calendar::Command::Demand(_))
    }
}

names! {
    EVENTS event(it: Body) {
        Body::StockBalance(stock_balance::Event::Received { .. }) => "StockReceived",
        Body::StockBalance(stock_balance::Event::Adjusted { .. }) => "StockAdjusted",
        Body::StockBalance(stock_balance::Event::ClaimMade(_)) => "ClaimMade",
        Body::StockBalance(stock_balance::Event::ClaimChanged(_)) => "ClaimChanged",
        Body::StockBalance(stock_balance::Event::ClaimCommitted(_)) => "ClaimCommitted",
        Body::StockBalance(stock_balance::Event::ClaimReleased { .. }) => "ClaimReleased",
        Body::Reservation(reservation::Event::Created { .. }) => "ReservationCreated",
        Body::Reservation(reservation::Event::Extended { .. }) => "ReservationExtended",
        Body::Reservation(reservation::Event::Confirmed) => "ReservationConfirmed",
        Body::Reservation(reservation::Event::Committed) => "ReservationCommitted",
        Body::Reservation(reservation::Event::CommittedInPart { is_final: true, .. }) => "ReservationCommitted in part, at last",
        Body::Reservation(reservation::Event::CommittedInPart { is_final: false, .. }) => "ReservationCommitted in part",
        Body::Reservation(reservation::Event::Cancelled { .. }) => "ReservationCancelled",
        Body::Reservation(reservation::Event::Expired { .. }) => "ReservationExpired",
        Body::SalesOrder(sales_order::Event::Created { .. }) => "SalesOrderCreated",
        Body::SalesOrder(sales_order::Event::Reserved { .. }) => "SalesOrderReserved",
        Body::SalesOrder(sales_order::Event::Rejected(Refusal::Short(_))) => "SalesOrderRejected: short",
        Body::SalesOrder(sales_order::Event::Rejected(Refusal::ReservationIdTaken)) => "SalesOrderRejected: id taken",
        Body::SalesOrder(sales_order::Event::Rejected(Refusal::Overflow)) => "SalesOrderRejected: overflow",
        Body::SalesOrder(sales_order::Event::Confirmed) => "SalesOrderConfirmed",
        Body::SalesOrder(sales_order::Event::Delivered) => "SalesOrderDelivered",
        Body::SalesOrder(sales_order::Event::Completed) => "SalesOrderCompleted",
        Body::SalesOrder(sales_order::Event::Cancelled { .. }) => "SalesOrderCancelled",
        Body::SalesOrder(sales_order::Event::Released) => "SalesOrderReleased",
        Body::Calendar(calendar::Event::Created(_)) => "CalendarCreated",
        Body::Calendar(calendar::Event::Set(setting)) if is_rules(setting) => "CalendarRulesChanged",
        Body::Calendar(calendar::Event::Set(setting)) if is_capacity(setting) => "CapacityChanged",
        Body::Calendar(calendar::Event::Set(setting)) if is_closure(setting) => "DatesClosed",
        Body::Calendar(calendar::Event::Set(_)) => "DatesOpened",
        Body::Calendar(calendar::Event::Retired) => "CalendarRetired",
        Body::Calendar(calendar::Event::ClaimsInConflict(_)) => "ClaimsInConflict",
        Body::Calendar(calendar::Event::ClaimMade(_)) => "ClaimMade of time",
        Body::Calendar(calendar::Event::ClaimChanged(_)) => "ClaimChanged of time",
        Body::Calendar(calendar::Event::ClaimCommitted(_)) => "ClaimCommitted of time",
        Body::Calendar(calendar::Event::ClaimReleased { .. }) => "ClaimReleased of time",
    } else {
        Body::Reservation(reservation::Event::ChangeStarted { .. } | reservation::Event::Changed { .. } | reservation::Event::ChangeRefused)
        | Body::Calendar(calendar::Event::ClaimWidened { .. })
    }
}

names! {
    REJECTIONS rejection(it: Rejection) {
        Rejection::Short(_) => "Short",
        Rejection::NotFound(_) => "NotFound",
        Rejection::RequestIdReused => "RequestIdReused",
        Rejection::VersionConflict { .. } => "VersionConflict",
        Rejection::TooManyRequests { .. } => "TooManyRequests",
        Rejection::HoldExpired { .. } => "HoldExpired",
        Rejection::InvalidTransition { .. } => "InvalidTransition",
        Rejection::OwnedByOrder(_) => "OwnedByOrder",
        Rejection::BelowHeld { .. } => "BelowHeld",
        Rejection::Overflow => "Overflow",
        Rejection::DeadlineOutOfRange { .. } => "DeadlineOutOfRange",
        Rejection::QueueFull => "QueueFull",
        Rejection::ClaimsInConflict { .. } => "ClaimsInConflict",
        Rejection::InvalidRule(_) => "InvalidRule",
        Rejection::InvalidCommit { .. } => "InvalidCommit",
        Rejection::MoreThanLeft { .. } => "MoreThanLeft",
    } else {
        // Those take more settings, and more claims, than any calendar gets here; or a change.
        Rejection::TooManyRules { .. } | Rejection::TooMuchToSet { .. } | Rejection::TooManyConflicts { .. } | Rejection::PartlyUsed
    }
}

names! {
    OBSTACLES obstacle(it: Cause) {
        Cause::Taken(_) => "Taken",
        Cause::Closed(_) => "Closed",
        Cause::OutsideHours(_) => "OutsideHours",
        Cause::ClosedToArrival(_) => "ClosedToArrival",
        Cause::ClosedToDeparture(_) => "ClosedToDeparture",
        Cause::StayTooShort { .. } => "StayTooShort",
        Cause::StayTooLong { .. } => "StayTooLong",
        Cause::SlotTooShort { .. } => "SlotTooShort",
        Cause::SlotTooLong { .. } => "SlotTooLong",
        Cause::OffGrid { .. } => "OffGrid",
        Cause::TooSoon { .. } => "TooSoon",
        Cause::TooFarAhead { .. } => "TooFarAhead",
        Cause::WrongKind { .. } => "WrongKind",
        Cause::Retired => "Retired",
        Cause::Unknown => "Unknown",
    } else {
        // The edge lets no such span through, and no calendar here has a million claims.
        Cause::NoSpan | Cause::Full | Cause::ClaimTooLong { .. }
    }
}

fn is_rules(setting: &Setting) -> bool {
    matches!(setting, Setting::Rules(_))
}

fn is_capacity(setting: &Setting) -> bool {
    matches!(setting, Setting::Capacity(..))
}

fn is_closure(setting: &Setting) -> bool {
    matches!(setting, Setting::Closed(_, true))
}

/// Under which heads things are counted, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Head {
    Commands,
    Answers,
    Rejections,
    Obstacles,
    Events,
    Questions,
    Faults,
}

impl Head {
    pub const ALL: [Self; 7] = [
        Self::Commands,
        Self::Answers,
        Self::Rejections,
        Self::Obstacles,
        Self::Events,
        Self::Questions,
        Self::Faults,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Commands => "commands",
            Self::Answers => "answers",
            Self::Rejections => "rejections",
            Self::Obstacles => "obstacles",
            Self::Events => "events",
            Self::Questions => "questions",
            Self::Faults => "faults",
        }
    }
}

/// How often.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<(Head, &'static str), u64>);

impl Tally {
    pub fn count(&mut self, head: Head, name: &'static str) {
        *self.0.entry((head, name)).or_default() += 1;
    }

    /// A refusal, and what stood in the way of each line that it names.
    pub fn count_rejection(&mut self, rejected: &Rejection) {
        self.count(Head::Rejections, rejection(rejected));
        let Rejection::Short(short) = rejected else { return };
        for shortage in short {
            if let Some(Blocker::Calendar(obstacle)) = shortage.shortfall.blocker {
                self.count(Head::Obstacles, self::obstacle(&obstacle.cause));
            }
        }
    }

    pub fn get(&self, head: Head, name: &'static str) -> u64 {
        self.0.get(&(head, name)).copied().unwrap_or_default()
    }

    /// All under a head together.
    pub fn sum(&self, head: Head) -> u64 {
        self.of(head).map(|(_, count)| count).sum()
    }

    pub fn of(&self, head: Head) -> impl Iterator<Item = (&'static str, u64)> {
        let under = self.0.iter().filter(move |((its, _), _)| *its == head);
        under.map(|((_, name), count)| (*name, *count))
    }

    pub fn add(&mut self, other: &Self) {
        for (key, count) in &other.0 {
            *self.0.entry(*key).or_default() += count;
        }
    }

    /// What of these never occurred.
    pub fn missing(&self, head: Head, names: &'static [&'static str]) -> Vec<&'static str> {
        names.iter().copied().filter(|name| self.get(head, name) == 0).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for head in Head::ALL {
            writeln!(f, "{:<12} {:>12}", head.name(), self.sum(head))?;
            for (name, count) in self.of(head) {
                writeln!(f, "  {name:<40} {count:>12}")?;
            }
        }
        Ok(())
    }
}
