//! A reservation that is committed in parts and its resources, told the same as a slow and obvious
//! model of both, and compared with it after each step.
//!
//! What is told may be lost on its way, and is said again. Nothing is left free in the calendars, so
//! a commit that took a moment more than the reservation had would be refused, and seen.

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::sync::Arc;

use holdfast::domain::calendar::{self, Calendar, Setting, SlotRules, When};
use holdfast::domain::claim::Wish;
use holdfast::domain::command::{Command, Message};
use holdfast::domain::entity::{Aggregate, Outcome};
use holdfast::domain::event::Event;
use holdfast::domain::ids::*;
use holdfast::domain::name::LineId;
use holdfast::domain::rejection::Rejection;
use holdfast::domain::reservation::{self, CommitLine, Details, Line, LinePart, Reservation, Term};
use holdfast::domain::stock_balance::StockBalance;
use holdfast::verify::Laws;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::arbitrary::quick;
use super::commit_model::*;
use super::replay::check as check_replay;
use super::stage::{Stage, given};
use super::times::{self, insist_on};
use super::words::*;

#[derive(Debug, Clone)]
enum Step {
    Part { named: Named, is_final: bool },
    Rest,
    Cancel,
}

/// One reservation and what it wants things of.
struct World {
    reservation: Option<Stage<Reservation>>,
    stock: Option<Stage<StockBalance>>,
    bays: Option<Stage<Calendar>>,
    rooms: Option<Stage<Calendar>>,
    log: Vec<Event>,
}

fn tell<A: Aggregate>(stage: &mut Option<Stage<A>>, command: Command) -> (usize, Vec<Message>)
where
    A::Event: Clone,
{
    let told = stage.take().unwrap().told(command);
    let said = (told.events.len(), told.messages.clone());
    *stage = Some(told);
    said
}

fn calendar(of: Of, create: calendar::Create) -> Option<Stage<Calendar>> {
    let id = EntityId::Resource(of.resource());
    Some(given(id, [calendar::Event::Created(Arc::new(create))]).remembering(1_000))
}

impl World {
    fn new(turnover: i64) -> Self {
        let granularity_ms = (HOUR * TICK_MS) as u64;
        let turnover_ms = (turnover * TICK_MS) as u32;
        let rules = SlotRules { granularity_ms, turnover_ms, ..SlotRules::default() };
        let stock = given(stock_id("A"), [received(100)]);
        let mut world = Self {
            reservation: Some(given(reservation_id(1), [])),
            stock: Some(stock),
            bays: calendar(Of::Slots, times::slots("Europe/Lisbon", 100, rules)),
            rooms: calendar(Of::Nights, times::nights("Europe/Lisbon", 100)),
            log: Vec::new(),
        };
        world.note();
        world
    }

    /// Puts what happened since into the one log.
    fn note(&mut self) {
        let Self { reservation, stock, bays, rooms, log } = self;
        let logs = [
            &reservation.as_ref().unwrap().log,
            &stock.as_ref().unwrap().log,
            &bays.as_ref().unwrap().log,
            &rooms.as_ref().unwrap().log,
        ];
        for event in logs.into_iter().flatten() {
            let before = log.iter().rfind(|known| known.stream == event.stream);
            let previous = before.map_or(Position::START, |known| known.position);
            if before.is_none_or(|known| known.version < event.version) {
                let position = Position(log.len() as u64 + 1);
                log.push(Event { position, previous, ..event.clone() });
            }
        }
    }

    /// Tells somebody; gives back how many events that had, and what is said because of it.
    fn tell(&mut self, Message { to, command }: Message) -> (usize, Vec<Message>) {
        let told = match to {
            EntityId::Reservation(_) => tell(&mut self.reservation, command),
            EntityId::Resource(ResourceKey::Stock(_)) => tell(&mut self.stock, command),
            EntityId::Resource(key) if key == Of::Slots.resource() => tell(&mut self.bays, command),
            EntityId::Resource(_) => tell(&mut self.rooms, command),
            EntityId::SalesOrder(_) => panic!("{command:?}"),
        };
        self.note();
        told
    }

