//! When which leg wants to be woken: one entry a leg, moved only when it must be earlier.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::clock::step_up;
use crate::ids::LegId;

#[derive(Debug)]
pub struct Timers {
    epoch: Instant,
    heap: BinaryHeap<Reverse<(Instant, LegId)>>,
}

impl Timers {
    pub fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            heap: BinaryHeap::with_capacity(64),
        }
    }

    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((due, _))| *due)
    }

    /// The earliest entry that is due. The leg must check that it is still its own (`armed`).
    pub fn pop(&mut self, now: Instant) -> Option<(Instant, LegId)> {
        self.next().filter(|due| *due <= now)?;
        self.heap.pop().map(|Reverse(entry)| entry)
    }

    /// Wake `leg` at `due` or before: an earlier entry will find out that it is too early.
    pub fn arm(&mut self, leg: LegId, due: Instant, armed: &mut Option<Instant>) {
        if armed.is_some_and(|at| at <= due) {
            return;
        }
        let due = step_up(self.epoch, due);
        if armed.is_none_or(|at| due < at) {
            *armed = Some(due);
            self.heap.push(Reverse((due, leg)));
        }
    }
}
