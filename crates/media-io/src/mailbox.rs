//! Orders for a thread: what starts something is bounded, and an owner that may not wait need not.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use crate::eventfd::EventFd;

/// A queue with a doorbell. Many send, one takes.
///
/// When it is full, orders that start something are refused. Orders that end something are always
/// taken: refused, what was started would never end.
pub(crate) struct Mailbox<T> {
    state: Mutex<State<T>>,
    bell: EventFd,
    limit: usize,
}

struct State<T> {
    waiting: VecDeque<T>,
    closed: bool,
}

/// An order that was not taken, given back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Undelivered<T> {
    pub(crate) order: T,
    pub(crate) why: Refused,
}

/// Why an order was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// `limit` orders wait already.
    Full,
    /// Its thread has ended.
    Closed,
}

impl<T> Mailbox<T> {
    pub(crate) fn new(limit: usize) -> io::Result<Self> {
        Ok(Self {
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                closed: false,
            }),
            bell: EventFd::new()?,
            limit,
        })
    }

    /// An order that starts something.
    pub(crate) fn post(&self, order: T) -> Result<(), Undelivered<T>> {
        self.put(order, self.limit)
    }

    /// An order that ends something; refused only by a thread that has ended.
    pub(crate) fn post_end(&self, order: T) -> Result<(), Undelivered<T>> {
        self.put(order, usize::MAX)
    }

    /// [`post_end`](Self::post_end) for threads that never wait: false when the mailbox is in use
    /// this very moment, and `orders` keeps what it holds. A closed mailbox drops them.
    pub(crate) fn try_post_ends(&self, orders: &mut Vec<T>) -> bool {
        if orders.is_empty() {
            return true;
        }
        let Some(mut state) = self.try_lock() else {
            return false;
        };
        let was_empty = state.waiting.is_empty();
        for order in orders.drain(..) {
            let _ = state.put(order, usize::MAX);
        }
        self.unlock_and_ring(state, was_empty);
        true
    }

    /// Move all that waits behind what `into` holds. May wait a moment for a sender.
    pub(crate) fn take(&self, into: &mut VecDeque<T>) {
        self.bell.silence();
        into.append(&mut self.lock().waiting);
    }

    /// [`take`](Self::take) for threads that never wait: false when a sender is at it this very
    /// moment. The bell is silent then all the same, so look again a little later.
    pub(crate) fn try_take(&self, into: &mut VecDeque<T>) -> bool {
        self.bell.silence();
        let Some(mut state) = self.try_lock() else {
            return false;
        };
        into.append(&mut state.waiting);
        true
    }

    /// Refuse everything from now on and give back what still waits.
    pub(crate) fn close(&self) -> VecDeque<T> {
        let mut state = self.lock();
        state.closed = true;
        std::mem::take(&mut state.waiting)
    }

    fn put(&self, order: T, limit: usize) -> Result<(), Undelivered<T>> {
        let mut state = self.lock();
        let was_empty = state.waiting.is_empty();
        let put = state.put(order, limit);
        self.unlock_and_ring(state, was_empty);
        put
    }

    /// In this order: the owner may run as soon as the bell rings, in the sender's place where both
    /// share a core, and must not find the mailbox locked.
    fn unlock_and_ring(&self, state: MutexGuard<'_, State<T>>, was_empty: bool) {
        let first = was_empty && !state.waiting.is_empty();
        drop(state);
        if first {
            self.bell.ring();
        }
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, State<T>>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn put(&mut self, order: T, limit: usize) -> Result<(), Undelivered<T>> {
        let why = if self.closed {
            Refused::Closed
        } else if self.waiting.len() >= limit {
            Refused::Full
        } else {
            self.waiting.push_back(order);
            return Ok(());
        };
        Err(Undelivered { order, why })
    }
}

impl<T> AsFd for Mailbox<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poller::{Interest, Poller};
    use std::sync::Arc;
    use std::time::Duration;

    fn take(mailbox: &Mailbox<u32>) -> Vec<u32> {
        let mut into = VecDeque::new();
        assert!(mailbox.try_take(&mut into));
        into.into()
    }

    fn undelivered(order: u32, why: Refused) -> Undelivered<u32> {
        Undelivered { order, why }
    }

    #[test]
    fn a_full_mailbox_refuses_starts_and_takes_ends() {
        let mailbox = Mailbox::new(2).unwrap();
        assert_eq!(mailbox.post(1), Ok(()));
        assert_eq!(mailbox.post(2), Ok(()));
        assert_eq!(mailbox.post(3).unwrap_err(), undelivered(3, Refused::Full));
        assert_eq!(mailbox.post_end(4), Ok(()));
        assert_eq!(take(&mailbox), [1, 2, 4]);
        assert_eq!(mailbox.post(5), Ok(()));
        assert_eq!(mailbox.close(), [5]);
        assert_eq!(
            mailbox.post_end(6).unwrap_err(),
            undelivered(6, Refused::Closed)
        );
    }

    #[test]
    fn the_bell_rings_while_something_waits() {
        let mailbox = Mailbox::new(2).unwrap();
        let mut poller = Poller::new().unwrap();
        poller.add(&mailbox, 1, Interest::Read).unwrap();
        let mut rings = || poller.wait(Some(Duration::ZERO)).unwrap() == 1;
        assert!(!rings());
        mailbox.post(1).unwrap();
        assert!(rings() && rings());
        take(&mailbox);
        assert!(!rings());
    }

    #[test]
    fn the_owner_does_not_wait_for_a_sender() {
        let mailbox = Mailbox::new(2).unwrap();
        mailbox.post(1).unwrap();
        let held = mailbox.lock();
        let mut ends = vec![2];
        assert!(!mailbox.try_take(&mut VecDeque::new()));
        let mut poller = Poller::new().unwrap();
        poller.add(&mailbox, 1, Interest::Read).unwrap();
        assert_eq!(
            poller.wait(Some(Duration::ZERO)).unwrap(),
            0,
            "or it would spin"
        );
        assert!(!mailbox.try_post_ends(&mut ends));
        drop(held);
        assert!(mailbox.try_post_ends(&mut ends));
        assert_eq!(take(&mailbox), [1, 2]);
    }

    #[test]
    fn nothing_is_lost_between_threads_and_each_sender_stays_in_order() {
        let mailbox = Arc::new(Mailbox::new(usize::MAX).unwrap());
        let senders: Vec<_> = (0..4u32)
            .map(|sender| {
                let mailbox = mailbox.clone();
                std::thread::spawn(move || {
                    for n in 0..1000 {
                        mailbox.post(sender * 10_000 + n).unwrap();
                    }
                })
            })
            .collect();
        let mut got = VecDeque::new();
        let mut poller = Poller::new().unwrap();
        poller.add(&*mailbox, 0, Interest::Read).unwrap();
        let mut all = true;
        while got.len() < 4000 {
            poller
                .wait((!all).then_some(Duration::from_millis(1)))
                .unwrap();
            all = mailbox.try_take(&mut got);
        }
        for sender in senders {
            sender.join().unwrap();
        }
        for sender in 0..4 {
            let of_one = got.iter().filter(|n| **n / 10_000 == sender);
            assert!(of_one.copied().eq(sender * 10_000..sender * 10_000 + 1000));
        }
    }
}
