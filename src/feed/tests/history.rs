//! One stream read by walking back, against a plain model.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::world::{SMALL, World, order, stock};
use crate::domain::event::{Event, LANDMARK_EVERY};
use crate::domain::ids::{EntityKey, Position, Version};
use crate::feed::{Direction, HistoryError, Reading, StreamEnd, Stretch, read_stream};
use crate::journal::{LogReader, StoreError, StoreSize};

/// Counts how often the log is asked.
struct Counting {
    reader: Arc<dyn LogReader>,
    reads: AtomicU64,
}

impl LogReader for Counting {
    fn last(&self) -> Position {
        self.reader.last()
    }

    fn read(
        &self,
        from: Position,
        through: Position,
        visit: &mut dyn FnMut(Position, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.reader.read(from, through, visit)
    }

    fn size(&self) -> Result<StoreSize, StoreError> {
        self.reader.size()
    }
}

fn stretch(from: u64, direction: Direction, count: usize) -> Stretch {
    Stretch { from: Version(from), direction, count, bytes_max: usize::MAX }
}

/// What a stretch of this stream must be.
fn model(stream: &[Event], want: &Stretch) -> Vec<Event> {
    let from = want.from.max(Version(1));
    let forwards = stream.iter().filter(|event| event.version >= from);
    let backwards = stream.iter().rev().filter(|event| event.version <= from);
    match want.direction {
        Direction::Forwards => forwards.take(want.count).cloned().collect(),
        Direction::Backwards => backwards.take(want.count).cloned().collect(),
    }
}

/// Streams of some thousand events and of a few, with identical ids for two tenants.
async fn long_streams() -> (World, Vec<EntityKey>) {
    let keys = vec![stock("east", "A"), stock("west", "A"), order("east", 1), order("west", 1)];
    let mut world = World::new(SMALL, Reading::Inline);
    let mut rng = StdRng::seed_from_u64(11);
    for _ in 0..300 {
        let any = |_| keys[[0, 0, 0, 0, 0, 1, 1, 1, 1, 2][rng.random_range(0..10)]].clone();
        let decision: Vec<EntityKey> = (0..20).map(any).collect();
        world.tell(&decision).await;
    }
    world.tell(&[keys[3].clone()]).await;
    (world, keys)
}

#[tokio::test(start_paused = true)]
async fn a_stretch_of_a_stream_is_what_the_model_says_and_costs_few_reads() {
    let (world, keys) = long_streams().await;
    let mut rng = StdRng::seed_from_u64(12);
    for key in &keys {
        let (stream, end) = (world.stream(key), world.end_of(key));
        let length = stream.len() as u64;
        for _ in 0..150 {
            let direction = [Direction::Forwards, Direction::Backwards][rng.random_range(0..2)];
            let want = stretch(
                rng.random_range(0..=length + 2),
                direction,
                [0, 1, 2, 50, 1_000][rng.random_range(0..5)],
            );
            let reader = Counting { reader: world.reader.clone(), reads: AtomicU64::new(0) };
            let read = read_stream(&reader, &end, want).unwrap();
            assert_eq!(read, model(&stream, &want), "{want:?} of {key}");
            let reads = reader.reads.into_inner();
            let reads_max = read.len() as u64 + length / LANDMARK_EVERY + 2 * LANDMARK_EVERY;
            assert!(reads <= reads_max, "{reads} reads for {want:?} of {length}");
        }
    }
    assert!(world.stream(&keys[0]).len() > 2_500);
    assert!(world.stream(&keys[1]).len() > 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_stretch_stops_at_its_bytes_but_never_before_its_first_event() {
    let (world, keys) = long_streams().await;
    let (stream, end) = (world.stream(&keys[0]), world.end_of(&keys[0]));
    for direction in [Direction::Forwards, Direction::Backwards] {
        let want = stretch(700, direction, 100);
        let whole = model(&stream, &want);
        let some = read_stream(&*world.reader, &end, Stretch { bytes_max: 1_500, ..want }).unwrap();
        assert!((5..100).contains(&some.len()), "{}", some.len());
        assert_eq!(some, whole[..some.len()]);
        let one = read_stream(&*world.reader, &end, Stretch { bytes_max: 0, ..want }).unwrap();
        assert_eq!(one, whole[..1]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_that_leads_astray_is_damage_and_named() {
    let (world, keys) = long_streams().await;
    let end = world.end_of(&keys[0]);
    let all = stretch(1, Direction::Forwards, 10);
    let elsewhere = world.end_of(&keys[1]).position;
    let others = StreamEnd { key: keys[1].clone(), ..end.clone() };
    let beyond = world.durable().next();
    let wrong = |position, version| StreamEnd { position, version, ..end.clone() };
    for (astray, position) in [
        (wrong(elsewhere, end.version), elsewhere),
        (wrong(beyond, end.version), beyond),
        (wrong(end.position, end.version.next()), end.position),
        (others, end.position),
    ] {
        let error = read_stream(&*world.reader, &astray, all).unwrap_err();
        assert!(
            matches!(&error, HistoryError::Damaged { position: at, .. } if *at == position),
            "{error}"
        );
        assert!(error.to_string().contains(&format!("position {position} ")), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_feed_reads_history_on_a_thread_too() {
    let mut world = World::new(SMALL, Reading::Threads);
    world.tell(&[order("east", 1), order("east", 1)]).await;
    let end = world.end_of(&order("east", 1));
    let read = world.feed.history(end, stretch(0, Direction::Forwards, 10)).await.unwrap();
    assert_eq!(read, world.model);
}
