//! The front: start the threads, open legs, keep prompts, stop.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread::{JoinHandle, available_parallelism};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bridgetap_media::{LegConfig, LegId, Prompt, PromptId, ShardConfig, WallClock};

use crate::connector::{Connector, ConnectorConfig};
use crate::counters::Published;
use crate::error::MediaError;
use crate::files::{FileOrder, Files};
use crate::leg::LegHandle;
use crate::mailbox::Mailbox;
use crate::networks::Networks;
use crate::ports::Ports;
use crate::route::{LegRef, Letter, MAX_ORDERS, Order, Threads};
use crate::thread::{self, ThreadParts};
use crate::tls::TlsClient;
use crate::up::Up;

/// How media starts; the meaning of each field stands in `_engine.pyi`.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// First and last RTP port.
    pub ports: (u16, u16),
    /// Media threads; 0: cores − 1, at least 1.
    pub threads: usize,
    /// A PEM file of CAs to trust besides the system's.
    pub trusted_ca: Option<String>,
    /// Trust the system's roots.
    pub system_roots: bool,
    /// How long a hole in a stream is kept open.
    pub reorder: Duration,
    /// How far a source may run from the call's clock before it is put right; at least 20 ms.
    pub tolerance: Duration,
    /// Silence after which `RtpTimedOut` is raised; zero is never.
    pub rtp_timeout: Duration,
    /// Sent with every handshake.
    pub user_agent: String,
    /// For DNS, TCP, TLS and upgrade together.
    pub connect_timeout: Duration,
    /// Streams that may begin to connect in a second.
    pub handshakes_per_second: u32,
    /// How long a stopped fork may go on writing what is queued.
    pub close_drain: Duration,
    /// How long the frames of a stream's tracks wait for each other; zero: not at all.
    pub coalesce: Duration,
    /// Networks where streams may always connect to.
    pub allow_networks: Vec<String>,
    /// Networks where they may not.
    pub deny_networks: Vec<String>,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            ports: (16384, 32767),
            threads: 0,
            trusted_ca: None,
            system_roots: true,
            reorder: Duration::from_millis(40),
            tolerance: Duration::from_millis(20),
            rtp_timeout: Duration::ZERO,
            user_agent: "Bridgetap".to_owned(),
            connect_timeout: Duration::from_millis(5000),
            handshakes_per_second: 200,
            close_drain: Duration::from_millis(5000),
            coalesce: Duration::ZERO,
            allow_networks: Vec::new(),
            deny_networks: Vec::new(),
        }
    }
}

/// The media threads, the connector thread and the file thread.
pub struct Media {
    inner: Arc<Inner>,
    joins: Mutex<Joins>,
}

/// What the handles share.
pub(crate) struct Inner {
    pub(crate) threads: Threads,
    pub(crate) connector: Arc<Connector>,
    pub(crate) files: Arc<Files>,
    pub(crate) up: Arc<dyn Up>,
    published: Vec<Arc<Published>>,
    ports: Ports,
    prompts: Mutex<HashMap<PromptId, Arc<Prompt>>>,
    ids: AtomicU64,
    turn: AtomicUsize,
    /// Read-locked while something is being started, so that `close` comes after all of it.
    closed: RwLock<bool>,
}

/// See [`Inner::leave`].
pub(crate) type Leave<'a> = RwLockReadGuard<'a, bool>;

struct Joins {
    media: Vec<JoinHandle<()>>,
    connector: Option<JoinHandle<()>>,
    files: Option<JoinHandle<()>>,
}

