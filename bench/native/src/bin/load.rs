//! The load: N calls through a server, both phones in this process, stamped RTP both ways.
//!
//! `load --server 127.0.0.1:5060 --sip-port N --calls N --cps N --settle S --duration S [--number N] [--no-rtp 1]`
//! Prints a JSON line at `up`, `window-start`, `window-end`, and the report as the last one. Without `--duration` the
//! window is open until a line comes on the standard input, or that ends.

use bridgetap_bench::args::arg;
use bridgetap_bench::figures::Latency;
use bridgetap_bench::now_ns;
use bridgetap_bench::rtp_batch::{Batch, SIZE};
use bridgetap_bench::sip_text::{Message, sdp, sdp_port};
use bridgetap_bench::stamp::{PAYLOAD, Stamp};
use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};

const FRAME_NS: u64 = 20_000_000;

fn main() {
    let mut load = Load::new();
    load.run();
}

struct Leg {
    to: SocketAddrV4,
    /// Within 0..20 ms: legs are spread so that no tick carries them all.
    phase_ns: u64,
    next_ns: u64,
    sent: u32,
    heard: Option<u32>,
}

struct Call {
    id: usize,
    /// What is needed for ACK and BYE.
    target: String,
    to: String,
    up: bool,
}

struct Load {
    server: SocketAddrV4,
    sip: UdpSocket,
    rtp: UdpSocket,
    sip_port: u16,
    rtp_port: u16,
    number: String,
    with_rtp: bool,
    calls: HashMap<String, Call>,
    answered: HashMap<String, usize>,
    legs: Vec<Leg>,
    outgoing: Batch,
    incoming: Batch,
    counting: bool,
    sent_counted: u64,
    heard_counted: u64,
    stamp_gaps: u64,
    late: Latency,
    latency: Latency,
    setup: Latency,
    invited_ns: HashMap<String, u64>,
    failed: u64,
    ended: u64,
}

impl Load {
    fn new() -> Self {
        let sip = UdpSocket::bind(("127.0.0.1", arg("sip-port", 0u16))).expect("SIP socket");
        let rtp = UdpSocket::bind(("127.0.0.1", 0)).expect("RTP socket");
        let _ = socket2::SockRef::from(&rtp).set_recv_buffer_size(8 << 20);
        let _ = socket2::SockRef::from(&sip).set_recv_buffer_size(8 << 20);
        sip.set_nonblocking(true).expect("non-blocking");
        rtp.set_nonblocking(true).expect("non-blocking");
        Self {
            server: arg("server", SocketAddrV4::new(Ipv4Addr::LOCALHOST, 5060)),
            sip_port: sip.local_addr().expect("address").port(),
            rtp_port: rtp.local_addr().expect("address").port(),
            sip,
            rtp,
            number: arg("number", "+15550001000".to_owned()),
            with_rtp: arg("no-rtp", 0u8) == 0,
            calls: HashMap::new(),
            answered: HashMap::new(),
            legs: Vec::new(),
            outgoing: Batch::default(),
            incoming: Batch::default(),
            counting: false,
            sent_counted: 0,
            heard_counted: 0,
            stamp_gaps: 0,
            late: Latency::default(),
            latency: Latency::default(),
            setup: Latency::default(),
            invited_ns: HashMap::new(),
            failed: 0,
            ended: 0,
        }
    }

