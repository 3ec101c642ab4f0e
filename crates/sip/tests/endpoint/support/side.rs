//! A real endpoint and what it was told.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bridgetap_sip::digest::{Algorithm, Ha1};
use bridgetap_sip::endpoint::{EventSink, SipConfig, SipEndpoint};
use bridgetap_sip::types::{
    Command, Credentials, DialogId, Identity, IncomingCall, Invite, OwnRequest, RegisterReceived,
    Reliable, RequestId, SipEvent, TrunkRule, UserRule,
};

/// Nothing here takes this long; it only ends a test that hangs.
pub const PATIENCE: Duration = Duration::from_secs(30);

struct Sink {
    events: Sender<SipEvent>,
    oldest_ms: Arc<AtomicU64>,
}

impl EventSink for Sink {
    fn push(&self, event: SipEvent) {
        let _ = self.events.send(event);
    }
    fn oldest_ms(&self) -> u64 {
        self.oldest_ms.load(Ordering::Relaxed)
    }
}

pub struct Side {
    pub endpoint: SipEndpoint,
    events: Receiver<SipEvent>,
    /// What came and was not yet asked for.
    held: RefCell<VecDeque<SipEvent>>,
    pub oldest_ms: Arc<AtomicU64>,
}

pub fn certificate(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/certs")
        .join(name);
    path.to_str().unwrap().to_owned()
}

/// As most tests want it.
pub fn config(listen: &[&str]) -> SipConfig {
    SipConfig {
        listen: listen.iter().map(|text| (*text).to_owned()).collect(),
        tls_certificate: Some(certificate("server.pem")),
        tls_key: Some(certificate("server.key")),
        trusted_ca: Some(certificate("ca.pem")),
        ..SipConfig::default()
    }
}

/// A trunk of loopback, so that calls from there need no password.
pub fn loopback_trunk() -> Vec<TrunkRule> {
    ["127.0.0.0/8", "::1"]
        .map(|network| TrunkRule {
            network: network.into(),
            trunk: "near".into(),
        })
        .to_vec()
}

pub fn user(username: &str, password: &str, algorithms: &[Algorithm]) -> UserRule {
    let hash = |algorithm| {
        algorithms
            .contains(&algorithm)
            .then(|| Ha1::from_password(algorithm, username, "bridgetap", password).to_hex())
    };
    UserRule {
        username: username.into(),
        ha1: hash(Algorithm::Md5),
        ha1_sha256: hash(Algorithm::Sha256),
    }
}

impl Side {
    pub fn start(config: SipConfig) -> Side {
        let (sender, events) = channel();
        let oldest_ms = Arc::new(AtomicU64::new(0));
        let sink = Sink {
            events: sender,
            oldest_ms: oldest_ms.clone(),
        };
        let endpoint = SipEndpoint::start(config, Box::new(sink)).unwrap();
        Side {
            endpoint,
            events,
            held: RefCell::default(),
            oldest_ms,
        }
    }

    /// One that lets loopback in.
    pub fn open(listen: &[&str]) -> Side {
        let side = Side::start(config(listen));
        side.endpoint
            .set_admission(loopback_trunk(), vec![])
            .unwrap();
        side
    }

    /// The address bound at a place of `listen`.
    pub fn address(&self, place: usize) -> SocketAddr {
        self.endpoint.addresses()[place]
            .split_once("://")
            .unwrap()
            .1
            .parse()
            .unwrap()
    }

    /// The URI of `user` at a place of `listen`.
    pub fn uri(&self, user: &str, place: usize) -> String {
        let (transport, _) = self.endpoint.addresses()[place].split_once("://").unwrap();
        format!("sip:{user}@{};transport={transport}", self.address(place))
    }

    /// The first event that `wanted` has a value for; others stay for later.
    pub fn wait<T>(&self, what: &str, wanted: impl Fn(&SipEvent) -> Option<T>) -> T {
        let start = Instant::now();
        let mut held = self.held.borrow_mut();
        let mut looked = 0;
        loop {
            while looked < held.len() {
                if let Some(value) = wanted(&held[looked]) {
                    held.remove(looked);
                    return value;
                }
                looked += 1;
            }
            match self
                .events
                .recv_timeout(PATIENCE.saturating_sub(start.elapsed()))
            {
                Ok(event) => held.push_back(event),
                Err(_) => panic!("no {what}; but: {held:#?}"),
            }
        }
    }