impl Media {
    /// Start all threads.
    ///
    /// # Errors
    /// A setting that cannot be used, or a thread or descriptor that the system does not give.
    pub fn start(config: MediaConfig, up: Arc<dyn Up>) -> Result<Self, MediaError> {
        let at = |what| move |source: io::Error| MediaError::Start { what, source };
        let ports = Ports::new(config.ports.0, config.ports.1, random()? as usize)?;
        let connector = ConnectorConfig {
            tls: TlsClient::new(config.system_roots, config.trusted_ca.as_deref())?,
            networks: Networks::parse(&config.allow_networks, &config.deny_networks)?,
            user_agent: user_agent(&config.user_agent)?,
            timeout: config.connect_timeout,
            handshakes_per_second: config.handshakes_per_second,
        };
        let mailboxes: io::Result<Vec<_>> = (0..thread_count(config.threads))
            .map(|_| Mailbox::<Letter>::new(MAX_ORDERS).map(Arc::new))
            .collect();
        let threads: Threads = mailboxes.map_err(at("a media thread"))?.into();
        let published: Vec<Arc<Published>> = threads.iter().map(|_| Arc::default()).collect();
        let (files, files_join) = Files::start(up.clone()).map_err(at("the file thread"))?;
        let (connector, connector_join) = Connector::start(connector).map_err(|error| {
            files.order(FileOrder::Stop);
            at("the connector")(error)
        })?;
        let joins = Joins {
            media: Vec::new(),
            connector: Some(connector_join),
            files: Some(files_join),
        };
        let media = Self {
            inner: Arc::new(Inner {
                threads,
                connector: Arc::new(connector),
                files: Arc::new(files),
                up,
                published,
                ports,
                prompts: Mutex::default(),
                ids: AtomicU64::new(0),
                turn: AtomicUsize::new(0),
                closed: RwLock::new(false),
            }),
            joins: Mutex::new(joins),
        };
        // From here on an error ends what has been started: `media` is dropped.
        media
            .start_threads(&shard_config(&config))
            .map_err(at("a media thread"))?;
        Ok(media)
    }

    fn start_threads(&self, shard: &ShardConfig) -> io::Result<()> {
        let inner = &self.inner;
        for (index, published) in inner.published.iter().enumerate() {
            let join = thread::start(ThreadParts {
                index,
                shard: shard.clone(),
                threads: inner.threads.clone(),
                connector: inner.connector.clone(),
                files: inner.files.clone(),
                up: inner.up.clone(),
                published: published.clone(),
            })?;
            self.joins().media.push(join);
        }
        Ok(())
    }

    /// Bind a pair of ports on `address` and make a leg of them; nothing flows yet.
    ///
    /// # Errors
    /// `address` is none of ours, or no port is free.
    pub fn open_leg(&self, address: &str, label: &str) -> Result<LegHandle, MediaError> {
        let _leave = self.inner.leave()?;
        let bare = address.trim_start_matches('[').trim_end_matches(']');
        let ip: IpAddr = bare
            .parse()
            .map_err(|_| MediaError::Address(address.to_owned()))?;
        let sockets = self.inner.ports.bind(ip)?;
        let rtp_port = sockets.rtp_port();
        let id = LegId(self.inner.next_id());
        let (start, ssrc) = (random()?, random()? as u32);
        let config = LegConfig {
            id,
            ssrc,
            // RFC 3550 §5.1: random, so that known plaintext does not help who listens. In the lower half, so
            // that an SRTP peer that misses the first packets counts the turns as we do (RFC 3711 §3.3.1).
            first_sequence: start as u16 >> 1,
            first_timestamp: (start >> 16) as u32,
            seed: random()?,
        };
        let home = self.inner.quietest();
        let leg = Arc::new(LegRef::new(id, label.to_owned(), home));
        self.inner.up.open_leg(id);
        let order = Order::Open {
            config,
            sockets,
            leg: leg.clone(),
        };
        if let Err(error) = leg.start(&self.inner.threads, order) {
            self.inner.up.forget_leg(id);
            return Err(error);
        }
        Ok(LegHandle::new(leg, self.inner.clone(), rtp_port, ssrc))
    }

    /// Keep mono s16le audio for playing.
    ///
    /// # Errors
    /// When it cannot be such audio.
    pub fn load_prompt(&self, pcm: &[u8], rate: u32) -> Result<PromptId, MediaError> {
        let prompt = Arc::new(Prompt::from_pcm(pcm, rate)?);
        let id = PromptId(self.inner.next_id());
        self.inner.prompts().insert(id, prompt);
        Ok(id)
    }

    /// Forget a prompt; legs that play it play on.
    pub fn drop_prompt(&self, prompt: PromptId) {
        self.inner.prompts().remove(&prompt);
    }

