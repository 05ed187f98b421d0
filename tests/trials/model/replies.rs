//! Whether a reply is what was true where it says that it was decided.
//!
//! Whatever was told to anybody before a question was asked, the answer knows of: this is what
//! `floor` is for.

use std::sync::Arc;

use holdfast::actors::delivery::{Accepted, Refused, Shown, ShownClaims, Told};
use holdfast::actors::listing::ReservationQuery;
use holdfast::domain::command::Command;
use holdfast::domain::ids::*;
use holdfast::domain::name::TenantId;
use holdfast::domain::rejection::Rejection;
use holdfast::domain::reservation::{self, HOLD_MS_MAX, State};
use holdfast::domain::time::Timestamp;
use holdfast::domain::view::View;
use holdfast::domain::{calendar, sales_order, stock_balance};

use super::shortage::Between;
use super::{Checked, Model, Sight, Situation, check};
use crate::sent::{Registry, Sent};

/// So many conflicts an error has room for, always.
const CONFLICTS_TOLD_MIN: usize = 30;

/// When something was asked, and when it was answered.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Everything up to here had been told to somebody by then.
    pub floor: Position,
    pub since: Timestamp,
    pub until: Timestamp,
}

/// What a client was told of a command.
#[derive(Debug)]
pub struct Reply {
    pub sent: Arc<Sent>,
    pub asked: Asked,
    pub answer: Result<Done, Refused>,
}

/// A command took effect, and this is its entity now.
#[derive(Debug)]
pub struct Done {
    pub version: Version,
    pub position: Position,
    pub now: Seen,
}

/// An entity as somebody was shown it.
#[derive(Debug)]
pub struct Seen {
    pub version: Version,
    pub position: Position,
    pub sight: Sight,
}

impl From<Accepted> for Done {
    fn from(Accepted { version, position, now }: Accepted) -> Self {
        Self { version, position, now: now.into() }
    }
}

impl From<Shown> for Seen {
    fn from(Shown { version, position, view }: Shown) -> Self {
        Self { version, position, sight: view.into() }
    }
}

/// A page of a tenant's list.
#[derive(Debug)]
pub struct Listed<Q, K> {
    pub tenant: TenantId,
    pub query: Q,
    pub floor: Position,
    /// What was durable when it was answered.
    pub ceiling: Position,
    pub page: Vec<(K, Seen)>,
}

/// A page of a tenant's resources of one kind: after which, and how many.
pub type Page = (EntityKind, Option<ResourceKey>, usize);

/// Whether a command may bring its entity into being once and for all.
fn creates(command: &Command) -> bool {
    matches!(
        command,
        Command::Reservation(reservation::Command::Create(_))
            | Command::SalesOrder(sales_order::Command::Create(_))
            | Command::Calendar(calendar::Command::Create(_))
    )
}

/// Whether a command may be the first that an entity follows.
fn begins(command: &Command) -> bool {
    let receives = matches!(command, Command::StockBalance(stock_balance::Command::Receive { .. }));
    receives || creates(command)
}

impl Model {
    /// Checks what a client was told of a command.
    pub fn check_reply(&self, reply: &Reply, sent: &Registry) -> Checked {
        let Reply { sent: command, asked, answer } = reply;
        let say = |what| format!("{what}\n   {command:?}, {asked:?}\n   was answered {answer:?}");
        match answer {
            Ok(done) => self.check_accepted(command, asked, done),
            Err(refused) => self.check_refused(command, asked, refused, sent),
        }
        .map_err(say)
    }

    fn check_accepted(&self, sent: &Sent, asked: &Asked, done: &Done) -> Checked {
        let Done { version, position, now } = done;
        let memory = &self.stream(&sent.key).memory;
        // A creation finds what an equal one has created, whatever that was called.
        let known = memory.effect(sent.request, *version, *position).or_else(|| {
            let first = memory.first().filter(|_| creates(&sent.command))?;
            ((first.version, first.position) == (*version, *position)).then_some(first)
        });
        let known = known.ok_or("it never had this effect")?;
        check(known.sent.command == sent.command, || format!("that was {:?}", known.sent))?;
        check(now.version >= *version, || "it is shown as it was before".into())?;
        self.check_now(&sent.key, now, asked.floor)
    }

    /// Checks an entity that is shown as it was after its last event.
    fn check_now(&self, key: &EntityKey, shown: &Seen, floor: Position) -> Checked {
        let stream = self.stream(key);
        let version = shown.version;
        let is_old = version < stream.version_at(floor);
        check(!is_old, || format!("at {floor} it was newer already"))?;
        check(version <= stream.version(), || "this version never came to be".into())?;
        let ends = stream.moment(version).is_none_or(|moment| moment.ends);
        check(ends, || "half a decision is shown".into())?;
        let position = stream.position(version);
        check(shown.position == position, || format!("this version is at {position}"))?;
        let sight = self.sight(key, version);
        check(shown.sight == sight, || format!("expected {sight:?}"))
    }

