//! An endpoint among hostile and broken peers: it answers what can be answered, tells its operator
//! once a second, and its calls go on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};

use crate::support::side::{PATIENCE, Side, config, invite, user};
use bridgetap_sip::digest::Algorithm;
use bridgetap_sip::endpoint::SipConfig;
use bridgetap_sip::types::SipEvent;

/// A server with a live call, and the caller of it.
struct Busy {
    server: Side,
    caller: Side,
    call: bridgetap_sip::types::DialogId,
    incoming: bridgetap_sip::types::DialogId,
}

const UDP: usize = 0;
const TCP: usize = 1;
const TLS: usize = 2;

impl Busy {
    fn new() -> Busy {
        let server = Side::open(&[
            "udp://127.0.0.1:0",
            "tcp://127.0.0.1:0",
            "tls://127.0.0.1:0",
        ]);
        let caller = Side::open(&["udp://127.0.0.1:0"]);
        let call = caller
            .endpoint
            .invite(invite(&server.uri("bob", UDP)))
            .unwrap();
        let incoming = server.incoming().dialog;
        server.answer(incoming, b"answer");
        caller.answered(call);
        Busy {
            server,
            caller,
            call,
            incoming,
        }
    }

    /// The live call ends as calls do, and a new one can be made: nothing was harmed.
    fn unharmed(&self) {
        self.caller.hang_up(self.call);
        assert_eq!(self.server.ended(self.incoming).0, "bye");
        let call = self
            .caller
            .endpoint
            .invite(invite(&self.server.uri("bob", UDP)))
            .unwrap();
        let incoming = self.server.incoming().dialog;
        self.server.answer(incoming, b"again");
        assert_eq!(self.caller.answered(call), b"again");
    }

    fn notice(&self, wanted: &str) -> (String, u32) {
        self.server.wait(wanted, |event| match event {
            SipEvent::SipNotice {
                kind,
                detail,
                count,
                ..
            } if kind.name() == wanted => Some((detail.clone(), *count)),
            _ => None,
        })
    }
}

fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn udp(address: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(address).unwrap();
    socket
}

fn heard(socket: &UdpSocket) -> String {
    let mut buffer = [0; 65_536];
    let len = socket.recv(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..len]).into_owned()
}

fn options(more: &str) -> String {
    format!(
        "OPTIONS sip:x@h SIP/2.0\r\nVia: SIP/2.0/UDP h:9;branch=z9hG4bKo;rport\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:x@h>\r\n\
         Call-ID: o\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n{more}"
    )
}

#[test]
fn truncated_messages_are_answered_where_they_can_be() {
    let busy = Busy::new();
    let whole = options("Content-Length: 4\r\n\r\nbody");
    let peer = udp(busy.server.address(UDP));
    for cut in (0..whole.len()).step_by(7) {
        peer.send(&whole.as_bytes()[..cut]).unwrap();
    }
    peer.send(whole.as_bytes()).unwrap();
    let answers: Vec<String> = std::iter::repeat_with(|| heard(&peer)[8..11].to_owned())
        .take_while(|status| status != "200")
        .collect();
    assert!(
        !answers.is_empty()
            && answers
                .iter()
                .all(|status| status == "400" || status == "505"),
        "{answers:?}"
    );
    busy.notice("malformed");
    busy.unharmed();
}

#[test]
fn headers_of_64_kib_are_refused_on_every_transport() {
    let busy = Busy::new();
    let long = options(&format!(
        "X-Long: {}\r\nContent-Length: 0\r\n\r\n",
        "a".repeat(64_000)
    ));
    let peer = udp(busy.server.address(UDP));
    peer.send(long.as_bytes()).unwrap();
    assert!(heard(&peer).starts_with("SIP/2.0 400 "));
    let many = options(&format!(
        "{}Content-Length: 0\r\n\r\n",
        "X: 123456\r\n".repeat(7_000)
    ));
    for (wire, status) in [(&long, "400"), (&many, "513")] {
        let mut peer = tcp(busy.server.address(TCP));
        // The server may have heard enough before everything is written.
        let _ = peer.write_all(wire.as_bytes());
        let mut answer = String::new();
        let _ = peer.read_to_string(&mut answer);
        assert!(
            answer.starts_with(&format!("SIP/2.0 {status} ")),
            "{answer}"
        );
    }
    busy.unharmed();
}

#[test]
fn a_flood_of_garbage_is_counted_and_told_once_a_second() {
    let busy = Busy::new();
    let peer = udp(busy.server.address(UDP));
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..noise % 90 + 5)
            .map(|_| {
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                noise.to_le_bytes()[0] | 0x20
            })
            .collect();
        let _ = peer.send(&bytes);
    }
    let (_, first) = busy.notice("malformed");
    assert_eq!(first, 1);
    let (_, rest) = busy.notice("malformed");
    assert!(rest > 100, "{rest}");
    busy.unharmed();
    busy.server.endpoint.close();
    assert!(busy.server.stat("malformed") > 100);
}

#[test]
fn stalled_and_broken_streams_change_nothing_for_others() {
    let busy = Busy::new();
    let mut stalled: Vec<TcpStream> = (0..50)
        .map(|n| tcp(busy.server.address(if n % 2 == 0 { TCP } else { TLS })))
        .collect();
    for stream in &mut stalled {
        stream.write_all(&[0x16, 3, 1, 0]).unwrap();
    }
    let mut plain = tcp(busy.server.address(TLS));
    plain
        .write_all(options("Content-Length: 0\r\n\r\n").as_bytes())
        .unwrap();
    assert!(busy.notice("tls").0.contains("does not speak TLS"));

    let mut split = tcp(busy.server.address(TCP));
    split.set_nodelay(true).unwrap();
    for byte in options("Content-Length: 0\r\n\r\n").bytes() {
        split.write_all(&[byte]).unwrap();
    }
    let mut start = [0; 15];
    split.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"SIP/2.0 200 OK\r");
    busy.unharmed();
}

#[test]
fn one_source_that_floods_with_calls_leaves_the_server_to_others() {
    let server = Side::start(SipConfig {
        calls_per_second: 20,
        ..config(&["udp://127.0.0.1:0"])
    });
    let alice = || vec![user("alice", "secret", &[Algorithm::Md5])];
    server.endpoint.set_admission(vec![], alice()).unwrap();
    let peer = udp(server.address(0));
    let (mut challenged, mut refused) = (0, 0);
    for n in 0..500 {
        let text = format!(
            "INVITE sip:x@h SIP/2.0\r\nVia: SIP/2.0/UDP h:9;branch=z9hG4bK{n};rport\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:x@h>\r\n\
             Call-ID: {n}\r\nCSeq: 1 INVITE\r\nContact: <sip:a@h>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        peer.send(text.as_bytes()).unwrap();
        match &heard(&peer)[8..11] {
            "401" => challenged += 1,
            "503" => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert!(
        challenged >= 1 && refused > 300,
        "{challenged} passed, {refused} were refused"
    );
    let call = server.wait("notice", |event| match event {
        SipEvent::SipNotice { kind, detail, .. } if kind.name() == "overload" => {
            Some(detail.clone())
        }
        _ => None,
    });
    assert!(call.contains("this source alone"), "{call}");
    server.endpoint.close();
    assert_eq!(
        (
            server.stat("dialogs"),
            server.stat("transactions"),
            server.stat("overloaded")
        ),
        (0, 0, refused)
    );
}