    /// Sends the reservation a command; what it then says to resources is lost where a bit is set, and
    /// said again. What was heard has no effect the second time.
    fn command(&mut self, command: reservation::Command, lost: u8) -> Outcome {
        let stage = self.reservation.take().unwrap().when(to_reservation(command));
        let (mut outcome, said) = (stage.outcome.clone(), stage.messages.clone());
        self.reservation = Some(stage);
        self.note();
        let mut queue: VecDeque<_> = said.into();
        let mut heard = Vec::new();
        let mut nth = 0;
        while let Some(message) = queue.pop_front() {
            nth += 1;
            if self.exists() && lost >> (nth % 8) & 1 == 1 {
                continue;
            }
            heard.push(message.to.clone());
            queue.extend(self.tell(message).1);
            if outcome == Outcome::Waits {
                outcome = self.reservation.as_ref().unwrap().outcome.clone();
            }
        }
        for of in [Of::Stock, Of::Slots, Of::Nights] {
            self.say_again(of.resource(), &heard);
        }
        outcome
    }

    fn say_again(&mut self, resource: ResourceKey, heard: &[EntityId]) {
        let wish = self.details().claim_on(&resource, reservation(1));
        let message = wish.tell(resource);
        let was_heard = heard.contains(&message.to);
        let (events, said) = self.tell(message);
        assert!(!was_heard || events == 0, "a wish had an effect twice");
        // Only a creation waits for an answer: what takes no more can't be refused.
        assert!(said.is_empty() || self.details().claims_version == Version(1), "{said:?}");
    }

    fn exists(&self) -> bool {
        self.reservation.as_ref().unwrap().entity.exists()
    }

    fn details(&self) -> &Details {
        self.reservation.as_ref().unwrap().entity.state.details().unwrap()
    }

    fn calendar(&self, of: Of) -> &Calendar {
        let stage = if of == Of::Slots { &self.bays } else { &self.rooms };
        &stage.as_ref().unwrap().entity.state
    }

    /// The owner leaves nothing: whatever took more would be refused.
    fn close(&mut self) {
        for stage in [&mut self.bays, &mut self.rooms] {
            let closed = insist_on(Setting::Closed(When::Always, true));
            let empty = insist_on(Setting::Capacity(When::Always, Some(0)));
            let told = stage.take().unwrap().when(closed).accepted().when(empty).accepted();
            *stage = Some(told);
        }
        self.note();
    }
}

fn compare(world: &World, model: &Model) {
    compare_reservation(world.details(), model);
    let stock = &world.stock.as_ref().unwrap().entity.state;
    let lines = || model.lines.iter().filter(|line| line.of == Of::Stock);
    let used: u64 = lines().map(|line| line.used_at(0)).sum();
    let held = if model.is_open { lines().map(|line| line.left_at(0)).sum() } else { 0 };
    assert_eq!((stock.figures().on_hand, stock.figures().held), (100 - used, held));
    compare_calendar(world, model, Of::Slots, 11 * HOUR + model.turnover);
    compare_calendar(world, model, Of::Nights, 11);
}

fn compare_reservation(details: &Details, model: &Model) {
    for (nth, line) in model.lines.iter().enumerate() {
        let id = LineId::counted(nth);
        let count = |parts: &[LinePart], tick| {
            let there = parts.iter().filter(|part| part.line == id && line.of.contains(part, tick));
            there.map(|part| part.quantity).sum::<u64>()
        };
        let (used, left) = (Vec::from_iter(details.committed()), Vec::from_iter(details.left()));
        for tick in line.from - 1..=line.to {
            if line.of == Of::Stock && tick != 0 {
                continue;
            }
            assert_eq!(count(&used, tick), line.used_at(tick), "{line:?} at {tick}: {used:?}");
            let expected = if model.is_open { line.left_at(tick) } else { 0 };
            assert_eq!(count(&left, tick), expected, "{line:?} at {tick}: {left:?}");
        }
    }
}

fn compare_calendar(world: &World, model: &Model, of: Of, ticks: i64) {
    let state = world.calendar(of);
    let claims = state.claims_after(None, 10);
    let lines = claims.iter().flat_map(|claim| match claim {
        Wish::Calendar(claim) => claim.lines.to_vec(),
        Wish::Stock(_) => panic!("{claim:?}"),
    });
    let lines: Vec<_> = lines.collect();
    for tick in 0..ticks {
        let [from, to] = [tick, tick + 1].map(|tick| of.moment(tick));
        let [piece] = state.available(from, to, 2)[..] else { panic!("tick {tick} in pieces") };
        assert_eq!(u64::from(piece.claimed), model.taken_at(of, tick), "{of:?}, tick {tick}");
        let there = lines.iter().filter(|line| (line.span.from()..line.span.to()).contains(&from));
        let used: u64 = there.map(|line| line.committed).sum();
        let own = model.lines.iter().filter(|line| line.of == of);
        assert_eq!(used, own.map(|line| line.used_at(tick)).sum::<u64>(), "{of:?}, tick {tick}");
    }
}

