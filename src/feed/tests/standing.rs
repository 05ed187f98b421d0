//! How far subscribers are behind.

use futures::FutureExt;

use super::world::{SMALL, World, order, tenant};
use crate::feed::{Class, Filter, Reading, Standings, Start, Subscription};

/// Hears everything that can be told now.
fn hear(subscription: &mut Subscription) {
    while let Some(item) = subscription.next().now_or_never() {
        item.unwrap();
    }
}

fn class(subscribers: u64, events_behind: u64) -> Class {
    Class { subscribers, events_behind }
}

#[tokio::test(start_paused = true)]
async fn each_class_is_as_far_behind_as_its_slowest() {
    let mut world = World::new(SMALL, Reading::Inline);
    let stream = order("east", 1);
    world.tell(&vec![stream.clone(); 20]).await;
    let east = |start, filter| world.feed.subscribe(tenant("east"), start, filter).unwrap();
    let mut live = east(Start::End, Filter::default());
    let one_stream = Filter { stream: Some(stream.id.clone()), ..Filter::default() };
    let mut of_one_stream = east(Start::End, one_stream);
    let slow = east(Start::Beginning, Filter::default());
    hear(&mut live);
    hear(&mut of_one_stream);
    let standings = world.feed.standings();
    assert_eq!(standings, Standings { live: class(2, 0), catching_up: class(1, 20) });

    world.tell(&[order("east", 2), order("east", 2), order("east", 2)]).await;
    let standings = world.feed.standings();
    assert_eq!(standings, Standings { live: class(2, 3), catching_up: class(1, 23) });
    hear(&mut live);
    assert_eq!(world.feed.standings().live, class(2, 0));

    drop((live, of_one_stream, slow));
    assert_eq!(world.feed.standings(), Standings::default());
}