    /// Whether something of the kind has come so far.
    pub fn has(&self, wanted: impl Fn(&SipEvent) -> bool) -> bool {
        let mut held = self.held.borrow_mut();
        held.extend(self.events.try_iter());
        held.iter().any(wanted)
    }

    pub fn incoming(&self) -> IncomingCall {
        self.wait("call", |event| {
            if let SipEvent::IncomingCall(call) = event {
                Some((**call).clone())
            } else {
                None
            }
        })
    }

    pub fn registering(&self) -> RegisterReceived {
        self.wait("REGISTER", |event| {
            if let SipEvent::RegisterReceived(r) = event {
                Some((**r).clone())
            } else {
                None
            }
        })
    }

    pub fn answered(&self, call: DialogId) -> Vec<u8> {
        self.wait("answer", |event| match event {
            SipEvent::CallAnswered { dialog, body, .. } if *dialog == call => Some(body.clone()),
            SipEvent::CallEnded {
                dialog,
                status,
                reason,
                ..
            } if *dialog == call => panic!("ended: {status} {reason}"),
            _ => None,
        })
    }

    /// Cause and status of the end of a call.
    pub fn ended(&self, call: DialogId) -> (&'static str, u16) {
        self.wait("end", |event| match event {
            SipEvent::CallEnded {
                dialog,
                cause,
                status,
                ..
            } if *dialog == call => Some((cause.name(), *status)),
            _ => None,
        })
    }

    pub fn response(&self, id: RequestId) -> u16 {
        self.wait("response", |event| match event {
            SipEvent::Response {
                request, status, ..
            } if *request == id => Some(*status),
            _ => None,
        })
    }

    pub fn stat(&self, name: &str) -> u64 {
        self.endpoint
            .stats()
            .into_iter()
            .find(|(known, _)| *known == name)
            .unwrap()
            .1
    }

    pub fn tell(&self, command: Command) {
        self.endpoint.command(command).unwrap();
    }

    pub fn answer(&self, dialog: DialogId, body: &[u8]) {
        self.tell(Command::Answer {
            dialog,
            body: body.to_vec(),
            content_type: "application/sdp".into(),
            headers: vec![],
        });
    }

    pub fn hang_up(&self, dialog: DialogId) {
        self.tell(Command::HangUp {
            dialog,
            headers: vec![],
        });
    }

    pub fn respond(&self, request: RequestId, status: u16, body: &[u8]) {
        self.tell(Command::Respond {
            request,
            status,
            reason: String::new(),
            headers: vec![],
            body: body.to_vec(),
            content_type: "application/sdp".into(),
        });
    }
}

/// A call to `target`, to be changed where a test wants more.
pub fn invite(target: &str) -> Invite {
    Invite {
        dialog: DialogId(0),
        target: target.into(),
        from: "<sip:alice@near.example>".into(),
        to: "<sip:bob@far.example>".into(),
        headers: vec![],
        body: b"v=0\r\n".to_vec(),
        content_type: "application/sdp".into(),
        credentials: None,
        route: vec![],
        flow: None,
        identity: None,
        reliable: Reliable::Supported,
    }
}

/// A request outside any dialog.
pub fn request(method: &str, target: &str) -> OwnRequest {
    OwnRequest {
        request: RequestId(0),
        method: method.into(),
        dialog: None,
        target: target.into(),
        from: "<sip:alice@near.example>".into(),
        to: "<sip:alice@near.example>".into(),
        headers: vec![],
        body: vec![],
        content_type: String::new(),
        credentials: None,
        flow: None,
        call_id: String::new(),
        cseq: 0,
    }
}

pub fn credentials(username: &str, password: &str) -> Option<Credentials> {
    Some(Credentials {
        username: username.into(),
        password: password.into(),
    })
}

pub fn is_user(identity: &Identity, name: &str) -> bool {
    *identity == Identity::User(name.into())
}

/// Each way to reach an endpoint on loopback.
pub const WAYS: [&str; 6] = [
    "udp://127.0.0.1:0",
    "tcp://127.0.0.1:0",
    "tls://127.0.0.1:0",
    "udp://[::1]:0",
    "tcp://[::1]:0",
    "tls://[::1]:0",
];
