//! Orders for a thread: bounded, and its owner never waits for a sender.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::eventfd::EventFd;

/// A queue with a doorbell. Many send, one takes.
///
/// When it is full, orders that start something are refused. Orders that end something are always
/// taken: their number is bounded by what was started before.
pub(crate) struct Mailbox<T> {
    state: Mutex<State<T>>,
    bell: EventFd,
    limit: usize,
}

struct State<T> {
    waiting: VecDeque<T>,
    closed: bool,
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
    pub(crate) fn post(&self, order: T) -> Result<(), Refused> {
        self.put(order, self.limit)
    }

    /// An order that ends something; refused only by a thread that has ended.
    pub(crate) fn post_end(&self, order: T) -> Result<(), Refused> {
        self.put(order, usize::MAX)
    }

    /// Move all that waits behind what `into` holds. False when a sender is at it this very
    /// moment: the bell stays rung, so look again with the next round.
    pub(crate) fn try_take(&self, into: &mut VecDeque<T>) -> bool {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(std::sync::TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(std::sync::TryLockError::WouldBlock) => return false,
        };
        into.append(&mut state.waiting);
        self.bell.silence();
        true
    }

    /// Refuse everything from now on and give back what still waits.
    pub(crate) fn close(&self) -> VecDeque<T> {
        let mut state = self.lock();
        state.closed = true;
        std::mem::take(&mut state.waiting)
    }

    fn put(&self, order: T, limit: usize) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        if state.waiting.len() >= limit {
            return Err(Refused::Full);
        }
        state.waiting.push_back(order);
        if state.waiting.len() == 1 {
            self.bell.ring();
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn a_full_mailbox_refuses_starts_and_takes_ends() {
        let mailbox = Mailbox::new(2).unwrap();
        assert_eq!(mailbox.post(1), Ok(()));
        assert_eq!(mailbox.post(2), Ok(()));
        assert_eq!(mailbox.post(3), Err(Refused::Full));
        assert_eq!(mailbox.post_end(4), Ok(()));
        assert_eq!(take(&mailbox), [1, 2, 4]);
        assert_eq!(mailbox.post(5), Ok(()));
        assert_eq!(mailbox.close(), [5]);
        assert_eq!(mailbox.post_end(6), Err(Refused::Closed));
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
        assert!(!mailbox.try_take(&mut VecDeque::new()));
        drop(held);
        assert_eq!(take(&mailbox), [1]);
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
        while got.len() < 4000 {
            poller.wait(None).unwrap();
            mailbox.try_take(&mut got);
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
