//! Being told when something happened to one entity, and following it by that.
//!
//! Ticks are asked for before the entity is first looked at, or commanded, so that nothing happens
//! unseen between the two.
//!
//! Not here: what happened. Whoever is told looks again; two changes may be one tick, and a tick
//! may be none.

use std::future::Future;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt, stream};

use super::errors::Failure;
use super::gateway::{Done, Gateway};
use crate::actors::delivery::{Accepted, Shown};
use crate::api::admission::TurnedAway;
use crate::domain::ids::EntityKey;
use crate::domain::view::View;
use crate::proto::v1;

/// The ticks of one stream.
pub type Ticks = BoxStream<'static, ()>;

/// Whoever knows when a stream gets an event.
pub trait StreamWatch: Send + Sync + 'static {
    /// Ticks after events that become durable in the stream from this call on. A tick that nobody
    /// waits for yet is kept, though several may become one. They end when the server stops.
    fn watch(&self, key: EntityKey) -> Ticks;

    /// The same for a sales order, but only after an event with which it ends.
    fn watch_end(&self, order: EntityKey) -> Ticks;
}

/// Shows how entities are.
pub(super) trait Look: Send + Sync + 'static {
    /// The entity as it is now.
    fn look(&self, key: &EntityKey) -> impl Future<Output = Result<Shown, Failure>> + Send;
}

impl Look for Gateway {
    async fn look(&self, key: &EntityKey) -> Result<Shown, Failure> {
        Ok(self.show(key.clone()).await?.answer)
    }
}

/// The end of an order that a client waits for.
pub(super) struct AwaitedEnd {
    ticks: Ticks,
    key: EntityKey,
}

impl AwaitedEnd {
    /// Asked before the command is given, or the order might end unseen. Nothing where nobody waits.
    pub fn of(
        wait: v1::SalesOrderWait,
        watch: &dyn StreamWatch,
        order: &EntityKey,
    ) -> Option<Self> {
        match wait {
            v1::SalesOrderWait::Ended => {
                Some(Self { ticks: watch.watch_end(order.clone()), key: order.clone() })
            }
            v1::SalesOrderWait::Created | v1::SalesOrderWait::Unspecified => None,
        }
    }

    /// Waits for it, and answers the command that was done with how the order is then.
    ///
    /// # Errors
    /// [`Failure::Uncertain`], where the order can't be followed any more: it goes on all the same.
    pub async fn reached(self, look: impl Look, done: Done) -> Result<Done, Failure> {
        let Done { id, accepted } = done;
        let now = end(look, self.ticks, self.key, accepted.now).await?;
        Ok(Done { id, accepted: Accepted { now, ..accepted } })
    }
}

