//! Slow, filtered and reconnecting subscribers, across the join of catch-up and live.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::world::{SMALL, World, order, reservation, stock, tenant};
use crate::domain::event::Event;
use crate::domain::ids::{EntityKey, EntityKind, Position};
use crate::domain::name::TenantId;
use crate::feed::{Feed, Filter, Item, Reading, Start};

const SEEDS: u64 = 60;
const DECISIONS: usize = 120;

/// One who follows, and what it is like.
#[derive(Clone)]
struct Follower {
    tenant: TenantId,
    filter: Filter,
    start: Start,
    /// It may rest for so long after an item.
    rest_ms_max: u64,
    /// One item in so many makes it go away and come back.
    leaves_one_in: u32,
}

/// What it heard, and how.
#[derive(Default)]
struct Heard {
    after: Position,
    events: Vec<Arc<Event>>,
    confirmed: usize,
    caught_up: usize,
    fell_behind: usize,
    checkpoints: usize,
    given_up: usize,
}

impl Heard {
    /// Notes an item; `told` is the position of the one before it.
    fn note(&mut self, item: Item, told: Position) {
        match item {
            Item::Event(event) => {
                assert!(event.position > told, "{} was told after {told}", event.position);
                self.events.push(event);
            }
            Item::Confirmed(_) => self.confirmed += 1,
            Item::CaughtUp(_) => self.caught_up += 1,
            Item::FellBehind(_) => self.fell_behind += 1,
            Item::Checkpoint(position) => {
                assert!(position > told, "a checkpoint at {position} says nothing new");
                self.checkpoints += 1;
            }
            Item::Heartbeat(_) => {}
        }
    }
}

/// Follows until it heard of `end`.
async fn follow(feed: Feed, like: Follower, end: Position, mut rng: StdRng) -> Heard {
    let mut heard = Heard::default();
    let mut start = like.start;
    let mut told = None;
    loop {
        let mut subscription =
            feed.subscribe(like.tenant.clone(), start, like.filter.clone()).unwrap();
        loop {
            let patience = Duration::from_millis(rng.random_range(0..40));
            let Ok(item) = tokio::time::timeout(patience, subscription.next()).await else {
                heard.given_up += 1;
                continue;
            };
            let item = item.unwrap();
            let position = item.position();
            let before = *told.get_or_insert(position);
            if heard.confirmed == 0 {
                assert!(matches!(item, Item::Confirmed(_)), "the first was {item:?}");
                heard.after = position;
            }
            assert!(position >= before);
            heard.note(item, before);
            told = Some(position);
            if position >= end {
                return heard;
            }
            if rng.random_ratio(1, like.leaves_one_in) {
                start = Start::After(position);
                break;
            }
            rest(&mut rng, like.rest_ms_max).await;
        }
    }
}

async fn rest(rng: &mut StdRng, rest_ms_max: u64) {
    match rng.random_range(0..=rest_ms_max) {
        0 => tokio::task::yield_now().await,
        ms => tokio::time::sleep(Duration::from_millis(ms)).await,
    }
}

/// The same ids for two tenants.
fn streams() -> Vec<EntityKey> {
    ["east", "west"]
        .iter()
        .flat_map(|tenant| {
            [stock(tenant, "A"), stock(tenant, "B"), reservation(tenant, 1), order(tenant, 1)]
        })
        .collect()
}

fn followers(rng: &mut StdRng) -> Vec<Follower> {
    let filters = [
        Filter::default(),
        Filter { kinds: vec![EntityKind::Reservation], ..Filter::default() },
        Filter { names: vec!["StockAdjusted"], ..Filter::default() },
        Filter { stream: Some(stock("east", "A").id), ..Filter::default() },
        Filter {
            stream: Some(order("east", 1).id),
            names: vec!["SalesOrderDelivered"],
            ..Filter::default()
        },
        // Such an order doesn't exist.
        Filter { stream: Some(order("east", 9).id), ..Filter::default() },
    ];
    let starts = [Start::Beginning, Start::End, Start::After(Position(0))];
    let mut follower = |filter: &Filter, rest_ms_max| Follower {
        tenant: tenant(if rng.random_bool(0.5) { "east" } else { "west" }),
        filter: filter.clone(),
        start: starts[rng.random_range(0..starts.len())],
        rest_ms_max,
        leaves_one_in: [u32::MAX, 20, 8][rng.random_range(0..3)],
    };
    let mut followers = Vec::new();
    for filter in &filters {
        followers.extend([0, 3, 30].map(|rest_ms_max| follower(filter, rest_ms_max)));
    }
    followers
}

