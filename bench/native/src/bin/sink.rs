//! The far end: a wss server that checks every Media Streams frame and measures how old its audio is.
//!
//! `sink --port N --cert PEM --key PEM [--stall-every K]`; prints `listening`, then a JSON report for
//! each empty line on its standard input, until that ends. A line `restart MS` is a restart that takes so
//! long: every connection is closed, nobody listens, then streams are taken up where they stood.

use base64::Engine as _;
use bridgetap_bench::args::arg;
use bridgetap_bench::figures::Latency;
use bridgetap_bench::stamp::{PAYLOAD, Stamp};
use bridgetap_bench::stream_text::{field, find, header, number, unmask};
use bridgetap_bench::{now_ns, tls_files};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rustls::{ServerConfig, ServerConnection};
use sha1::{Digest, Sha1};
use std::collections::HashMap;
use std::io::{BufRead, Read, Write};
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;
use std::time::Duration;

const LISTENER: Token = Token(0);

fn main() {
    let config = tls_files::server(&arg("cert", String::new()), &arg("key", String::new()));
    let address = format!("127.0.0.1:{}", arg("port", 0u16))
        .parse()
        .expect("address");
    let stall_every = arg("stall-every", 0usize);
    let mut listener = TcpListener::bind(address).expect("bind");
    let mut poll = Poll::new().expect("poll");
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)
        .expect("register");
    println!(
        "listening {}",
        listener.local_addr().expect("address").port()
    );

    let (say, orders) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let _ = say.send(match line.strip_prefix("restart ") {
                Some(ms) => Order::Restart(Duration::from_millis(ms.parse().unwrap_or(0))),
                None => Order::Report,
            });
        }
    });

    let mut totals = Totals::default();
    let mut peers: HashMap<Token, Peer> = HashMap::new();
    let mut next = 1;
    let mut events = Events::with_capacity(1024);
    loop {
        if poll
            .poll(&mut events, Some(Duration::from_millis(20)))
            .is_err()
        {
            continue;
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    let token = Token(next);
                    poll.registry()
                        .register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)
                        .expect("register");
                    let stalled = stall_every > 0 && next % stall_every == 0;
                    peers.insert(token, Peer::new(stream, config.clone(), stalled));
                    next += 1;
                }
            } else if let Some(peer) = peers.get_mut(&event.token())
                && !peer.serve(&mut totals)
            {
                peers.remove(&event.token());
            }
        }
        match orders.try_recv() {
            Ok(Order::Report) => println!("{}", totals.json(peers.len())),
            Ok(Order::Restart(pause)) => {
                let address = listener.local_addr().expect("address");
                drop(listener);
                for (_, peer) in peers.drain() {
                    totals.keep(peer.sid, peer.heard);
                }
                std::thread::sleep(pause);
                listener = TcpListener::bind(address).expect("bind again");
                poll.registry()
                    .register(&mut listener, LISTENER, Interest::READABLE)
                    .expect("register");
                totals.restarted_ns = now_ns();
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return,
        }
    }
}

enum Order {
    Report,
    Restart(Duration),
}

/// How far a stream has come: what a receiver keeps over its restart.
#[derive(Default, Clone, Copy)]
struct Heard {
    sequence: u64,
    chunks: [u64; 2],
    stamps: [Option<u32>; 2],
}

#[derive(Default)]
struct Totals {
    latency: Latency,
    streams: u64,
    stopped: u64,
    frames: u64,
    counted: u64,
    silent: u64,
    sequence_errors: u64,
    chunk_errors: u64,
    stamp_gaps: u64,
    stamps_missing: u64,
    stalled: u64,
    kept: HashMap<String, Heard>,
    resumed: u64,
    /// Frames numbered as sent but never heard.
    skipped: u64,
    restarted_ns: u64,
    resumed_ns: u64,
}

impl Totals {
    /// Keep how far a stream had come, if it had begun.
    fn keep(&mut self, sid: String, heard: Heard) {
        if !sid.is_empty() {
            self.kept.insert(sid, heard);
        }
    }

    /// The stream that a handshake asks to go on with, if it is kept.
    fn take_up(&mut self, head: &str) -> Option<(String, Heard)> {
        let asked = header(head, "bridgetap-resume").unwrap_or_default();
        let sid = asked.split(';').next().unwrap_or("").trim();
        self.kept.remove_entry(sid)
    }

    fn json(&self, open: usize) -> String {
        format!(
            r#"{{"open":{open},"streams":{},"stopped":{},"frames":{},"counted":{},"silent":{},"sequence_errors":{},"chunk_errors":{},"stamp_gaps":{},"stamps_missing":{},"stalled":{},"resumed":{},"skipped":{},"back_ms":{:.1},"latency":{}}}"#,
            self.streams,
            self.stopped,
            self.frames,
            self.counted,
            self.silent,
            self.sequence_errors,
            self.chunk_errors,
            self.stamp_gaps,
            self.stamps_missing,
            self.stalled,
            self.resumed,
            self.skipped,
            self.resumed_ns.saturating_sub(self.restarted_ns) as f64 / 1e6,
            self.latency.json()
        )
    }
}

struct Peer {
    stream: TcpStream,
    tls: ServerConnection,
    plain: Vec<u8>,
    upgraded: bool,
    stalled: bool,
    sid: String,
    heard: Heard,
}

impl Peer {
    fn new(stream: TcpStream, config: Arc<ServerConfig>, stalled: bool) -> Self {
        let tls = ServerConnection::new(config).expect("TLS");
        Self {
            stream,
            tls,
            plain: Vec::new(),
            upgraded: false,
            stalled,
            sid: String::new(),
            heard: Heard::default(),
        }
    }

