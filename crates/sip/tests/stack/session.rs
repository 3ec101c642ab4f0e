//! Session timers (RFC 4028) between two of us.

use std::net::SocketAddr;
use std::time::Duration;

use bridgetap_sip::types::*;

use crate::asking::*;
use crate::wire::*;
use crate::world::*;

fn pair(caller_s: u32, callee_s: u32, callee_min_s: u32) -> World {
    let mut world = World::new();
    world.add_node(1, |config| config.session_expires_s = caller_s);
    world.add_node(2, |config| {
        config.session_expires_s = callee_s;
        config.min_se_s = callee_min_s;
    });
    world
}

#[test]
fn the_caller_refreshes_with_update_half_way() {
    let mut world = pair(1800, 600, 90);
    let (ours, _) = world.established();
    assert_eq!(
        header(world.last("200"), "Session-Expires"),
        "600;refresher=uac"
    );
    world.run_for(Duration::from_secs(1000));
    assert_eq!(
        world
            .sent("UPDATE")
            .iter()
            .map(|ms| ms / 1000)
            .collect::<Vec<_>>(),
        [300, 600, 900]
    );
    assert_eq!(
        header(world.last("UPDATE"), "Session-Expires"),
        "600;refresher=uac"
    );
    assert!(
        !world.saw(1, |e| matches!(e, SipEvent::ReofferReceived { .. })),
        "answered inside"
    );
    world.hang_up(0, ours);
    world.assert_idle();
}

#[test]
fn a_session_whose_refresher_is_dead_ends_with_bye() {
    let mut world = pair(1800, 600, 90);
    world.established();
    world.silent = vec![address(1), address(2)];
    world.run_for(Duration::from_secs(700));
    // The refresh is not answered for 32 s over there, and here nothing comes until 32 s before the end.
    assert_eq!(world.ends(0), [(EndCause::Timeout, 408)]);
    assert_eq!(world.ends(1), [(EndCause::Timeout, 408)]);
    assert_eq!(
        world
            .sent("BYE")
            .iter()
            .map(|ms| ms / 1000)
            .collect::<Vec<_>>()
            .first(),
        Some(&332)
    );
    world.assert_idle();
}

#[test]
fn too_short_an_interval_is_422_and_asked_for_again() {
    let mut world = pair(90, 1800, 300);
    let (ours, _) = world.established();
    assert_eq!(
        world.ladder(),
        ["INVITE", "422", "ACK", "INVITE", "100", "200", "ACK"]
    );
    assert_eq!(header(world.last("422"), "Min-SE"), "300");
    assert_eq!(header(world.last("INVITE"), "Session-Expires"), "300");
    assert_eq!(header(world.last("INVITE"), "CSeq"), "2 INVITE");
    assert_eq!(
        header(world.last("200"), "Session-Expires"),
        "300;refresher=uac"
    );
    world.hang_up(0, ours);
    world.assert_idle();
}

const WE_REFRESH: [(&str, &str); 2] = [
    ("Session-Expires", "200;refresher=uac"),
    ("Require", "timer"),
];

/// A call of ours to a peer without UPDATE; and its wire.
fn with_a_peer_that_we_refresh() -> (World, SocketAddr) {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    world.call_uri(0, "sip:x@127.0.0.9", |_| {});
    world.run_ms(20);
    world.wire_answers(wire, "INVITE", 200, "t", &WE_REFRESH);
    (world, wire)
}

#[test]
fn a_peer_without_update_is_refreshed_by_the_same_offer_again() {
    let (mut world, wire) = with_a_peer_that_we_refresh();
    world.run_for(Duration::from_secs(101));
    let refresh = world.heard_last(wire, "INVITE");
    assert_eq!(header(&refresh, "CSeq"), "2 INVITE");
    let bridgetap_sip::Message::Request(request) = &refresh else {
        panic!()
    };
    assert_eq!(request.body, SDP);
    world.wire_answers(wire, "INVITE", 200, "t", &WE_REFRESH);
    assert_eq!(world.heard(wire).last().unwrap(), "ACK");
    assert!(
        !world.saw(0, |e| matches!(e, SipEvent::ReofferAnswered { .. })),
        "Python did not ask"
    );
    world.run_for(Duration::from_secs(60));
    assert_eq!(world.ends(0), []);
}

#[test]
fn a_refresh_that_waited_says_what_we_described_last() {
    let (mut world, wire) = with_a_peer_that_we_refresh();
    let ack = world.heard_last(wire, "ACK");
    let dialog = |method: &str| {
        let (from, to) = (header(&ack, "To"), header(&ack, "From"));
        let call = header(&ack, "Call-ID");
        format!("From: {from}\nTo: {to}\nCall-ID: {call}\nCSeq: 1 {method}")
    };
    world.run_for(Duration::from_secs(101));
    world.wire_answers(wire, "INVITE", 491, "t", &[]);
    let theirs = request("INVITE sip:us@h", wire, "r1", &dialog("INVITE"), "sdp");
    world.inject(wire, 0, &theirs);
    world.run_ms(20);
    let newer = b"v=0\r\ns=newer\r\n".to_vec();
    let open = world.nodes[0].events.iter().find_map(|event| match event {
        SipEvent::ReofferReceived { request, .. } => Some(*request),
        _ => None,
    });
    world.command(
        0,
        Command::Respond {
            request: open.unwrap(),
            status: 200,
            reason: String::new(),
            headers: vec![],
            body: newer.clone(),
            content_type: "application/sdp".to_owned(),
        },
    );
    world.run_ms(20);
    world.inject(
        wire,
        0,
        &request("ACK sip:us@h", wire, "r2", &dialog("ACK"), ""),
    );
    world.run_for(Duration::from_secs(5));
    let refresh = world.heard_last(wire, "INVITE");
    assert_eq!(header(&refresh, "CSeq"), "3 INVITE");
    let bridgetap_sip::Message::Request(refresh) = refresh else {
        panic!()
    };
    assert_eq!(refresh.body, newer);
}

#[test]
fn a_peer_that_knows_no_timers_gets_none() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    world.inject(wire, 0, &request("INVITE sip:us@h", wire, "1", "", "sdp"));
    let dialog = world.incoming(0);
    world.command(0, answer(dialog));
    world.run_ms(20);
    let answered = world.heard_last(wire, "200");
    assert_eq!(header(&answered, "Session-Expires"), "");
    let ack = format!("To: {}\nCSeq: 1 ACK", header(&answered, "To"));
    world.inject(wire, 0, &request("ACK sip:us@h", wire, "2", &ack, ""));
    world.run_for(Duration::from_secs(36_000));
    assert_eq!(world.ends(0), []);
}

#[test]
fn they_refresh_where_they_said_so() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    let timer = "Supported: timer\nSession-Expires: 120;refresher=uac";
    let to = world.call_from_wire(wire, timer);
    for refresh in 2..5 {
        world.run_for(Duration::from_secs(60));
        let headers = format!("To: {to}\nCSeq: {refresh} UPDATE\n{timer}");
        world.inject(
            wire,
            0,
            &request(
                "UPDATE sip:us@h",
                wire,
                &format!("u{refresh}"),
                &headers,
                "",
            ),
        );
        world.run_ms(20);
        assert_eq!(
            header(&world.heard_last(wire, "200"), "Session-Expires"),
            "120;refresher=uac"
        );
    }
    assert_eq!(world.ends(0), []);
    world.run_for(Duration::from_secs(90));
    assert_eq!(world.ends(0), [(EndCause::Timeout, 408)]);
    assert_eq!(world.heard(wire).last().unwrap(), "BYE");
}
