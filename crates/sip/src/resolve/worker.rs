//! The thread that asks the DNS, so that no lookup is ever waited for on the SIP thread.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::sync::{Semaphore, mpsc};

use super::procedure::{Means, Place, Procedure, Step};
use super::records::{Answer, Naptr, Query, Srv};
use crate::types::{Entropy, LookupId};

/// An answer on its way back: the lookup and its places, none where there is no way.
pub type Resolved = (LookupId, Vec<Place>);

/// A handle to the thread. Dropping it ends the thread and what is still being asked.
#[derive(Debug)]
pub struct Resolver {
    queue: Option<mpsc::Sender<(LookupId, Procedure, Vec<Query>)>>,
    thread: Option<JoinHandle<()>>,
    means: Means,
}

/// Lookups waiting for their turn; beyond that they fail at once, as an unknown name does.
const QUEUE: usize = 1_024;
/// Lookups being asked at once.
const AT_ONCE: usize = 64;
/// The cache is the resolver's own: each answer for as long as its TTL says, at most a day.
const CACHED_ANSWERS: u64 = 4_096;
const LONGEST_TTL: Duration = Duration::from_secs(86_400);

impl Resolver {
    /// Start it. `name_servers` are `ip` or `ip:port`; none means the system's. `deliver` is
    /// called on the resolver's thread.
    pub fn start(
        name_servers: &[SocketAddr],
        means: Means,
        entropy: Box<dyn Entropy>,
        deliver: impl Fn(Resolved) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let name_servers = name_servers.to_vec();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (queue, asked) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new()
            .name("bridgetap-dns".into())
            .spawn(move || {
                runtime.block_on(serve(&name_servers, asked, entropy, Arc::new(deliver)));
            })?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            means,
        })
    }

    /// Locate `uri`. `Some` where that needs no question or cannot be asked; else the answer is
    /// delivered later. `tls`: that is possible for this one, whatever the endpoint's means.
    pub fn locate(&self, lookup: LookupId, uri: &str, tls: bool) -> Option<Vec<Place>> {
        let means = Means {
            tls: tls || self.means.tls,
            ..self.means
        };
        match Procedure::start(uri, means) {
            Ok((_, Step::Done(places))) => Some(places),
            Ok((procedure, Step::Ask(queries))) => {
                let queue = self.queue.as_ref()?;
                match queue.try_send((lookup, procedure, queries)) {
                    Ok(()) => None,
                    Err(error) => {
                        log::warn!("sip.lookup-refused uri={uri} error={error}");
                        Some(Vec::new())
                    }
                }
            }
            Err(error) => {
                log::warn!("sip.lookup-impossible uri={uri} error={error}");
                Some(Vec::new())
            }
        }
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    name_servers: &[SocketAddr],
    mut asked: mpsc::Receiver<(LookupId, Procedure, Vec<Query>)>,
    mut entropy: Box<dyn Entropy>,
    deliver: Arc<dyn Fn(Resolved) + Send + Sync>,
) {
    let dns = match build(name_servers) {
        Ok(dns) => Some(Arc::new(dns)),
        Err(error) => {
            log::error!("sip.no-resolver error={error}");
            None
        }
    };
    let (places, turns) = (
        Arc::new(Semaphore::new(QUEUE)),
        Arc::new(Semaphore::new(AT_ONCE)),
    );
    while let Some((lookup, procedure, queries)) = asked.recv().await {
        let (Some(dns), Ok(place)) = (dns.clone(), places.clone().try_acquire_owned()) else {
            deliver((lookup, Vec::new()));
            continue;
        };
        let (deliver, seed, turns) = (deliver.clone(), entropy.next_u64(), turns.clone());
        tokio::spawn(async move {
            let _turn = turns.acquire_owned().await;
            deliver((lookup, locate(&dns, procedure, queries, seed).await));
            drop(place);
        });
    }
    // Leaving drops the runtime, and with it what is still being asked.
}