    fn check_refused(
        &self,
        sent: &Sent,
        asked: &Asked,
        refused: &Refused,
        registry: &Registry,
    ) -> Checked {
        let Refused { rejection, position: at } = refused;
        check(*at >= asked.floor, || "it was decided before it was sent".into())?;
        check(*at <= self.last, || "this position never came to be".into())?;
        let exists = self.version_at(&sent.key, *at) > Version(0);
        match rejection {
            // While a creation asks its resources, there is nothing of it in the log.
            Rejection::QueueFull => {
                let asks = matches!(sent.command, Command::Reservation(_)) && !exists;
                check(asks, || "nothing can have been under way".into())
            }
            Rejection::RequestIdReused if !exists => {
                let under = registry.under(&sent.key, sent.request);
                let is_other = under.iter().any(|other| other.command != sent.command);
                check(is_other, || "its id was used for nothing else".into())
            }
            Rejection::Short(short) => {
                let Command::Reservation(reservation::Command::Create(create)) = &sent.command
                else {
                    return Err("nothing can fall short".into());
                };
                check(!exists, || "it exists".into())?;
                let first = self.refused_unseen(sent, *at, asked.since)?;
                check(first.is_none(), || format!("expected {first:?}"))?;
                // Sent again while it was under way, it was answered with what had been found by then.
                let times = (sent.since.min(asked.since), asked.until);
                let between = Between { positions: (sent.floor, *at), times };
                self.check_short(&sent.key, &create.lines, short, between)
            }
            rejection => {
                let now = decided_at(rejection, asked)?;
                let mut expected = self.refusal(sent, *at, now)?;
                // What is over is in conflict with nothing, and some may have been over by then.
                if let Rejection::ClaimsInConflict { .. } = rejection
                    && expected.as_ref() != Some(rejection)
                {
                    expected = self.refusal(sent, *at, asked.until)?;
                }
                // Or it is the one that found out: then its own event has made the version another.
                let found = self.found_expired(&sent.key, *at);
                let found = found.filter(|found| found == rejection);
                let is_found =
                    found.is_some() && self.refused_unseen(sent, before(*at), now)?.is_none();
                let is_right = is_found
                    || expected.as_ref().is_some_and(|expected| is_told(rejection, expected));
                check(is_right, || format!("expected {expected:?}"))
            }
        }
    }

    /// How a command was to be refused at a position, if it was.
    fn refusal(
        &self,
        sent: &Sent,
        at: Position,
        now: Timestamp,
    ) -> Result<Option<Rejection>, String> {
        if let Some(rejection) = self.refused_unseen(sent, at, now)? {
            return Ok(Some(rejection));
        }
        let situation = Situation { at, now, issuer: None };
        Ok(self.decide(&sent.key, &sent.command, &situation).refusal)
    }

    /// How a command was to be refused for its request id or its expected version, if it was.
    fn refused_unseen(
        &self,
        sent: &Sent,
        at: Position,
        now: Timestamp,
    ) -> Result<Option<Rejection>, String> {
        let stream = self.stream(&sent.key);
        let current = stream.version_at(at);
        let first = stream.memory.first().filter(|first| {
            first.position <= at && creates(&sent.command) && creates(&first.sent.command)
        });
        if let Some(known) = stream.memory.find(sent.request, at).or(first) {
            let is_same = known.sent.command == sent.command;
            check(!is_same, || format!("it had taken effect: {:?}", known.sent))?;
            return Ok(Some(Rejection::RequestIdReused));
        }
        let remembered_max = self.remembered_max(&sent.key);
        if let Some((remembered, retry_at)) = stream.memory.full(at, remembered_max, now) {
            return Ok(Some(Rejection::TooManyRequests { remembered, retry_at }));
        }
        let is_about_something = current > Version(0) || begins(&sent.command);
        Ok(match sent.expected {
            Some(expected) if expected != current && is_about_something => {
                Some(Rejection::VersionConflict { expected, current })
            }
            _ => None,
        })
    }

    /// Checks what a reader was shown.
    pub fn check_shown(&self, key: &EntityKey, floor: Position, told: &Told<Seen>) -> Checked {
        let say = |what| format!("{what}\n   {key} at {floor} was shown as {told:?}");
        let Told { answer, position } = told;
        check(*position >= floor && *position <= self.last, || say("not then".into()))?;
        let version = self.version_at(key, *position);
        check(answer.version == version, || say(format!("it had version {version}")))?;
        self.check_now(key, answer, floor).map_err(say)
    }

    /// Checks what a reader was told of the claims on a resource.
    pub fn check_claims(
        &self,
        key: &EntityKey,
        floor: Position,
        (after, count): (Option<ReservationId>, usize),
        told: &Told<ShownClaims>,
    ) -> Checked {
        let Told { answer, position } = told;
        let say = |what| format!("{what}\n   the claims on {key} were told as {told:?}");
        check(*position >= floor && *position <= self.last, || say("not then".into()))?;
        let version = self.version_at(key, *position);
        check(answer.version == version, || say(format!("it had version {version}")))?;
        let resource = self.resource(key).ok_or("no resource")?;
        let claims = resource.claims(version).into_iter().map(|claim| resource.shown(claim));
        let page = claims.filter(|claim| Some(claim.reservation()) > after).take(count);
        let claims: Vec<_> = page.collect();
        check(answer.claims == claims, || say(format!("expected {claims:?}")))
    }