/// Decisions of random sizes over random streams.
fn script(decisions: usize, rng: &mut StdRng) -> Vec<Vec<EntityKey>> {
    let streams = streams();
    let mut any = |_| streams[rng.random_range(0..streams.len())].clone();
    let sizes = [1, 4, 2, 5, 1, 3, 17].into_iter().cycle().take(decisions);
    sizes.map(|size| (0..size).map(&mut any).collect()).collect()
}

/// Appends the script; some of it becomes known only a while after it is durable.
async fn write(world: &mut World, script: &[Vec<EntityKey>], rng: &mut StdRng) {
    for decision in script {
        world.append(decision);
        if rng.random_bool(0.6) {
            rest(rng, 4).await;
        }
        if rng.random_bool(0.7) {
            world.gate.open();
        }
        assert!(world.feed.shared.lock().ring_events() <= SMALL.ring_events_max);
    }
    world.settle().await;
    world.gate.open();
}

/// What it should have heard.
fn expected<'a>(
    world: &'a World,
    like: &'a Follower,
    after: Position,
) -> impl Iterator<Item = &'a Event> {
    let Filter { kinds, stream, names } = &like.filter;
    world.model.iter().filter(move |event| {
        event.position > after
            && event.stream.tenant == like.tenant
            && (kinds.is_empty() || kinds.contains(&event.stream.kind()))
            && stream.as_ref().is_none_or(|stream| event.stream.id == *stream)
            && (names.is_empty() || names.contains(&event.body.name()))
    })
}

/// One run: some history, then followers of every kind while more is written.
async fn run(seed: u64) -> (Vec<(Follower, Heard)>, World) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut world = World::new(SMALL, Reading::Inline);
    let history = script(DECISIONS / 3, &mut rng);
    write(&mut world, &history, &mut rng).await;
    let present = script(DECISIONS, &mut rng);
    let end = world.durable().plus(present.iter().map(Vec::len).sum::<usize>() as u64);
    let tasks: Vec<_> = followers(&mut rng)
        .into_iter()
        .map(|like| {
            let rng = StdRng::seed_from_u64(rng.random());
            (like.clone(), tokio::spawn(follow(world.feed.clone(), like, end, rng)))
        })
        .collect();
    write(&mut world, &present, &mut rng).await;
    assert_eq!(world.durable(), end);
    let mut heard = Vec::new();
    for (like, task) in tasks {
        heard.push((like, task.await.unwrap()));
    }
    (heard, world)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

#[test]
fn every_subscriber_hears_every_event_once_and_in_order() {
    let mut total = Heard::default();
    let (mut one_stream_fell_behind, mut came_back) = (0, 0);
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let (heard, world) = runtime().block_on(run(seed));
        for (like, heard) in heard {
            let wanted: Vec<_> = expected(&world, &like, heard.after).collect();
            let told: Vec<_> = heard.events.iter().map(|event| &**event).collect();
            assert_eq!(told, wanted, "seed {seed}, {:?}", like.filter);
            total.caught_up += heard.caught_up;
            total.fell_behind += heard.fell_behind;
            total.checkpoints += heard.checkpoints;
            total.given_up += heard.given_up;
            came_back += heard.confirmed - 1;
            one_stream_fell_behind +=
                if like.filter.stream.is_some() { heard.fell_behind } else { 0 };
        }
        assert_eq!(world.feed.shared.lock().ring_events(), 0, "somebody still follows");
        assert_eq!(world.feed.shared.lock().watches_count(), 0, "somebody still watches");
    }
    for (what, count) in [
        ("caught up", total.caught_up),
        ("fell behind", total.fell_behind),
        ("fell behind on one stream", one_stream_fell_behind),
        ("checkpoints", total.checkpoints),
        ("waits given up", total.given_up),
        ("came back", came_back),
    ] {
        println!("{what}: {count}");
        assert!(count > 100, "{what} happened only {count} times");
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let story = |seed| {
        let (heard, _) = runtime().block_on(run(seed));
        let counts =
            |heard: &Heard| (heard.caught_up, heard.fell_behind, heard.checkpoints, heard.given_up);
        heard.iter().map(|(_, heard)| counts(heard)).collect::<Vec<_>>()
    };
    assert_eq!(story(5), story(5));
}
