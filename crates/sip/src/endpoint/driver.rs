//! The loop of the SIP thread: wait, feed what happened to the stack, carry out what it wants.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::handle::EventSink;
use super::shared::{Bell, Figures, SharedDoor};
use super::work::Work;
use crate::gate::Gate;
use crate::resolve::{Resolved, Resolver};
use crate::stack::Stack;
use crate::trace::Trace;
use crate::transport::Transports;
use crate::types::Command;

/// The token of the waker.
pub(super) const WAKE: Token = Token(0);
/// Commands taken in one turn; sockets and timers come in between.
const COMMANDS_AT_ONCE: usize = 256;

/// The thread's ends of what it shares with the handle.
pub(super) struct Ends {
    pub commands: Receiver<Command>,
    pub resolved: Receiver<Resolved>,
    pub bell: Arc<Bell>,
    pub closing: Arc<AtomicBool>,
    pub figures: Arc<Figures>,
}

pub(super) struct Driver {
    poll: Poll,
    transports: Transports,
    work: Work,
    ends: Ends,
    /// More commands wait than one turn takes.
    more_commands: bool,
}

impl Driver {
    #[allow(clippy::too_many_arguments)] // made in one place, each of another kind
    pub(super) fn new(
        poll: Poll,
        transports: Transports,
        stack: Stack,
        door: SharedDoor,
        gate: Gate,
        resolver: Resolver,
        trace: Option<Trace>,
        sink: Box<dyn EventSink + Send>,
        ends: Ends,
    ) -> Self {
        let work = Work::new(stack, door, gate, resolver, trace, sink);
        Self {
            poll,
            transports,
            work,
            ends,
            more_commands: false,
        }
    }

    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(512);
        loop {
            let wait = self.wait(Instant::now());
            if let Err(error) = self.poll.poll(&mut events, wait)
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                log::error!("sip.poll-failed error={error}");
                return;
            }
            // Read before the commands: those given before `close` are carried out.
            let closing = self.ends.closing.load(Ordering::Acquire);
            self.work.now = Instant::now();
            self.take_commands(if closing {
                usize::MAX
            } else {
                COMMANDS_AT_ONCE
            });
            self.take_resolved();
            for event in &events {
                self.transports
                    .ready(self.work.now, event.token(), &mut self.work);
                self.work.carry_out(&mut self.transports);
            }
            if self.transports.has_backlog() {
                self.transports.work_off(self.work.now, &mut self.work);
                self.work.carry_out(&mut self.transports);
            }
            self.take_timeouts();
            self.ends
                .figures
                .publish(self.work.figures(&self.transports));
            if closing {
                return;
            }
        }
    }

    fn wait(&self, now: Instant) -> Option<Duration> {
        if self.more_commands || self.transports.has_backlog() {
            return Some(Duration::ZERO);
        }
        let next = self.transports.next_timeout();
        let next = self.work.next_timeout().map_or(next, |due| due.min(next));
        Some(next.saturating_duration_since(now))
    }

    fn take_commands(&mut self, limit: usize) {
        self.ends.bell.heard();
        self.more_commands = true;
        for _ in 0..limit {
            let Ok(command) = self.ends.commands.try_recv() else {
                self.more_commands = false;
                break;
            };
            self.work.command(command);
            self.work.carry_out(&mut self.transports);
        }
    }

    fn take_resolved(&mut self) {
        while let Ok((lookup, places)) = self.ends.resolved.try_recv() {
            self.work.located(lookup, places, &mut self.transports);
            self.work.carry_out(&mut self.transports);
        }
    }

    fn take_timeouts(&mut self) {
        let now = self.work.now;
        if self.transports.next_timeout() <= now {
            self.transports.handle_timeout(now, &mut self.work);
        }
        self.work.handle_timeout();
        self.work.carry_out(&mut self.transports);
    }
}