    /// Read all there is; false when the connection is over.
    fn serve(&mut self, totals: &mut Totals) -> bool {
        if self.stalled && self.upgraded {
            return true;
        }
        loop {
            match self.tls.read_tls(&mut self.stream) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
            match self.tls.process_new_packets() {
                Ok(state) => {
                    let at = self.plain.len();
                    self.plain.resize(at + state.plaintext_bytes_to_read(), 0);
                    if self.tls.reader().read_exact(&mut self.plain[at..]).is_err() {
                        return false;
                    }
                }
                Err(_) => return false,
            }
            if !self.parse(totals) {
                return false;
            }
            if self.stalled && self.upgraded {
                break;
            }
        }
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.stream) {
                Ok(_) => {}
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(_) => return false,
            }
        }
        true
    }

    fn parse(&mut self, totals: &mut Totals) -> bool {
        let mut at = 0;
        if !self.upgraded {
            let Some(end) = find(&self.plain, b"\r\n\r\n") else {
                return true;
            };
            let head = String::from_utf8_lossy(&self.plain[..end]).into_owned();
            let Some(key) = header(&head, "sec-websocket-key") else {
                return false;
            };
            let digest = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
            let accept = base64::engine::general_purpose::STANDARD.encode(digest);
            let resume_from = self.take_up(&head, totals);
            let answer = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{resume_from}\r\n"
            );
            self.tls
                .writer()
                .write_all(answer.as_bytes())
                .expect("TLS buffer");
            self.upgraded = true;
            at = end + 4;
            if self.stalled {
                // Not even that its stream has begun is read any more.
                totals.stalled += 1;
                totals.streams += 1;
                self.plain.clear();
                return true;
            }
        }
        while let Some((opcode, start, end)) = unmask(&mut self.plain[at..]) {
            let (from, to) = (at + start, at + end);
            match opcode {
                1 => {
                    let now = now_ns();
                    let message = self.plain[from..to].to_vec();
                    self.message(&message, now, totals);
                }
                8 => {
                    self.tls
                        .writer()
                        .write_all(&[0x88, 2, 0x03, 0xE8])
                        .expect("TLS buffer");
                }
                9 => {
                    let mut pong = vec![0x8A, (to - from) as u8];
                    pong.extend_from_slice(&self.plain[from..to]);
                    self.tls.writer().write_all(&pong).expect("TLS buffer");
                }
                _ => {}
            }
            at = to;
        }
        self.plain.drain(..at);
        true
    }

    /// A stream that goes on after a restart: the header that says from where.
    fn take_up(&mut self, head: &str, totals: &mut Totals) -> String {
        let Some((sid, heard)) = totals.take_up(head) else {
            return String::new();
        };
        (self.sid, self.heard) = (sid, heard);
        totals.resumed += 1;
        totals.resumed_ns = now_ns();
        format!("Bridgetap-Resume-From: {}\r\n", heard.sequence)
    }

    fn message(&mut self, text: &[u8], now: u64, totals: &mut Totals) {
        let event = field(text, b"\"event\":\"").unwrap_or(b"");
        if event == b"connected" {
            totals.streams += u64::from(self.heard.sequence == 0);
            return;
        }
        if event == b"start" && self.heard.sequence > 0 {
            return; // said again, as it was, to a receiver that was gone meanwhile
        }
        let sequence = number(field(text, b"\"sequenceNumber\":\""));
        if sequence != self.heard.sequence + 1 {
            totals.sequence_errors += 1;
            totals.skipped += sequence.saturating_sub(self.heard.sequence + 1);
        }
        self.heard.sequence = sequence;
        if event == b"start" {
            let sid = field(text, b"\"streamSid\":\"").unwrap_or(b"");
            self.sid = String::from_utf8_lossy(sid).into_owned();
        }
        match event {
            b"stop" => totals.stopped += 1,
            b"media" => {
                totals.frames += 1;
                let track = usize::from(field(text, b"\"track\":\"") == Some(b"outbound"));
                let chunk = number(field(text, b"\"chunk\":\""));
                if chunk != self.heard.chunks[track] + 1 {
                    totals.chunk_errors += 1;
                }
                self.heard.chunks[track] = chunk;
                let mut payload = [0u8; PAYLOAD + 8];
                let encoded = field(text, b"\"payload\":\"").unwrap_or(b"");
                let length = base64::engine::general_purpose::STANDARD
                    .decode_slice(encoded, &mut payload)
                    .unwrap_or(0);
                let Some(stamp) = Stamp::read(&payload[..length]) else {
                    totals.silent += 1;
                    return;
                };
                if let Some(last) = self.heard.stamps[track]
                    && stamp.seq != last + 1
                {
                    totals.stamp_gaps += 1;
                    totals.stamps_missing += u64::from(stamp.seq.saturating_sub(last + 1));
                }
                self.heard.stamps[track] = Some(stamp.seq);
                if stamp.counts {
                    totals.counted += 1;
                    totals.latency.add(now.saturating_sub(stamp.sent_ns));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_had_not_begun_is_not_gone_on_with() {
        let mut totals = Totals::default();
        let heard = Heard {
            sequence: 7,
            ..Heard::default()
        };
        totals.keep(String::new(), Heard::default());
        totals.keep("MZ1".into(), heard);
        assert!(totals.take_up("GET / HTTP/1.1\r\nHost: a").is_none());
        let asks = "GET / HTTP/1.1\r\nBridgetap-Resume: MZ1; sent=9";
        let taken = totals
            .take_up(asks)
            .map(|(sid, heard)| (sid, heard.sequence));
        assert_eq!(taken, Some(("MZ1".into(), 7)));
        assert!(totals.take_up(asks).is_none());
    }
}
