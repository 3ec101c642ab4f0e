//! A media thread: one epoll loop, one shard, the sockets of its legs and of their streams.
//!
//! Nothing here waits for anything but epoll: other threads' mailboxes and the queue up are tried,
//! and tried again a millisecond later when they are in use. The packet path takes no lock and
//! allocates nothing but what `rustls` allocates for a record.

mod ahead;
mod conn;
mod forks;
mod io;
mod legs;
mod noise;
mod orders;
mod outgoing;

use std::io::Result as IoResult;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bridgetap_media::{Command, ForkId, LegId, Shard, ShardConfig};

use crate::connector::{Connector, Job};
use crate::counters::{Published, thread_cpu_us};
use crate::expected::Expected;
use crate::files::Files;
use crate::mailbox::Mailbox;
use crate::poller::{Interest, Poller, Ready};
use crate::priority::prefer;
use crate::route::{Letter, Threads};
use crate::up::Up;
use crate::ws::Heard;
use conn::Scratch;
use io::Io;
pub(crate) use legs::Parcel;

/// What a media thread works with.
pub(crate) struct ThreadParts {
    pub(crate) index: usize,
    pub(crate) shard: ShardConfig,
    pub(crate) threads: Threads,
    pub(crate) connector: Arc<Connector>,
    pub(crate) files: Arc<Files>,
    pub(crate) up: Arc<dyn Up>,
    pub(crate) published: Arc<Published>,
}

/// Start one.
pub(crate) fn start(parts: ThreadParts) -> IoResult<JoinHandle<()>> {
    let name = format!("bt-media-{}", parts.index);
    let thread = MediaThread::new(parts)?;
    thread::Builder::new()
        .name(name)
        .spawn(move || thread.run())
}

struct MediaThread {
    parts: ThreadParts,
    orders: Arc<Mailbox<Letter>>,
    /// A sender was at the mailbox when it was to be emptied.
    look_again: bool,
    poller: Poller,
    shard: Shard,
    io: Io,
    expected: Expected,
    /// Legs to give away once everything they said before is on its way.
    gives: Vec<(LegId, usize)>,
    /// Letters to other media threads.
    mail_out: Vec<(usize, Letter)>,
    /// Streams for the connector to open.
    jobs: Vec<Job>,
    /// Forks that ended while the connector was still at work for them.
    cancels: Vec<ForkId>,
    /// Streams whose last frames may not have arrived yet.
    stopping: Vec<ForkId>,
    scratch: Scratch,
    heard: Vec<Heard>,
    packet: Vec<u8>,
    /// Legs whose packets are about to be heard, and those that will send them on.
    ahead: Vec<LegId>,
    next_sweep: Instant,
    stopping_until: Option<Instant>,
}

/// The longest datagram that can be RTP; a longer one is dropped.
const MAX_DATAGRAM: usize = 2048;
const BELL: u64 = u64::MAX;
const SWEEP: Duration = Duration::from_secs(1);
/// When something could not be handed over without waiting.
const RETRY: Duration = Duration::from_millis(1);
/// A timer that goes off this much behind its time tells of a thread that had to wait for a processor.
const LATE: Duration = Duration::from_millis(10);
/// Datagrams of one socket that are read at once after such a wait: a second of speech and a reserve. No
/// flood keeps the timers waiting longer.
const CATCH_UP_ROUNDS: usize = 64;
/// How often a stopped stream is asked whether all has arrived.
const DRAIN_CHECK: Duration = Duration::from_millis(10);

/// What a token names: a slab key and which socket of it.
#[derive(Clone, Copy)]
enum Token {
    Rtp(usize),
    Rtcp(usize),
    Stream(usize),
}

impl Token {
    fn pack(self) -> u64 {
        match self {
            Token::Rtp(key) => (key as u64) << 2,
            Token::Rtcp(key) => (key as u64) << 2 | 1,
            Token::Stream(key) => (key as u64) << 2 | 2,
        }
    }

    fn unpack(token: u64) -> Self {
        let key = (token >> 2) as usize;
        match token & 3 {
            0 => Token::Rtp(key),
            1 => Token::Rtcp(key),
            _ => Token::Stream(key),
        }
    }
}

