//! Asks once a second for what nobody counts as it happens.
//!
//! What shards must be asked for is waited for in bounded time, so that one that is stuck doesn't hide
//! how much waits for it. The disk is asked beside that, since it may hang too.
//!
//! Not here: what is counted where it happens, and the free disk, which `space` looks at.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::looking::each_second;
use crate::actors::Engine;
use crate::actors::engine::EntityCount;
use crate::archive::Archive;
use crate::domain::ids::EntityKind;
use crate::feed::{Feed, Standings};
use crate::journal::LogReader;
use crate::telemetry;

/// How often the engine is asked, and how long an answer is waited for.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Who is asked.
pub struct Sampler {
    /// Queues, entities, snapshots.
    pub engine: Engine,
    /// Subscribers.
    pub feed: Feed,
    /// How large the log is.
    pub log: Arc<dyn LogReader>,
    /// How large the archive is.
    pub archive: Arc<dyn Archive>,
}

impl Sampler {
    /// Asks for as long as it isn't dropped.
    pub async fn run(self) {
        let Self { engine, feed, log, archive } = self;
        let disk = each_second(move || tell_sizes(&*log, &*archive));
        tokio::join!(ask(&engine, &feed), disk);
    }
}

async fn ask(engine: &Engine, feed: &Feed) {
    let mut pause = tokio::time::interval(ASK_EVERY);
    loop {
        pause.tick().await;
        tell_engine(engine);
        let Standings { live, catching_up } = feed.standings();
        telemetry::feed("live", live.subscribers, live.events_behind);
        telemetry::feed("catching_up", catching_up.subscribers, catching_up.events_behind);
        // None while a shard is stuck or the server stops: then the numbers stay as they were.
        if let Ok(Ok(counts)) = timeout(ASK_EVERY, engine.entities()).await {
            tell_entities(&counts);
        }
    }
}

fn tell_engine(engine: &Engine) {
    let journal = engine.journal();
    telemetry::journal_state(journal.durable(), journal.waiting(), engine.messages_waiting());
    telemetry::clock_trusted(engine.clock().is_trusted());
    if let Some(info) = engine.last_snapshot() {
        let age_ms = engine.now().since_ms(info.footer.end.time);
        telemetry::snapshot(info.header.position, info.bytes, Duration::from_millis(age_ms));
    }
}

fn tell_entities(counts: &[EntityCount]) {
    for kind in EntityKind::ALL {
        let (mut active, mut passive) = (0, 0);
        for count in counts.iter().filter(|count| count.kind == kind) {
            active += count.active;
            passive += count.passive;
        }
        telemetry::entities(kind, active, passive);
    }
}

/// Tells what can be had; a disk that can't be asked says so where it is written to. The archive may
/// have to be waited for too, while it writes.
fn tell_sizes(log: &dyn LogReader, archive: &dyn Archive) {
    if let Ok(size) = log.size() {
        telemetry::journal_size(size.segments, size.bytes);
    }
    telemetry::archive_entities(archive.digest().1);
    if let Ok(bytes) = archive.size_bytes() {
        telemetry::archive_size(bytes);
    }
    if let Some(bytes) = resident_bytes() {
        telemetry::memory_resident(bytes);
    }
}

/// What this process has in memory; none where the system doesn't say it as Linux does.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = resident.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024)
}