    /// Counters over all threads, by name.
    pub fn stats(&self) -> BTreeMap<&'static str, u64> {
        let mut stats = BTreeMap::new();
        for (name, value) in self.inner.published.iter().flat_map(|one| one.read()) {
            *stats.entry(name).or_default() += value;
        }
        let counters = self.inner.connector.counters();
        stats.insert("threads", self.inner.published.len() as u64);
        stats.insert("streams_waiting", counters.waiting.load(Ordering::Relaxed));
        stats.insert(
            "streams_connecting",
            counters.connecting.load(Ordering::Relaxed),
        );
        stats.insert("streams_opened", counters.opened.load(Ordering::Relaxed));
        stats.insert("streams_failed", counters.failed.load(Ordering::Relaxed));
        stats.insert("prompts", self.inner.prompts().len() as u64);
        stats
    }

    /// Close every leg, let forks drain, end all threads and wait for them. May be called twice.
    pub fn close(&self) {
        *self
            .inner
            .closed
            .write()
            .unwrap_or_else(PoisonError::into_inner) = true;
        let mut joins = self.joins();
        for mailbox in self.inner.threads.iter() {
            let _ = mailbox.post_end(Letter::shutdown());
        }
        for join in joins.media.drain(..) {
            let _ = join.join();
        }
        if let Some(join) = joins.connector.take() {
            self.inner.connector.stop();
            let _ = join.join();
        }
        if let Some(join) = joins.files.take() {
            self.inner.files.order(FileOrder::Stop);
            let _ = join.join();
        }
    }

    fn joins(&self) -> MutexGuard<'_, Joins> {
        self.joins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        self.close();
    }
}

impl Inner {
    /// Leave to start something, for as long as it is held.
    pub(crate) fn leave(&self) -> Result<Leave<'_>, MediaError> {
        let closed = self.closed.read().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return Err(MediaError::Closed);
        }
        Ok(closed)
    }

    /// A number for a leg, fork, play, prompt or recording; never used twice.
    pub(crate) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn prompt(&self, id: PromptId) -> Result<Arc<Prompt>, MediaError> {
        self.prompts()
            .get(&id)
            .cloned()
            .ok_or(MediaError::UnknownPrompt(id.0))
    }

    /// The thread with the fewest legs; among equals they take turns.
    fn quietest(&self) -> usize {
        let count = self.published.len();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        (0..count)
            .map(|n| (turn + n) % count)
            .min_by_key(|index| self.published[*index].legs())
            .unwrap_or(0)
    }

    fn prompts(&self) -> MutexGuard<'_, HashMap<PromptId, Arc<Prompt>>> {
        self.prompts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As configured, or one less than there are cores: one is left for SIP and Python.
fn thread_count(configured: usize) -> usize {
    match configured {
        0 => available_parallelism()
            .map_or(1, |cores| cores.get().saturating_sub(1))
            .max(1),
        count => count,
    }
}

/// The wall clock now, to stamp a fork's frames with: the shards have none.
pub fn wall_clock() -> WallClock {
    let unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    WallClock {
        at: Instant::now(),
        unix_ms: unix.as_millis() as u64,
    }
}

fn shard_config(config: &MediaConfig) -> ShardConfig {
    let unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    // RFC 3550 §4: seconds since 1900, and their fraction in units of 2^-32.
    let fraction = (u64::from(unix.subsec_nanos()) << 32) / 1_000_000_000;
    let ntp = ((unix.as_secs() + 2_208_988_800) << 32) | fraction;
    ShardConfig {
        reorder: config.reorder,
        tolerance: config.tolerance,
        rtp_timeout: config.rtp_timeout,
        close_drain: config.close_drain,
        coalesce: config.coalesce,
        ..ShardConfig::new(Instant::now(), ntp)
    }
}

fn user_agent(value: &str) -> Result<String, MediaError> {
    if value.is_empty() || !value.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
        return Err(MediaError::Setting {
            setting: "user_agent",
            value: value.to_owned(),
            rule: "must be printable ASCII".to_owned(),
        });
    }
    Ok(value.to_owned())
}

fn random() -> Result<u64, MediaError> {
    getrandom::u64().map_err(|error| MediaError::Start {
        what: "the random number source",
        source: io::Error::other(error.to_string()),
    })
}
