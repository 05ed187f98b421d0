//! Who waits for one stream without being told its events.

use futures::FutureExt;

use super::world::{SMALL, World, order, short_lived, stock};
use crate::feed::Reading;

#[tokio::test(start_paused = true)]
async fn a_watcher_wakes_for_its_stream_alone() {
    let mut world = World::new(SMALL, Reading::Inline);
    world.tell(&[order("east", 1)]).await;
    let mut watcher = world.feed.watch_stream(order("east", 1));
    assert_eq!(watcher.changed().now_or_never(), None, "what was before doesn't count");
    world.tell(&[order("west", 1), order("east", 2), stock("east", "A")]).await;
    assert_eq!(watcher.changed().now_or_never(), None);
    world.tell(&[stock("east", "A"), order("east", 1)]).await;
    assert_eq!(watcher.changed().now_or_never(), Some(true));
    assert_eq!(watcher.changed().now_or_never(), None);
}

#[tokio::test(start_paused = true)]
async fn many_events_wake_a_watcher_once_and_every_watcher_of_the_stream() {
    let mut world = World::new(SMALL, Reading::Inline);
    let mut watchers = [(); 3].map(|()| world.feed.watch_stream(order("east", 1)));
    world.tell(&[order("east", 1), order("east", 1)]).await;
    world.tell(&[order("east", 1)]).await;
    for watcher in &mut watchers {
        assert_eq!(watcher.changed().now_or_never(), Some(true));
        assert_eq!(watcher.changed().now_or_never(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_watcher_of_an_end_wakes_for_that_alone() {
    let mut world = World::new(SMALL, Reading::Inline);
    let order = short_lived("east");
    let mut watcher = world.feed.watch_end(order.clone());
    world.tell(&[order.clone(), order.clone()]).await;
    assert_eq!(watcher.changed().now_or_never(), None);
    world.tell(&[order]).await;
    assert_eq!(watcher.changed().now_or_never(), Some(true));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_watcher_is_woken() {
    let mut world = World::new(SMALL, Reading::Inline);
    let mut watcher = world.feed.watch_stream(order("east", 1));
    let wait = tokio::spawn(async move { watcher.changed().await });
    tokio::task::yield_now().await;
    world.tell(&[order("east", 1)]).await;
    assert!(wait.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_watcher_leaves_nothing_behind() {
    let mut world = World::new(SMALL, Reading::Inline);
    let count = |world: &World| world.feed.shared.lock().watches_count();
    let first = world.feed.watch_stream(order("east", 1));
    let mut second = world.feed.watch_stream(order("east", 1));
    assert_eq!(count(&world), 2);
    drop(first);
    assert_eq!(count(&world), 1);
    world.tell(&[order("east", 1)]).await;
    assert_eq!(second.changed().now_or_never(), Some(true));
    drop(second);
    assert_eq!(count(&world), 0);
}

#[tokio::test(start_paused = true)]
async fn a_closed_feed_ends_watchers_after_what_they_had_to_hear() {
    let mut world = World::new(SMALL, Reading::Inline);
    let mut told = world.feed.watch_stream(order("east", 1));
    let mut waiting = world.feed.watch_stream(order("east", 2));
    world.tell(&[order("east", 1)]).await;
    let wait = tokio::spawn(async move { waiting.changed().await });
    tokio::task::yield_now().await;
    world.feed.close();
    assert!(!wait.await.unwrap());
    assert!(told.changed().await);
    assert!(!told.changed().await);
    assert!(!world.feed.watch_stream(order("east", 3)).changed().await);
}
