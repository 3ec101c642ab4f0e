//! Giving up before an answer, and its races.

use bridgetap_sip::types::*;

use crate::asking::*;
use crate::wire::*;
use crate::world::*;

#[test]
fn a_ringing_call_is_cancelled() {
    let mut world = World::pair();
    let ours = world.call(0, 1);
    world.run_ms(20);
    let headers = vec![(
        "Reason".to_owned(),
        "SIP;cause=200;text=\"elsewhere\"".to_owned(),
    )];
    world.command(
        0,
        Command::HangUp {
            dialog: ours,
            headers: headers.clone(),
        },
    );
    world.run_ms(50);
    assert_eq!(
        world.ladder(),
        ["INVITE", "100", "CANCEL", "200", "487", "ACK"]
    );
    assert_eq!(world.ends(0), [(EndCause::HungUp, 487)]);
    assert_eq!(world.ends(1), [(EndCause::Cancelled, 487)]);
    let told = |e: &SipEvent| matches!(e, SipEvent::CallEnded { headers: h, .. } if h.contains(&headers[0]));
    assert!(world.saw(1, told), "the Reason of the CANCEL is told");
    world.assert_idle();
}

#[test]
fn cancel_waits_for_the_first_provisional() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    let ours = world.call_uri(0, "sip:x@127.0.0.9", |_| {});
    world.run_ms(100);
    world.hang_up(0, ours);
    world.run_ms(100);
    assert_eq!(world.heard(wire), ["INVITE"]);
    world.wire_answers(wire, "INVITE", 180, "t", &[]);
    assert_eq!(world.heard(wire), ["INVITE", "CANCEL"]);
    let (invite, cancel) = (
        world.heard_last(wire, "INVITE"),
        world.heard_last(wire, "CANCEL"),
    );
    assert_eq!(header(&invite, "Via"), header(&cancel, "Via"));
    assert_eq!(header(&cancel, "CSeq"), "1 CANCEL");
    // It never answers: after 64·T1 the call counts as ended.
    world.wire_answers(wire, "CANCEL", 200, "t", &[]);
    world.run_ms(33_000);
    assert_eq!(world.ends(0), [(EndCause::HungUp, 0)]);
    assert!(!world.saw(0, |e| matches!(e, SipEvent::CallProgress { .. })));
    world.assert_idle();
}

#[test]
fn a_200_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    let mut world = World::pair();
    let ours = world.call(0, 1);
    world.run_ms(20);
    let theirs = world.incoming(1);
    world.command(1, answer(theirs));
    world.hang_up(0, ours); // before the 200 is there
    world.run_ms(100);
    let ladder = ["INVITE", "100", "200", "CANCEL", "ACK", "BYE", "200", "200"];
    assert_eq!(world.ladder(), ladder);
    assert_eq!(world.ends(0), [(EndCause::HungUp, 200)]);
    assert_eq!(world.ends(1), [(EndCause::Bye, 0)]);
    assert!(!world.saw(0, |e| matches!(e, SipEvent::CallAnswered { .. })));
    world.assert_idle();
}

#[test]
fn hanging_up_before_anything_was_sent_leaves_no_trace() {
    let mut world = World::pair();
    let ours = world.call_uri(0, "sip:x@127.0.0.9", |_| {});
    world.hang_up(0, ours);
    world.hang_up(0, ours);
    world.run_ms(40_000);
    assert_eq!(world.ends(0), [(EndCause::HungUp, 408)]);
    world.assert_idle();
}

#[test]
fn an_unanswered_incoming_call_is_declined_by_hang_up() {
    let mut world = World::pair();
    world.call(0, 1);
    world.run_ms(20);
    let theirs = world.incoming(1);
    world.hang_up(1, theirs);
    world.run_ms(50);
    assert_eq!(world.ends(0), [(EndCause::Rejected, 603)]);
    assert_eq!(world.ends(1), [(EndCause::HungUp, 603)]);
    world.assert_idle();
}

#[test]
fn hanging_up_before_the_ack_waits_for_it() {
    let mut world = World::pair();
    world.lose(1, |m| is(m, "ACK"));
    world.call(0, 1);
    world.run_ms(20);
    let theirs = world.incoming(1);
    world.command(1, answer(theirs));
    world.hang_up(1, theirs);
    world.run_ms(2000);
    // RFC 3261 §15: the callee's BYE comes after the ACK.
    let ladder = ["INVITE", "100", "200", "ACK", "200", "ACK", "BYE", "200"];
    assert_eq!(world.ladder(), ladder);
    assert_eq!(world.ends(1), [(EndCause::HungUp, 0)]);
    world.assert_idle();
}

#[test]
fn both_hang_up_at_once() {
    let mut world = World::pair();
    let (ours, theirs) = world.established();
    world.hang_up(0, ours);
    world.hang_up(1, theirs);
    world.run_ms(50);
    assert_eq!(world.sent("BYE").len(), 2);
    assert_eq!(world.ends(0), [(EndCause::HungUp, 0)]);
    assert_eq!(world.ends(1), [(EndCause::HungUp, 0)]);
    assert!(world.sent("481").is_empty());
    world.assert_idle();
}

#[test]
fn cancel_for_nothing_is_481() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    world.inject(wire, 0, &request("CANCEL sip:us@h", wire, "none", "", ""));
    world.run_ms(20);
    assert_eq!(world.heard(wire), ["481"]);
}

#[test]
fn the_caller_may_end_an_early_dialog_with_bye() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    world.inject(wire, 0, &request("INVITE sip:us@h", wire, "1", "", ""));
    world.command(0, progress(world.incoming(0), 180, b"", false));
    world.run_ms(20);
    let to = format!(
        "To: {}\nCSeq: 2 BYE",
        header(&world.heard_last(wire, "180"), "To")
    );
    world.inject(wire, 0, &request("BYE sip:us@h", wire, "2", &to, ""));
    world.run_ms(20);
    assert_eq!(world.heard(wire), ["100", "180", "200", "487"]);
    assert_eq!(world.ends(0), [(EndCause::Bye, 0)]);
}
