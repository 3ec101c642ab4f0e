use std::sync::Arc;
use std::thread;

use proptest::prelude::*;

use super::*;
use crate::poller::{Interest, Poller};

#[derive(Debug, Clone, PartialEq)]
enum Event {
    Key(u64, u32),
    Lag(u64, u32),
    Played(u64, u32),
    Closed(u64),
}

impl News for Event {
    fn source(&self) -> Source {
        let (Event::Key(id, _) | Event::Lag(id, _) | Event::Played(id, _) | Event::Closed(id)) =
            *self;
        Source { kind: 0, id }
    }

    fn place(&self) -> Place {
        match self {
            Event::Key(..) => Place::Limited { class: 0, limit: 3 },
            Event::Lag(..) => Place::Newest { class: 1 },
            Event::Played(..) => Place::Kept,
            Event::Closed(_) => Place::Last,
        }
    }
}

fn leg(id: u64) -> Source {
    Source { kind: 0, id }
}

fn queue() -> (NewsQueue<Event>, Instant) {
    (NewsQueue::new().unwrap(), Instant::now())
}

fn rings(queue: &NewsQueue<Event>) -> bool {
    let mut poller = Poller::new().unwrap();
    poller.add(&queue.bell, 0, Interest::Read).unwrap();
    poller.wait(Some(Duration::ZERO)).unwrap() == 1
}

#[test]
fn events_come_in_order_within_a_source_and_sources_by_age() {
    let (queue, now) = queue();
    for event in [Event::Key(1, 1), Event::Key(2, 1), Event::Key(1, 2)] {
        assert!(queue.push(now, event));
    }
    let expected = [Event::Key(1, 1), Event::Key(1, 2), Event::Key(2, 1)];
    assert_eq!(queue.take(10), expected);
}

#[test]
fn a_limit_stops_in_the_middle_of_a_source_and_goes_on_there() {
    let (queue, now) = queue();
    for event in [Event::Key(1, 1), Event::Key(2, 1), Event::Key(1, 2)] {
        queue.push(now, event);
    }
    assert_eq!(queue.take(1), [Event::Key(1, 1)]);
    assert!(rings(&queue));
    assert_eq!(queue.take(1), [Event::Key(1, 2)]);
    assert_eq!(queue.take(9), [Event::Key(2, 1)]);
    assert!(!rings(&queue));
}

#[test]
fn keys_have_their_places_and_no_more() {
    let (queue, now) = queue();
    let taken: Vec<bool> = (0..5).map(|n| queue.push(now, Event::Key(1, n))).collect();
    assert_eq!(taken, [true, true, true, false, false]);
    assert_eq!(queue.lost(), 2);
    assert!(
        queue.push(now, Event::Closed(1)),
        "the end has its own place"
    );
    assert_eq!(queue.take(9).len(), 4);
}

#[test]
fn the_newest_takes_the_place_of_an_unread_one_and_comes_behind_what_came_between() {
    let (queue, now) = queue();
    let ms = Duration::from_millis;
    for (at, event) in [
        (0, Event::Lag(1, 1)),
        (100, Event::Key(1, 1)),
        (200, Event::Lag(1, 2)),
    ] {
        queue.push(now + ms(at), event);
    }
    // Whoever does not read is as far behind as ever.
    assert!((ms(299)..=ms(301)).contains(&queue.oldest_wait(now + ms(300))));
    assert_eq!(queue.take(9), [Event::Key(1, 1), Event::Lag(1, 2)]);
    queue.push(now, Event::Lag(1, 3));
    assert_eq!(
        queue.take(9),
        [Event::Lag(1, 3)],
        "a read one is not overwritten"
    );
}

#[test]
fn nothing_but_ends_of_what_was_started_comes_after_the_last_word() {
    let (queue, now) = queue();
    queue.open(leg(1));
    queue.push(now, Event::Closed(1));
    assert!(!queue.push(now, Event::Key(1, 1)));
    assert!(!queue.push(now, Event::Closed(1)), "one end, not two");
    assert!(queue.push(now, Event::Played(1, 7)));
    assert_eq!(queue.take(9), [Event::Closed(1), Event::Played(1, 7)]);
    assert_eq!(queue.sources(), 0);
}

#[test]
fn a_source_leaves_nothing_behind() {
    let (queue, now) = queue();
    queue.open(leg(1));
    queue.push(now, Event::Key(1, 1));
    queue.push(now, Event::Key(2, 1));
    queue.take(9);
    assert_eq!(queue.sources(), 1, "the one that still has to end");
    queue.push(now, Event::Closed(1));
    queue.take(9);
    assert_eq!(queue.sources(), 0);
    queue.open(leg(3));
    queue.forget(leg(3));
    assert_eq!(queue.sources(), 0);
}

