//! Two real endpoints over real sockets: calls, registrations, admission.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
#[path = "support/dns.rs"]
mod dns;
#[allow(dead_code)]
#[path = "support/side.rs"]
mod side;

use std::net::TcpListener;
use std::sync::atomic::Ordering;

use bridgetap_sip::digest::Algorithm;
use bridgetap_sip::endpoint::SipConfig;
use bridgetap_sip::types::{Command, Identity, Reliable, ReofferMethod, SipEvent, Transport};
use side::{Side, WAYS, config, credentials, invite, is_user, loopback_trunk, request, user};

#[test]
fn a_call_is_made_changed_and_ended_over_every_transport() {
    for way in WAYS {
        let (alice, bob) = (Side::open(&[way]), Side::open(&[way]));
        let call = alice.endpoint.invite(invite(&bob.uri("bob", 0))).unwrap();
        let incoming = bob.incoming();
        assert_eq!(
            (incoming.identity, incoming.body.as_slice()),
            (Identity::Trunk("near".into()), &b"v=0\r\n"[..])
        );
        assert_eq!(incoming.source.local, bob.address(0), "{way}");
        bob.tell(Command::Progress {
            dialog: incoming.dialog,
            status: 183,
            reason: String::new(),
            headers: vec![("X-Early".into(), "yes".into())],
            body: b"early".to_vec(),
            reliable: true,
        });
        let reliable = alice.wait("183", |event| match event {
            SipEvent::CallProgress {
                status: 183,
                reliable,
                body,
                ..
            } if body == b"early" => Some(*reliable),
            _ => None,
        });
        assert!(reliable, "{way}");
        bob.answer(incoming.dialog, b"answer");
        assert_eq!(alice.answered(call), b"answer");
        bob.wait("ACK", |event| {
            matches!(event, SipEvent::CallAcked { dialog, .. } if *dialog == incoming.dialog)
                .then_some(())
        });

        for (method, from, to, theirs, ours) in [
            (ReofferMethod::Invite, &alice, &bob, call, incoming.dialog),
            (ReofferMethod::Update, &bob, &alice, incoming.dialog, call),
        ] {
            from.tell(Command::Reoffer {
                dialog: theirs,
                method,
                body: b"offer".to_vec(),
                headers: vec![],
            });
            let asked = to.wait("re-offer", |event| match event {
                SipEvent::ReofferReceived {
                    dialog,
                    request,
                    method: got,
                    body,
                    ..
                } if *dialog == ours => {
                    assert_eq!((*got, body.as_slice()), (method, &b"offer"[..]));
                    Some(*request)
                }
                _ => None,
            });
            to.respond(asked, 200, b"changed");
            from.wait("its answer", |event| match event {
                SipEvent::ReofferAnswered {
                    dialog,
                    status: 200,
                    body,
                    ..
                } if *dialog == theirs && body == b"changed" => Some(()),
                _ => None,
            });
        }
        bob.hang_up(incoming.dialog);
        assert_eq!(
            (alice.ended(call), bob.ended(incoming.dialog).0),
            (("bye", 0), "hung-up"),
            "{way}"
        );
        alice.endpoint.close();
        assert_eq!((alice.stat("dialogs"), alice.stat("malformed")), (0, 0));
    }
}

