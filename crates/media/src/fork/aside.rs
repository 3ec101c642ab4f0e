//! What a fork says between the audio: keys, holds, who joined. Each at its place in time.

use std::collections::VecDeque;

/// A far end that is further behind than so many events misses the oldest.
const MOST: usize = 64;

/// One event that has not been sent.
#[derive(Debug)]
pub struct Aside {
    /// The call's clock when it happened.
    pub at_ms: u64,
    pub news: News,
}

#[derive(Debug)]
pub enum News {
    /// The leg's party pressed a key.
    Key(char),
    /// Whatever the caller of the shard tells: `body` is a JSON object.
    Told { event: Box<str>, body: Box<str> },
}

/// The events that wait, oldest first.
#[derive(Debug, Default)]
pub struct Waiting(VecDeque<Aside>);

impl Waiting {
    pub fn add(&mut self, aside: Aside) {
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(aside);
    }

    /// The next, unless audio from `audio_ms` on is older and must go first.
    pub fn next(&mut self, audio_ms: Option<u64>) -> Option<Aside> {
        let first = self.0.front()?;
        let waits = audio_ms.is_some_and(|audio_ms| audio_ms < first.at_ms);
        if waits { None } else { self.0.pop_front() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(at_ms: u64) -> Aside {
        Aside {
            at_ms,
            news: News::Key('1'),
        }
    }

    #[test]
    fn an_event_waits_for_older_audio_only() {
        let mut waiting = Waiting::default();
        waiting.add(key(50));
        assert!(waiting.next(Some(40)).is_none());
        assert!(
            waiting
                .next(Some(60))
                .is_some_and(|aside| aside.at_ms == 50)
        );
        waiting.add(key(70));
        assert!(waiting.next(None).is_some());
        assert!(waiting.next(None).is_none());
    }

    #[test]
    fn of_too_many_the_oldest_go() {
        let mut waiting = Waiting::default();
        (0..100).for_each(|at| waiting.add(key(at)));
        let left: Vec<u64> = std::iter::from_fn(|| waiting.next(None))
            .map(|aside| aside.at_ms)
            .collect();
        assert_eq!(left, (36..100).collect::<Vec<_>>());
    }
}
