//! The sockets, against plain clients and against each other. No stack, no threads.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use crate::support::net::{Net, PATIENCE, Seen, connect, ok, options};
use bridgetap_sip::types::{NoticeKind, SendTo, Transport};

#[test]
fn a_datagram_is_answered_from_where_it_went_to() {
    for any in [
        "udp://127.0.0.1:0",
        "udp://0.0.0.0:0",
        "udp://[::1]:0",
        "udp://[::]:0",
    ] {
        let mut net = Net::plain(&["udp://127.0.0.1:0", any]);
        let loopback = if any.contains('[') {
            "[::1]"
        } else {
            "127.0.0.1"
        };
        let peer = UdpSocket::bind(format!("{loopback}:0")).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        let ours: SocketAddr = format!("{loopback}:{}", net.address(1).port())
            .parse()
            .unwrap();
        for text in ["\r\n\r\n", "\0\0\0\0", &options("1"), &options("2")] {
            peer.send_to(text.as_bytes(), ours).unwrap();
        }
        let ((first, _), (second, text)) = (net.message(0), net.message(1));
        assert_eq!(first, second, "one flow for one peer");
        assert_eq!(
            (second.local, second.remote),
            (ours, peer.local_addr().unwrap())
        );
        assert_eq!(
            (text, net.log.0.len()),
            (options("2"), 2),
            "keep-alives are no messages"
        );
        net.reply(1, &second, &ok("2"));
        let mut buffer = [0; 1_000];
        let (len, from) = peer.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..len], from), (ok("2").as_bytes(), ours));
    }
}

#[test]
fn a_reply_finds_its_way_after_its_udp_flow_was_forgotten() {
    let mut net = Net::plain(&["udp://127.0.0.1:0"]);
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    peer.send_to(options("1").as_bytes(), net.address(0))
        .unwrap();
    let (mut source, _) = net.message(0);
    source.flow.0 += 1_000;
    net.reply(1, &source, &ok("1"));
    assert!(peer.recv(&mut [0; 1_000]).is_ok());
    let target = net.transports.targets(vec![]).pop();
    assert!(target.is_none() && net.transports.target_of(source.flow).is_none());
}

#[test]
fn a_stream_is_read_however_it_is_cut_and_pings_are_answered() {
    let mut net = Net::plain(&["tcp://127.0.0.1:0"]);
    let mut peer = connect(net.address(0));
    peer.set_nodelay(true).unwrap();
    for byte in options("1").bytes() {
        peer.write_all(&[byte]).unwrap();
        net.turn(Duration::ZERO);
    }
    assert_eq!(net.message(0).1, options("1"));
    peer.write_all(format!("\r\n\r\n{}{}", options("2"), options("3")).as_bytes())
        .unwrap();
    assert_eq!(net.message(1).1, options("2"));
    let (source, text) = net.message(2);
    assert_eq!(text, options("3"));
    net.reply(1, &source, &ok("3"));
    let mut heard = vec![0; 2 + ok("3").len()];
    peer.read_exact(&mut heard).unwrap();
    assert_eq!(
        String::from_utf8(heard).unwrap(),
        format!("\r\n{}", ok("3"))
    );
    drop(peer);
    net.until(|seen| {
        seen.contains(&Seen::FlowClosed(source.flow, true))
            .then_some(())
    });
    assert_eq!(net.transports.counts().0, 0);
}

#[test]
fn what_cannot_be_framed_is_answered_and_then_closed() {
    let no_length =
        "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n\r\n".to_owned();
    let head = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n";
    let oversize = format!(
        "{head}{}\r\n\r\n",
        "X-Long: 012345678901234567890123456789012345678901234567890\r\n".repeat(1_300)
    );
    for (wire, status) in [(no_length, 400), (oversize, 513)] {
        let mut net = Net::plain(&["tcp://127.0.0.1:0"]);
        let mut peer = connect(net.address(0));
        peer.write_all(wire.as_bytes()).unwrap();
        peer.write_all(options("never read").as_bytes()).unwrap();
        let (source, fault) = net.until(|seen| match seen {
            [Seen::Malformed(source, fault), ..] => Some((source.clone(), fault.clone())),
            _ => None,
        });
        assert_eq!((fault.status, fault.request.is_some()), (status, true));
        net.reply(1, &source, &ok("answer"));
        let mut heard = String::new();
        peer.read_to_string(&mut heard).unwrap(); // an end, not a reset
        assert_eq!(heard, ok("answer"));
        drop(peer);
        net.until(|seen| {
            seen.iter()
                .any(|s| matches!(s, Seen::FlowClosed(..)))
                .then_some(())
        });
        assert_eq!(
            net.log
                .0
                .iter()
                .filter(|s| matches!(s, Seen::Message(..)))
                .count(),
            0
        );
    }
}

