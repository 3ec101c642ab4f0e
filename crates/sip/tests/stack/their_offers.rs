//! Offers of theirs within a call, from a wire that may send what it likes.

use std::net::SocketAddr;

use bridgetap_sip::types::*;

use crate::asking::*;
use crate::offers::respond;
use crate::wire::*;
use crate::world::*;

/// A call from a wire that takes UPDATE; the wire, and the To it has to use.
fn called_by_a_wire() -> (World, SocketAddr, String) {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    let to = world.call_from_wire(wire, "Allow: INVITE, UPDATE");
    (world, wire, to)
}

#[test]
fn overlapping_offers_of_theirs_are_500_with_retry_after() {
    let (mut world, wire, to) = called_by_a_wire();
    for (cseq, method) in [(2, "INVITE"), (3, "INVITE"), (4, "UPDATE")] {
        let headers = format!("To: {to}\nCSeq: {cseq} {method}");
        world.inject(
            wire,
            0,
            &request(
                &format!("{method} sip:us@h"),
                wire,
                &format!("o{cseq}"),
                &headers,
                "sdp",
            ),
        );
        world.run_ms(20);
    }
    assert_eq!(world.heard(wire)[2..], ["100", "500", "500"]);
    assert!(!header(&world.heard_last(wire, "500"), "Retry-After").is_empty());
}

#[test]
fn an_older_cseq_is_500_and_an_unknown_dialog_481() {
    let (mut world, wire, to) = called_by_a_wire();
    world.inject(
        wire,
        0,
        &request(
            "INFO sip:us@h",
            wire,
            "a",
            &format!("To: {to}\nCSeq: 9 INFO"),
            "",
        ),
    );
    world.inject(
        wire,
        0,
        &request(
            "INFO sip:us@h",
            wire,
            "b",
            &format!("To: {to}\nCSeq: 8 INFO"),
            "",
        ),
    );
    world.inject(
        wire,
        0,
        &request(
            "INFO sip:us@h",
            wire,
            "c",
            &format!("To: {to}x\nCSeq: 10 INFO"),
            "",
        ),
    );
    world.run_ms(20);
    assert_eq!(world.heard(wire)[2..], ["500", "481"]);
    assert_eq!(
        world.count(0, |e| matches!(e, SipEvent::RequestReceived { .. })),
        1
    );
}

#[test]
fn their_new_contact_is_where_we_send_from_then_on() {
    let (mut world, wire, to) = called_by_a_wire();
    let moved = world.add_wire(10);
    let headers = format!("To: {to}\nCSeq: 2 UPDATE\nContact: <sip:wire@{moved}>");
    world.inject(
        wire,
        0,
        &request("UPDATE sip:us@h", wire, "u", &headers, ""),
    );
    world.hang_up(0, world.incoming(0));
    world.run_ms(20);
    assert_eq!(world.heard(moved), ["BYE"]);
}

#[test]
fn their_cancel_of_a_re_invite_keeps_the_call() {
    let (mut world, wire, to) = called_by_a_wire();
    let headers = |method: &str| format!("To: {to}\nCSeq: 2 {method}");
    world.inject(
        wire,
        0,
        &request("INVITE sip:us@h", wire, "r", &headers("INVITE"), "sdp"),
    );
    world.inject(
        wire,
        0,
        &request("CANCEL sip:us@h", wire, "r", &headers("CANCEL"), ""),
    );
    world.run_ms(20);
    assert_eq!(world.heard(wire)[2..], ["100", "200", "487"]);
    assert_eq!(world.ends(0), []);
}

#[test]
fn hanging_up_waits_for_no_ack_of_a_re_invite() {
    let (mut world, wire, to) = called_by_a_wire();
    world.inject(
        wire,
        0,
        &request(
            "INVITE sip:us@h",
            wire,
            "r",
            &format!("To: {to}\nCSeq: 2 INVITE"),
            "sdp",
        ),
    );
    respond(&mut world, 0, 200, SDP);
    let dialog = world.incoming(0);
    world.hang_up(0, dialog);
    world.run_ms(20);
    assert_eq!(world.heard(wire).last().unwrap(), "BYE");
}