#[test]
fn the_age_is_that_of_the_oldest_unread() {
    let (queue, now) = queue();
    let ms = Duration::from_millis;
    assert_eq!(queue.oldest_wait(now + ms(5)), Duration::ZERO);
    queue.push(now, Event::Key(1, 1));
    queue.push(now + ms(50), Event::Key(1, 2));
    assert!((ms(299)..=ms(301)).contains(&queue.oldest_wait(now + ms(300))));
    queue.take(1);
    assert!((ms(249)..=ms(251)).contains(&queue.oldest_wait(now + ms(300))));
    queue.take(1);
    assert_eq!(queue.oldest_wait(now + ms(300)), Duration::ZERO);
}

#[test]
fn a_media_thread_keeps_its_events_while_the_queue_is_in_use() {
    let (queue, now) = queue();
    let mut events = vec![Event::Key(1, 1), Event::Closed(1)];
    let held = queue.lock();
    assert!(!queue.try_push(now, &mut events));
    assert_eq!(events.len(), 2);
    drop(held);
    assert!(queue.try_push(now, &mut events));
    assert!(events.is_empty());
    assert_eq!(queue.take(9), [Event::Key(1, 1), Event::Closed(1)]);
}

/// Eight producers, one consumer that waits on the doorbell only: every end arrives, in order.
#[test]
fn nothing_that_must_arrive_is_lost_under_hammering() {
    const PER_THREAD: u64 = 400;
    let queue = Arc::new(NewsQueue::<Event>::new().unwrap());
    let producers: Vec<_> = (0..8u64)
        .map(|thread| {
            let queue = queue.clone();
            thread::spawn(move || {
                let now = Instant::now();
                for id in (0..PER_THREAD).map(|n| thread * PER_THREAD + n) {
                    queue.open(leg(id));
                    let mut events = vec![Event::Played(id, 0), Event::Lag(id, 1)];
                    while !queue.try_push(now, &mut events) {
                        thread::yield_now();
                    }
                    for n in 1..20 {
                        queue.push(now, Event::Key(id, n));
                        queue.push(now, Event::Played(id, n));
                    }
                    queue.push(now, Event::Closed(id));
                }
            })
        })
        .collect();
    let mut poller = Poller::new().unwrap();
    poller.add(&queue.bell, 0, Interest::Read).unwrap();
    let mut plays: HashMap<u64, u32> = HashMap::new();
    let mut ended = 0;
    while ended < 8 * PER_THREAD {
        poller.wait(None).unwrap();
        for event in queue.take(7) {
            match event {
                Event::Played(id, n) => {
                    let next = plays.entry(id).or_default();
                    assert_eq!(*next, n);
                    *next += 1;
                }
                Event::Closed(id) => {
                    assert_eq!(plays.remove(&id), Some(20));
                    ended += 1;
                }
                Event::Key(..) | Event::Lag(..) => {}
            }
        }
    }
    for producer in producers {
        producer.join().unwrap();
    }
    assert_eq!(queue.sources(), 0);
    assert!(!rings(&queue));
}

proptest! {
    /// Whatever is pushed and however it is taken: the bell rings exactly while something waits,
    /// each end arrives once and last, and keys keep their order.
    #[test]
    fn the_rules_hold_for_any_order(steps in prop::collection::vec((0..4u8, 0..3u64), 0..120)) {
        let (queue, now) = queue();
        let mut ended = std::collections::HashSet::new();
        let mut seen: Vec<Event> = Vec::new();
        for (n, (what, id)) in steps.into_iter().enumerate() {
            let n = n as u32;
            match what {
                0 => { queue.push(now, Event::Key(id, n)); }
                1 => { queue.push(now, Event::Lag(id, n)); }
                2 if ended.insert(id) => { prop_assert!(queue.push(now, Event::Closed(id))); }
                _ => seen.extend(queue.take(id as usize)),
            }
            let waits = queue.oldest_wait(now + Duration::from_secs(1)) > Duration::ZERO;
            prop_assert_eq!(rings(&queue), waits);
        }
        seen.extend(queue.take(usize::MAX));
        for id in ended {
            prop_assert_eq!(seen.iter().filter(|e| **e == Event::Closed(id)).count(), 1);
        }
        for id in 0..3 {
            let keys: Vec<u32> = seen.iter().filter_map(|e| match e {
                Event::Key(of, n) if *of == id => Some(*n),
                _ => None,
            }).collect();
            prop_assert!(keys.is_sorted());
        }
        prop_assert!(!rings(&queue));
    }
}