fn follow(world: &mut World, model: &mut Model, step: Step, lost: u8) {
    let is_open = model.is_open;
    let (command, expected) = match step {
        Step::Cancel => {
            model.is_open = false;
            (reservation::Command::Cancel { reason: label("no more") }, Ok(()))
        }
        Step::Rest => {
            if is_open {
                model.lines.iter_mut().for_each(|line| line.until.fill(line.to));
            }
            model.is_open = false;
            (reservation::Command::Commit, Ok(()))
        }
        Step::Part { named, is_final } => {
            let line = |(nth, (quantity, end)): (&usize, &(Option<u64>, Option<i64>))| CommitLine {
                line: LineId::counted(*nth),
                quantity: quantity.and_then(NonZeroU64::new),
                end: end.map(|tick| model.lines[*nth].of.end(tick)),
            };
            let lines = named.iter().map(line).collect();
            let expected = if is_open { model.part(&named, is_final) } else { Ok(()) };
            (reservation::Command::CommitPart { lines, is_final }, expected)
        }
    };
    let before = world.details().state;
    let outcome = world.command(command, lost);
    match (is_open, expected) {
        (true, Ok(())) => assert_eq!(outcome, Outcome::Accepted),
        (true, Err(rejection)) => assert_eq!(outcome, Outcome::Rejected(rejection)),
        (false, _) => {
            assert!(matches!(outcome, Outcome::Rejected(Rejection::InvalidTransition { .. })));
            assert_eq!(world.details().state, before);
        }
    }
    assert_eq!(world.details().state.is_finished(), !model.is_open);
}

fn line() -> impl Strategy<Value = Units> {
    let of = select(vec![Of::Stock, Of::Slots, Of::Slots, Of::Nights]);
    (of, 0..6i64, 1..5i64, 1..5usize).prop_map(|(of, from, length, units)| {
        let (from, to) = match of {
            Of::Stock => (0, 1),
            Of::Slots => (from * HOUR, (from + length) * HOUR),
            Of::Nights => (from, from + length),
        };
        Units { of, from, to, until: vec![from; units] }
    })
}

/// What a commit names: numbers that are fitted to the lines.
type Raw = (Index, Option<u64>, Option<Index>);

fn named(raw: &[Raw], lines: &[Units]) -> Named {
    raw.iter()
        .map(|(nth, quantity, end)| {
            let nth = nth.index(lines.len());
            let Units { of, from, to, .. } = lines[nth];
            let end = end.filter(|_| of != Of::Stock);
            (nth, (*quantity, end.map(|end| from + 1 + end.index((to - from) as usize) as i64)))
        })
        .collect()
}

proptest! {
    #![proptest_config(quick())]

    #[test]
    fn parts_are_what_following_each_unit_gives(
        lines in prop::collection::vec(line(), 1..5),
        turnover in select(vec![0, 2, 9]),
        is_held in any::<bool>(),
        steps in prop::collection::vec((
            0..20u8,
            prop::collection::vec((
                any::<Index>(),
                prop::option::weighted(0.7, 1..4u64),
                prop::option::weighted(0.7, any::<Index>()),
            ), 1..4),
            prop::bool::weighted(0.2),
            any::<u8>(),
        ), 1..12),
    ) {
        let mut model = Model { lines, is_open: true, turnover };
        let mut world = World::new(turnover);
        let wanted = model.lines.iter().enumerate().map(|(nth, line)| Line {
            id: LineId::counted(nth),
            wanted: line.of.wanted(line.from, line.to),
            quantity: line.until.len() as u64,
        });
        let term = if is_held { Term::For(60_000) } else { Term::Confirmed };
        let create = reservation::Create { lines: wanted.collect(), ..creation(&[], term) };
        prop_assert_eq!(world.command(reservation::Command::Create(create), 0), Outcome::Accepted);
        compare(&world, &model);
        world.close();
        for (kind, raw, is_final, lost) in steps {
            let named = named(&raw, &model.lines);
            let step = match kind {
                0 => Step::Cancel,
                1 => Step::Rest,
                _ => Step::Part { named, is_final },
            };
            follow(&mut world, &mut model, step, lost);
            compare(&world, &model);
        }
        check_replay(world.reservation.as_ref().unwrap());
        check_replay(world.stock.as_ref().unwrap());
        check_replay(world.bays.as_ref().unwrap());
        check_replay(world.rooms.as_ref().unwrap());
        let mut laws = Laws::default();
        world.log.iter().for_each(|event| laws.follow(event));
        prop_assert_eq!(laws.finish().problems, Vec::<String>::new());
    }
}
