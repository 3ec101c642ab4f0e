//! The floor: answer, bridge, relay, fork, and nothing else. One thread, one epoll, the same system calls.
//!
//! `floor --sip-port N --callee 127.0.0.1:M --fork none|immediate|tick20 [--sink-port N --ca PEM]`
//! No jitter handling, no RTCP, no DTMF, no checks: the least a server of this design can spend.

use base64::Engine as _;
use bridgetap_bench::args::arg;
use bridgetap_bench::sip_text::{Message, sdp, sdp_port};
use bridgetap_bench::{now_ns, tls_files};
use mio::net::{TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Token};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

const SIP: Token = Token(0);
const TICK_NS: u64 = 20_000_000;

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    None,
    Immediate,
    Tick20,
}

fn main() {
    let mode = match arg("fork", "immediate".to_owned()).as_str() {
        "none" => Mode::None,
        "tick20" => Mode::Tick20,
        _ => Mode::Immediate,
    };
    let mut floor = Floor::new(mode);
    println!(
        "listening {}",
        floor.sip.local_addr().expect("address").port()
    );
    floor.run();
}

/// A party: its socket with the server, where it hears, and what it is sent continues as one stream.
struct Party {
    socket: UdpSocket,
    to: SocketAddr,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
}

struct Call {
    parties: [Party; 2],
    fork: Option<Fork>,
    invite: String,
    a_from: SocketAddr,
    b_call_id: String,
    b_to: String,
    b_target: String,
}

struct Fork {
    stream: TcpStream,
    tls: ClientConnection,
    open: bool,
    sequence: u64,
    chunks: [u64; 2],
    started_ns: u64,
    text: Vec<u8>,
    frames: Vec<u8>,
}

struct Floor {
    mode: Mode,
    poll: Poll,
    sip: UdpSocket,
    sip_port: u16,
    callee: SocketAddr,
    sink: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    calls: Vec<Call>,
    by_id: HashMap<String, usize>,
    mask: u64,
}

impl Floor {
    fn new(mode: Mode) -> Self {
        let poll = Poll::new().expect("poll");
        let mut sip =
            UdpSocket::bind(([127, 0, 0, 1], arg("sip-port", 0u16)).into()).expect("SIP socket");
        let _ = socket2::SockRef::from(&sip).set_recv_buffer_size(8 << 20);
        poll.registry()
            .register(&mut sip, SIP, Interest::READABLE)
            .expect("register");
        Self {
            mode,
            poll,
            sip_port: sip.local_addr().expect("address").port(),
            sip,
            callee: arg("callee", SocketAddr::from(([127, 0, 0, 1], 5090))),
            sink: ([127, 0, 0, 1], arg("sink-port", 0u16)).into(),
            tls: (mode != Mode::None).then(|| tls_files::client(&arg("ca", String::new()))),
            calls: Vec::new(),
            by_id: HashMap::new(),
            mask: now_ns() | 1,
        }
    }

    fn run(&mut self) {
        let mut events = Events::with_capacity(1024);
        let mut next_tick = now_ns() + 1_000_000;
        let mut slot = 0;
        loop {
            let wait = (self.mode == Mode::Tick20)
                .then(|| Duration::from_nanos(next_tick.saturating_sub(now_ns())));
            if self.poll.poll(&mut events, wait).is_err() {
                continue;
            }
            for event in &events {
                match event.token() {
                    SIP => self.signal(),
                    Token(n) if n % 4 == 3 => self.fork_event(n / 4 - 1),
                    Token(n) => self.relay(n / 4 - 1, n % 4 - 1),
                }
            }
            if self.mode == Mode::Tick20 {
                while now_ns() >= next_tick {
                    next_tick += TICK_NS / 20;
                    slot = (slot + 1) % 20;
                    for index in (slot..self.calls.len()).step_by(20) {
                        if let Some(fork) = &mut self.calls[index].fork {
                            fork.flush();
                        }
                    }
                }
            }
        }
    }

    /// Audio from one party to the other, and into the fork.
    fn relay(&mut self, call: usize, from: usize) {
        let mut buffer = [0u8; 2048];
        let Some(call) = self.calls.get_mut(call) else {
            return;
        };
        while let Ok((length, source)) = call.parties[from].socket.recv_from(&mut buffer) {
            if length < 12 || source != call.parties[from].to {
                continue;
            }
            let to = &mut call.parties[1 - from];
            to.sequence = to.sequence.wrapping_add(1);
            to.timestamp = to.timestamp.wrapping_add(160);
            buffer[2..4].copy_from_slice(&to.sequence.to_be_bytes());
            buffer[4..8].copy_from_slice(&to.timestamp.to_be_bytes());
            buffer[8..12].copy_from_slice(&to.ssrc.to_be_bytes());
            let _ = to.socket.send_to(&buffer[..length], to.to);
            if let Some(fork) = &mut call.fork
                && fork.open
            {
                self.mask ^= self.mask << 13;
                self.mask ^= self.mask >> 7;
                self.mask ^= self.mask << 17;
                fork.media(from, &buffer[12..length], self.mask as u32);
                if self.mode == Mode::Immediate {
                    fork.flush();
                }
            }
        }
    }

