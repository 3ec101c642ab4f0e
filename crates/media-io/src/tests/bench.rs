//! Phones, a media core and a stream server on loopback.

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bridgetap_media::{ForkEnded, LegId, MediaEvent};

use crate::poller::{Interest, Poller};
use crate::testing::server::{listen, read_frame, tls, tls_config, upgrade};
use crate::testing::{Certificates, leg_media, target};
use crate::{LegHandle, Media, MediaConfig, NewsQueue};

/// Nothing in these tests takes this long; what never comes fails instead of hanging.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A media core with its events.
pub(super) struct Core {
    pub(super) media: Media,
    pub(super) certificates: Certificates,
    events: Arc<NewsQueue<MediaEvent>>,
    seen: VecDeque<MediaEvent>,
}

impl Core {
    pub(super) fn new(threads: usize) -> Self {
        Self::with(threads, |_| {})
    }

    pub(super) fn with(threads: usize, change: impl FnOnce(&mut MediaConfig)) -> Self {
        let certificates = Certificates::new();
        let mut config = MediaConfig {
            ports: (20_000, 29_999),
            threads,
            trusted_ca: Some(certificates.ca.clone()),
            system_roots: false,
            close_drain: Duration::from_millis(1500),
            ..MediaConfig::default()
        };
        change(&mut config);
        let events = Arc::new(NewsQueue::new().unwrap());
        let media = Media::start(config, events.clone()).unwrap();
        Self {
            media,
            certificates,
            events,
            seen: VecDeque::new(),
        }
    }

    /// A leg that talks to a new phone.
    pub(super) fn call(&self) -> (LegHandle, Phone) {
        let leg = self.media.open_leg("127.0.0.1", "CA1").unwrap();
        let phone = Phone::new(leg.rtp_port());
        leg.configure(leg_media(phone.address())).unwrap();
        (leg, phone)
    }

    /// The next event for which `pick` gives something; the others stay to be asked for.
    pub(super) fn wait<T>(&mut self, mut pick: impl FnMut(&MediaEvent) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut looked_at = 0;
        loop {
            while let Some(event) = self.seen.get(looked_at) {
                if let Some(picked) = pick(event) {
                    self.seen.remove(looked_at);
                    return picked;
                }
                looked_at += 1;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "it never came; there was {:?}", self.seen);
            wait_readable(&*self.events, left);
            self.seen.extend(self.events.take(64));
        }
    }

    pub(super) fn fork_opened(&mut self) {
        self.wait(|e| matches!(e, MediaEvent::ForkOpened { .. }).then_some(()));
    }

    pub(super) fn fork_ended(&mut self) -> ForkEnded {
        self.wait(|e| match e {
            MediaEvent::ForkEnded(ended) => Some(ended.clone()),
            _ => None,
        })
    }

    pub(super) fn leg_closed(&mut self, leg: LegId) {
        self.wait(|e| {
            matches!(e, MediaEvent::LegClosed { stats } if stats.leg == leg).then_some(())
        });
    }

    /// Everything that is left, in order.
    pub(super) fn rest(&mut self) -> Vec<MediaEvent> {
        self.seen.extend(self.events.take(usize::MAX));
        self.seen.drain(..).collect()
    }

    /// A server that takes every stream and reports what it gets.
    pub(super) fn receiver(&self) -> (u16, Receiver<Got>) {
        let config = tls_config(&self.certificates.server("good", "localhost"));
        let (send, got) = channel();
        let send = std::sync::Mutex::new(send);
        let address = listen(move |connection| {
            let send: Sender<Got> = send.lock().unwrap().clone();
            let mut stream = tls(&config, connection);
            if upgrade(&mut stream, b"").is_none() {
                return;
            }
            while let Some((opcode, payload)) = read_frame(&mut stream) {
                let got = match opcode {
                    1 => Got::Text(String::from_utf8(payload).unwrap()),
                    8 => Got::Close(payload),
                    _ => continue,
                };
                let last = matches!(got, Got::Close(_));
                let _ = send.send(got);
                if last {
                    // Answer it, as a server does.
                    let _ = std::io::Write::write_all(&mut stream, b"\x88\x02\x03\xe8");
                    break;
                }
            }
        });
        (address.port(), got)
    }
}

