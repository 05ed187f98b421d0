//! How many bytes a claim takes in a calendar, beside what its reservation takes by itself.
//!
//! ```text
//! cargo bench --bench memory
//! ```
//!
//! A calendar that is at work is measured by what the process grows by while many are made, with the
//! server's allocator; one that rests is its record, and so is a reservation.
//!
//! Not here: what the tables, the lists by age and the deadlines of a server take for each entity.
#![allow(missing_docs, clippy::unwrap_used)]

mod material;

use std::sync::Arc;

use holdfast::domain::calendar::{Calendar, General, SlotRules};
use holdfast::domain::event::{Body, Event};
use holdfast::domain::ids::*;
use holdfast::domain::name::{CalendarId, Label, LineId};
use holdfast::domain::reservation;
use holdfast::domain::wanted::Wanted;
use holdfast::recovery::World;
use material::{bay_with_claims, slot, time_claim, time_claimed};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CLAIMS: u64 = 1_000_000;
const CALENDARS: [u64; 3] = [1, 1_000, 10_000];
const CLAIMS_OF_A_RECORD: [u64; 2] = [100, 10_000];

/// What the process has in memory, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1_024
}

/// Makes so many calendars with as many claims each; gives the bytes for each claim. They are kept,
/// so that the next ones find no room that these have left.
fn at_work(calendars: u64, kept: &mut Vec<Calendar>) -> f64 {
    let before = resident();
    kept.extend((0..calendars).map(|_| bay_with_claims(CLAIMS / calendars)));
    (resident() - before) as f64 / CLAIMS as f64
}

fn calendar_id() -> CalendarId {
    CalendarId::new("BAY").unwrap()
}

/// The bytes of the record of an entity to which these happened.
fn record(id: &EntityId, bodies: impl Iterator<Item = Body>) -> usize {
    let mut world = World::default();
    for (body, version) in bodies.zip(1..) {
        let previous = Position(version - 1);
        let event = material::event(id.clone(), body);
        let version = Version(version);
        world.apply(&Event { position: Position(version.0), version, previous, ..event }).unwrap();
    }
    let (_, entity) = world.iter().next().unwrap();
    entity.encode().len()
}

/// Of a calendar with so many claims.
fn calendar_record(claims: u64) -> usize {
    let mut random = StdRng::seed_from_u64(7);
    let created = material::calendar_created(1, General::Slots(SlotRules::default()));
    let claimed = (0..claims).map(|number| time_claimed(time_claim(random.random(), slot(number))));
    let events = std::iter::once(created).chain(claimed);
    record(&EntityId::Resource(ResourceKey::Calendar(calendar_id())), events.map(Body::Calendar))
}

/// Of a reservation that holds one of something.
fn hold_record(wanted: Wanted) -> usize {
    let created = reservation::Event::Created {
        lines: Arc::new([reservation::Line { id: LineId::counted(0), wanted, quantity: 1 }]),
        deadline: Some(material::NOW.plus_ms(60_000)),
        customer: Label::empty(),
        external_reference: Label::empty(),
        attributes: Default::default(),
        owner: None,
    };
    let id = EntityId::Reservation(ReservationId(Uuid::from_u128(u128::MAX / 3)));
    record(&id, std::iter::once(Body::Reservation(created)))
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    println!("a claim of one slot, in bytes:");
    let mut kept = Vec::new();
    for calendars in CALENDARS {
        let (claims, bytes) = (CLAIMS / calendars, at_work(calendars, &mut kept));
        println!("  at work, {calendars} calendars of {claims} claims: {bytes:.1}");
    }
    let empty = calendar_record(0);
    for claims in CLAIMS_OF_A_RECORD {
        let bytes = (calendar_record(claims) - empty) as f64 / claims as f64;
        println!("  in the record of a calendar of {claims} claims: {bytes:.1}");
    }
    println!("the record of a reservation that holds one of them, in bytes:");
    let wanted = Wanted::Time { calendar: calendar_id(), span: slot(0) };
    println!("  a slot: {}", hold_record(wanted));
    println!("  a unit of stock: {}", hold_record(Wanted::Stock(material::stock_key(0))));
}
