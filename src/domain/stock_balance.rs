//! Counted units of one SKU at one location.
//!
//! Invariants: held is the sum of the claims, and never more than on hand.
//!
//! Not here: deadlines. A claim says until when it stands, but only its reservation ends it.

use serde::{Deserialize, Serialize};

use super::claim::{Blocker, Claim, ClaimAnswer, ClaimOutcome, Shortfall, StockFigures, Wish};
use super::claims::Claims;
use super::command::{self, Message};
use super::entity::{Aggregate, Context, Decision, Outcome, Summary};
use super::event::Body;
use super::ids::{EntityId, EntityKind, ReservationId, Version};
use super::name::Label;
use super::rejection::Rejection;
use super::time::Timestamp;
use super::view::{StockView, View};

/// The largest quantity, and the most that can be on hand: 2^63 − 1.
pub const QUANTITY_MAX: u64 = i64::MAX as u64;

/// What a stock balance can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Units came in. The first receipt brings the balance into being.
    Receive {
        /// How many; above 0.
        quantity: u64,
        /// What the client calls the receipt.
        reference: Label,
    },
    /// What is on hand is set right.
    Adjust {
        /// By how much, or to what.
        to: Adjustment,
        /// Why.
        reason: Label,
    },
    /// A reservation says what it wants in all.
    Claim(Claim),
    /// A reservation asks whether a claim would fit, without effect.
    Check(Claim),
    /// A reservation that is about to change says what it wants in all until it has, and waits for
    /// the answer: also where it has said so before, and doesn't know what it was told.
    Demand(Claim),
}

/// How on hand is set right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Adjustment {
    /// So many more, or fewer.
    By(i64),
    /// So many were counted.
    Counted(u64),
}

/// What can happen to a stock balance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// Units came in.
    Received {
        /// How many.
        quantity: u64,
        /// What the client calls the receipt.
        reference: Label,
    },
    /// What is on hand was set right.
    Adjusted {
        /// What is on hand now.
        on_hand: u64,
        /// What it is now less what it was.
        delta: i64,
        /// Why.
        reason: Label,
    },
    /// A reservation's first claim.
    ClaimMade(Claim),
    /// A claim's quantity or deadline is another.
    ClaimChanged(Claim),
    /// Claimed units left on hand.
    ClaimCommitted(Claim),
    /// Nothing of the claim is left.
    ClaimReleased {
        /// What the reservation wants: nothing more.
        claim: Claim,
        /// Units that came free.
        released: u64,
    },
}

/// Units of one SKU at one location.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StockBalance {
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) on_hand: u64,
    pub(crate) held: u64,
    pub(crate) claims: Claims,
}

impl Command {
    /// The command's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Receive { .. } => "ReceiveStock",
            Self::Adjust { .. } => "AdjustStock",
            Self::Claim(_) => "Claim",
            Self::Check(_) => "CheckClaim",
            Self::Demand(_) => "DemandClaim",
        }
    }
}

impl Event {
    /// The event's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Received { .. } => "StockReceived",
            Self::Adjusted { .. } => "StockAdjusted",
            Self::ClaimMade(_) => "ClaimMade",
            Self::ClaimChanged(_) => "ClaimChanged",
            Self::ClaimCommitted(_) => "ClaimCommitted",
            Self::ClaimReleased { .. } => "ClaimReleased",
        }
    }
}

impl StockBalance {
    /// What is here, and what of it is claimed.
    pub fn figures(&self) -> StockFigures {
        StockFigures { on_hand: self.on_hand, held: self.held }
    }

    /// What the table should know of a balance that was created then.
    pub fn summary_of(created: Timestamp) -> Summary {
        Summary { state: "OPEN", deadline: None, finished: false, under_way: false, created }
    }

    fn available(&self) -> u64 {
        self.figures().available()
    }

