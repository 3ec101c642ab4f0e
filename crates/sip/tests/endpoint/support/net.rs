//! Transports under a poll of their own, with everything that happens written down.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bridgetap_sip::message::{Malformed, Message};
use bridgetap_sip::resolve::Place;
use bridgetap_sip::transport::{Identities, Inbox, Listen, Tls, TlsFiles, Transports};
use bridgetap_sip::types::{
    FlowId, NoticeKind, SendId, SendTo, Source, Target, TlsIdentity, Transport, Trouble,
};

/// Nothing here takes this long; it only ends a test that hangs.
pub const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    Message(Source, String),
    Malformed(Source, Malformed),
    SendFailed(SendId),
    FlowClosed(FlowId, bool),
    Notice(NoticeKind, SocketAddr, String),
}

#[derive(Default)]
pub struct Log(pub Vec<Seen>);

impl Inbox for Log {
    fn message(&mut self, source: &Source, raw: &[u8], _: Message) {
        self.0.push(Seen::Message(
            source.clone(),
            String::from_utf8_lossy(raw).into_owned(),
        ));
    }
    fn malformed(&mut self, source: &Source, _: &[u8], fault: Malformed) {
        self.0.push(Seen::Malformed(source.clone(), fault));
    }
    fn send_failed(&mut self, send: SendId, _: Trouble) {
        self.0.push(Seen::SendFailed(send));
    }
    fn flow_closed(&mut self, flow: FlowId, was_heard: bool) {
        self.0.push(Seen::FlowClosed(flow, was_heard));
    }
    fn notice(&mut self, kind: NoticeKind, source: SocketAddr, detail: &str) {
        self.0.push(Seen::Notice(kind, source, detail.to_owned()));
    }
}

pub struct Net {
    poll: mio::Poll,
    pub transports: Transports,
    pub log: Log,
    pub identities: Identities,
    /// Added to the real time that the transports are told.
    pub ahead: Duration,
}

pub fn certificate(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/certs")
        .join(name)
}

/// TLS with `name`'s certificate, trusting `ca` alone.
pub fn tls(name: &str, ca: &str) -> Tls {
    let files = TlsFiles {
        certificate: Some(certificate(&format!("{name}.pem"))),
        key: Some(certificate(&format!("{name}.key"))),
        trusted_ca: Some(certificate(ca)),
        client_ca: None,
    };
    Tls::with_roots(&files, Vec::new()).unwrap()
}

impl Net {
    pub fn new(listens: &[&str], tls: Tls) -> Net {
        let poll = mio::Poll::new().unwrap();
        let listens: Vec<_> = listens
            .iter()
            .map(|text| Listen::parse(text).unwrap())
            .collect();
        let registry = poll.registry().try_clone().unwrap();
        let identities = tls.identities().clone();
        let transports = Transports::bind(Instant::now(), registry, &listens, tls).unwrap();
        Net {
            poll,
            transports,
            log: Log::default(),
            identities,
            ahead: Duration::ZERO,
        }
    }

    pub fn plain(listens: &[&str]) -> Net {
        Net::new(listens, tls("server", "ca.pem"))
    }

    pub fn address(&self, place: usize) -> SocketAddr {
        self.transports.listeners()[place].bound
    }

    pub fn now(&self) -> Instant {
        Instant::now() + self.ahead
    }

    /// One turn of the loop.
    pub fn turn(&mut self, wait: Duration) {
        let mut events = mio::Events::with_capacity(64);
        let wait = if self.transports.has_backlog() {
            Duration::ZERO
        } else {
            wait
        };
        self.poll.poll(&mut events, Some(wait)).unwrap();
        let now = self.now();
        self.transports.work_off(now, &mut self.log);
        for event in &events {
            self.transports.ready(now, event.token(), &mut self.log);
        }
    }

    /// Turn until something is seen for which `wanted` has a value.
    pub fn until<T>(&mut self, wanted: impl Fn(&[Seen]) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(value) = wanted(&self.log.0) {
                return value;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "never seen; but: {:#?}",
                self.log.0
            );
            self.turn(Duration::from_millis(20));
        }
    }

    /// The `n`th message, counted from 0.
    pub fn message(&mut self, n: usize) -> (Source, String) {
        self.until(|seen| {
            let messages = seen.iter().filter_map(|s| {
                if let Seen::Message(source, text) = s {
                    Some((source, text))
                } else {
                    None
                }
            });
            messages
                .map(|(source, text)| (source.clone(), text.clone()))
                .nth(n)
        })
    }

    pub fn notices(&self) -> Vec<(NoticeKind, String)> {
        let notice = |seen: &Seen| {
            if let Seen::Notice(kind, _, text) = seen {
                Some((*kind, text.clone()))
            } else {
                None
            }
        };
        self.log.0.iter().filter_map(notice).collect()
    }

    pub fn failed(&self, send: u64) -> bool {
        self.log.0.contains(&Seen::SendFailed(SendId(send)))
    }

    /// Time passes at once.
    pub fn pass(&mut self, time: Duration) {
        for _ in 0..time.as_secs() {
            self.ahead += Duration::from_secs(1);
            let now = self.now();
            self.transports.handle_timeout(now, &mut self.log);
        }
    }

    pub fn request(
        &mut self,
        send: u64,
        transport: Transport,
        address: SocketAddr,
        tls_name: Option<&str>,
        text: &str,
    ) {
        let place = Place {
            transport,
            address,
            tls_name: tls_name.map(str::to_owned),
        };
        let target = self.transports.targets(vec![place]).remove(0);
        self.send(send, SendTo::Request(target), text);
    }

    /// To `localhost` over TLS, as somebody.
    pub fn request_as(
        &mut self,
        identity: Option<TlsIdentity>,
        send: u64,
        address: SocketAddr,
        text: &str,
    ) {
        let place = Place {
            transport: Transport::Tls,
            address,
            tls_name: Some("localhost".to_owned()),
        };
        let target = self.transports.targets(vec![place]).remove(0);
        let target = Target { identity, ..target };
        self.send(send, SendTo::Request(target), text);
    }

    pub fn reply(&mut self, send: u64, source: &Source, text: &str) {
        let target = Target {
            flow: Some(source.flow),
            transport: source.transport,
            remote: source.remote,
            local: source.local,
            tls_name: None,
            identity: None,
        };
        self.send(send, SendTo::Response(target), text);
    }

    pub fn send(&mut self, send: u64, to: SendTo, text: &str) {
        let now = self.now();
        self.transports.send(
            now,
            SendId(send),
            &to,
            text.as_bytes().to_vec(),
            &mut self.log,
        );
    }
}

/// A small request that is told from others by its Call-ID.
pub fn options(call_id: &str) -> String {
    format!(
        "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nCall-ID: {call_id}\r\nContent-Length: 0\r\n\r\n"
    )
}

/// And what answers it.
pub fn ok(call_id: &str) -> String {
    format!("SIP/2.0 200 OK\r\nCall-ID: {call_id}\r\nContent-Length: 0\r\n\r\n")
}

/// A plain client of ours.
pub fn connect(address: SocketAddr) -> std::net::TcpStream {
    let stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}
