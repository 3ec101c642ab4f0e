//! Handshakes that fail, stall or should not have been tried.

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::time::Duration;

use bridgetap_sip::types::{NoticeKind, SipEvent, Transport};

use crate::support::net::{Net, Seen, connect, options, tls};
use crate::support::side::{Side, certificate, config, invite};

#[test]
fn a_tls_client_that_stalls_harms_nobody_and_is_closed() {
    let mut net = Net::plain(&["tls://127.0.0.1:0", "udp://127.0.0.1:0"]);
    let mut stalled = connect(net.address(0));
    stalled.write_all(&[0x16, 3, 1]).unwrap();
    net.until(|_| None::<()>.or(Some(()))); // one look is no wait
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.send_to(options("1").as_bytes(), net.address(1))
        .unwrap();
    assert_eq!(net.message(0).1, options("1"));
    assert_eq!(net.transports.counts().1, 1);
    net.pass(Duration::from_secs(11));
    assert_eq!(
        net.notices(),
        [(NoticeKind::Tls, "no TLS handshake within 10 s".to_owned())]
    );
    assert_eq!(stalled.read(&mut [0; 10]).unwrap_or(0), 0);
}

#[test]
fn plain_text_on_the_tls_port_is_told() {
    let mut net = Net::plain(&["tls://127.0.0.1:0"]);
    let mut peer = connect(net.address(0));
    peer.write_all(options("1").as_bytes()).unwrap();
    net.until(|seen| {
        seen.iter()
            .any(|s| matches!(s, Seen::FlowClosed(..)))
            .then_some(())
    });
    assert_eq!(
        net.notices(),
        [(
            NoticeKind::Tls,
            "the peer does not speak TLS on this port".to_owned()
        )]
    );
}

#[test]
fn each_fault_of_a_certificate_is_told_in_words() {
    let cases = [
        (
            "server",
            "self-signed.pem",
            "localhost",
            "its issuer is not trusted",
        ),
        ("server", "ca.pem", "sip.example", "it is made out to"),
        ("cn-only", "ca.pem", "localhost", "no subjectAltName"),
        ("expired", "ca.pem", "localhost", "it has expired"),
        (
            "ca-as-server",
            "ca-as-server.pem",
            "localhost",
            "a CA certificate used as a server's",
        ),
    ];
    for (certificate, trusted, name, words) in cases {
        let mut server = Net::new(&["tls://127.0.0.1:0"], tls(certificate, "ca.pem"));
        let mut client = Net::new(&["udp://127.0.0.1:0"], tls("server", trusted));
        client.request(
            1,
            Transport::Tls,
            server.address(0),
            Some(name),
            &options("1"),
        );
        while !client.failed(1) {
            client.turn(Duration::from_millis(1));
            server.turn(Duration::from_millis(1));
        }
        let notices = client.notices();
        let [(NoticeKind::Tls, text)] = notices.as_slice() else {
            panic!("{certificate}: {notices:?}")
        };
        assert!(
            text.contains(words) && text.contains(&format!("certificate of {name} refused")),
            "{certificate}: {text}"
        );
        server.until(|seen| {
            seen.iter()
                .any(|s| matches!(s, Seen::FlowClosed(..)))
                .then_some(())
        });
        let told = server.notices();
        assert!(
            matches!(told.as_slice(), [(NoticeKind::Tls, text)] if text.starts_with("the peer refused: alert")),
            "{told:?}"
        );
    }
}

#[test]
fn a_self_signed_server_certificate_that_is_trusted_as_such_works() {
    let mut server = Net::new(&["tls://127.0.0.1:0"], tls("self-signed", "ca.pem"));
    let mut client = Net::new(&["udp://127.0.0.1:0"], tls("server", "self-signed.pem"));
    client.request(
        1,
        Transport::Tls,
        server.address(0),
        Some("localhost"),
        &options("1"),
    );
    while server.log.0.is_empty() {
        client.turn(Duration::from_millis(1));
        server.turn(Duration::from_millis(1));
    }
    assert_eq!(server.message(0).1, options("1"));
}

#[test]
fn a_tls_peer_with_a_bad_certificate_fails_the_call_and_is_told() {
    for (name, words) in [
        ("ca-as-server", "CA certificate used as a server's"),
        ("cn-only", "no subjectAltName"),
    ] {
        let mut bad = config(&["tls://127.0.0.1:0"]);
        bad.tls_certificate = Some(certificate(&format!("{name}.pem")));
        bad.tls_key = Some(certificate(&format!("{name}.key")));
        let server = Side::start(bad);
        let mut trusting = config(&["udp://127.0.0.1:0"]);
        if name == "ca-as-server" {
            trusting.trusted_ca = Some(certificate("ca-as-server.pem"));
        }
        let caller = Side::start(trusting);
        let target = format!(
            "sip:bob@localhost:{};transport=tls",
            server.address(0).port()
        );
        let call = caller.endpoint.invite(invite(&target)).unwrap();
        let detail = caller.wait("notice", |event| match event {
            SipEvent::SipNotice { kind, detail, .. } if kind.name() == "tls" => {
                Some(detail.clone())
            }
            _ => None,
        });
        assert!(detail.contains(words), "{detail}");
        assert_eq!(caller.ended(call).0, "transport", "{name}");
    }
}
