//! What is told when, and what is kept meanwhile.

use std::time::Duration;

use tokio::time::Instant;

use super::world::{SMALL, World, order, stock, tenant};
use crate::domain::ids::{EntityKey, Position};
use crate::feed::filter::Criteria;
use crate::feed::live::Line;
use crate::feed::{
    Feed, FeedError, Filter, Item, Limits, Reading, Start, SubscribeError, Subscription,
};

fn everything(feed: &Feed, start: Start) -> Subscription {
    feed.subscribe(tenant("east"), start, Filter::default()).unwrap()
}

fn only(feed: &Feed, key: &EntityKey, start: Start) -> Subscription {
    let filter = Filter { stream: Some(key.id.clone()), ..Filter::default() };
    feed.subscribe(key.tenant.clone(), start, filter).unwrap()
}

/// Its next items, up to the first that `is_last`.
async fn until(subscription: &mut Subscription, is_last: fn(&Item) -> bool) -> Vec<Item> {
    let mut items = Vec::new();
    loop {
        items.push(subscription.next().await.unwrap());
        if items.last().is_some_and(is_last) {
            return items;
        }
    }
}

fn is_caught_up(item: &Item) -> bool {
    matches!(item, Item::CaughtUp(_))
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_is_confirmed_then_told_what_there_was_then_caught_up() {
    let mut world = World::new(SMALL, Reading::Inline);
    world.tell(&[stock("east", "A"), stock("west", "A"), order("east", 1)]).await;
    let mut subscription = everything(&world.feed, Start::Beginning);
    let items = until(&mut subscription, is_caught_up).await;
    let event = |index: usize| Item::Event(world.model[index].clone().into());
    let three = Position(3);
    assert_eq!(
        items,
        [Item::Confirmed(Position::START), event(0), event(2), Item::CaughtUp(three)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_thread_of_its_own_reads_the_same() {
    let mut world = World::new(SMALL, Reading::Threads);
    for _ in 0..30 {
        world.tell(&[stock("east", "A")]).await;
    }
    let mut subscription = everything(&world.feed, Start::After(Position(4)));
    let items = until(&mut subscription, is_caught_up).await;
    let events: Vec<u64> = items[1..items.len() - 1].iter().map(|item| item.position().0).collect();
    assert_eq!(events, (5..=30).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_while_nobody_follows() {
    let mut world = World::new(SMALL, Reading::Inline);
    let kept = |world: &World| world.feed.shared.lock().ring_events();
    world.tell(&[stock("east", "A")]).await;
    assert_eq!(kept(&world), 0);

    let mut one_stream = only(&world.feed, &stock("east", "A"), Start::End);
    until(&mut one_stream, is_caught_up).await;
    world.tell(&[stock("east", "A")]).await;
    assert_eq!(kept(&world), 0, "one stream needs no ring");

    let mut all = everything(&world.feed, Start::End);
    until(&mut all, is_caught_up).await;
    world.tell(&[stock("east", "A")]).await;
    assert_eq!(kept(&world), 1);
    drop(all);
    assert_eq!(kept(&world), 0);
}

#[tokio::test(start_paused = true)]
async fn the_ring_keeps_its_bound_even_for_one_large_batch() {
    let mut world = World::new(SMALL, Reading::Inline);
    let mut all = everything(&world.feed, Start::End);
    until(&mut all, is_caught_up).await;
    for size in [5, 6, 1, 13, 4, 12] {
        world.tell(&vec![stock("east", "A"); size]).await;
        assert!(world.feed.shared.lock().ring_events() <= SMALL.ring_events_max);
    }
    let mut told = Vec::new();
    let mut fell_behind = 0;
    while told.len() < world.model.len() {
        match all.next().await.unwrap() {
            Item::Event(event) => told.push((*event).clone()),
            Item::FellBehind(_) => fell_behind += 1,
            _ => {}
        }
    }
    assert_eq!(told, world.model);
    assert_eq!(fell_behind, 1);
}

#[tokio::test(start_paused = true)]
async fn a_live_subscriber_hears_of_an_event_at_once() {
    let mut world = World::new(SMALL, Reading::Inline);
    let key = stock("east", "A");
    for mut subscription in
        [everything(&world.feed, Start::End), only(&world.feed, &key, Start::End)]
    {
        until(&mut subscription, is_caught_up).await;
        let wait = tokio::spawn(async move { subscription.next().await.unwrap() });
        tokio::time::sleep(Duration::from_secs(1)).await;
        let begun = Instant::now();
        let last = world.tell(&[stock("west", "A"), key.clone()]).await;
        assert_eq!(wait.await.unwrap().position(), last);
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_waits_in_an_inbox_holds_the_position_back() {
    let mut world = World::new(SMALL, Reading::Inline);
    let key = stock("east", "A");
    let filter = Filter { stream: Some(key.id.clone()), ..Filter::default() };
    let line = Line::begin(&world.feed.shared, &Criteria::new(key.tenant.clone(), filter));
    let passed = world.tell(&[stock("east", "B")]).await;
    assert_eq!(line.quiet_at(&world.feed.shared, Position::START), passed);
    world.tell(&[key.clone(), stock("east", "B")]).await;
    assert_eq!(line.quiet_at(&world.feed.shared, passed), passed);
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_by_a_heartbeat() {
    let mut world = World::new(SMALL, Reading::Inline);
    for key in [None, Some(stock("east", "A"))] {
        let last = world.tell(&[stock("east", "A")]).await;
        let mut subscription = match &key {
            None => everything(&world.feed, Start::End),
            Some(key) => only(&world.feed, key, Start::End),
        };
        until(&mut subscription, is_caught_up).await;
        let begun = Instant::now();
        assert_eq!(subscription.next().await.unwrap(), Item::Heartbeat(last));
        assert_eq!(begun.elapsed().as_secs(), 10);
        assert_eq!(subscription.next().await.unwrap(), Item::Heartbeat(last));
        assert_eq!(begun.elapsed().as_secs(), 20);
    }
}

#[tokio::test(start_paused = true)]
async fn what_passes_by_is_told_by_a_checkpoint_in_time() {
    let mut world = World::new(SMALL, Reading::Inline);
    world.tell(&[stock("east", "A")]).await;
    for key in [None, Some(stock("west", "A"))] {
        let mut subscription = match &key {
            None => world.feed.subscribe(tenant("west"), Start::End, Filter::default()).unwrap(),
            Some(key) => only(&world.feed, key, Start::End),
        };
        until(&mut subscription, is_caught_up).await;
        let begun = Instant::now();
        let last = world.tell(&[stock("east", "A"), stock("east", "A")]).await;
        assert_eq!(subscription.next().await.unwrap(), Item::Checkpoint(last));
        assert_eq!(begun.elapsed(), SMALL.checkpoint_interval);
    }
}

#[tokio::test(start_paused = true)]
async fn what_passes_by_is_told_by_a_checkpoint_after_so_many_events() {
    let mut world = World::new(SMALL, Reading::Inline);
    let mut subscription =
        world.feed.subscribe(tenant("west"), Start::End, Filter::default()).unwrap();
    until(&mut subscription, is_caught_up).await;
    let begun = Instant::now();
    let last = world.tell(&vec![stock("east", "A"); SMALL.checkpoint_events as usize]).await;
    assert_eq!(subscription.next().await.unwrap(), Item::Checkpoint(last));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_start_past_the_logs_end_is_out_of_range() {
    let mut world = World::new(SMALL, Reading::Inline);
    let last = world.tell(&[stock("east", "A")]).await;
    let subscribe =
        |start| world.feed.subscribe(tenant("east"), start, Filter::default()).map(|_| ());
    assert_eq!(subscribe(Start::After(last)), Ok(()));
    let position = last.next();
    assert_eq!(
        subscribe(Start::After(position)),
        Err(SubscribeError::OutOfRange { position, last })
    );
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_durable_but_not_yet_told_is_in_range() {
    let mut world = World::new(SMALL, Reading::Inline);
    let last = world.append(&[stock("east", "A")]);
    world.settle().await;
    let mut subscription = everything(&world.feed, Start::After(last));
    until(&mut subscription, is_caught_up).await;
    world.gate.open();
    let next = world.tell(&[stock("east", "A")]).await;
    let item = subscription.next().await.unwrap();
    assert!(matches!(item, Item::Event(event) if event.position == next));
}

#[tokio::test(start_paused = true)]
async fn there_are_only_so_many_subscriptions() {
    let limits = Limits { subscriptions_max: 2, ..SMALL };
    let world = World::new(limits, Reading::Inline);
    let subscribe = || world.feed.subscribe(tenant("east"), Start::End, Filter::default());
    let (first, _second) = (subscribe().unwrap(), subscribe().unwrap());
    let too_many = SubscribeError::TooMany { subscriptions_max: 2 };
    assert_eq!(subscribe().map(|_| ()).unwrap_err(), too_many);
    drop(first);
    assert!(subscribe().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_closed_feed_ends_subscriptions_that_wait() {
    let world = World::new(SMALL, Reading::Inline);
    let begun = Instant::now();
    let waits: Vec<_> =
        [everything(&world.feed, Start::End), only(&world.feed, &stock("east", "A"), Start::End)]
            .into_iter()
            .map(|mut subscription| {
                tokio::spawn(async move {
                    until(&mut subscription, is_caught_up).await;
                    subscription.next().await
                })
            })
            .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.feed.close();
    for wait in waits {
        assert!(matches!(wait.await.unwrap(), Err(FeedError::Closed)));
    }
    assert_eq!(begun.elapsed().as_secs(), 1);
    let refused = world.feed.subscribe(tenant("east"), Start::End, Filter::default());
    assert_eq!(refused.map(|_| ()).unwrap_err(), SubscribeError::Closed);
}