/// What a server read.
#[derive(Debug, PartialEq)]
pub(super) enum Got {
    Text(String),
    Close(Vec<u8>),
}

/// A fork target on this machine.
pub(super) fn local(port: u16) -> bridgetap_media::ForkTarget {
    target("localhost", port)
}

/// The far end of a leg: sends and hears PCMU.
pub(super) struct Phone {
    socket: UdpSocket,
    leg: SocketAddr,
    ssrc: u32,
    sequence: u16,
}

/// One RTP packet as heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
    pub(super) payload: Vec<u8>,
}

impl Phone {
    pub(super) fn new(port: u16) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            ssrc: u32::from(socket.local_addr().unwrap().port()),
            socket,
            leg: SocketAddr::from(([127, 0, 0, 1], port)),
            sequence: 100,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// 20 ms of one µ-law value.
    pub(super) fn say(&mut self, value: u8) {
        let mut packet = vec![0x80, 0];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend((u32::from(self.sequence) * 160).to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend([value; 160]);
        self.socket.send_to(&packet, self.leg).unwrap();
        self.sequence += 1;
    }

    pub(super) fn send_raw(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.leg).unwrap();
    }

    fn hears_within(&self, time: Duration) -> bool {
        self.socket.set_read_timeout(Some(time)).unwrap();
        let heard = self.socket.recv(&mut [0; 2048]).is_ok();
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        heard
    }

    /// The next packet.
    pub(super) fn hear(&self) -> Heard {
        let mut packet = [0; 2048];
        let len = self.socket.recv(&mut packet).expect("a packet in time");
        let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
        Heard {
            sequence: u16::from_be_bytes([packet[2], packet[3]]),
            timestamp: word(4),
            ssrc: word(8),
            payload: packet[12..len].to_vec(),
        }
    }
}

/// Talk until the bridge is there: what was said while a leg moved to the other's thread was heard
/// by nobody.
pub(super) fn until_bridged(a: &mut Phone, b: &mut Phone) {
    let tick = Duration::from_millis(20);
    let deadline = Instant::now() + PATIENCE;
    let (mut at_a, mut at_b) = (false, false);
    while !(at_a && at_b) {
        assert!(Instant::now() < deadline, "the bridge never came");
        a.say(1);
        b.say(1);
        at_b |= b.hears_within(tick);
        at_a |= a.hears_within(tick);
    }
    while a.hears_within(2 * tick) || b.hears_within(2 * tick) {}
}

/// Talk both ways for `count` packets, 20 ms apart, as two calls do; then read all that arrived.
/// Nothing may be missing, and sequence numbers must follow each other.
pub(super) fn converse(a: &mut Phone, b: &mut Phone, count: usize) -> (Vec<Heard>, Vec<Heard>) {
    let start = Instant::now();
    for n in 0..count {
        a.say(n as u8 | 0x80);
        b.say(n as u8 & 0x7f);
        let next = start + Duration::from_millis(20) * (n as u32 + 1);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    (gapless(b, count), gapless(a, count))
}

fn gapless(phone: &Phone, count: usize) -> Vec<Heard> {
    let heard: Vec<Heard> = (0..count).map(|_| phone.hear()).collect();
    for pair in heard.windows(2) {
        assert_eq!(
            pair[1].sequence,
            pair[0].sequence.wrapping_add(1),
            "a packet is missing"
        );
        assert_eq!(pair[1].ssrc, pair[0].ssrc);
    }
    heard
}

/// The value of a JSON member, as it stands in the text.
pub(super) fn member<'a>(json: &'a str, name: &str) -> &'a str {
    let at = json
        .find(&format!("\"{name}\":"))
        .unwrap_or_else(|| panic!("no {name} in {json}"));
    let value = &json[at + name.len() + 3..];
    let end = value.find([',', '}']).unwrap_or(value.len());
    value[..end].trim_matches('"')
}

fn wait_readable(fd: &impl AsRawFd, patience: Duration) {
    let mut poller = Poller::new().unwrap();
    // The queue outlives this call.
    #[allow(unsafe_code)]
    // SAFETY: `fd` is borrowed for the whole function, so the descriptor stays open.
    let fd = unsafe { BorrowedFd::borrow_raw(fd.as_raw_fd()) };
    poller.add(&fd, 0, Interest::Read).unwrap();
    poller.wait(Some(patience)).unwrap();
}