/// Shows an entity as it is, and then after each change, until it has ended. Where the ticks end
/// before, so does this, with [`TurnedAway::Stopping`].
pub(super) fn changes(
    look: impl Look,
    ticks: Ticks,
    key: EntityKey,
) -> impl Stream<Item = Result<Shown, Failure>> + Send + 'static {
    let following = Following { look, ticks, key, last: None };
    stream::unfold(Some(following), |following| async move {
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

/// Waits until an entity that was so after its command has ended.
///
/// # Errors
/// [`Failure::Uncertain`], where it can't be followed any more: it goes on all the same.
async fn end(look: impl Look, ticks: Ticks, key: EntityKey, now: Shown) -> Result<Shown, Failure> {
    let mut following = Following { look, ticks, key, last: None };
    let mut shown = now;
    while !has_ended(&shown.view) {
        following.last = Some(shown);
        // The command took effect, so whatever goes wrong now doesn't mean that it didn't.
        shown = following.next().await.map_err(|_| Failure::Uncertain)?;
    }
    Ok(shown)
}

struct Following<L> {
    look: L,
    ticks: Ticks,
    key: EntityKey,
    last: Option<Shown>,
}

impl<L: Look> Following<L> {
    /// The entity once it is no more as it was; as it is, where it hasn't been seen yet.
    async fn next(&mut self) -> Result<Shown, Failure> {
        loop {
            if self.last.is_some() {
                self.ticks.next().await.ok_or(TurnedAway::Stopping)?;
            }
            let shown = self.look.look(&self.key).await?;
            if self.last.as_ref().is_none_or(|last| last.version != shown.version) {
                self.last = Some(shown.clone());
                return Ok(shown);
            }
        }
    }
}

fn has_ended(view: &View) -> bool {
    match view {
        View::SalesOrder(details) => details.is_finished(),
        View::Reservation(details) => details.state.is_finished(),
        View::Nothing | View::StockBalance(_) | View::Calendar(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::{Position, SalesOrderId, Version};
    use crate::domain::money::{Amount, Currency};
    use crate::domain::name::{Label, TenantId};
    use crate::domain::sales_order::{Details, State};
    use crate::domain::time::Timestamp;

    /// Shows one order as a script says, one look after the other.
    struct Script {
        looks: Vec<Shown>,
        next: AtomicUsize,
    }

    impl Look for Script {
        async fn look(&self, _: &EntityKey) -> Result<Shown, Failure> {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            self.looks.get(index).cloned().ok_or(Failure::Uncertain)
        }
    }

    fn script(looks: &[(u64, State)]) -> Script {
        let looks = looks.iter().map(|(version, state)| order(*version, *state)).collect();
        Script { looks, next: AtomicUsize::new(0) }
    }

    fn order(version: u64, state: State) -> Shown {
        let details = Details {
            state,
            customer: Label::empty(),
            currency: Currency::new("GBP").unwrap(),
            lines: Arc::new([]),
            total: Amount::default(),
            refusal: None,
            cancel_reason: Label::empty(),
            is_released: false,
            created: Timestamp(1),
            updated: Timestamp(1),
        };
        let view = View::SalesOrder(Arc::new(details));
        Shown { version: Version(version), position: Position(version), view }
    }

    fn key() -> EntityKey {
        EntityKey::sales_order(&TenantId::default_tenant(), SalesOrderId(Uuid::from_u128(1)))
    }

    fn ticks(count: usize) -> Ticks {
        stream::iter(vec![(); count]).boxed()
    }

    async fn versions(looks: &[(u64, State)], count: usize) -> Vec<Result<u64, TurnedAway>> {
        let told = |shown: Result<Shown, Failure>| match shown {
            Ok(shown) => Ok(shown.version.0),
            Err(Failure::TurnedAway(why)) => Err(why),
            Err(other) => panic!("{other:?}"),
        };
        changes(script(looks), ticks(count), key()).map(told).collect().await
    }

    #[tokio::test]
    async fn an_order_is_followed_from_how_it_is_until_it_has_ended() {
        let looks = [
            (1, State::Created),
            (1, State::Created),
            (3, State::Confirmed),
            (5, State::Completed),
        ];
        assert_eq!(versions(&looks, 9).await, [Ok(1), Ok(3), Ok(5)], "each version once");
        assert_eq!(versions(&[(5, State::Rejected)], 9).await, [Ok(5)], "ended already");
    }

    #[tokio::test]
    async fn a_cancelled_order_has_ended_only_when_all_is_given_back() {
        let looks = [(2, State::Cancelled), (3, State::Completed)];
        assert_eq!(versions(&looks, 9).await, [Ok(2), Ok(3)]);
    }

    #[tokio::test]
    async fn a_server_that_stops_ends_the_following_and_says_so() {
        let looks = [(1, State::Created), (3, State::Confirmed)];
        assert_eq!(versions(&looks, 1).await, [Ok(1), Ok(3), Err(TurnedAway::Stopping)]);
    }

    #[tokio::test]
    async fn waiting_for_the_end_ends_with_it_or_in_uncertainty() {
        let created = order(1, State::Created);
        let looks = [(3, State::Confirmed), (5, State::Completed)];
        let ended = end(script(&looks), ticks(2), key(), created.clone()).await.unwrap();
        assert_eq!(ended.version, Version(5));
        let stopped = end(script(&looks), ticks(1), key(), created).await;
        assert!(matches!(stopped, Err(Failure::Uncertain)), "{stopped:?}");
        let now = order(5, State::Completed);
        let at_once = end(script(&[]), ticks(0), key(), now.clone()).await.unwrap();
        assert_eq!(at_once, now, "a retry of what has ended");
    }
}
