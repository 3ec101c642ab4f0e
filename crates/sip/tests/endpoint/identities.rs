//! Peers with TLS files of their own: a client certificate, a private authority.

use std::time::Duration;

use bridgetap_sip::error::SipError;
use bridgetap_sip::transport::{IdentityFiles, Tls, TlsFiles};
use bridgetap_sip::types::{
    Command, Invite, OwnRequest, ReofferMethod, SipEvent, TlsIdentity, Trouble,
};

use crate::support::net::{self, Net, Seen, options};
use crate::support::side::{Side, certificate, config, invite, loopback_trunk, request};

fn files(ca: Option<&str>, shown: Option<&str>) -> IdentityFiles {
    IdentityFiles {
        trusted_ca: ca.map(net::certificate),
        client_certificate: shown.map(|name| net::certificate(&format!("{name}.pem"))),
        client_key: shown.map(|name| net::certificate(&format!("{name}.key"))),
    }
}

/// A server that asks whoever connects for a certificate of the test CA.
fn demanding() -> Side {
    let mut demanding = config(&["tls://127.0.0.1:0"]);
    demanding.client_ca = Some(certificate("ca.pem"));
    let side = Side::start(demanding);
    side.endpoint
        .set_admission(loopback_trunk(), vec![])
        .unwrap();
    side
}

fn call(caller: &Side, server: &Side, files: Option<IdentityFiles>) -> Invite {
    let port = server.address(0).port();
    Invite {
        identity: files.map(|files| caller.endpoint.identity(&files).unwrap()),
        ..invite(&format!("sip:rec@localhost:{port};transport=tls"))
    }
}

/// Why a call could not be made.
fn trouble(caller: &Side, invite: Invite) -> Trouble {
    let call = caller.endpoint.invite(invite).unwrap();
    caller.wait("the end", |event| match event {
        SipEvent::CallEnded {
            dialog,
            cause,
            trouble,
            ..
        } if *dialog == call => {
            assert_eq!(cause.name(), "transport");
            trouble.clone()
        }
        _ => None,
    })
}

#[test]
fn a_certificate_is_shown_from_the_invite_to_the_bye() {
    let server = demanding();
    let caller = Side::start(config(&["udp://127.0.0.1:0"]));
    let asked = call(&caller, &server, Some(files(None, Some("server"))));
    let ours = caller.endpoint.invite(asked).unwrap();
    let theirs = server.incoming().dialog;
    server.answer(theirs, b"v=0\r\n");
    caller.answered(ours);
    caller.tell(Command::Reoffer {
        dialog: ours,
        method: ReofferMethod::Invite,
        body: b"v=0\r\n".to_vec(),
        headers: vec![],
    });
    // Its Contact is an address, whose name is another than the one that was called: another
    // connection, and the same certificate.
    let reoffer = server.wait("re-INVITE", |event| match event {
        SipEvent::ReofferReceived { request, .. } => Some(*request),
        _ => None,
    });
    server.respond(reoffer, 200, b"v=0\r\n");
    caller.wait("its answer", |event| {
        matches!(event, SipEvent::ReofferAnswered { status: 200, .. }).then_some(())
    });
    let asked = caller.endpoint.request(OwnRequest {
        dialog: Some(ours),
        ..request("OPTIONS", "")
    });
    assert_eq!(caller.response(asked.unwrap()), 200);
    caller.hang_up(ours);
    assert_eq!(server.ended(theirs).0, "bye");
}

#[test]
fn a_call_that_is_given_up_is_cancelled_with_the_certificate_it_was_made_with() {
    let server = demanding();
    let caller = Side::start(config(&["udp://127.0.0.1:0"]));
    let asked = call(&caller, &server, Some(files(None, Some("server"))));
    let ours = caller.endpoint.invite(asked).unwrap();
    let theirs = server.incoming().dialog;
    server.tell(Command::Progress {
        dialog: theirs,
        status: 180,
        reason: String::new(),
        headers: vec![],
        body: vec![],
        reliable: false,
    });
    caller.hang_up(ours);
    assert_eq!(server.ended(theirs).0, "cancelled");
    assert_eq!(caller.ended(ours).0, "hung-up");
}

