//! The connector's thread.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use bridgetap_media::{Failure, ForkId};
use slab::Slab;

use super::attempt::{Attempt, Step, Tools};
use super::rate::Rate;
use super::resolver::{Lookup, Resolver};
use super::{ConnectorConfig, ConnectorCounters, Deliver, Job, MAX_WAITING, Order, Outcome};
use crate::mailbox::Mailbox;
use crate::poller::{Interest, Poller};

/// Streams being opened at a time: as many servers may hang without holding up another.
const MAX_ATTEMPTS: usize = 4096;
const BELL: u64 = u64::MAX;

pub(super) struct Worker {
    config: ConnectorConfig,
    orders: Arc<Mailbox<Order>>,
    counters: Arc<ConnectorCounters>,
    poller: Poller,
    resolver: Resolver,
    rate: Rate,
    waiting: VecDeque<Job>,
    live: Slab<Live>,
    by_fork: HashMap<ForkId, usize>,
    /// Every live attempt once, by its deadline.
    deadlines: BTreeSet<(Instant, usize)>,
    /// When the rate lets the next one start.
    next_start: Option<Instant>,
}

struct Live {
    fork: ForkId,
    attempt: Attempt,
    deadline: Instant,
    deliver: Deliver,
}

impl Worker {
    pub(super) fn new(
        config: ConnectorConfig,
        orders: Arc<Mailbox<Order>>,
        counters: Arc<ConnectorCounters>,
    ) -> io::Result<Self> {
        let poller = Poller::new()?;
        poller.add(&*orders, BELL, Interest::Read)?;
        let rate = Rate::new(config.handshakes_per_second, Instant::now());
        let answers = orders.clone();
        let resolver = Resolver::new(Arc::new(move |host, lookup| {
            let _ = answers.post_end(Order::Resolved(host, lookup));
        }));
        Ok(Self {
            config,
            orders,
            counters,
            poller,
            resolver,
            rate,
            waiting: VecDeque::new(),
            live: Slab::new(),
            by_fork: HashMap::new(),
            deadlines: BTreeSet::new(),
            next_start: None,
        })
    }

    /// Until told to stop.
    pub(super) fn run(mut self) {
        loop {
            let round = catch_unwind(AssertUnwindSafe(|| self.round()));
            match round {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => self.fail_all("a fault in the connector (see the log)"),
            }
        }
        self.orders.close();
    }

    /// One wait and what came of it; false when told to stop.
    fn round(&mut self) -> bool {
        let now = Instant::now();
        let due = self.deadlines.first().map(|(at, _)| *at);
        let next = due.into_iter().chain(self.next_start).min();
        let timeout = next.map(|at| at.saturating_duration_since(now));
        let count = match self.poller.wait(timeout) {
            Ok(count) => count,
            Err(error) => {
                log::error!("connector: epoll: {error}");
                return false;
            }
        };
        let now = Instant::now();
        let mut goes_on = true;
        for index in 0..count {
            match self.poller.ready(index) {
                Some(ready) if ready.token == BELL => goes_on = self.take_orders(now),
                Some(ready) => self.step(ready.token as usize, now, Attempt::ready),
                None => {}
            }
        }
        while let Some((at, key)) = self.deadlines.first().copied()
            && at <= now
        {
            self.step(key, now, Attempt::timed_out);
        }
        self.start_waiting(now);
        self.counters
            .waiting
            .store(self.waiting.len() as u64, Relaxed);
        self.counters
            .connecting
            .store(self.live.len() as u64, Relaxed);
        goes_on
    }

    fn take_orders(&mut self, now: Instant) -> bool {
        let mut orders = VecDeque::new();
        self.orders.take(&mut orders);
        for order in orders {
            match order {
                Order::Open(job) if self.waiting.len() < MAX_WAITING => self.waiting.push_back(job),
                Order::Open(job) => {
                    let full = Failure::new(31901, "too many streams already wait to be opened");
                    self.report(job.deliver, Err(full));
                }
                Order::Cancel(fork) => self.cancel(fork),
                Order::Resolved(host, lookup) => self.resolved(&host, lookup, now),
                Order::Stop => return false,
            }
        }
        true
    }

    fn start_waiting(&mut self, now: Instant) {
        self.next_start = None;
        while !self.waiting.is_empty() && self.live.len() < MAX_ATTEMPTS {
            if let Err(next) = self.rate.take(now) {
                self.next_start = Some(next);
                return;
            }
            if let Some(job) = self.waiting.pop_front() {
                self.start(job, now);
            }
        }
    }