#[test]
fn a_phone_registers_by_digest_and_is_called_over_its_own_flow() {
    for (n, way) in WAYS.into_iter().enumerate() {
        let algorithms = [&[Algorithm::Md5][..], &[Algorithm::Sha256]][n % 2];
        let server = Side::start(config(&[way]));
        server
            .endpoint
            .set_admission(vec![], vec![user("alice", "secret", algorithms)])
            .unwrap();
        let phone = Side::open(&[way]);

        let mut register = request("REGISTER", &server.uri("", 0).replace("sip:@", "sip:"));
        register.headers = vec![(
            "Contact".into(),
            "<sip:alice@192.0.2.77:9>;expires=600".into(),
        )];
        register.credentials = credentials("alice", "secret");
        let sent = phone.endpoint.request(register).unwrap();
        let received = server.registering();
        assert_eq!(
            (received.user.as_str(), received.contacts.len()),
            ("alice", 1),
            "{way}"
        );
        server.respond(received.request, 200, b"");
        assert_eq!(phone.response(sent), 200);

        // The Contact leads nowhere: only the flow reaches the phone.
        let mut back = invite("sip:alice@192.0.2.77:9");
        back.flow = Some(received.source.flow);
        let call = server.endpoint.invite(back).unwrap();
        let incoming = phone.incoming();
        phone.answer(incoming.dialog, b"hello");
        assert_eq!(server.answered(call), b"hello", "{way}");
        server.hang_up(call);
        assert_eq!(phone.ended(incoming.dialog).0, "bye", "{way}");

        // And the phone calls, known by its password.
        let mut out = invite(&server.uri("100", 0));
        out.credentials = credentials("alice", "secret");
        out.reliable = Reliable::Off;
        let call = phone.endpoint.invite(out).unwrap();
        let incoming = server.incoming();
        assert!(is_user(&incoming.identity, "alice"), "{way}");
        server.tell(Command::Reject {
            dialog: incoming.dialog,
            status: 486,
            reason: String::new(),
            headers: vec![],
        });
        assert_eq!(phone.ended(call), ("rejected", 486));

        phone.endpoint.close();
        if received.source.transport != Transport::Udp {
            let closed = received.source.flow;
            server.wait("closed flow", |e| {
                matches!(e, SipEvent::FlowClosed { flow } if *flow == closed).then_some(())
            });
            let mut late = invite("sip:alice@192.0.2.77:9");
            late.flow = Some(closed);
            let call = server.endpoint.invite(late).unwrap();
            assert_eq!(server.ended(call).0, "transport", "{way}");
        }
    }
}

#[test]
fn strangers_are_refused_and_wrong_passwords_told_but_not_what_they_were() {
    let server = Side::start(config(&["udp://127.0.0.1:0"]));
    let stranger = Side::open(&["udp://127.0.0.1:0"]);
    let call = stranger
        .endpoint
        .invite(invite(&server.uri("bob", 0)))
        .unwrap();
    assert_eq!(stranger.ended(call), ("rejected", 403));

    server
        .endpoint
        .set_admission(vec![], vec![user("alice", "secret", &[Algorithm::Md5])])
        .unwrap();
    let mut wrong = invite(&server.uri("bob", 0));
    wrong.credentials = credentials("alice", "guessed-password");
    let call = stranger.endpoint.invite(wrong).unwrap();
    assert_eq!(stranger.ended(call), ("rejected", 401));
    let told = server.wait("notice", |event| match event {
        SipEvent::SipNotice {
            kind,
            source,
            detail,
            ..
        } if kind.name() == "auth-failed" => Some((source.ip(), detail.clone())),
        _ => None,
    });
    assert_eq!(told.0, stranger.address(0).ip());
    assert!(
        told.1.contains("alice") && !told.1.contains("guessed"),
        "{}",
        told.1
    );
    assert!(!server.has(|event| matches!(event, SipEvent::IncomingCall(_))));

    let bad = vec![bridgetap_sip::types::TrunkRule {
        network: "nonsense".into(),
        trunk: "t".into(),
    }];
    let error = server
        .endpoint
        .set_admission(bad, vec![])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("nonsense") && error.contains("\"t\""),
        "{error}"
    );
}

#[test]
fn overload_and_draining_are_answered_503_and_live_calls_go_on() {
    let server = Side::start(SipConfig {
        max_dialogs: 1,
        ..config(&["udp://127.0.0.1:0"])
    });
    server
        .endpoint
        .set_admission(loopback_trunk(), vec![])
        .unwrap();
    let caller = Side::open(&["udp://127.0.0.1:0"]);
    let refused = |why: &str| {
        let call = caller
            .endpoint
            .invite(invite(&server.uri("bob", 0)))
            .unwrap();
        assert_eq!(caller.ended(call), ("rejected", 503), "{why}");
    };
    server.oldest_ms.store(201, Ordering::Relaxed);
    refused("Python is behind");
    server.oldest_ms.store(0, Ordering::Relaxed);

    let call = caller
        .endpoint
        .invite(invite(&server.uri("bob", 0)))
        .unwrap();
    let incoming = server.incoming();
    server.answer(incoming.dialog, b"answer");
    caller.answered(call);
    refused("max_dialogs");
    server.endpoint.refuse_new_calls().unwrap();
    refused("draining");
    server.wait("notice", |event| match event {
        SipEvent::SipNotice { kind, .. } if kind.name() == "overload" => Some(()),
        _ => None,
    });
    caller.hang_up(call);
    assert_eq!(server.ended(incoming.dialog).0, "bye");
    server.endpoint.close();
    assert!(server.stat("overloaded") >= 3);
}

