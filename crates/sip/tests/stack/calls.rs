//! Calls from dial to hang-up, with and without loss.

use bridgetap_sip::types::*;

use crate::asking::*;
use crate::world::*;

fn bye_from(node: usize) -> impl Fn(&mut World, DialogId, DialogId) {
    move |world, ours, theirs| world.hang_up(node, if node == 0 { ours } else { theirs })
}

#[test]
fn a_call_is_made_answered_and_hung_up_by_either() {
    for node in [0, 1] {
        let mut world = World::pair();
        let (ours, theirs) = world.established();
        bye_from(node)(&mut world, ours, theirs);
        world.run_ms(50);
        assert_eq!(
            world.ladder(),
            ["INVITE", "100", "200", "ACK", "BYE", "200"]
        );
        assert_eq!(world.ends(node), [(EndCause::HungUp, 0)]);
        assert_eq!(world.ends(1 - node), [(EndCause::Bye, 0)]);
        world.assert_idle();
    }
}

#[test]
fn what_python_sends_arrives_as_it_was_sent() {
    let mut world = World::pair();
    world.call(0, 1);
    world.run_ms(50);
    let SipEvent::IncomingCall(call) = &world.nodes[1].events[0] else {
        panic!()
    };
    assert_eq!(call.body, SDP);
    assert_eq!(call.content_type, "application/sdp");
    assert!(
        call.from
            .starts_with("\"Alice\" <sip:alice@example.com>;tag=")
    );
    assert_eq!(call.contact, "<sip:alice@127.0.0.1:5060>");
    assert!(
        call.headers
            .contains(&("X-Call-Sid".to_owned(), "CA1".to_owned()))
    );
}

#[test]
fn a_lost_invite_is_sent_again() {
    let mut world = World::pair();
    world.lose(2, |m| is(m, "INVITE"));
    world.call(0, 1);
    world.run_ms(2000);
    assert_eq!(world.sent("INVITE"), [0, 500, 1500]);
    assert_eq!(
        world.count(1, |e| matches!(e, SipEvent::IncomingCall(_))),
        1
    );
}

#[test]
fn a_lost_200_is_sent_again_and_told_once() {
    let mut world = World::pair();
    world.lose(2, |m| is(m, "200"));
    world.call(0, 1);
    world.run_ms(20);
    let theirs = world.incoming(1);
    world.command(1, answer(theirs));
    world.run_ms(3000);
    assert_eq!(world.sent("200"), [20, 520, 1520]);
    assert_eq!(
        world.count(0, |e| matches!(e, SipEvent::CallAnswered { .. })),
        1
    );
    assert_eq!(
        world.count(1, |e| matches!(e, SipEvent::CallAcked { .. })),
        1
    );
}

#[test]
fn a_lost_ack_is_made_good() {
    let mut world = World::pair();
    world.lose(1, |m| is(m, "ACK"));
    world.call(0, 1);
    world.run_ms(20);
    let theirs = world.incoming(1);
    world.command(1, answer(theirs));
    world.run_ms(2000);
    assert_eq!(world.sent("ACK").len(), 2);
    assert_eq!(
        world.count(1, |e| matches!(e, SipEvent::CallAcked { .. })),
        1
    );
    assert_eq!(
        world.count(0, |e| matches!(e, SipEvent::CallAnswered { .. })),
        1
    );
}

#[test]
fn a_200_without_ack_is_repeated_for_32_s_then_bye() {
    let mut world = World::pair();
    world.lose(usize::MAX, |m| is(m, "ACK"));
    world.call(0, 1);
    world.run_ms(20);
    let theirs = world.incoming(1);
    world.command(1, answer(theirs));
    world.run_ms(31_990);
    let sent = [
        0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ];
    assert_eq!(world.sent("200"), sent.map(|ms| ms + 20));
    assert_eq!(world.ends(1), []);
    world.run_ms(100);
    assert_eq!(world.ends(1), [(EndCause::Timeout, 408)]);
    assert_eq!(world.ends(0), [(EndCause::Bye, 0)]);
    world.assert_idle();
}