    /// The claims that stand, by reservation.
    pub fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.claims.iter()
    }

    fn receive(&self, quantity: u64, reference: Label) -> Decision<Event> {
        match self.on_hand.checked_add(quantity) {
            Some(on_hand) if on_hand <= QUANTITY_MAX => {
                Decision::accepted(vec![Event::Received { quantity, reference }])
            }
            _ => Decision::rejected(Rejection::Overflow),
        }
    }

    fn adjust(&self, to: Adjustment, reason: Label) -> Decision<Event> {
        let before = i128::from(self.on_hand);
        let after = match to {
            Adjustment::By(delta) => before + i128::from(delta),
            Adjustment::Counted(count) => i128::from(count),
        };
        if after < i128::from(self.held) {
            let requested = u64::try_from(before - after).unwrap_or(u64::MAX);
            let stock = self.figures();
            return Decision::rejected(Rejection::BelowHeld { requested, stock });
        }
        match (u64::try_from(after), i64::try_from(after - before)) {
            (Ok(on_hand), Ok(delta)) if on_hand <= QUANTITY_MAX => {
                Decision::accepted(vec![Event::Adjusted { on_hand, delta, reason }])
            }
            _ => Decision::rejected(Rejection::Overflow),
        }
    }

    /// What a claim would change: nothing, one event, or too little is left.
    fn claim(&self, wish: Claim) -> Result<Option<Event>, Short> {
        let Some(standing) = self.claims.get(wish.reservation) else {
            // An entry stands until all of it is released or used up, so a wish that has units
            // used up and finds none was followed before.
            if wish.is_release() || wish.committed > 0 {
                return Ok(None);
            }
            self.check_growth(None, &wish)?;
            return Ok(Some(Event::ClaimMade(wish)));
        };
        let is_newer = wish.reservation_version > standing.reservation_version;
        let releases_equal =
            wish.reservation_version == standing.reservation_version && wish.is_release();
        if !is_newer && !releases_equal {
            // It changes nothing, so what stands has to be enough for it.
            let is_covered = growth(Some(standing), &wish) == 0;
            return if is_covered { Ok(None) } else { Err(self.short(standing.total())) };
        }
        self.check_growth(Some(standing), &wish)?;
        Ok(Some(if wish.committed > standing.committed {
            Event::ClaimCommitted(wish)
        } else if wish.held == 0 {
            Event::ClaimReleased { claim: wish, released: standing.held }
        } else {
            Event::ClaimChanged(wish)
        }))
    }

    /// Follows a wish and says what became of it.
    fn answered(&self, wish: Claim, context: &Context<'_>) -> Decision<Event> {
        let (events, answer) = match self.claim(wish) {
            Ok(event) => (Vec::from_iter(event), ClaimOutcome::Granted),
            Err(short) => (Vec::new(), short.answer(context)),
        };
        let messages = Vec::from_iter(reply(wish.reservation, answer, context));
        Decision { events, messages, outcome: Outcome::Silent }
    }

    fn check_growth(&self, standing: Option<&Claim>, wish: &Claim) -> Result<(), Short> {
        if growth(standing, wish) <= self.available() {
            return Ok(());
        }
        let total = standing.map_or(0, Claim::total);
        Err(self.short(self.available().saturating_add(total)))
    }

    fn short(&self, available: u64) -> Short {
        Short { available, stock: self.figures() }
    }

    /// Whether the reservation waits for an answer: to each wish of its creation, however often
    /// and in whatever words it is said, and to one that takes more. What only shrinks or
    /// prolongs can't be refused. A release least of all: its answer would be taken for one to
    /// the claim that comes after it, where a refused creation is tried again.
    fn is_waited_for(&self, wish: &Claim) -> bool {
        let is_creation = wish.reservation_version == Version(1);
        let takes_more = || growth(self.claims.get(wish.reservation), wish) > 0;
        wish.held > 0 && (is_creation || takes_more())
    }

    fn enter(&mut self, claim: &Claim) {
        let before = match claim.held {
            0 => self.claims.remove(claim.reservation),
            _ => self.claims.insert(*claim),
        };
        let (held, committed) = before.map_or((0, 0), |entry| (entry.held, entry.committed));
        self.held = self.held - held + claim.held;
        self.on_hand = self.on_hand.saturating_sub(claim.committed.saturating_sub(committed));
    }
}