async fn locate(
    dns: &Arc<TokioResolver>,
    mut procedure: Procedure,
    first: Vec<Query>,
    seed: u64,
) -> Vec<Place> {
    let mut state = seed;
    // Any spread will do for load sharing (RFC 2782); the seed differs from lookup to lookup.
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let mut queries = first;
    loop {
        let asking: Vec<_> = queries
            .into_iter()
            .map(|query| {
                let dns = dns.clone();
                tokio::spawn(async move { ask(&dns, query).await })
            })
            .collect();
        let mut answers = Vec::with_capacity(asking.len());
        for answer in asking {
            answers.push(answer.await.unwrap_or(Answer::Addresses(Vec::new())));
        }
        match procedure.answer(answers, &mut random) {
            Step::Ask(more) => queries = more,
            Step::Done(places) => return places,
        }
    }
}

async fn ask(dns: &TokioResolver, query: Query) -> Answer {
    match query {
        Query::Naptr(name) => Answer::Naptr(records(dns, &name, RecordType::NAPTR, naptr).await),
        Query::Srv(name) => Answer::Srv(records(dns, &name, RecordType::SRV, srv).await),
        Query::Addresses(name) => match dns.lookup_ip(name.as_str()).await {
            Ok(found) => Answer::Addresses(found.iter().collect()),
            Err(error) => {
                log::info!("sip.host-not-found name={name} error={error}");
                Answer::Addresses(Vec::new())
            }
        },
    }
}

async fn records<T>(
    dns: &TokioResolver,
    name: &str,
    kind: RecordType,
    read: fn(&RData) -> Option<T>,
) -> Vec<T> {
    let Ok(mut name) = Name::from_utf8(name) else {
        return Vec::new();
    };
    // Service names are always whole: no search list.
    name.set_fqdn(true);
    match dns.lookup(name, kind).await {
        Ok(found) => found
            .answers()
            .iter()
            .filter_map(|record| read(&record.data))
            .collect(),
        Err(error) => {
            log::debug!("sip.no-records kind={kind} error={error}");
            Vec::new()
        }
    }
}

fn naptr(data: &RData) -> Option<Naptr> {
    let RData::NAPTR(record) = data else {
        return None;
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(Naptr {
        order: record.order,
        preference: record.preference,
        flags: text(&record.flags),
        service: text(&record.services),
        replacement: plain(&record.replacement),
    })
}

fn srv(data: &RData) -> Option<Srv> {
    let RData::SRV(record) = data else {
        return None;
    };
    Some(Srv {
        priority: record.priority,
        weight: record.weight,
        port: record.port,
        target: plain(&record.target),
    })
}

/// Without the dot at the end, `.` alone excepted.
fn plain(name: &Name) -> String {
    let text = name.to_utf8();
    match text.strip_suffix('.') {
        Some("") | None => text,
        Some(plain) => plain.to_owned(),
    }
}

fn build(name_servers: &[SocketAddr]) -> Result<TokioResolver, hickory_resolver::net::NetError> {
    let provider = TokioRuntimeProvider::default();
    let mut builder = if name_servers.is_empty() {
        TokioResolver::builder(provider)?
    } else {
        let servers = name_servers.iter().map(name_server).collect();
        TokioResolver::builder_with_config(
            ResolverConfig::from_parts(None, Vec::new(), servers),
            provider,
        )
    };
    options(builder.options_mut());
    builder.build()
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let connection = |mut config: ConnectionConfig| {
        config.port = address.port();
        config
    };
    let ip: IpAddr = address.ip();
    NameServerConfig::new(
        ip,
        true,
        vec![
            connection(ConnectionConfig::udp()),
            connection(ConnectionConfig::tcp()),
        ],
    )
}

fn options(options: &mut ResolverOpts) {
    // A caller hears ringing or an error within seconds: two tries of two seconds.
    options.timeout = options.timeout.min(Duration::from_secs(2));
    options.attempts = 2;
    options.cache_size = CACHED_ANSWERS;
    options.positive_max_ttl = Some(LONGEST_TTL);
    options.negative_max_ttl = Some(Duration::from_secs(60));
    options.use_hosts_file = ResolveHosts::Always;
}