    /// Checks a page of a tenant's resources of one kind: none is missing that was there all the time.
    pub fn check_resources(&self, listed: &Listed<Page, ResourceKey>) -> Checked {
        let Listed { tenant, query: (kind, after, count), floor, page, .. } = listed;
        let say = |what| format!("{what}\n   the resources of {listed:?}");
        let entity = |key: &ResourceKey| EntityKey::resource(tenant, key.clone());
        for (key, shown) in page {
            let is_there = shown.version > Version(0) && entity(key).kind() == *kind;
            check(is_there, || say(format!("{key} isn't there")))?;
            self.check_now(&entity(key), shown, *floor).map_err(say)?;
        }
        let keys: Vec<_> = page.iter().map(|(key, _)| key).collect();
        let last = keys.last().filter(|_| keys.len() == *count);
        let is_sorted = keys.is_sorted_by(|one, other| one < other) && keys.len() <= *count;
        let is_after = after.is_none() || keys.iter().all(|key| Some(*key) > after.as_ref());
        check(is_sorted && is_after, || say("they are in no order".into()))?;
        let all = self.streams.keys().filter(|key| key.tenant == *tenant && key.kind() == *kind);
        for key in all {
            let EntityId::Resource(resource) = &key.id else { continue };
            let is_there = self.version_at(key, *floor) > Version(0)
                && (after.is_none() || Some(resource) > after.as_ref())
                && last.is_none_or(|last| resource <= *last);
            let is_told = !is_there || keys.contains(&resource);
            check(is_told, || say(format!("{key} is missing")))?;
        }
        Ok(())
    }

    /// Checks a page of a tenant's open reservations: none is missing that matched all the time.
    pub fn check_reservations(&self, listed: &Listed<ReservationQuery, ReservationId>) -> Checked {
        let Listed { tenant, query, floor, ceiling, page } = listed;
        let say = |what| format!("{what}\n   the reservations of {listed:?}");
        let states: &[State] = match &query.states[..] {
            [] => &[State::Held, State::Confirmed],
            states => states,
        };
        let mut places = Vec::new();
        for (id, shown) in page {
            let key = EntityKey::reservation(tenant, *id);
            self.check_now(&key, shown, *floor).map_err(say)?;
            let Sight::Other(View::Reservation(details)) = &shown.sight else {
                return Err(say("none".into()));
            };
            places.push((details.created, *id));
        }
        let is_sorted = places.is_sorted_by(|one, other| one < other);
        let is_after = query.after.is_none_or(|after| places.iter().all(|place| *place > after));
        let is_in_order = is_sorted && is_after && places.len() <= query.count;
        check(is_in_order, || say("they are in no order".into()))?;
        let last = places.last().copied().filter(|_| places.len() == query.count);
        for (created, id, known, stream) in self.reservations_of(tenant) {
            let matches = |at| known.is_listed(stream.version_at(at), states);
            let is_in = query.created_from.is_none_or(|from| created >= from)
                && query.created_before.is_none_or(|before| created < before)
                && query.after.is_none_or(|after| (created, id) > after)
                && last.is_none_or(|last| (created, id) <= last);
            let is_told = places.contains(&(created, id));
            check(!is_told || is_in, || say(format!("{id} was not asked for")))?;
            let is_due = is_in && matches(*floor) && matches(*ceiling);
            check(!is_due || is_told, || say(format!("{id} is missing")))?;
        }
        Ok(())
    }

    /// Where a version of an entity stands in the log, and what a reader was to be shown of it.
    pub fn entity(&self, key: &EntityKey, version: Version) -> Seen {
        let position = self.stream(key).position(version);
        Seen { version, position, sight: self.sight(key, version) }
    }
}

/// Whether a refusal is told as it is expected. An error over the wire names as many conflicts as it
/// has room for.
fn is_told(told: &Rejection, expected: &Rejection) -> bool {
    let (
        Rejection::ClaimsInConflict { conflicts, total },
        Rejection::ClaimsInConflict { conflicts: due, total: due_total },
    ) = (told, expected)
    else {
        return told == expected;
    };
    let is_enough = conflicts.len() >= due.len().min(CONFLICTS_TOLD_MIN);
    total == due_total && is_enough && due.starts_with(conflicts)
}

fn before(position: Position) -> Position {
    Position(position.0.saturating_sub(1))
}

/// What the time was when something was refused, as far as that matters.
fn decided_at(rejection: &Rejection, asked: &Asked) -> Result<Timestamp, String> {
    let Rejection::DeadlineOutOfRange { latest, .. } = rejection else { return Ok(asked.since) };
    let now = Timestamp(latest.0.saturating_sub(HOLD_MS_MAX));
    let is_between = (asked.since..=asked.until).contains(&now);
    check(is_between, || format!("it was not {now:?} then"))?;
    Ok(now)
}
