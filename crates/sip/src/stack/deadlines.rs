//! When each thing of the stack wants to be woken.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use super::TxId;
use crate::types::DialogId;

/// Who has to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Due {
    Client(TxId),
    Server(TxId),
    Call(DialogId),
}

/// At most one deadline each, the earliest first.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    queue: BTreeSet<(Instant, Due)>,
    at: HashMap<Due, Instant>,
}

impl Deadlines {
    pub fn set(&mut self, due: Due, at: Option<Instant>) {
        let old = match at {
            Some(at) => self.at.insert(due, at),
            None => self.at.remove(&due),
        };
        if old == at {
            return;
        }
        if let Some(old) = old {
            self.queue.remove(&(old, due));
        }
        if let Some(at) = at {
            self.queue.insert((at, due));
        }
    }

    pub fn next(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Take one that is due.
    pub fn pop(&mut self, now: Instant) -> Option<Due> {
        let (at, due) = *self.queue.first()?;
        if at > now {
            return None;
        }
        self.queue.pop_first();
        self.at.remove(&due);
        Some(due)
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