#[test]
fn a_refusal_is_repeated_to_32_s_when_its_ack_is_lost() {
    let mut world = World::pair();
    world.lose(usize::MAX, |m| is(m, "ACK"));
    world.call(0, 1);
    world.run_ms(20);
    let dialog = world.incoming(1);
    let (reason, headers) = (String::new(), vec![]);
    world.command(
        1,
        Command::Reject {
            dialog,
            status: 486,
            reason,
            headers,
        },
    );
    world.run_ms(40_000);
    let sent = [
        0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ];
    assert_eq!(world.sent("486"), sent.map(|ms| ms + 20));
    assert_eq!(world.sent("ACK").len(), sent.len());
    assert_eq!(world.ends(0), [(EndCause::Rejected, 486)]);
    assert_eq!(world.ends(1), [(EndCause::HungUp, 486)]);
    world.assert_idle();
}

#[test]
fn nobody_there_is_a_timeout_and_nothing_to_send_to_is_transport() {
    let mut world = World::pair();
    world.call_uri(0, "sip:x@127.0.0.9", |_| {});
    world.call_uri(0, "sip:x@nowhere.invalid", |_| {});
    world.unreachable.push((Transport::Tcp, address(8)));
    world.call_uri(0, "sip:x@127.0.0.8;transport=tcp", |_| {});
    world.run_ms(33_000);
    let ends = [
        (EndCause::Transport, 503),
        (EndCause::Transport, 503),
        (EndCause::Timeout, 408),
    ];
    assert_eq!(world.ends(0), ends);
    world.assert_idle();
}

#[test]
fn what_cannot_be_dialled_says_why() {
    let mut world = World::pair();
    world.call_uri(0, "tel:+1", |_| {});
    let SipEvent::CallEnded { status, reason, .. } = &world.nodes[0].events[0] else {
        panic!()
    };
    assert_eq!(
        (*status, reason.as_str()),
        (400, "target: URI: scheme is not sip or sips")
    );
    world.assert_idle();
}

#[test]
fn a_silent_caller_hears_every_minute_that_it_rings() {
    let mut world = World::pair();
    world.call(0, 1);
    world.run_ms(10);
    let theirs = world.incoming(1);
    world.command(1, progress(theirs, 180, b"", false));
    world.run_ms(125_000);
    assert_eq!(
        world
            .sent("180")
            .iter()
            .map(|ms| ms / 1000)
            .collect::<Vec<_>>(),
        [0, 60, 120]
    );
}

#[test]
fn two_hundred_calls_survive_five_per_cent_loss_both_ways() {
    let mut world = World::seeded(42);
    world.add_node(1, |_| {});
    world.add_node(2, |_| {});
    world.nodes[0].auto = true;
    world.nodes[1].auto = true;
    world.loss_percent = 5;
    for _ in 0..200 {
        world.call(0, 1);
        world.run_ms(20);
    }
    world.run_ms(60_000);
    assert_eq!(world.ends(0), vec![(EndCause::HungUp, 0); 200]);
    assert_eq!(world.ends(1), vec![(EndCause::Bye, 0); 200]);
    assert_eq!(
        world.count(0, |e| matches!(e, SipEvent::CallAnswered { .. })),
        200
    );
    assert!(world.nodes[0].stack.stats().retransmissions > 20);
    world.assert_idle();
}

#[test]
fn more_calls_than_allowed_are_refused_both_ways() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    world.add_node(2, |config| config.max_dialogs = 2);
    for _ in 0..3 {
        world.call(0, 1);
        world.run_ms(20);
    }
    assert_eq!(world.ends(0), [(EndCause::Rejected, 503)]);
    assert_eq!(header(world.last("503"), "Retry-After"), "5");
    world.call(1, 0);
    assert_eq!(world.ends(1), [(EndCause::Transport, 503)]);
}

#[test]
fn draining_refuses_new_calls_and_keeps_live_ones() {
    let mut world = World::pair();
    let (ours, _) = world.established();
    world.command(1, Command::RefuseNewCalls);
    world.call(0, 1);
    world.run_ms(50);
    assert_eq!(world.ends(0), [(EndCause::Rejected, 503)]);
    world.hang_up(0, ours);
    world.run_ms(50);
    assert_eq!(world.ends(1), [(EndCause::Bye, 0)]);
    world.assert_idle();
}