    fn start(&mut self, job: Job, now: Instant) {
        let Job {
            fork,
            dial,
            deliver,
        } = job;
        let host = dial.endpoint.host.clone();
        let entry = self.live.vacant_entry();
        let key = entry.key();
        let attempt = Attempt::new(dial, key as u64, now, self.config.timeout);
        let deadline = attempt.deadline();
        entry.insert(Live {
            fork,
            attempt,
            deadline,
            deliver,
        });
        self.deadlines.insert((deadline, key));
        self.by_fork.insert(fork, key);
        if let Some(addresses) = self.resolver.look_up(&host, fork, now) {
            self.found(key, &host, Ok(addresses), now);
        }
    }

    fn resolved(&mut self, host: &str, lookup: Lookup, now: Instant) {
        for fork in self.resolver.answered(host, &lookup, now) {
            if let Some(key) = self.by_fork.get(&fork).copied() {
                self.found(key, host, lookup.clone(), now);
            }
        }
    }

    /// A host's addresses, less those where streams must not go (31904).
    fn found(&mut self, key: usize, host: &str, lookup: Lookup, now: Instant) {
        let networks = &self.config.networks;
        let mut forbidden = None;
        let permitted = lookup.map(|addresses| {
            let mut keep = |ip: &IpAddr| {
                let net = networks.forbidden(*ip);
                forbidden = net.map(|net| (*ip, net)).or(forbidden);
                net.is_none()
            };
            addresses
                .into_iter()
                .filter(|ip| keep(ip))
                .collect::<Vec<_>>()
        });
        let failure = match (permitted, forbidden) {
            (Ok(addresses), _) if !addresses.is_empty() => {
                self.step(key, now, |attempt, now, tools| {
                    attempt.resolved(addresses, now, tools)
                });
                return;
            }
            (Ok(_), Some((ip, net))) => {
                let why =
                    format!("{host} is {ip}, and streams must not go to {net} (deny_networks)");
                Failure::lasting(31904, why)
            }
            (Ok(_), None) => Failure::new(31904, format!("the name {host} has no address")),
            (Err(error), _) => Failure::new(
                31904,
                format!("the name {host} cannot be resolved: {error}"),
            ),
        };
        self.finish(key, Err(failure));
    }

    /// Let one attempt do something, and see what came of it.
    fn step(
        &mut self,
        key: usize,
        now: Instant,
        act: impl FnOnce(&mut Attempt, Instant, &Tools) -> Step,
    ) {
        let Some(live) = self.live.get_mut(key) else {
            return;
        };
        let tools = Tools {
            poller: &self.poller,
            tls: &self.config.tls,
            user_agent: &self.config.user_agent,
        };
        match act(&mut live.attempt, now, &tools) {
            Step::Wait => {
                let deadline = live.attempt.deadline();
                if deadline != live.deadline {
                    self.deadlines.remove(&(live.deadline, key));
                    self.deadlines.insert((deadline, key));
                    live.deadline = deadline;
                }
            }
            Step::Open(opened) => self.finish(key, Ok(opened)),
            Step::Fail(failure) => self.finish(key, Err(failure)),
        }
    }

    fn finish(&mut self, key: usize, outcome: Outcome) {
        if let Some(deliver) = self.remove(key) {
            self.report(deliver, outcome);
        }
    }

    fn report(&self, deliver: Deliver, outcome: Outcome) {
        let counter = match &outcome {
            Ok(_) => &self.counters.opened,
            Err(_) => &self.counters.failed,
        };
        counter.fetch_add(1, Relaxed);
        deliver(outcome);
    }

    fn cancel(&mut self, fork: ForkId) {
        match self.by_fork.get(&fork).copied() {
            Some(key) => drop(self.remove(key)),
            None => self.waiting.retain(|job| job.fork != fork),
        }
    }

    fn remove(&mut self, key: usize) -> Option<Deliver> {
        let live = self.live.try_remove(key)?;
        self.deadlines.remove(&(live.deadline, key));
        self.by_fork.remove(&live.fork);
        Some(live.deliver)
    }

    fn fail_all(&mut self, why: &str) {
        log::error!("connector: {why}");
        let keys: Vec<usize> = self.live.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.finish(key, Err(Failure::new(31900, why)));
        }
    }
}
