//! Reliable provisional responses (RFC 3262), both ways.

use bridgetap_sip::types::*;

use crate::asking::*;
use crate::wire::*;
use crate::world::*;

#[test]
fn a_reliable_provisional_is_pracked_and_told_once() {
    let mut world = World::pair();
    world.call(0, 1);
    world.run_ms(20);
    let theirs = world.incoming(1);
    world.command(1, progress(theirs, 183, SDP, true));
    world.run_ms(50);
    assert_eq!(world.ladder(), ["INVITE", "100", "183", "PRACK", "200"]);
    let (early, prack) = (world.last("183").clone(), world.last("PRACK"));
    assert_eq!(header(&early, "Require"), "100rel");
    assert_eq!(
        header(prack, "RAck"),
        format!("{} 1 INVITE", header(&early, "RSeq"))
    );
    assert_eq!(header(prack, "CSeq"), "2 PRACK");
    let reliable = |e: &SipEvent| matches!(e, SipEvent::CallProgress { reliable: true, body, .. } if body == SDP);
    assert_eq!(world.count(0, reliable), 1);
}

#[test]
fn it_is_repeated_until_the_prack_and_both_survive_loss() {
    let mut world = World::pair();
    world.lose(2, |m| is(m, "183"));
    world.lose(1, |m| is(m, "PRACK"));
    world.call(0, 1);
    world.run_ms(20);
    let theirs = world.incoming(1);
    world.command(1, progress(theirs, 183, SDP, true));
    world.run_ms(4000);
    assert_eq!(world.sent("183"), [20, 520, 1520]);
    assert_eq!(world.sent("PRACK"), [1525, 2025]);
    assert_eq!(
        world.count(0, |e| matches!(e, SipEvent::CallProgress { .. })),
        1
    );
}

#[test]
fn one_waits_for_the_other_and_the_answer_for_both() {
    let mut world = World::pair();
    world.lose(1, |m| is(m, "PRACK"));
    world.call(0, 1);
    world.run_ms(20);
    let theirs = world.incoming(1);
    world.command(1, progress(theirs, 183, SDP, true));
    world.command(1, progress(theirs, 180, b"", true));
    world.command(1, answer(theirs));
    world.run_ms(200);
    assert_eq!(world.ladder(), ["INVITE", "100", "183", "PRACK"]);
    world.run_ms(3000);
    let answered = |e: &SipEvent| matches!(e, SipEvent::CallAnswered { .. });
    assert_eq!(world.count(0, answered), 1);
    assert_eq!(
        world.sent("200").len(),
        3,
        "for two PRACKs at most and the INVITE"
    );
    assert!(world.saw(1, |e| matches!(e, SipEvent::CallAcked { .. })));
}

#[test]
fn without_prack_the_call_is_refused() {
    let mut world = World::pair();
    world.lose(usize::MAX, |m| is(m, "PRACK"));
    world.call(0, 1);
    world.run_ms(20);
    let theirs = world.incoming(1);
    world.command(1, progress(theirs, 183, SDP, true));
    world.run_ms(40_000);
    assert_eq!(
        world.sent("183"),
        [20, 520, 1520, 3520, 7520, 15_520, 31_520]
    );
    assert_eq!(world.ends(1), [(EndCause::Timeout, 504)]);
    assert_eq!(world.ends(0), [(EndCause::Rejected, 504)]);
    world.assert_idle();
}

#[test]
fn reliable_is_quietly_plain_where_the_caller_does_not_know_it() {
    let mut world = World::pair();
    world.call_uri(0, "sip:bob@127.0.0.2", |invite| {
        invite.reliable = Reliable::Off
    });
    world.run_ms(20);
    let theirs = world.incoming(1);
    world.command(1, progress(theirs, 183, SDP, true));
    world.run_ms(20);
    assert_eq!(header(world.last("183"), "Require"), "");
    assert!(world.sent("PRACK").is_empty());
}

#[test]
fn a_caller_that_requires_it_gets_every_provisional_so() {
    let mut world = World::pair();
    world.call_uri(0, "sip:bob@127.0.0.2", |invite| {
        invite.reliable = Reliable::Required
    });
    world.run_ms(20);
    let theirs = world.incoming(1);
    world.command(1, progress(theirs, 180, b"", false));
    world.run_ms(50);
    assert_eq!(header(world.last("180"), "Require"), "100rel");
    assert_eq!(world.sent("PRACK").len(), 1);
}

#[test]
fn provisionals_out_of_order_wait_for_their_predecessor() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    world.call_uri(0, "sip:x@127.0.0.9", |_| {});
    world.run_ms(20);
    for rseq in ["7", "9", "8", "8", "9"] {
        world.wire_answers(
            wire,
            "INVITE",
            183,
            "t",
            &[("Require", "100rel"), ("RSeq", rseq)],
        );
    }
    let heard = world.wires[&wire].iter().filter(|m| is(m, "PRACK"));
    let racks: Vec<&str> = heard.map(|m| header(m, "RAck")).collect();
    assert_eq!(racks, ["7 1 INVITE", "8 1 INVITE", "9 1 INVITE"]);
}

#[test]
fn a_prack_for_nothing_is_481() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    world.inject(
        wire,
        0,
        &request("INVITE sip:us@h", wire, "1", "Supported: 100rel", "sdp"),
    );
    world.command(0, progress(world.incoming(0), 183, SDP, true));
    world.run_ms(20);
    let early = world.heard_last(wire, "183");
    let rseq: u32 = header(&early, "RSeq").parse().unwrap();
    for (cseq, rack, status) in [(2, rseq + 1, "481"), (3, rseq, "200"), (4, rseq, "200")] {
        let headers = format!(
            "To: {}\nCSeq: {cseq} PRACK\nRAck: {rack} 1 INVITE",
            header(&early, "To")
        );
        world.inject(
            wire,
            0,
            &request("PRACK sip:us@h", wire, &format!("p{cseq}"), &headers, ""),
        );
        world.run_ms(20);
        assert_eq!(world.heard(wire).last().unwrap(), status, "{cseq}");
    }
}
