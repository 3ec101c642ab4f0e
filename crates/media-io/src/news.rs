//! The queue up to Python: events that cannot be lost and a queue that cannot overflow.
//!
//! Every source (a dialog, a leg, a fork, a request) keeps its own small mailbox; the queue itself
//! holds only the names of sources with news, one entry each. What a mailbox does with one event
//! too many is the event's own [`Place`]. The last word of a source has its place made when the
//! source is created, so nothing that happens later can take it away.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::eventfd::EventFd;

/// Whose news: a kind and the number within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source {
    /// Tells legs from forks from dialogs; the numbers are the caller's choice.
    pub kind: u8,
    /// The id within the kind.
    pub id: u64,
}

/// What happens to an event when its source has unread ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The last word of its source. Never lost; there is no second one, and behind it only
    /// `Kept` events are taken.
    Last,
    /// Always kept: there is one for each thing that was started, and starts are bounded.
    Kept,
    /// While `limit` of this class wait, a further one is lost and counted.
    Limited {
        /// Counted apart from other classes of the source.
        class: u8,
        /// Unread events of the class.
        limit: usize,
    },
    /// Makes an unread one of the same class void, and comes behind what came since.
    Newest {
        /// Which ones it makes void.
        class: u8,
    },
}

/// An event that knows where it belongs.
pub trait News {
    /// Whose news it is. Order holds within a source.
    fn source(&self) -> Source;
    /// Its place there.
    fn place(&self) -> Place;
}

/// The queue and its doorbell.
#[derive(Debug)]
pub struct NewsQueue<E> {
    state: Mutex<State<E>>,
    bell: EventFd,
    epoch: Instant,
    /// Milliseconds since `epoch` at which the oldest unread event came, plus one; 0: none.
    /// Written under the lock, read by the overload gate without it.
    oldest: AtomicU64,
}

#[derive(Debug)]
struct State<E> {
    sources: HashMap<Source, Letters<E>>,
    with_news: VecDeque<Source>,
    lost: u64,
}

#[derive(Debug)]
struct Letters<E> {
    unread: VecDeque<(Instant, E)>,
    /// Created by `open`, and its last word is still to come.
    expected: bool,
    ended: bool,
}

impl<E> Letters<E> {
    fn new(expected: bool) -> Self {
        Self {
            unread: VecDeque::with_capacity(1),
            expected,
            ended: false,
        }
    }
}