#[test]
fn who_shows_none_or_a_stranger_s_is_refused_at_once_and_told_why() {
    let server = demanding();
    let caller = Side::start(config(&["udp://127.0.0.1:0"]));
    for shown in [None, Some(files(None, Some("self-signed")))] {
        let none = shown.is_none();
        let why = trouble(&caller, call(&caller, &server, shown));
        assert!(why.tls, "{why:?}");
        let words = ["client certificate", "our certificate", "another one?"];
        assert!(
            words.iter().any(|w| why.detail.contains(w)),
            "{none} {why:?}"
        );
    }
    assert!(!server.has(|event| matches!(event, SipEvent::IncomingCall(_))));
}

#[test]
fn a_private_authority_counts_for_its_own_calls_alone() {
    let mut private = config(&["tls://127.0.0.1:0"]);
    private.tls_certificate = Some(certificate("self-signed.pem"));
    private.tls_key = Some(certificate("self-signed.key"));
    let server = Side::start(private);
    server
        .endpoint
        .set_admission(loopback_trunk(), vec![])
        .unwrap();
    let caller = Side::start(config(&["udp://127.0.0.1:0"]));
    let asked = call(&caller, &server, Some(files(Some("self-signed.pem"), None)));
    let ours = caller.endpoint.invite(asked).unwrap();
    server.answer(server.incoming().dialog, b"v=0\r\n");
    caller.answered(ours);
    let why = trouble(&caller, call(&caller, &server, None)); // over no connection that stands
    assert!(
        why.tls && why.detail.contains("certificate of localhost refused"),
        "{why:?}"
    );
    // What the whole endpoint trusts is not trusted where a peer has its own.
    let usual = Side::open(&["tls://127.0.0.1:0"]);
    let why = trouble(
        &caller,
        call(&caller, &usual, Some(files(Some("self-signed.pem"), None))),
    );
    assert!(
        why.tls && why.detail.contains("the only authorities trusted there"),
        "{why:?}"
    );
}

#[test]
fn each_identity_has_connections_of_its_own_and_nobody_else_gets_them() {
    let mut server = Net::plain(&["tls://127.0.0.1:0"]);
    let mut client = Net::plain(&["udp://127.0.0.1:0"]);
    let identities = client.identities.clone();
    let read = |files| identities.read(&files).unwrap();
    let shown = read(files(None, Some("server")));
    let other = read(files(Some("ca.pem"), None));
    let asked: [Option<TlsIdentity>; 7] = [
        None,
        Some(shown),
        Some(other),
        Some(shown),
        None,
        Some(other),
        None,
    ];
    let mut flows = Vec::new();
    for (number, identity) in asked.into_iter().enumerate() {
        let call_id = number.to_string();
        client.request_as(identity, 1, server.address(0), &options(&call_id));
        let source = loop {
            client.turn(Duration::from_millis(1));
            server.turn(Duration::from_millis(1));
            let came = server.log.0.iter().find_map(|seen| match seen {
                Seen::Message(source, text) if *text == options(&call_id) => Some(source.flow),
                _ => None,
            });
            if let Some(flow) = came {
                break flow;
            }
        };
        flows.push(source);
    }
    let [a, b, c, ..] = flows[..] else { panic!() };
    assert!(a != b && b != c && a != c);
    assert_eq!(flows, [a, b, c, b, a, c, a]);
}

#[test]
fn where_the_endpoint_trusts_nobody_a_peer_with_an_authority_is_still_reached() {
    let mut server = Net::plain(&["tls://127.0.0.1:0"]);
    let nobody = Tls::with_roots(&TlsFiles::default(), Vec::new()).unwrap();
    let mut client = Net::new(&["udp://127.0.0.1:0"], nobody);
    let own = client
        .identities
        .read(&files(Some("ca.pem"), None))
        .unwrap();
    client.request_as(None, 1, server.address(0), &options("1"));
    assert!(client.failed(1));
    client.request_as(Some(own), 2, server.address(0), &options("2"));
    while server.log.0.is_empty() {
        client.turn(Duration::from_millis(1));
        server.turn(Duration::from_millis(1));
    }
    assert_eq!(server.message(0).1, options("2"));
}

#[test]
fn a_file_that_is_gone_is_named_when_it_is_needed() {
    let caller = Side::start(config(&["udp://127.0.0.1:0"]));
    let gone = files(Some("gone.pem"), None);
    let refused = caller.endpoint.identity(&gone).unwrap_err();
    assert!(matches!(
        refused,
        SipError::Identity {
            setting: "trusted_ca",
            ..
        }
    ));
    assert!(refused.to_string().contains("gone.pem: No such file"));
    assert_eq!(caller.endpoint.identity_of(1), None);
}