#[test]
fn garbage_closes_a_connection_at_once() {
    let mut net = Net::plain(&["tcp://127.0.0.1:0"]);
    let mut peer = connect(net.address(0));
    peer.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    net.until(|seen| {
        matches!(seen, [Seen::Malformed(..), Seen::FlowClosed(_, false)]).then_some(())
    });
}

/// Two endpoints of ours: out over a new connection, back over the same, out again over it.
#[test]
fn connections_are_made_once_and_used_both_ways() {
    let cases = [
        ("tcp", "127.0.0.1", None),
        ("tcp", "[::1]", None),
        ("tls", "127.0.0.1", Some("localhost")),
        ("tls", "[::1]", Some("::1")),
    ];
    for (scheme, host, name) in cases {
        let transport = if scheme == "tls" {
            Transport::Tls
        } else {
            Transport::Tcp
        };
        let mut server = Net::plain(&[&format!("{scheme}://{host}:0")]);
        let mut client = Net::plain(&[&format!("{scheme}://{host}:0")]);
        let address = server.address(0);
        client.request(1, transport, address, name, &options("1"));
        client.request(2, transport, address, name, &options("2"));
        let ((first, _), (source, text)) =
            pump(&mut client, &mut server, |server| server.log.0.len() >= 2);
        assert_eq!(
            (first.flow, text),
            (source.flow, options("2")),
            "{scheme} {host}"
        );
        assert_eq!(source.transport, transport);
        server.reply(1, &source, &ok("2"));
        let client_side = pump_back(&mut server, &mut client);
        assert_eq!(client_side.1, ok("2"));
        let target = server.transports.target_of(source.flow).unwrap();
        server.send(2, SendTo::Request(target), &options("back over the flow"));
        pump_back_n(&mut server, &mut client, 1);
        assert_eq!(client.message(1).1, options("back over the flow"));
        assert_eq!(
            (client.transports.counts().1, server.transports.counts().1),
            (1, 1)
        );
        drop(server);
        client.until(|seen| {
            seen.contains(&Seen::FlowClosed(client_side.0.flow, true))
                .then_some(())
        });
    }
}

type Heard = (bridgetap_sip::types::Source, String);

fn pump(a: &mut Net, b: &mut Net, done: impl Fn(&Net) -> bool) -> (Heard, Heard) {
    while !done(b) {
        a.turn(Duration::from_millis(1));
        b.turn(Duration::from_millis(1));
        assert!(
            a.notices().is_empty() && b.notices().is_empty(),
            "{:?} {:?}",
            a.log.0,
            b.log.0
        );
    }
    (b.message(0), b.message(1))
}

fn pump_back(from: &mut Net, to: &mut Net) -> Heard {
    pump_back_n(from, to, 0);
    to.message(0)
}

fn pump_back_n(from: &mut Net, to: &mut Net, n: usize) {
    while to.log.0.len() <= n {
        from.turn(Duration::from_millis(1));
        to.turn(Duration::from_millis(1));
    }
}

#[test]
fn a_refused_connection_fails_what_waited_for_it() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut net = Net::plain(&["tcp://127.0.0.1:0"]);
    net.request(1, Transport::Tcp, closed, None, &options("1"));
    net.request(2, Transport::Tcp, closed, None, &options("2"));
    net.until(|seen| {
        seen.iter()
            .any(|s| matches!(s, Seen::FlowClosed(..)))
            .then_some(())
    });
    assert!(net.failed(1) && net.failed(2));
    net.request(3, Transport::Udp, closed, None, &options("3"));
    assert!(net.failed(3), "there is no UDP socket");
}