    fn run(&mut self) {
        let calls = arg("calls", 10usize);
        let gap_ns = (1e9 / arg("cps", 50.0f64)) as u64;
        let settle_ns = (arg("settle", 2.0f64) * 1e9) as u64;
        let duration_ns = (arg("duration", f64::INFINITY) * 1e9) as u64;

        let started = now_ns();
        let mut next = started;
        let mut dialled = 0;
        let deadline = started + gap_ns * calls as u64 + 20_000_000_000;
        while self.up() + (self.failed as usize) < calls {
            let now = now_ns();
            if now > deadline {
                break;
            }
            if dialled < calls && now >= next {
                self.dial(dialled);
                dialled += 1;
                next += gap_ns;
            }
            self.turn();
        }
        say(&format!(
            r#"{{"event":"up","calls":{},"failed":{}}}"#,
            self.up(),
            self.failed
        ));
        self.run_until(now_ns() + settle_ns);
        say(r#"{"event":"window-start"}"#);
        self.counting = true;
        self.run_window(now_ns().saturating_add(duration_ns));
        self.counting = false;
        say(r#"{"event":"window-end"}"#);
        self.run_until(now_ns() + 1_000_000_000);

        let ids: Vec<String> = self
            .calls
            .iter()
            .filter(|(_, c)| c.up)
            .map(|(id, _)| id.clone())
            .collect();
        let up = ids.len();
        let hang_up_gap = gap_ns.min(10_000_000);
        for id in ids {
            self.bye(&id);
            self.run_until(now_ns() + hang_up_gap);
        }
        self.run_until(now_ns() + 1_500_000_000);
        say(&format!(
            r#"{{"event":"report","calls":{up},"failed":{},"ended":{},"sent":{},"heard":{},"rtp_gaps":{},"rtp_latency":{},"late":{},"setup":{}}}"#,
            self.failed,
            self.ended,
            self.sent_counted,
            self.heard_counted,
            self.stamp_gaps,
            self.latency.json(),
            self.late.json(),
            self.setup.json()
        ));
    }

    fn up(&self) -> usize {
        self.calls.values().filter(|c| c.up).count()
    }

    fn run_until(&mut self, until: u64) {
        while now_ns() < until {
            self.turn();
        }
    }

    fn run_window(&mut self, until: u64) {
        if until == u64::MAX {
            let told = std::thread::spawn(|| std::io::stdin().lock().read_line(&mut String::new()));
            while !told.is_finished() {
                self.turn();
            }
        } else {
            self.run_until(until);
        }
    }

    /// One turn: signalling, audio in, audio out, then rest until the next millisecond.
    fn turn(&mut self) {
        self.signal();
        if self.with_rtp {
            self.hear();
            self.speak();
        }
        let now = now_ns();
        std::thread::sleep(std::time::Duration::from_nanos(500_000 - now % 500_000));
    }

    fn send(&self, text: &str, to: SocketAddrV4) {
        let _ = self.sip.send_to(text.as_bytes(), to);
    }

    fn dial(&mut self, id: usize) {
        let call_id = format!("load-{id}-{}", std::process::id());
        let (number, server, port) = (&self.number, self.server, self.sip_port);
        let body = sdp(self.rtp_port);
        let invite = format!(
            "INVITE sip:{number}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{id}i;rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:+1555{id:07}@127.0.0.1:{port}>;tag=a{id}\r\nTo: <sip:{number}@{server}>\r\n\
             Call-ID: {call_id}\r\nCSeq: 1 INVITE\r\nContact: <sip:load@127.0.0.1:{port}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.invited_ns.insert(call_id.clone(), now_ns());
        self.calls.insert(
            call_id,
            Call {
                id,
                target: String::new(),
                to: String::new(),
                up: false,
            },
        );
        self.send(&invite, self.server);
    }

    fn in_dialog(&self, call_id: &str, call: &Call, method: &str, cseq: u32) -> String {
        let (id, port) = (call.id, self.sip_port);
        format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{id}{method}{cseq};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:+1555{id:07}@127.0.0.1:{port}>;tag=a{id}\r\nTo: {}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             Content-Length: 0\r\n\r\n",
            call.target, call.to
        )
    }

    fn bye(&mut self, call_id: &str) {
        if let Some(call) = self.calls.get(call_id) {
            self.send(&self.in_dialog(call_id, call, "BYE", 2), self.server);
        }
    }

    fn add_leg(&mut self, port: u16) {
        let n = self.legs.len() as u64;
        let phase_ns = (n * 7_919_000) % FRAME_NS;
        let now = now_ns();
        self.legs.push(Leg {
            to: SocketAddrV4::new(Ipv4Addr::LOCALHOST, port),
            phase_ns,
            next_ns: now - now % FRAME_NS + FRAME_NS + phase_ns,
            sent: 0,
            heard: None,
        });
    }

    fn signal(&mut self) {
        let mut buffer = [0u8; 4096];
        while let Ok((length, from)) = self.sip.recv_from(&mut buffer) {
            let std::net::SocketAddr::V4(from) = from else {
                continue;
            };
            let Some(message) = Message::parse(&buffer[..length]) else {
                continue;
            };
            if message.status() == 0 {
                self.request(&message, from);
            } else {
                self.response(&message);
            }
        }
    }

    fn response(&mut self, message: &Message) {
        let call_id = message.header("Call-ID");
        if message.method() != "INVITE" || message.status() < 200 {
            return;
        }
        let Some(call) = self.calls.get(call_id) else {
            return;
        };
        let mut call = Call {
            id: call.id,
            target: message.contact_uri().to_owned(),
            to: message.header("To").to_owned(),
            up: call.up,
        };
        if call.target.is_empty() {
            call.target = format!("sip:{}", self.server);
        }
        self.send(&self.in_dialog(call_id, &call, "ACK", 1), self.server);
        if call.up {
            return;
        }
        if message.status() >= 300 {
            self.failed += 1;
        } else {
            call.up = true;
            if let Some(port) = sdp_port(message.body) {
                self.add_leg(port);
            }
            if let Some(at) = self.invited_ns.remove(call_id) {
                self.setup.add(now_ns() - at);
            }
        }
        self.calls.insert(call_id.to_owned(), call);
    }

    fn request(&mut self, message: &Message, from: SocketAddrV4) {
        let contact = format!("sip:callee@127.0.0.1:{}", self.sip_port);
        let call_id = message.header("Call-ID").to_owned();
        match message.method() {
            "INVITE" => {
                let tag = format!("b{}", self.answered.len());
                if !self.answered.contains_key(&call_id) {
                    if let Some(port) = sdp_port(message.body) {
                        self.add_leg(port);
                    }
                    self.answered.insert(call_id, self.answered.len());
                    self.send(&message.reply("180 Ringing", &tag, &contact, ""), from);
                }
                let tag = format!("b{}", self.answered[message.header("Call-ID")]);
                self.send(
                    &message.reply("200 OK", &tag, &contact, &sdp(self.rtp_port)),
                    from,
                );
            }
            "ACK" => {}
            method => {
                if method == "BYE" {
                    self.ended += 1;
                }
                self.send(&message.reply("200 OK", "x", &contact, ""), from);
            }
        }
    }

    fn hear(&mut self) {
        let (legs, latency) = (&mut self.legs, &mut self.latency);
        let (mut heard, mut gaps) = (0, 0);
        loop {
            let n = self.incoming.receive(&self.rtp, |packet, _| {
                let Some(stamp) = packet.get(12..).and_then(Stamp::read) else {
                    return;
                };
                let Some(leg) = legs.get_mut(stamp.leg as usize) else {
                    return;
                };
                if leg.heard.is_some_and(|last| stamp.seq != last + 1) {
                    gaps += 1;
                }
                leg.heard = Some(stamp.seq);
                if stamp.counts {
                    heard += 1;
                    latency.add(now_ns().saturating_sub(stamp.sent_ns));
                }
            });
            if n < bridgetap_bench::rtp_batch::BATCH {
                break;
            }
        }
        self.heard_counted += heard;
        self.stamp_gaps += gaps;
    }

    fn speak(&mut self) {
        let now = now_ns();
        for (index, leg) in self.legs.iter_mut().enumerate() {
            while leg.next_ns <= now {
                self.late.add(now - leg.next_ns);
                let stamp = Stamp {
                    leg: index as u32,
                    seq: leg.sent,
                    sent_ns: now_ns(),
                    counts: self.counting,
                };
                let (sequence, timestamp) = (leg.sent as u16, leg.sent.wrapping_mul(160));
                self.outgoing
                    .push(&self.rtp, leg.to, |buffer: &mut [u8; SIZE]| {
                        buffer[..12].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                        buffer[2..4].copy_from_slice(&sequence.to_be_bytes());
                        buffer[4..8].copy_from_slice(&timestamp.to_be_bytes());
                        buffer[8..12].copy_from_slice(&(index as u32 + 1).to_be_bytes());
                        buffer[12..12 + PAYLOAD].fill(0xFF);
                        stamp.write(&mut buffer[12..12 + PAYLOAD]);
                        12 + PAYLOAD
                    });
                leg.sent += 1;
                leg.next_ns += FRAME_NS;
                self.sent_counted += u64::from(self.counting);
                debug_assert!(leg.phase_ns < FRAME_NS);
            }
        }
        self.outgoing.flush(&self.rtp);
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}