impl<E: News> NewsQueue<E> {
    /// An empty queue.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            state: Mutex::new(State {
                sources: HashMap::new(),
                with_news: VecDeque::new(),
                lost: 0,
            }),
            bell: EventFd::new()?,
            epoch: Instant::now(),
            oldest: AtomicU64::new(0),
        })
    }

    /// Make the place for the last word of a source that begins now.
    pub fn open(&self, source: Source) {
        let mut state = self.lock();
        let letters = state
            .sources
            .entry(source)
            .or_insert_with(|| Letters::new(true));
        letters.expected = true;
    }

    /// Give back the place of a source that came to nothing: nobody heard of it.
    pub fn forget(&self, source: Source) {
        let mut state = self.lock();
        if state
            .sources
            .get(&source)
            .is_some_and(|l| l.unread.is_empty())
        {
            state.sources.remove(&source);
        }
    }

    /// Put one event in. False: by its [`Place`] it was not taken. May wait a moment for the
    /// other side; a media thread uses [`try_push`](Self::try_push).
    pub fn push(&self, now: Instant, event: E) -> bool {
        let mut state = self.lock();
        let taken = state.put(now, event);
        self.publish(state);
        taken
    }

    /// Put all of `events` in, or none of them when the queue is in use this very moment.
    pub fn try_push<T: Into<E>>(&self, now: Instant, events: &mut Vec<T>) -> bool {
        if events.is_empty() {
            return true;
        }
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        for event in events.drain(..) {
            state.put(now, event.into());
        }
        self.publish(state);
        true
    }

    /// At most `limit` events, oldest source first, in order within each source.
    pub fn take(&self, limit: usize) -> Vec<E> {
        let mut state = self.lock();
        let mut taken = Vec::new();
        while taken.len() < limit {
            let Some(source) = state.with_news.pop_front() else {
                break;
            };
            if !state.give(source, limit, &mut taken) {
                state.with_news.push_front(source);
            }
        }
        self.publish(state);
        taken
    }

    /// How long the oldest unread event has waited. Takes no lock.
    pub fn oldest_wait(&self, now: Instant) -> Duration {
        match self.oldest.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => (now - self.epoch).saturating_sub(Duration::from_millis(since - 1)),
        }
    }

    /// How many events were lost by [`Place::Limited`], or came after the last word.
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// Sources whose mailbox exists: open ones and those with unread news.
    pub fn sources(&self) -> usize {
        self.lock().sources.len()
    }

    /// Keep the doorbell and the age of the oldest in step with the queue, and unlock it.
    ///
    /// The bell is silenced under the lock and rung behind it: whoever waits for it may run at
    /// once, in the place of this thread where both share a core, and must not find the queue
    /// locked. A ring can therefore come after its event was taken; the next `take` silences it.
    fn publish(&self, state: MutexGuard<'_, State<E>>) {
        let first = state.with_news.front().and_then(|s| state.sources.get(s));
        let since = first.and_then(|letters| letters.unread.front());
        let stamp = since.map_or(0, |(at, _)| {
            u64::try_from(at.duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX - 1) + 1
        });
        let before = self.oldest.swap(stamp, Ordering::Relaxed);
        if stamp == 0 {
            return self.bell.silence();
        }
        drop(state);
        if before == 0 {
            self.bell.ring();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E> AsRawFd for NewsQueue<E> {
    /// Readable while there is news.
    fn as_raw_fd(&self) -> RawFd {
        self.bell.as_raw_fd()
    }
}

impl<E: News> State<E> {
    fn put(&mut self, now: Instant, event: E) -> bool {
        let source = event.source();
        let letters = match self.sources.entry(source) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Letters::new(false)),
        };
        if letters.ended && event.place() != Place::Kept {
            self.lost += 1;
            return false;
        }
        let was_empty = letters.unread.is_empty();
        let mut waits_since = now;
        match event.place() {
            Place::Last => {
                letters.ended = true;
                letters.expected = false;
            }
            Place::Kept => {}
            Place::Limited { class, limit } => {
                if letters.of_class(class).count() >= limit {
                    self.lost += 1;
                    return false;
                }
            }
            Place::Newest { class } => {
                waits_since = letters.forget_class(class).unwrap_or(now);
            }
        }
        letters.unread.push_back((now, event));
        // Whoever does not read is as far behind as ever, whatever took the place of what.
        if let Some((since, _)) = letters.unread.front_mut() {
            *since = waits_since.min(*since);
        }
        if was_empty {
            self.with_news.push_back(source);
        }
        true
    }

    /// Move a source's news to `taken`; false when the limit left some behind.
    fn give(&mut self, source: Source, limit: usize, taken: &mut Vec<E>) -> bool {
        let Some(letters) = self.sources.get_mut(&source) else {
            return true;
        };
        let room = limit.saturating_sub(taken.len()).min(letters.unread.len());
        taken.extend(letters.unread.drain(..room).map(|(_, event)| event));
        if !letters.unread.is_empty() {
            return false;
        }
        if !letters.expected {
            self.sources.remove(&source);
        }
        true
    }
}

impl<E: News> Letters<E> {
    fn of_class(&self, wanted: u8) -> impl Iterator<Item = usize> {
        self.unread
            .iter()
            .enumerate()
            .filter(move |(_, (_, event))| match event.place() {
                Place::Limited { class, .. } | Place::Newest { class } => class == wanted,
                Place::Last | Place::Kept => false,
            })
            .map(|(at, _)| at)
    }

    /// Drop the unread one of the class; when it came.
    fn forget_class(&mut self, class: u8) -> Option<Instant> {
        let at = self.of_class(class).next()?;
        self.unread.remove(at).map(|(since, _)| since)
    }
}

#[cfg(test)]
mod tests;
