//! When which leg wants to be woken: one entry a leg, moved only when it must be earlier.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use crate::clock::step_up;
use crate::ids::LegId;

#[derive(Debug)]
pub struct Timers {
    epoch: Instant,
    heap: BinaryHeap<Reverse<(Instant, LegId)>>,
    /// The time being handled: what is armed meanwhile is for later, so that a round always ends.
    handling: Option<Instant>,
}

impl Timers {
    pub fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            heap: BinaryHeap::with_capacity(64),
            handling: None,
        }
    }

    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((due, _))| *due)
    }

    /// The earliest entry that is due, `None` when that was all of this round. The leg must check
    /// that it is still its own (`armed`).
    pub fn pop(&mut self, now: Instant) -> Option<(Instant, LegId)> {
        if self.next().is_some_and(|due| due <= now) {
            self.handling = Some(now);
            self.heap.pop().map(|Reverse(entry)| entry)
        } else {
            self.handling = None;
            None
        }
    }

    /// Wake `leg` at `due` or before: an earlier entry will find out that it is too early.
    pub fn arm(&mut self, leg: LegId, due: Instant, armed: &mut Option<Instant>) {
        if armed.is_some_and(|at| at <= due) {
            return;
        }
        let due = match self.handling {
            Some(now) => step_up(self.epoch, due.max(now + Duration::from_nanos(1))),
            None => step_up(self.epoch, due),
        };
        if armed.is_none_or(|at| due < at) {
            *armed = Some(due);
            self.heap.push(Reverse((due, leg)));
        }
    }
}
