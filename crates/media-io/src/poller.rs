//! epoll, level-triggered: a socket with one packet costs one receive, not a second one that only
//! learns there is nothing more. That is the whole reason for not using a ready-made poller.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// What to be woken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interest {
    Read,
    Write,
    Both,
}

/// One descriptor that can be served without waiting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ready {
    pub(crate) token: u64,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

/// An epoll instance and the batch it last reported.
pub(crate) struct Poller {
    epoll: OwnedFd,
    batch: Vec<libc::epoll_event>,
    len: usize,
}

/// Descriptors reported at a time; the rest come with the next wait.
const BATCH: usize = 256;

impl Poller {
    #[allow(unsafe_code)]
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes no pointers; a non-negative result is a descriptor that nobody else owns.
        let epoll = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        let batch = vec![libc::epoll_event { events: 0, u64: 0 }; BATCH];
        Ok(Self {
            epoll,
            batch,
            len: 0,
        })
    }

    pub(crate) fn add(&self, fd: &impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, token, interest)
    }

    pub(crate) fn change(&self, fd: &impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, token, interest)
    }

    /// Forget a descriptor that stays open (it moves to another thread).
    pub(crate) fn remove(&self, fd: &impl AsFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, Interest::Read)
    }

    /// Wait for readiness or until `timeout` has passed, rounded up to a millisecond; how many
    /// are [`ready`](Self::ready). A signal counts as nothing ready.
    #[allow(unsafe_code)]
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        let millis = timeout.map_or(-1, |t| {
            i32::try_from(t.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
        });
        // SAFETY: the pointer and length are those of a live, writable buffer of the right type.
        let count = unsafe {
            libc::epoll_wait(
                self.epoll.as_raw_fd(),
                self.batch.as_mut_ptr(),
                BATCH as i32,
                millis,
            )
        };
        self.len = 0;
        if let Ok(count) = usize::try_from(count) {
            self.len = count;
            return Ok(count);
        }
        let error = io::Error::last_os_error();
        if error.kind() == io::ErrorKind::Interrupted {
            Ok(0)
        } else {
            Err(error)
        }
    }

    /// The `index`th of the last batch.
    pub(crate) fn ready(&self, index: usize) -> Option<Ready> {
        let event = self.batch.get(..self.len)?.get(index)?;
        let flags = event.events;
        let broken = (libc::EPOLLERR | libc::EPOLLHUP) as u32;
        Some(Ready {
            token: event.u64,
            readable: flags & (libc::EPOLLIN as u32 | broken) != 0,
            writable: flags & (libc::EPOLLOUT as u32 | broken) != 0,
        })
    }

    #[allow(unsafe_code)]
    fn control(
        &self,
        operation: i32,
        fd: &impl AsFd,
        token: u64,
        interest: Interest,
    ) -> io::Result<()> {
        let events = match interest {
            Interest::Read => libc::EPOLLIN,
            Interest::Write => libc::EPOLLOUT,
            Interest::Both => libc::EPOLLIN | libc::EPOLLOUT,
        };
        let mut event = libc::epoll_event {
            events: events as u32,
            u64: token,
        };
        // SAFETY: both descriptors are open (borrowed here) and `event` lives through the call.
        let result = unsafe {
            libc::epoll_ctl(
                self.epoll.as_raw_fd(),
                operation,
                fd.as_fd().as_raw_fd(),
                &raw mut event,
            )
        };
        if result == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventfd::EventFd;

    #[test]
    fn a_descriptor_is_reported_until_it_is_served() {
        let mut poller = Poller::new().unwrap();
        let bell = EventFd::new().unwrap();
        poller.add(&bell, 7, Interest::Read).unwrap();
        assert_eq!(poller.wait(Some(Duration::ZERO)).unwrap(), 0);
        bell.ring();
        for _ in 0..2 {
            assert_eq!(poller.wait(Some(Duration::ZERO)).unwrap(), 1);
            let ready = poller.ready(0).unwrap();
            assert!(ready.readable && !ready.writable && ready.token == 7);
        }
        bell.silence();
        assert_eq!(poller.wait(Some(Duration::ZERO)).unwrap(), 0);
        assert!(poller.ready(0).is_none());
    }

    #[test]
    fn a_removed_descriptor_is_not_reported() {
        let mut poller = Poller::new().unwrap();
        let bell = EventFd::new().unwrap();
        poller.add(&bell, 1, Interest::Read).unwrap();
        poller.change(&bell, 2, Interest::Both).unwrap();
        poller.wait(None).unwrap();
        assert_eq!(poller.ready(0).unwrap().token, 2);
        poller.remove(&bell).unwrap();
        bell.ring();
        assert_eq!(poller.wait(Some(Duration::ZERO)).unwrap(), 0);
    }
}