#[test]
fn a_connection_that_hangs_is_given_up_and_what_waited_for_it_fails() {
    let mut net = Net::plain(&["tcp://127.0.0.1:0"]);
    // No turn of the loop: as far as we are told, the connection never comes about.
    let far = TcpListener::bind("127.0.0.1:0").unwrap();
    net.request(
        1,
        Transport::Tcp,
        far.local_addr().unwrap(),
        None,
        &options("1"),
    );
    net.pass(Duration::from_secs(5));
    assert!(net.failed(1));
    assert_eq!(
        net.notices(),
        [(NoticeKind::Refused, "no connection within 4 s".to_owned())]
    );
    assert_eq!(net.transports.counts().1, 0);
}

#[test]
fn a_peer_that_does_not_read_is_cut_off() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut net = Net::plain(&["tcp://127.0.0.1:0"]);
    let large = format!("{}{}", options("1"), " ".repeat(60_000));
    let mut sent = 0;
    while net.notices().is_empty() {
        sent += 1;
        assert!(sent < 1_000, "60 MB and nobody objects");
        net.request(
            sent,
            Transport::Tcp,
            listener.local_addr().unwrap(),
            None,
            &large,
        );
        net.turn(Duration::ZERO);
    }
    let notices = net.notices();
    assert!(
        matches!(notices.as_slice(), [(NoticeKind::Overload, text)] if text.contains("does not read")),
        "{notices:?}"
    );
    assert!(net.failed(sent));
    assert_eq!(net.transports.counts().1, 0);
}

#[test]
fn time_ends_what_is_idle_half_said_or_silent_and_pings_what_is_ours() {
    let mut net = Net::plain(&["tcp://127.0.0.1:0"]);
    let (silent, mut half, mut idle) = (
        connect(net.address(0)),
        connect(net.address(0)),
        connect(net.address(0)),
    );
    half.write_all(format!("{}OPTIONS sip", options("1")).as_bytes())
        .unwrap();
    idle.write_all(options("2").as_bytes()).unwrap();
    net.message(1);
    net.until(|_| Some(()));
    net.turn(Duration::ZERO);
    assert_eq!(net.transports.counts().1, 3);
    net.pass(Duration::from_secs(31));
    assert_eq!(
        net.notices(),
        [(
            NoticeKind::Malformed,
            "a message was not finished within 30 s".to_owned()
        )]
    );
    assert_eq!(
        net.transports.counts().1,
        1,
        "only who spoke properly is left"
    );
    net.pass(Duration::from_secs(3_880));
    assert_eq!(net.transports.counts().1, 0);
    drop((silent, half, idle));

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    net.request(
        1,
        Transport::Tcp,
        listener.local_addr().unwrap(),
        None,
        &options("3"),
    );
    let (mut far, _) = listener.accept().unwrap();
    let mut heard = vec![0; options("3").len()];
    net.turn(Duration::from_millis(20));
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    far.read_exact(&mut heard).unwrap();
    net.pass(Duration::from_secs(101));
    let mut ping = [0; 4];
    far.read_exact(&mut ping).unwrap();
    assert_eq!(&ping, b"\r\n\r\n");
    assert_eq!(net.transports.counts().1, 1);
    net.pass(Duration::from_secs(3_800));
    assert_eq!(
        net.transports.counts().1,
        0,
        "pings alone do not keep a connection of ours"
    );
}

#[test]
fn connections_from_one_source_are_limited() {
    let mut net = Net::plain(&["tcp://127.0.0.1:0"]);
    net.transports.limit_connections(30, 20);
    let peers: Vec<_> = (0..26).map(|_| connect(net.address(0))).collect();
    let count = |seen: &[Seen]| {
        seen.iter()
            .filter(|s| matches!(s, Seen::Notice(NoticeKind::Overload, ..)))
            .count()
    };
    net.until(|seen| (count(seen) == 6).then_some(()));
    assert_eq!(
        (
            net.transports.counts().1,
            net.transports.counts().2.connections_refused
        ),
        (20, 6)
    );
    drop(peers);
    net.until(|seen| {
        (seen
            .iter()
            .filter(|s| matches!(s, Seen::FlowClosed(..)))
            .count()
            == 20)
            .then_some(())
    });
    let again = connect(net.address(0));
    net.turn(Duration::from_millis(20));
    assert_eq!(net.transports.counts().1, 1);
    drop(again);
}