#[test]
fn a_dead_server_of_a_domain_is_passed_over_for_the_next() {
    let bob = Side::open(&["tcp://127.0.0.1:0"]);
    let dead = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let dns = dns::Dns::serve(vec![
        dns::srv("_sip._tcp.example.com", 1, dead.port(), "one.example.com"),
        dns::srv(
            "_sip._tcp.example.com",
            2,
            bob.address(0).port(),
            "one.example.com",
        ),
        dns::a("one.example.com", "127.0.0.1"),
    ]);
    let alice = Side::start(SipConfig {
        name_servers: vec![dns.address.to_string()],
        ..config(&["tcp://127.0.0.1:0", "udp://127.0.0.1:0"])
    });
    let call = alice
        .endpoint
        .invite(invite("sip:bob@example.com;transport=tcp"))
        .unwrap();
    let incoming = bob.incoming();
    bob.answer(incoming.dialog, b"second");
    assert_eq!(alice.answered(call), b"second");

    let call = alice
        .endpoint
        .invite(invite("sip:bob@nowhere.example"))
        .unwrap();
    assert_eq!(alice.ended(call).0, "transport");
}

#[test]
fn a_tls_peer_with_a_bad_certificate_fails_the_call_and_is_told() {
    for (name, words) in [
        ("ca-as-server", "CA certificate used as a server's"),
        ("cn-only", "no subjectAltName"),
    ] {
        let mut bad = config(&["tls://127.0.0.1:0"]);
        bad.tls_certificate = Some(side::certificate(&format!("{name}.pem")));
        bad.tls_key = Some(side::certificate(&format!("{name}.key")));
        let server = Side::start(bad);
        let mut trusting = config(&["udp://127.0.0.1:0"]);
        if name == "ca-as-server" {
            trusting.trusted_ca = Some(side::certificate("ca-as-server.pem"));
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

#[test]
fn every_message_is_in_the_trace() {
    let path =
        std::env::temp_dir().join(format!("bridgetap-endpoints-{}.pcap", std::process::id()));
    let server = Side::start(SipConfig {
        trace: Some(path.to_str().unwrap().into()),
        ..config(&["tls://127.0.0.1:0"])
    });
    let caller = Side::open(&["tls://127.0.0.1:0"]);
    let sent = caller
        .endpoint
        .request(request("OPTIONS", &server.uri("x", 0)))
        .unwrap();
    assert_eq!(caller.response(sent), 200);
    server.endpoint.close();
    let trace = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let text = String::from_utf8_lossy(&trace);
    assert!(text.contains("OPTIONS sip:x@127.0.0.1") && text.contains("SIP/2.0 200"));
}

#[test]
fn a_start_that_fails_names_what_will_not_do() {
    struct Nobody;
    impl bridgetap_sip::endpoint::EventSink for Nobody {
        fn push(&self, _: SipEvent) {}
        fn oldest_ms(&self) -> u64 {
            0
        }
    }
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = format!("udp://{}", taken.local_addr().unwrap());
    let cases = [
        (
            config(&["udp://127.0.0.1:0", "udp://192.0.2.1:5060"]),
            "udp://192.0.2.1:5060",
        ),
        (
            SipConfig {
                tls_key: Some("/nonexistent.key".into()),
                ..config(&["tls://127.0.0.1:0"])
            },
            "sip.tls_key: /nonexistent.key",
        ),
        (
            SipConfig {
                tls_certificate: None,
                tls_key: None,
                ..config(&["tls://127.0.0.1:0"])
            },
            "sip.tls_certificate: not set, but tls://127.0.0.1:0 needs it",
        ),
        (
            SipConfig {
                trace: Some("/nonexistent/t.pcap".into()),
                ..config(&["udp://127.0.0.1:0"])
            },
            "sip.trace: cannot write /nonexistent/t.pcap",
        ),
    ];
    for (config, words) in cases {
        let error = bridgetap_sip::endpoint::SipEndpoint::start(config, Box::new(Nobody))
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(words), "{error}");
    }
    drop(taken);
}

#[test]
fn closing_twice_is_fine_and_commands_after_it_are_refused() {
    let side = Side::open(&["udp://127.0.0.1:0", "tcp://[::1]:0"]);
    let address = side.address(0);
    side.endpoint.close();
    side.endpoint.close();
    assert!(side.endpoint.invite(invite("sip:x@127.0.0.1:9")).is_err());
    drop(std::net::UdpSocket::bind(address).unwrap()); // its sockets are really gone
}
