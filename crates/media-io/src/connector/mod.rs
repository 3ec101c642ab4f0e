//! The connector: one thread that turns fork targets into open streams, so that no media thread
//! ever meets DNS, a handshake or a server that hangs. The result goes to its leg once.

mod attempt;
mod rate;
mod resolver;
mod worker;

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bridgetap_media::{Failure, ForkDial, ForkEndpoint, ForkId, ForkTarget};
use rustls::ClientConnection;

use crate::mailbox::{Mailbox, Undelivered};
use crate::networks::Networks;
use crate::socket;
use crate::tls::TlsClient;
use worker::Worker;

/// An open stream: the 101 has been read, and perhaps some bytes behind it.
pub(crate) struct Opened {
    pub(crate) socket: TcpStream,
    pub(crate) tls: Box<ClientConnection>,
    pub(crate) early: Vec<u8>,
    /// The last sequence number the server says it has of a stream that is resumed.
    pub(crate) kept: Option<u64>,
}

/// What becomes of one job, said once unless it was cancelled.
pub(crate) type Outcome = Result<Box<Opened>, Failure>;

/// Takes the outcome to where the leg lives now.
pub(crate) type Deliver = Box<dyn FnOnce(Outcome) + Send>;

/// Which server to open a stream to.
#[derive(Debug, Clone)]
pub(crate) struct Dial {
    pub(crate) endpoint: ForkEndpoint,
    /// The value of `Bridgetap-Resume`, where a stream is resumed.
    pub(crate) resume: Option<String>,
    /// How long sent data may go unacknowledged.
    pub(crate) user_timeout: Duration,
}

impl Dial {
    /// The first try of a fork; none when it names no endpoint.
    pub(crate) fn first(target: &ForkTarget) -> Option<Self> {
        let first = ForkDial {
            endpoint: 0,
            sent: None,
        };
        Self::of(target, first)
    }

    /// A later one.
    pub(crate) fn of(target: &ForkTarget, dial: ForkDial) -> Option<Self> {
        Some(Self {
            endpoint: target.endpoints.get(dial.endpoint)?.clone(),
            resume: dial
                .sent
                .map(|sent| format!("{}; sent={sent}", target.stream_sid)),
            user_timeout: match target.resume {
                Some(_) => socket::USER_TIMEOUT_OF_RESUMED,
                None => socket::USER_TIMEOUT,
            },
        })
    }
}

/// How the connector works.
pub(crate) struct ConnectorConfig {
    pub(crate) tls: TlsClient,
    pub(crate) networks: Networks,
    pub(crate) user_agent: String,
    pub(crate) timeout: Duration,
    pub(crate) handshakes_per_second: u32,
}

/// Counters for `Media.stats`.
#[derive(Debug, Default)]
pub(crate) struct ConnectorCounters {
    pub(crate) waiting: AtomicU64,
    pub(crate) connecting: AtomicU64,
    pub(crate) opened: AtomicU64,
    pub(crate) failed: AtomicU64,
}

/// A handle to the thread.
pub(crate) struct Connector {
    orders: Arc<Mailbox<Order>>,
    counters: Arc<ConnectorCounters>,
}

enum Order {
    Open(Job),
    Cancel(ForkId),
    Resolved(String, resolver::Lookup),
    Stop,
}

/// One stream to open.
pub(crate) struct Job {
    pub(crate) fork: ForkId,
    pub(crate) dial: Dial,
    pub(crate) deliver: Deliver,
}

/// Jobs that may wait for their turn; beyond that a fork fails at once.
const MAX_WAITING: usize = 4096;

impl Connector {
    pub(crate) fn start(config: ConnectorConfig) -> io::Result<(Self, JoinHandle<()>)> {
        let orders = Arc::new(Mailbox::new(MAX_WAITING)?);
        let counters = Arc::new(ConnectorCounters::default());
        let worker = Worker::new(config, orders.clone(), counters.clone())?;
        let thread = thread::Builder::new()
            .name("bt-connector".to_owned())
            .spawn(move || worker.run())?;
        Ok((Self { orders, counters }, thread))
    }

    /// Open a stream; `deliver` is called once, on the connector's thread or, when there is no
    /// room for another job, at once on this one.
    pub(crate) fn open(&self, fork: ForkId, dial: Dial, deliver: Deliver) {
        let job = Job {
            fork,
            dial,
            deliver,
        };
        if let Err(Undelivered {
            order: Order::Open(job),
            ..
        }) = self.orders.post(Order::Open(job))
        {
            let full = Failure::new(31901, "too many streams already wait to be opened");
            (job.deliver)(Err(full));
        }
    }

    /// Open more streams of forks that were begun before: there is always room for them. False, and
    /// they stay, when the connector is busy right now.
    pub(crate) fn try_open(&self, jobs: &mut Vec<Job>) -> bool {
        let mut orders: Vec<Order> = jobs.drain(..).map(Order::Open).collect();
        let done = self.orders.try_post_ends(&mut orders);
        jobs.extend(orders.into_iter().filter_map(|order| match order {
            Order::Open(job) => Some(job),
            _ => None,
        }));
        done
    }

    /// Nobody wants these any more. False, and they stay, when the connector is busy right now.
    pub(crate) fn try_cancel(&self, forks: &mut Vec<ForkId>) -> bool {
        let mut orders: Vec<Order> = forks.drain(..).map(Order::Cancel).collect();
        let done = self.orders.try_post_ends(&mut orders);
        forks.extend(orders.into_iter().filter_map(|order| match order {
            Order::Cancel(fork) => Some(fork),
            _ => None,
        }));
        done
    }

    /// End the thread; what was not opened is dropped.
    pub(crate) fn stop(&self) {
        let _ = self.orders.post_end(Order::Stop);
    }

    pub(crate) fn counters(&self) -> &ConnectorCounters {
        &self.counters
    }
}

#[cfg(test)]
mod tests;
