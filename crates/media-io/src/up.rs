//! The way up: media events into the queue that Python reads.

use std::time::Instant;

use bridgetap_media::{ForkId, LegId, MediaEvent};

use crate::news::{News, NewsQueue, Place, Source};

/// Where media events go. [`NewsQueue`] is the one outside tests.
pub trait Up: Send + Sync {
    /// A leg begins: make the place for its end.
    fn open_leg(&self, leg: LegId);
    /// It did not begin after all.
    fn forget_leg(&self, leg: LegId);
    /// A fork begins: make the place for its end.
    fn open_fork(&self, fork: ForkId);
    /// It did not begin after all.
    fn forget_fork(&self, fork: ForkId);
    /// One event; may wait a moment.
    fn push(&self, now: Instant, event: MediaEvent);
    /// All of `events`, or none when that would mean waiting.
    fn try_push(&self, now: Instant, events: &mut Vec<MediaEvent>) -> bool;
}

/// `Source::kind` of legs: their own news and those of their plays and recordings.
pub const LEG: u8 = 1;
/// `Source::kind` of forks.
pub const FORK: u8 = 2;

/// Unread keys a leg can have.
const KEYS: usize = 64;

impl News for MediaEvent {
    fn source(&self) -> Source {
        let of_leg = |leg: LegId| Source {
            kind: LEG,
            id: leg.0,
        };
        let of_fork = |fork: ForkId| Source {
            kind: FORK,
            id: fork.0,
        };
        match self {
            MediaEvent::DtmfPressed { leg, .. }
            | MediaEvent::PlayEnded { leg, .. }
            | MediaEvent::RtpTimedOut { leg, .. }
            | MediaEvent::RecordEnded { leg, .. } => of_leg(*leg),
            MediaEvent::LegClosed { stats } => of_leg(stats.leg),
            MediaEvent::ForkOpened { fork, .. }
            | MediaEvent::ForkReconnecting { fork, .. }
            | MediaEvent::ForkResumed { fork, .. }
            | MediaEvent::ForkLagging { fork, .. }
            | MediaEvent::ForkWarned { fork, .. } => of_fork(*fork),
            MediaEvent::ForkEnded(ended) => of_fork(ended.fork),
        }
    }

    fn place(&self) -> Place {
        match self {
            MediaEvent::DtmfPressed { .. } => Place::Limited {
                class: 0,
                limit: KEYS,
            },
            MediaEvent::RtpTimedOut { .. } => Place::Newest { class: 1 },
            MediaEvent::ForkLagging { .. } => Place::Newest { class: 2 },
            // One class: what counts is whether there is a connection now.
            MediaEvent::ForkReconnecting { .. } | MediaEvent::ForkResumed { .. } => {
                Place::Newest { class: 3 }
            }
            // One for each order, and orders are bounded; one for each of three codes.
            MediaEvent::PlayEnded { .. }
            | MediaEvent::RecordEnded { .. }
            | MediaEvent::ForkOpened { .. }
            | MediaEvent::ForkWarned { .. } => Place::Kept,
            MediaEvent::LegClosed { .. } | MediaEvent::ForkEnded(_) => Place::Last,
        }
    }
}

impl<E: News + From<MediaEvent> + Send> Up for NewsQueue<E> {
    fn open_leg(&self, leg: LegId) {
        self.open(Source {
            kind: LEG,
            id: leg.0,
        });
    }

    fn forget_leg(&self, leg: LegId) {
        self.forget(Source {
            kind: LEG,
            id: leg.0,
        });
    }

    fn open_fork(&self, fork: ForkId) {
        self.open(Source {
            kind: FORK,
            id: fork.0,
        });
    }

    fn forget_fork(&self, fork: ForkId) {
        self.forget(Source {
            kind: FORK,
            id: fork.0,
        });
    }

    fn push(&self, now: Instant, event: MediaEvent) {
        NewsQueue::push(self, now, event.into());
    }

    fn try_push(&self, now: Instant, events: &mut Vec<MediaEvent>) -> bool {
        NewsQueue::try_push(self, now, events)
    }
}
