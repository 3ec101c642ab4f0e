//! One INVITE, several answers (RFC 3261 §13.2.2.4).

use std::collections::BTreeSet;

use bridgetap_sip::types::*;

use crate::asking::*;
use crate::world::*;

fn dialled() -> (World, std::net::SocketAddr, DialogId) {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    let call = world.call_uri(0, "sip:x@127.0.0.9", |_| {});
    world.run_ms(20);
    (world, wire, call)
}

#[test]
fn early_dialogs_are_told_apart() {
    let (mut world, wire, _) = dialled();
    world.wire_answers(wire, "INVITE", 180, "one", &[]);
    world.wire_answers(wire, "INVITE", 183, "two", &[]);
    let early: Vec<String> = world.nodes[0]
        .events
        .iter()
        .filter_map(|event| match event {
            SipEvent::CallProgress { status, early, .. } => Some(format!("{status} {early}")),
            _ => None,
        })
        .collect();
    assert_eq!(early, ["180 one", "183 two"]);
}

#[test]
fn the_second_200_is_acknowledged_and_hung_up() {
    let (mut world, wire, call) = dialled();
    world.wire_answers(wire, "INVITE", 200, "one", &[]);
    world.wire_answers(wire, "INVITE", 200, "two", &[]);
    assert_eq!(world.heard(wire), ["INVITE", "ACK", "ACK", "BYE"]);
    assert!(header(&world.heard_last(wire, "BYE"), "To").contains("tag=two"));
    assert_eq!(
        world.count(0, |e| matches!(e, SipEvent::CallAnswered { .. })),
        1
    );
    // Copies of either are acknowledged again, and hung up no second time.
    world.wire_answers(wire, "INVITE", 200, "two", &[]);
    world.wire_answers(wire, "INVITE", 200, "one", &[]);
    assert_eq!(
        world.heard(wire),
        ["INVITE", "ACK", "ACK", "BYE", "ACK", "ACK"]
    );
    world.wire_answers(wire, "BYE", 200, "", &[]);
    world.hang_up(0, call);
    world.run_ms(20);
    assert!(header(&world.heard_last(wire, "BYE"), "To").contains("tag=one"));
    world.wire_answers(wire, "BYE", 200, "", &[]);
    // A fork that answers after the call is over is hung up too.
    world.wire_answers(wire, "INVITE", 200, "three", &[]);
    assert!(header(&world.heard_last(wire, "BYE"), "To").contains("tag=three"));
    assert_eq!(world.ends(0), [(EndCause::HungUp, 0)]);
    world.assert_idle();
}

#[test]
fn a_200_without_tag_or_contact_is_no_end_of_the_world() {
    let (mut world, wire, _) = dialled();
    let request = world.heard_last(wire, "INVITE");
    world.inject(wire, 0, &crate::wire::response(&request, 200, "", &[], SDP));
    world.run_ms(20);
    assert_eq!(world.heard(wire), ["INVITE", "ACK"]);
    assert!(world.saw(0, |e| matches!(e, SipEvent::CallAnswered { .. })));
}

#[test]
fn more_forks_than_anybody_dials_are_left_to_time_out() {
    let (mut world, wire, _) = dialled();
    for fork in 0..40 {
        world.wire_answers(wire, "INVITE", 183, &format!("e{fork}"), &[]);
    }
    for fork in 0..40 {
        world.wire_answers(wire, "INVITE", 200, &format!("f{fork}"), &[]);
    }
    assert_eq!(
        world.count(0, |e| matches!(e, SipEvent::CallProgress { .. })),
        16
    );
    let byes: BTreeSet<&str> = world.wires[&wire]
        .iter()
        .filter(|m| is(m, "BYE"))
        .map(|m| header(m, "To"))
        .collect();
    assert_eq!(
        byes.len(),
        15,
        "16 forks are known, one of them is the call"
    );
    world.wires.remove(&wire);
    world.assert_idle_after_end(0);
}
