//! What real peers do besides: streams, IPv6, early UPDATE, dialogs that are gone over there.

use std::net::SocketAddr;

use bridgetap_sip::types::*;
use bridgetap_sip::{Listener, Message};

use crate::asking::*;
use crate::wire::*;
use crate::world::*;

#[test]
fn a_phone_on_a_stream_is_answered_and_hung_up_on_it() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let phone = world.add_wire(9);
    let headers = "X-Test-Admission: user\nContact: <sip:alice@10.0.0.7:39999;transport=tcp>";
    let bytes = request("INVITE sip:us@h", phone, "1", headers, "sdp");
    world.inject_by(Transport::Tcp, phone, 0, &bytes);
    let dialog = world.incoming(0);
    let user = |e: &SipEvent| matches!(e, SipEvent::IncomingCall(call) if call.identity == Identity::User("alice".into()));
    assert!(world.saw(0, user));
    world.command(0, answer(dialog));
    world.run_ms(20);
    let to = header(&world.heard_last(phone, "200"), "To").to_owned();
    let ack = request(
        "ACK sip:us@h",
        phone,
        "2",
        &format!("To: {to}\nCSeq: 1 ACK"),
        "",
    );
    world.inject_by(Transport::Tcp, phone, 0, &ack);
    world.hang_up(0, dialog);
    world.run_ms(20);
    // Its Contact is an address behind a NAT: BYE goes where the INVITE came from.
    assert_eq!(world.heard(phone), ["100", "200", "BYE"]);
    assert_eq!(
        header(&world.heard_last(phone, "200"), "Contact"),
        "<sip:us@127.0.0.1:5060;transport=tcp>"
    );
}

#[test]
fn a_call_goes_over_ipv6() {
    let mut world = World::new();
    let bound: SocketAddr = "[::1]:5060".parse().unwrap();
    world.add_node(1, |config| {
        config.addresses.listeners = vec![Listener {
            transport: Transport::Udp,
            bound,
        }];
    });
    world.nodes[0].address = bound;
    let peer: SocketAddr = "[::2]:5070".parse().unwrap();
    world.wires.insert(peer, vec![]);
    let call = world.call_uri(0, "sip:x@[::2]:5070", |_| {});
    world.run_ms(20);
    let invite = world.heard_last(peer, "INVITE");
    assert!(header(&invite, "Via").starts_with("SIP/2.0/UDP [::1]:5060;branch="));
    assert_eq!(header(&invite, "Contact"), "<sip:alice@[::1]:5060>");
    world.wire_answers(peer, "INVITE", 200, "t", &[]);
    world.hang_up(0, call);
    world.run_ms(20);
    assert_eq!(world.heard(peer), ["INVITE", "ACK", "BYE"]);
    assert_eq!(
        world.count(
            0,
            |e| matches!(e, SipEvent::CallAnswered { source, .. } if *source == peer)
        ),
        1
    );
}

#[test]
fn a_secure_uri_gets_a_secure_contact() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    world.add_wire(9);
    world.call_uri(0, "sips:x@127.0.0.9", |_| {});
    assert_eq!(
        header(world.last("INVITE"), "Contact"),
        "<sips:alice@127.0.0.1:5060>"
    );
    assert!(header(world.last("INVITE"), "Via").starts_with("SIP/2.0/TLS "));
    world.call_uri(0, "sip:x@127.0.0.9;transport=tls", |_| {});
    assert_eq!(
        header(world.last("INVITE"), "Contact"),
        "<sip:alice@127.0.0.1:5060;transport=tls>"
    );
}

#[test]
fn an_early_dialog_takes_an_update_once_its_offer_is_answered() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    world.call_uri(0, "sip:x@127.0.0.9", |_| {});
    world.run_ms(20);
    let invite = world.heard_last(wire, "INVITE");
    let ours = header(&invite, "From").to_owned();
    let update = |cseq: u32| {
        let headers = format!(
            "From: <sip:bob@example.com>;tag=t\nTo: {ours}\nCall-ID: {}\nCSeq: {cseq} UPDATE",
            header(&invite, "Call-ID")
        );
        request(
            "UPDATE sip:us@h",
            wire,
            &format!("u{cseq}"),
            &headers,
            "sdp",
        )
    };
    world.wire_answers(wire, "INVITE", 180, "t", &[]);
    world.inject(wire, 0, &update(1));
    world.run_ms(20);
    assert_eq!(world.heard(wire).last().unwrap(), "500");
    world.wire_answers(
        wire,
        "INVITE",
        183,
        "t",
        &[("Require", "100rel"), ("RSeq", "1")],
    );
    world.inject(wire, 0, &update(2));
    let open = world.nodes[0].events.iter().find_map(|event| match event {
        SipEvent::ReofferReceived {
            request,
            method: ReofferMethod::Update,
            ..
        } => Some(*request),
        _ => None,
    });
    let (reason, headers, body) = (String::new(), vec![], SDP.to_vec());
    let (request, content_type) = (open.unwrap(), String::new());
    world.command(
        0,
        Command::Respond {
            request,
            status: 200,
            reason,
            headers,
            body,
            content_type,
        },
    );
    world.run_ms(20);
    let Message::Response(answer) = world.heard_last(wire, "200") else {
        panic!()
    };
    assert_eq!(
        (header_of(&answer, "CSeq"), answer.body.as_slice()),
        ("2 UPDATE", SDP)
    );
}