impl MediaThread {
    fn new(parts: ThreadParts) -> IoResult<Self> {
        let poller = Poller::new()?;
        let orders = parts.threads[parts.index].clone();
        poller.add(&*orders, BELL, Interest::Read)?;
        Ok(Self {
            orders,
            look_again: false,
            poller,
            shard: Shard::new(parts.shard.clone()),
            io: Io::default(),
            expected: Expected::default(),
            gives: Vec::new(),
            mail_out: Vec::new(),
            jobs: Vec::new(),
            cancels: Vec::new(),
            stopping: Vec::new(),
            scratch: Scratch::new(),
            heard: Vec::new(),
            packet: vec![0; MAX_DATAGRAM],
            ahead: Vec::new(),
            next_sweep: Instant::now(),
            stopping_until: None,
            parts,
        })
    }

    fn run(mut self) {
        if let Err(error) = prefer() {
            log::info!("media thread {}: no priority: {error}", self.parts.index);
        }
        loop {
            match catch_unwind(AssertUnwindSafe(|| self.round())) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => self.start_over(),
            }
        }
        self.orders.close();
    }

    /// One wait and what came of it; false when all is done.
    fn round(&mut self) -> bool {
        let timeout = self.timeout(Instant::now());
        let count = match self.poller.wait(timeout) {
            Ok(count) => count,
            Err(error) => {
                log::error!("media thread {}: epoll: {error}", self.parts.index);
                self.io.end_everything("epoll failed");
                return false;
            }
        };
        self.serve_all(count);
        let mut now = Instant::now();
        if self.shard.next_timeout().is_some_and(|at| at + LATE <= now) {
            self.catch_up();
            now = Instant::now();
        }
        if self.look_again {
            self.take_orders(now);
        }
        if self.shard.next_timeout().is_some_and(|at| at <= now) {
            self.shard.handle_timeout(now, &mut self.io);
        }
        self.io.flush();
        self.pump_ready(now);
        self.check_stopping(now);
        if now >= self.next_sweep {
            self.sweep(now);
        }
        self.settle(now);
        let handed_over = self.hand_over(now);
        self.publish();
        !self.is_done(now, handed_over)
    }

    fn serve_all(&mut self, count: usize) {
        self.look_ahead(count);
        for index in 0..count {
            if let Some(ready) = self.poller.ready(index) {
                self.serve(ready);
            }
        }
        self.io.flush();
    }

    /// This thread had no processor for a while. What waits in the sockets came in time: it is heard
    /// before anything is given up for missing.
    fn catch_up(&mut self) {
        for _ in 0..CATCH_UP_ROUNDS {
            match self.poller.wait(Some(Duration::ZERO)) {
                Ok(count) if count > 0 => self.serve_all(count),
                _ => return,
            }
        }
    }

    fn serve(&mut self, ready: Ready) {
        let now = Instant::now();
        if ready.token == BELL {
            return self.take_orders(now);
        }
        match Token::unpack(ready.token) {
            Token::Rtp(key) => self.receive(key, true, now),
            Token::Rtcp(key) => self.receive(key, false, now),
            Token::Stream(key) => self.serve_stream(key, ready, now),
        }
    }

    /// One datagram; epoll names the socket again while there are more, so that no socket can
    /// keep the others waiting.
    fn receive(&mut self, key: usize, rtp: bool, now: Instant) {
        let Some(entry) = self.io.legs.get(key) else {
            return;
        };
        let leg = entry.id;
        let socket = if rtp {
            &entry.sockets.rtp
        } else {
            &entry.sockets.rtcp
        };
        let Ok((len, from)) = socket.recv_from(&mut self.packet) else {
            return; // nothing there after all, or an ICMP error that belongs to an earlier packet
        };
        self.io.counts.datagrams_received += 1;
        if len == self.packet.len() {
            self.io.counts.datagrams_oversize += 1;
            return;
        }
        let Some(packet) = self.packet.get_mut(..len) else {
            return;
        };
        if rtp {
            self.shard.receive_rtp(now, leg, from, packet, &mut self.io);
        } else {
            self.shard
                .receive_rtcp(now, leg, from, packet, &mut self.io);
        }
    }

    /// When to look again without being woken.
    fn timeout(&self, now: Instant) -> Option<Duration> {
        if !self.io.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        let unsent = !(self.io.outbox.is_empty()
            && self.io.file_orders.is_empty()
            && self.mail_out.is_empty()
            && self.jobs.is_empty()
            && self.cancels.is_empty()
            && self.gives.is_empty());
        let alive = !(self.io.legs.is_empty() && self.io.conns.is_empty());
        [
            self.shard
                .next_timeout()
                .map(|at| at.saturating_duration_since(now)),
            alive.then(|| self.next_sweep.saturating_duration_since(now)),
            (unsent || self.look_again).then_some(RETRY),
            (!self.stopping.is_empty()).then_some(DRAIN_CHECK),
            self.stopping_until
                .map(|at| at.saturating_duration_since(now)),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Hand over what is for other threads; false when some of it must wait.
    fn hand_over(&mut self, now: Instant) -> bool {
        let up = self.parts.up.try_push(now, &mut self.io.outbox);
        // Behind the events: a leg's end that goes by the file thread must not overtake them.
        let files = up && self.parts.files.try_order(&mut self.io.file_orders);
        // A cancel must not overtake the order it cancels.
        let connector = &self.parts.connector;
        let jobs = connector.try_open(&mut self.jobs);
        let cancels = jobs && connector.try_cancel(&mut self.cancels);
        let threads = &self.parts.threads;
        let mut kept = Vec::new();
        for (to, letter) in self.mail_out.drain(..) {
            let mut one = vec![letter];
            threads[to].try_post_ends(&mut one);
            kept.extend(one.pop().map(|letter| (to, letter)));
        }
        self.mail_out = kept;
        // A leg goes only after all it has said, so that its events stay in order.
        if up && files {
            self.give_legs();
        }
        up && files && cancels && self.mail_out.is_empty() && self.gives.is_empty()
    }

    /// Once a second: what has time.
    fn sweep(&mut self, now: Instant) {
        self.next_sweep = now + SWEEP;
        self.sweep_streams(now);
        self.io.counts.cpu_us = thread_cpu_us();
    }

    fn publish(&mut self) {
        let counts = &mut self.io.counts;
        counts.rounds += 1;
        counts.legs = self.shard.leg_count() as u64;
        counts.forks = self.shard.fork_count() as u64;
        counts.streams = self.io.conns.len() as u64;
        self.parts.published.publish(counts);
    }

    /// Close every leg; their forks drain. One that is to move is closed where it will be, behind
    /// the orders that wait for it there.
    fn shut_down(&mut self, now: Instant) {
        let legs: Vec<_> = self.io.legs.iter().map(|(_, entry)| entry.leg.id).collect();
        for leg in legs {
            if !self.gives.iter().any(|(given, _)| *given == leg) {
                self.command(Command::CloseLeg { leg }, now);
            }
        }
        let patience = self.parts.shard.close_drain + 2 * SWEEP;
        self.stopping_until = Some(now + patience);
    }

    fn is_done(&mut self, now: Instant, handed_over: bool) -> bool {
        let Some(until) = self.stopping_until else {
            return false;
        };
        let empty = self.io.legs.is_empty() && self.io.forks.is_empty() && self.io.conns.is_empty();
        if empty && handed_over && self.expected.is_empty() {
            return true;
        }
        if now < until {
            return false;
        }
        self.io
            .end_everything("the server was closed before the stream had drained");
        for event in self.io.outbox.drain(..) {
            self.parts.up.push(now, event);
        }
        self.io
            .file_orders
            .drain(..)
            .for_each(|order| self.parts.files.order(order));
        true
    }

    /// A fault of ours must not take the other threads' calls along, nor leave ends unsaid.
    fn start_over(&mut self) {
        let index = self.parts.index;
        log::error!("media thread {index}: a fault ended its calls");
        self.io.counts.faults += 1;
        self.io
            .end_everything("a fault in the media thread (see the log)");
        // Legs under way to or from here are told so as ever: those that were here are gone.
        self.shard = Shard::new(self.parts.shard.clone());
    }
}

#[cfg(test)]
mod tests;