    fn fork_event(&mut self, call: usize) {
        let Some(fork) = self.calls.get_mut(call).and_then(|c| c.fork.as_mut()) else {
            return;
        };
        let mut bytes = [0u8; 2048];
        while let Ok(n) = fork.tls.read_tls(&mut fork.stream) {
            if n == 0 || fork.tls.process_new_packets().is_err() {
                break;
            }
            while let Ok(n) = fork.tls.reader().read(&mut bytes) {
                if n == 0 {
                    break;
                }
                if !fork.open && bytes[..n].starts_with(b"HTTP/1.1 101") {
                    fork.open = true;
                    fork.started_ns = now_ns();
                    fork.text.extend_from_slice(
                        br#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#,
                    );
                    fork.frame(7);
                    fork.sequence = 1;
                    fork.text
                        .extend_from_slice(br#"{"event":"start","sequenceNumber":"1","start":{}}"#);
                    fork.frame(7);
                }
            }
        }
        fork.flush();
    }

    fn signal(&mut self) {
        let mut buffer = [0u8; 4096];
        while let Ok((length, from)) = self.sip.recv_from(&mut buffer) {
            let Some(message) = Message::parse(&buffer[..length]) else {
                continue;
            };
            let text = std::str::from_utf8(&buffer[..length])
                .unwrap_or("")
                .to_owned();
            match (message.status(), message.method()) {
                (0, "INVITE") => self.invite(&message, text, from),
                (0, "BYE") => self.bye(&message, from),
                (200, "INVITE") => self.answered(&message),
                _ => {}
            }
        }
    }

    fn send(&self, text: &str, to: SocketAddr) {
        let _ = self.sip.send_to(text.as_bytes(), to);
    }

    fn party(&self, token: usize) -> Party {
        let mut socket = UdpSocket::bind(([127, 0, 0, 1], 0).into()).expect("RTP socket");
        self.poll
            .registry()
            .register(&mut socket, Token(token), Interest::READABLE)
            .expect("register");
        Party {
            socket,
            to: (Ipv4Addr::LOCALHOST, 9).into(),
            sequence: 0,
            timestamp: 0,
            ssrc: token as u32,
        }
    }

    fn invite(&mut self, message: &Message, text: String, from: SocketAddr) {
        if self.by_id.contains_key(message.header("Call-ID")) {
            return;
        }
        self.send(&message.reply("100 Trying", "f", "sip:floor", ""), from);
        let index = self.calls.len();
        let mut parties = [
            self.party((index + 1) * 4 + 1),
            self.party((index + 1) * 4 + 2),
        ];
        parties[0].to = (Ipv4Addr::LOCALHOST, sdp_port(message.body).unwrap_or(9)).into();
        let (callee, port, b_call_id) = (self.callee, self.sip_port, format!("floor-{index}"));
        let body = sdp(parties[1].socket.local_addr().expect("address").port());
        let invite = format!(
            "INVITE sip:callee@{callee} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKf{index};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:floor@127.0.0.1:{port}>;tag=f{index}\r\nTo: <sip:callee@{callee}>\r\nCall-ID: {b_call_id}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:floor@127.0.0.1:{port}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(&invite, callee);
        self.by_id
            .insert(message.header("Call-ID").to_owned(), index);
        self.by_id.insert(b_call_id.clone(), index);
        self.calls.push(Call {
            parties,
            fork: None,
            invite: text,
            a_from: from,
            b_call_id,
            b_to: String::new(),
            b_target: String::new(),
        });
    }

    fn b_request(&self, call: &Call, index: usize, method: &str, cseq: u32) -> String {
        let (port, callee) = (self.sip_port, self.callee);
        format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKf{index}{method};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:floor@127.0.0.1:{port}>;tag=f{index}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
             Content-Length: 0\r\n\r\n",
            if call.b_target.is_empty() {
                format!("sip:callee@{callee}")
            } else {
                call.b_target.clone()
            },
            call.b_to,
            call.b_call_id
        )
    }

    fn answered(&mut self, message: &Message) {
        let Some(&index) = self.by_id.get(message.header("Call-ID")) else {
            return;
        };
        let first = self.calls[index].b_to.is_empty();
        self.calls[index].b_to = message.header("To").to_owned();
        self.calls[index].b_target = message.contact_uri().to_owned();
        let ack = self.b_request(&self.calls[index], index, "ACK", 1);
        self.send(&ack, self.callee);
        if !first {
            return;
        }
        if let Some(config) = &self.tls {
            let mut stream = TcpStream::connect(self.sink).expect("connect");
            let _ = stream.set_nodelay(true);
            self.poll
                .registry()
                .register(
                    &mut stream,
                    Token((index + 1) * 4 + 3),
                    Interest::READABLE | Interest::WRITABLE,
                )
                .expect("register");
            let name = ServerName::try_from("localhost").expect("name");
            let mut tls = ClientConnection::new(config.clone(), name).expect("TLS");
            let upgrade = b"GET /media HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
            tls.writer().write_all(upgrade).expect("TLS buffer");
            self.calls[index].fork = Some(Fork {
                stream,
                tls,
                open: false,
                sequence: 0,
                chunks: [0; 2],
                started_ns: 0,
                text: Vec::with_capacity(512),
                frames: Vec::with_capacity(2048),
            });
        }
        let call = &mut self.calls[index];
        call.parties[1].to = (Ipv4Addr::LOCALHOST, sdp_port(message.body).unwrap_or(9)).into();
        let port = call.parties[0].socket.local_addr().expect("address").port();
        let contact = format!("sip:floor@127.0.0.1:{}", self.sip_port);
        let invite = Message::parse(call.invite.as_bytes()).expect("kept INVITE");
        let ok = invite.reply("200 OK", &format!("fa{index}"), &contact, &sdp(port));
        let to = call.a_from;
        self.send(&ok, to);
    }

    fn bye(&mut self, message: &Message, from: SocketAddr) {
        self.send(&message.reply("200 OK", "f", "sip:floor", ""), from);
        let Some(&index) = self.by_id.get(message.header("Call-ID")) else {
            return;
        };
        let bye = self.b_request(&self.calls[index], index, "BYE", 2);
        self.send(&bye, self.callee);
        if let Some(mut fork) = self.calls[index].fork.take() {
            fork.sequence += 1;
            let _ = write!(
                fork.text,
                r#"{{"event":"stop","sequenceNumber":"{}"}}"#,
                fork.sequence
            );
            fork.frame(7);
            fork.flush();
        }
        for party in &mut self.calls[index].parties {
            let _ = self.poll.registry().deregister(&mut party.socket);
        }
    }
}

impl Fork {
    fn media(&mut self, track: usize, payload: &[u8], mask: u32) {
        self.sequence += 1;
        self.chunks[track] += 1;
        let name = if track == 0 { "inbound" } else { "outbound" };
        let ms = (now_ns() - self.started_ns) / 1_000_000;
        let _ = write!(
            self.text,
            r#"{{"event":"media","sequenceNumber":"{}","media":{{"track":"{name}","chunk":"{}","timestamp":"{ms}","payload":""#,
            self.sequence, self.chunks[track]
        );
        let at = self.text.len();
        self.text.resize(at + 4 * payload.len().div_ceil(3), 0);
        let _ =
            base64::engine::general_purpose::STANDARD.encode_slice(payload, &mut self.text[at..]);
        self.text
            .extend_from_slice(br#""},"streamSid":"MZ00000000000000000000000000000000"}"#);
        self.frame(mask);
    }

    fn frame(&mut self, mask: u32) {
        let length = self.text.len();
        self.frames.push(0x81);
        if length < 126 {
            self.frames.push(0x80 | length as u8);
        } else {
            self.frames.push(0x80 | 126);
            self.frames
                .extend_from_slice(&(length as u16).to_be_bytes());
        }
        let key = mask.to_ne_bytes();
        self.frames.extend_from_slice(&key);
        let at = self.frames.len();
        self.frames.extend_from_slice(&self.text);
        let wide = u64::from(mask) << 32 | u64::from(mask);
        let (words, rest) = self.frames[at..].as_chunks_mut::<8>();
        for word in words {
            *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
        }
        for (i, byte) in rest.iter_mut().enumerate() {
            *byte ^= key[i & 3];
        }
        self.text.clear();
    }

    fn flush(&mut self) {
        if !self.frames.is_empty() {
            let _ = self.tls.writer().write_all(&self.frames);
            self.frames.clear();
        }
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut self.stream).is_err() {
                break;
            }
        }
    }
}