fn header_of<'a>(response: &'a bridgetap_sip::Response, name: &str) -> &'a str {
    response.headers.get(name).unwrap_or("")
}

/// A call to a wire that is up, and a re-offer on its way.
fn reoffering(method: ReofferMethod) -> (World, SocketAddr) {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    let dialog = world.call_uri(0, "sip:x@127.0.0.9", |_| {});
    world.run_ms(20);
    world.wire_answers(wire, "INVITE", 200, "t", &[("Allow", "INVITE, UPDATE")]);
    world.command(
        0,
        Command::Reoffer {
            dialog,
            method,
            body: SDP.to_vec(),
            headers: vec![],
        },
    );
    world.run_ms(20);
    (world, wire)
}

#[test]
fn a_dialog_gone_over_there_ends_here() {
    for status in [481, 408] {
        let (mut world, wire) = reoffering(ReofferMethod::Invite);
        world.wire_answers(wire, "INVITE", status, "t", &[]);
        assert_eq!(world.ends(0), [(EndCause::Timeout, status)]);
        assert_eq!(world.heard(wire).last().unwrap(), "BYE");
        assert!(world.saw(
            0,
            |e| matches!(e, SipEvent::ReofferAnswered { status: s, .. } if *s == status)
        ));
    }
}

#[test]
fn an_overlap_over_there_is_waited_out() {
    let (mut world, wire) = reoffering(ReofferMethod::Update);
    world.wire_answers(wire, "UPDATE", 500, "t", &[("Retry-After", "3")]);
    let before = world.sent("UPDATE").len();
    world.run_ms(2900);
    assert_eq!(world.sent("UPDATE").len(), before);
    world.run_ms(200);
    assert_eq!(world.sent("UPDATE").len(), before + 1);
    world.wire_answers(wire, "UPDATE", 200, "t", &[]);
    assert_eq!(
        world.count(0, |e| matches!(
            e,
            SipEvent::ReofferAnswered { status: 200, .. }
        )),
        1
    );
}

#[test]
fn endless_glare_is_told_in_the_end() {
    let (mut world, wire) = reoffering(ReofferMethod::Update);
    for _ in 0..9 {
        world.wire_answers(wire, "UPDATE", 491, "t", &[]);
        world.run_ms(4100);
    }
    assert_eq!(
        world.count(0, |e| matches!(
            e,
            SipEvent::ReofferAnswered { status: 491, .. }
        )),
        1
    );
    assert_eq!(world.ends(0), []);
}

#[test]
fn a_caller_in_a_hurry_is_released_when_its_time_is_up() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    world.inject(
        wire,
        0,
        &request("INVITE sip:us@h", wire, "1", "Expires: 20", "sdp"),
    );
    world.run_ms(19_900);
    assert_eq!(world.ends(0), []);
    world.run_ms(200);
    assert_eq!(world.ends(0), [(EndCause::Timeout, 487)]);
    assert_eq!(world.heard(wire)[1], "487");
}

#[test]
fn a_command_for_what_is_gone_does_nothing() {
    let mut world = World::pair();
    let (ours, theirs) = world.established();
    world.hang_up(0, ours);
    world.run_ms(50);
    let sent = world.log.len();
    for (node, dialog) in [(0, ours), (1, theirs), (0, DialogId(77))] {
        world.hang_up(node, dialog);
        world.command(node, answer(dialog));
        world.command(node, progress(dialog, 180, b"", true));
        let (reason, headers, content_type) = (String::new(), vec![], String::new());
        world.command(
            node,
            Command::Reject {
                dialog,
                status: 486,
                reason,
                headers,
            },
        );
        world.command(
            node,
            Command::Ack {
                dialog,
                body: vec![],
                content_type,
            },
        );
        let (method, headers) = (ReofferMethod::Invite, vec![]);
        world.command(
            node,
            Command::Reoffer {
                dialog,
                method,
                body: vec![],
                headers,
            },
        );
    }
    world.run_ms(50);
    assert_eq!(world.log.len(), sent);
    assert_eq!((world.ends(0).len(), world.ends(1).len()), (1, 1));
}

#[test]
fn a_re_invite_that_only_rings_does_not_outlive_its_call() {
    let (mut world, wire) = reoffering(ReofferMethod::Invite);
    world.wire_answers(wire, "INVITE", 100, "", &[]);
    world.hang_up_all(0);
    world.run_ms(20);
    world.wire_answers(wire, "BYE", 200, "", &[]);
    assert_eq!(world.ends(0).len(), 1);
    world.assert_idle();
}
