//! Two endpoints: calls, registrations, failover.

use std::net::TcpListener;

use crate::support::dns::{Dns, a, srv};
use crate::support::side::{Side, WAYS, config, credentials, invite, is_user, request, user};
use bridgetap_sip::digest::Algorithm;
use bridgetap_sip::endpoint::SipConfig;
use bridgetap_sip::types::{Command, Identity, Reliable, ReofferMethod, SipEvent, Transport};

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
fn a_dead_server_of_a_domain_is_passed_over_for_the_next() {
    let bob = Side::open(&["tcp://127.0.0.1:0"]);
    let dead = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let dns = Dns::serve(vec![
        srv("_sip._tcp.example.com", 1, dead.port(), "one.example.com"),
        srv(
            "_sip._tcp.example.com",
            2,
            bob.address(0).port(),
            "one.example.com",
        ),
        a("one.example.com", "127.0.0.1"),
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
