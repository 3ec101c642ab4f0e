//! Who may call, and how many.

use std::sync::atomic::Ordering;

use bridgetap_sip::digest::Algorithm;
use bridgetap_sip::endpoint::SipConfig;
use bridgetap_sip::types::{SipEvent, TrunkRule};

use crate::support::side::{Side, config, credentials, invite, loopback_trunk, user};

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
    assert_eq!(stranger.ended(call), ("rejected", 403));
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

    let bad = vec![TrunkRule {
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