/// Units that a wish takes beyond what it has. What was used up doesn't come back, whatever the
/// wish says.
fn growth(standing: Option<&Claim>, wish: &Claim) -> u64 {
    let (held, committed) = standing.map_or((0, 0), |claim| (claim.held, claim.committed));
    let wanted = wish.held.saturating_add(wish.committed.max(committed));
    wanted.saturating_sub(held.saturating_add(committed))
}

struct Short {
    available: u64,
    stock: StockFigures,
}

impl Aggregate for StockBalance {
    const KIND: EntityKind = EntityKind::StockBalance;
    const CREATED_ONCE: bool = false;
    type Command = Command;
    type Event = Event;
    type Transient = ();

    fn command(command: command::Command) -> Option<Command> {
        match command {
            command::Command::StockBalance(command) => Some(command),
            _ => None,
        }
    }

    fn begins(command: &Command) -> bool {
        matches!(command, Command::Receive { .. })
    }

    fn decide(&self, _: &mut (), command: Command, context: &Context<'_>) -> Decision<Event> {
        match command {
            Command::Receive { quantity, reference } => self.receive(quantity, reference),
            Command::Adjust { .. } if context.version == Version(0) => {
                Decision::rejected(Rejection::NotFound(EntityKind::StockBalance))
            }
            Command::Adjust { to, reason } => self.adjust(to, reason),
            Command::Claim(wish) if self.is_waited_for(&wish) => self.answered(wish, context),
            Command::Claim(wish) => {
                let decision = self.answered(wish, context);
                decision.telling(Vec::new())
            }
            Command::Demand(wish) => self.answered(wish, context),
            Command::Check(wish) => {
                let decision = self.answered(wish, context);
                Decision { events: Vec::new(), ..decision }
            }
        }
    }

    fn evolve(&mut self, event: &Event, version: Version, time: Timestamp) {
        if version == Version(1) {
            self.created = time;
        }
        self.updated = time;
        match event {
            Event::Received { quantity, .. } => {
                self.on_hand = self.on_hand.saturating_add(*quantity);
            }
            Event::Adjusted { on_hand, .. } => self.on_hand = *on_hand,
            Event::ClaimMade(claim)
            | Event::ClaimChanged(claim)
            | Event::ClaimCommitted(claim)
            | Event::ClaimReleased { claim, .. } => self.enter(claim),
        }
    }

    fn summary(&self) -> Summary {
        Self::summary_of(self.created)
    }

    fn claims_after(&self, after: Option<ReservationId>, count: usize) -> Vec<Wish> {
        self.claims.after(after, count).into_iter().map(Wish::Stock).collect()
    }

    fn is_small(&self) -> bool {
        self.claims.len() <= 1_000
    }

    fn view(&self) -> View {
        View::StockBalance(StockView { figures: self.figures(), updated: self.updated })
    }

    fn into_body(event: Event) -> Body {
        Body::StockBalance(event)
    }

    fn from_body(body: &Body) -> Option<&Event> {
        match body {
            Body::StockBalance(event) => Some(event),
            _ => None,
        }
    }
}

impl Short {
    fn answer(self, context: &Context<'_>) -> ClaimOutcome {
        let exists = context.version > Version(0);
        ClaimOutcome::Short(Shortfall {
            available: self.available,
            position: context.log_position,
            blocker: exists.then_some(Blocker::Stock(self.stock)),
        })
    }
}

fn reply(to: ReservationId, outcome: ClaimOutcome, context: &Context<'_>) -> Option<Message> {
    let EntityId::Resource(resource) = context.id else { return None };
    let answer = ClaimAnswer { resource: resource.clone(), outcome };
    Some(Message {
        to: EntityId::Reservation(to),
        command: command::Command::Reservation(super::reservation::Command::Answered(answer)),
    })
}
