//! Being told when something happened to one entity.
//!
//! Not here: what happened. Whoever is told looks again; two changes may be one tick.

use std::future::Future;
use std::sync::Arc;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, stream};

use super::errors::Failure;
use super::gateway::Gateway;
use crate::actors::delivery::Shown;
use crate::api::admission::TurnedAway;
use crate::domain::ids::EntityKey;
use crate::domain::view::View;

/// The ticks of one stream.
pub type Ticks = BoxStream<'static, ()>;

/// Whoever knows when a stream gets an event.
pub trait StreamWatch: Send + Sync + 'static {
    /// Ticks after each event that becomes durable in the stream from this call on. They end when
    /// the server stops.
    fn watch(&self, key: EntityKey) -> Ticks;
}

/// Shows an entity after each change, beginning with how it is; to be polled until it has ended.
pub(super) fn changes(
    gateway: Gateway,
    watch: Arc<dyn StreamWatch>,
    key: EntityKey,
) -> impl Stream<Item = Result<Shown, Failure>> + Send + 'static {
    // Watched before the first look, so that nothing happens between the two unseen.
    let ticks = watch.watch(key.clone());
    let first = Following { gateway, ticks, key, last: None };
    stream::unfold(Some(first), |following| async move {
        let mut following = following?;
        match following.next().await {
            Ok(shown) => {
                let goes_on = !has_ended(&shown.view);
                Some((Ok(shown), goes_on.then_some(following)))
            }
            Err(failure) => Some((Err(failure), None)),
        }
    })
}

/// Waits until an entity has ended.
///
/// # Errors
/// [`Failure::Uncertain`], where it isn't known any more: it goes on all the same.
pub(super) async fn end(
    gateway: Gateway,
    ticks: Ticks,
    key: EntityKey,
    now: Shown,
) -> Result<Shown, Failure> {
    let mut following = Following { gateway, ticks, key, last: None };
    let mut shown = now;
    while !has_ended(&shown.view) {
        following.last = Some(shown);
        // The command took effect, so an end of the server leaves it uncertain, not undone.
        shown = following.next().await.map_err(|_| Failure::Uncertain)?;
    }
    Ok(shown)
}

struct Following {
    gateway: Gateway,
    ticks: Ticks,
    key: EntityKey,
    last: Option<Shown>,
}

impl Following {
    /// The entity as it is when it is no more as it was.
    async fn next(&mut self) -> Result<Shown, Failure> {
        loop {
            if self.last.is_some() {
                self.tick().await?;
            }
            let shown = self.gateway.show(self.key.clone()).await?.answer;
            if self.last.as_ref().is_none_or(|last| last.version != shown.version) {
                self.last = Some(shown.clone());
                return Ok(shown);
            }
        }
    }

    async fn tick(&mut self) -> Result<(), Failure> {
        let stopping = self.gateway.admission().stopping();
        first_of(self.ticks.next(), stopping).await.ok_or(TurnedAway::Stopping.into())
    }
}

/// The tick, or nothing where the ticks have ended or the server stops.
async fn first_of(
    tick: impl Future<Output = Option<()>>,
    stopping: impl Future<Output = ()>,
) -> Option<()> {
    tokio::select! {
        biased;
        tick = tick => tick,
        () = stopping => None,
    }
}

fn has_ended(view: &View) -> bool {
    match view {
        View::SalesOrder(details) => details.is_finished(),
        View::Reservation(details) => details.state.is_finished(),
        View::Nothing | View::StockBalance(_) => false,
    }
}
