//! A session recorder that keeps nothing: it takes every SIPREC call and counts the RTP that comes.
//!
//! `recorder [--cert PEM --key PEM]`; prints `listening PORT`: SIP by TCP (by TLS with a certificate), RTP by UDP, and
//! RTCP on the port above. Then a JSON report for each line on its standard input, until that ends: `report`, or
//! `anew` for one before which all tracks are forgotten, so that those that come next are others.

use bridgetap_bench::args::arg;
use bridgetap_bench::rtp_batch::{BATCH, Batch};
use bridgetap_bench::sip_stream::SipStream;
use bridgetap_bench::sip_text::{Message, recorder_sdp};
use bridgetap_bench::tls_files;
use bridgetap_bench::tracks::Tracks;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rustls::{ServerConfig, ServerConnection};
use std::collections::HashMap;
use std::io::{BufRead, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::mpsc::TryRecvError;
use std::time::Duration;

const LISTENER: Token = Token(0);
/// A third of a second of 200 calls: what may wait while the load has the core.
const WAITING_BYTES: libc::c_int = 8 << 20;

fn main() {
    let certificate = arg("cert", String::new());
    let tls = (!certificate.is_empty())
        .then(|| tls_files::server(&certificate, &arg("key", String::new())));
    let (mut listener, rtp, rtcp) = sockets();
    let port = rtp.local_addr().expect("address").port();
    let mut poll = Poll::new().expect("poll");
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)
        .expect("register");
    println!("listening {port}");

    let (say, asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let _ = say.send(line);
        }
    });

    let mut recorder = Recorder {
        contact: contact(port, tls.is_some()),
        port,
        calls: 0,
        ended: 0,
    };
    let (mut tracks, mut reports) = (Tracks::default(), 0);
    let mut peers: HashMap<Token, Peer> = HashMap::new();
    let (mut incoming, mut other) = (Batch::default(), Batch::default());
    let mut next = 1;
    let mut events = Events::with_capacity(256);
    loop {
        // RTP is not among the events: it is taken a millisecond's worth at once.
        if poll
            .poll(&mut events, Some(Duration::from_millis(1)))
            .is_err()
        {
            continue;
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    poll.registry()
                        .register(&mut stream, Token(next), Interest::READABLE)
                        .expect("register");
                    peers.insert(Token(next), Peer::new(stream, tls.as_ref()));
                    next += 1;
                }
            } else if let Some(peer) = peers.get_mut(&event.token())
                && !peer.serve(&mut recorder)
            {
                peers.remove(&event.token());
            }
        }
        while incoming.receive(&rtp, |datagram, from| tracks.take(datagram, from.port())) == BATCH {
        }
        reports += other.receive(&rtcp, |_, _| {});
        match asked.try_recv() {
            Ok(line) => {
                if line == "anew" {
                    tracks.forget();
                }
                println!(
                    r#"{{"calls":{},"ended":{},"reports":{reports},"overflowed":{},{}}}"#,
                    recorder.calls,
                    recorder.ended,
                    overflowed(&rtp),
                    tracks.json_fields()
                );
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return,
        }
    }
}

/// A TCP listener and a UDP socket on one port, and a UDP socket on the next.
fn sockets() -> (TcpListener, UdpSocket, UdpSocket) {
    for _ in 0..100 {
        let rtp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("RTP socket");
        let port = rtp.local_addr().expect("address").port();
        let Ok(rtcp) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port.saturating_add(1))) else {
            continue;
        };
        let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port).into()) else {
            continue;
        };
        widen(&rtp);
        return (listener, rtp, rtcp);
    }
    panic!("no two ports beside each other are free");
}

/// Room for what waits; more than the system's usual limit where we may.
fn widen(socket: &UdpSocket) {
    let _ = socket2::SockRef::from(socket).set_recv_buffer_size(WAITING_BYTES as usize);
    let bytes = WAITING_BYTES;
    // SAFETY: the option's value is a c_int that outlives the call.
    unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVBUFFORCE,
            (&raw const bytes).cast(),
            size_of::<libc::c_int>() as u32,
        );
    }
}

/// Datagrams that the kernel threw away because this program was late: not the server's fault.
fn overflowed(socket: &UdpSocket) -> u32 {
    const SO_MEMINFO: libc::c_int = 55;
    const DROPS: usize = 8;
    let mut figures = [0u32; DROPS + 1];
    let mut length = size_of_val(&figures) as u32;
    // SAFETY: `figures` has `length` bytes for the call to fill.
    unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_MEMINFO,
            figures.as_mut_ptr().cast(),
            &raw mut length,
        );
    }
    figures[DROPS]
}

fn contact(port: u16, tls: bool) -> String {
    format!(
        "sip:recorder@127.0.0.1:{port};transport={}",
        if tls { "tls" } else { "tcp" }
    )
}

struct Recorder {
    contact: String,
    port: u16,
    calls: u64,
    ended: u64,
}

impl Recorder {
    /// What is said to a message, if anything.
    fn answer(&mut self, message: &Message) -> Option<String> {
        if message.status() != 0 {
            return None;
        }
        let tag = format!("r{}", self.calls);
        match message.method() {
            "ACK" => None,
            "INVITE" => {
                self.calls += u64::from(!message.header("To").contains(";tag="));
                let sdp = recorder_sdp(message.body, self.port);
                Some(message.reply("200 OK", &tag, &self.contact, &sdp))
            }
            method => {
                self.ended += u64::from(method == "BYE");
                Some(message.reply("200 OK", &tag, &self.contact, ""))
            }
        }
    }
}

struct Peer {
    stream: TcpStream,
    tls: Option<ServerConnection>,
    incoming: SipStream,
}

impl Peer {
    fn new(stream: TcpStream, tls: Option<&Arc<ServerConfig>>) -> Self {
        Self {
            stream,
            tls: tls.map(|config| ServerConnection::new(config.clone()).expect("TLS")),
            incoming: SipStream::default(),
        }
    }

    /// Read and answer all there is; false when the connection is over.
    fn serve(&mut self, recorder: &mut Recorder) -> bool {
        let open = self.read();
        while let Some(bytes) = self.incoming.next_message() {
            if let Some(answer) = Message::parse(&bytes).and_then(|m| recorder.answer(&m))
                && self.write(answer.as_bytes()).is_err()
            {
                return false;
            }
        }
        open && self.flush().is_ok()
    }

    fn read(&mut self) -> bool {
        let mut bytes = [0u8; 16_384];
        loop {
            let read = match &mut self.tls {
                None => self.stream.read(&mut bytes),
                Some(tls) => tls.read_tls(&mut self.stream),
            };
            match read {
                Ok(0) => return false,
                Ok(n) if self.tls.is_none() => self.incoming.push(&bytes[..n]),
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => return false,
            }
            if let Some(tls) = &mut self.tls {
                if tls.process_new_packets().is_err() {
                    return false;
                }
                while let Ok(n) = tls.reader().read(&mut bytes) {
                    if n == 0 {
                        break;
                    }
                    self.incoming.push(&bytes[..n]);
                }
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match &mut self.tls {
            // Answers are far smaller than what a connection may have waiting.
            None => self.stream.write_all(bytes),
            Some(tls) => tls.writer().write_all(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                tls.write_tls(&mut self.stream)?;
            }
        }
        Ok(())
    }
}
