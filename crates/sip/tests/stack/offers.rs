//! Offers within a call: re-INVITE, UPDATE, glare, delayed offers.

use bridgetap_sip::types::*;

use crate::asking::*;
use crate::world::*;

const HOLD: &[u8] = b"v=0\r\na=sendonly\r\n";
const NEWER: &[u8] = b"v=0\r\ns=newer\r\na=sendonly\r\n";

fn reoffer(dialog: DialogId, method: ReofferMethod, body: &[u8]) -> Command {
    Command::Reoffer {
        dialog,
        method,
        body: body.to_vec(),
        headers: vec![],
    }
}

/// Node answers the last re-offer it was told of.
pub fn respond(world: &mut World, node: usize, status: u16, body: &[u8]) {
    let request = open_reoffer(world, node);
    let (reason, headers, content_type) = (String::new(), vec![], "application/sdp".to_owned());
    let body = body.to_vec();
    world.command(
        node,
        Command::Respond {
            request,
            status,
            reason,
            headers,
            body,
            content_type,
        },
    );
    world.run_ms(30);
}

fn open_reoffer(world: &World, node: usize) -> RequestId {
    let events = world.nodes[node].events.iter().rev();
    let mut open = events.filter_map(|event| match event {
        SipEvent::ReofferReceived { request, .. } => Some(*request),
        _ => None,
    });
    open.next().expect("no re-offer came")
}

fn overtaken(world: &World, node: usize) -> usize {
    world.count(node, |e| matches!(e, SipEvent::ReofferOvertaken { .. }))
}

fn answers(world: &World, node: usize) -> Vec<(u16, Vec<u8>)> {
    let events = world.nodes[node].events.iter();
    let answers = events.filter_map(|event| match event {
        SipEvent::ReofferAnswered { status, body, .. } => Some((*status, body.clone())),
        _ => None,
    });
    answers.collect()
}

#[test]
fn hold_by_re_invite_and_by_update_from_either_side() {
    for node in [0, 1] {
        for (method, words) in [
            (ReofferMethod::Invite, vec!["INVITE", "100", "200", "ACK"]),
            (ReofferMethod::Update, vec!["UPDATE", "200"]),
        ] {
            let mut world = World::pair();
            let (ours, theirs) = world.established();
            let before = world.ladder().len();
            world.command(node, reoffer([ours, theirs][node], method, HOLD));
            world.run_ms(30);
            let offered = |e: &SipEvent| matches!(e, SipEvent::ReofferReceived { body, method: m, .. } if body == HOLD && *m == method);
            assert!(world.saw(1 - node, offered));
            respond(&mut world, 1 - node, 200, SDP);
            assert_eq!(world.ladder()[before..], words);
            assert_eq!(answers(&world, node), [(200, SDP.to_vec())]);
            world.hang_up(0, ours);
            world.assert_idle();
        }
    }
}

#[test]
fn a_refused_re_offer_leaves_the_call_as_it_was() {
    let mut world = World::pair();
    let (ours, _) = world.established();
    world.command(0, reoffer(ours, ReofferMethod::Invite, HOLD));
    world.run_ms(30);
    respond(&mut world, 1, 488, b"");
    assert_eq!(answers(&world, 0), [(488, vec![])]);
    assert_eq!(world.ends(0), []);
    world.hang_up(0, ours);
    world.assert_idle();
}

#[test]
fn glare_is_491_and_both_offers_get_through_in_the_end() {
    let mut world = World::pair();
    let (ours, theirs) = world.established();
    world.command(0, reoffer(ours, ReofferMethod::Invite, HOLD));
    world.command(1, reoffer(theirs, ReofferMethod::Invite, HOLD));
    world.run_ms(30);
    assert_eq!(world.sent("491").len(), 2);
    assert!(answers(&world, 0).is_empty() && answers(&world, 1).is_empty());
    let (mut answered, mut again) = (0, 0);
    for _ in 0..100 {
        world.run_ms(100);
        for node in [0, 1] {
            let told = world.count(node, |e| matches!(e, SipEvent::ReofferReceived { .. }));
            if told > 0 && answers(&world, 1 - node).is_empty() {
                respond(&mut world, node, 200, SDP);
                answered += 1;
            }
            if overtaken(&world, node) > again {
                again += 1;
                let dialog = [ours, theirs][node];
                world.command(node, reoffer(dialog, ReofferMethod::Invite, NEWER));
            }
        }
    }
    assert_eq!((answered, again), (2, 1));
    assert_eq!((answers(&world, 0).len(), answers(&world, 1).len()), (1, 1));
    world.hang_up(0, ours);
    world.assert_idle();
}

#[test]
fn an_offer_that_waits_is_overtaken_by_our_answer_to_theirs_and_by_nothing_else() {
    let mut world = World::pair();
    let (ours, theirs) = world.established();
    world.command(1, reoffer(theirs, ReofferMethod::Invite, SDP));
    world.run_ms(30);
    world.command(0, reoffer(ours, ReofferMethod::Update, HOLD));
    respond(&mut world, 0, 488, b"");
    respond(&mut world, 1, 200, SDP);
    assert_eq!(overtaken(&world, 0), 0, "a refusal describes nothing");
    assert_eq!(answers(&world, 0).len(), 1);
    world.command(1, reoffer(theirs, ReofferMethod::Invite, SDP));
    world.run_ms(30);
    world.command(0, reoffer(ours, ReofferMethod::Update, HOLD));
    world.command(0, reoffer(ours, ReofferMethod::Update, HOLD));
    let kind = (
        "Content-Type".to_owned(),
        "application/rs-metadata+xml".to_owned(),
    );
    let snapshot = Command::Reoffer {
        dialog: ours,
        method: ReofferMethod::Update,
        body: b"<requestsnapshot/>".to_vec(),
        headers: vec![kind],
    };
    world.command(0, snapshot);
    respond(&mut world, 0, 200, SDP);
    assert_eq!(overtaken(&world, 0), 2);
    assert_eq!(
        world.sent("UPDATE").len(),
        2,
        "what describes nothing stays"
    );
    respond(&mut world, 1, 200, b"");
    world.run_ms(5000);
    assert_eq!(answers(&world, 0).len(), 2, "nothing more is heard of them");
    assert_eq!(world.sent("UPDATE").len(), 2);
    world.command(0, reoffer(ours, ReofferMethod::Update, NEWER));
    world.run_ms(30);
    respond(&mut world, 1, 200, SDP);
    assert_eq!(answers(&world, 0).len(), 3);
    world.hang_up(0, ours);
    world.assert_idle();
}

#[test]
fn a_second_offer_of_ours_waits_for_the_first() {
    let mut world = World::pair();
    let (ours, _) = world.established();
    world.command(0, reoffer(ours, ReofferMethod::Invite, HOLD));
    world.command(0, reoffer(ours, ReofferMethod::Update, SDP));
    world.run_ms(30);
    assert!(world.sent("UPDATE").is_empty());
    respond(&mut world, 1, 200, SDP);
    assert_eq!(world.sent("UPDATE").len(), 1);
    respond(&mut world, 1, 200, SDP);
    assert_eq!(answers(&world, 0).len(), 2);
}

#[test]
fn a_delayed_offer_is_answered_in_the_ack() {
    let mut world = World::pair();
    let ours = world.call_uri(0, "sip:bob@127.0.0.2", |invite| invite.body = vec![]);
    world.run_ms(20);
    let theirs = world.incoming(1);
    world.command(1, answer(theirs));
    world.run_ms(600);
    assert!(world.saw(
        0,
        |e| matches!(e, SipEvent::CallAnswered { needs_ack: true, body, .. } if body == SDP)
    ));
    assert!(world.sent("ACK").is_empty(), "Python has to answer first");
    let content_type = "application/sdp".to_owned();
    world.command(
        0,
        Command::Ack {
            dialog: ours,
            body: HOLD.to_vec(),
            content_type,
        },
    );
    world.run_ms(50);
    assert!(world.saw(
        1,
        |e| matches!(e, SipEvent::CallAcked { body, .. } if body == HOLD)
    ));
    world.hang_up(0, ours);
    world.assert_idle();
}

#[test]
fn a_re_invite_without_sdp_asks_us_for_an_offer() {
    let mut world = World::pair();
    let (ours, _) = world.established();
    world.command(0, reoffer(ours, ReofferMethod::Invite, b""));
    world.run_ms(30);
    respond(&mut world, 1, 200, HOLD);
    assert_eq!(answers(&world, 0), [(200, HOLD.to_vec())]);
    let content_type = "application/sdp".to_owned();
    world.command(
        0,
        Command::Ack {
            dialog: ours,
            body: SDP.to_vec(),
            content_type,
        },
    );
    world.run_ms(30);
    assert!(world.saw(
        1,
        |e| matches!(e, SipEvent::CallAcked { body, .. } if body == SDP)
    ));
    world.hang_up(0, ours);
    world.assert_idle();
}

#[test]
fn hanging_up_with_an_open_re_invite_answers_it() {
    let mut world = World::pair();
    let (ours, _) = world.established();
    world.command(0, reoffer(ours, ReofferMethod::Invite, HOLD));
    world.run_ms(30);
    world.hang_up(0, ours);
    world.run_ms(30);
    assert_eq!(world.sent("487").len(), 1);
    assert_eq!(world.ends(1), [(EndCause::Bye, 0)]);
    world.assert_idle();
}

#[test]
fn a_re_offer_nobody_answers_ends_the_call() {
    let mut world = World::pair();
    let (ours, _) = world.established();
    world.silent.push(address(2));
    world.command(0, reoffer(ours, ReofferMethod::Update, HOLD));
    world.run_ms(33_000);
    assert_eq!(answers(&world, 0), [(408, vec![])]);
    assert_eq!(world.ends(0), [(EndCause::Timeout, 408)]);
}

#[test]
fn python_that_never_answers_does_not_block_the_call() {
    let mut world = World::pair();
    let (ours, _) = world.established();
    world.command(0, reoffer(ours, ReofferMethod::Invite, HOLD));
    world.run_ms(33_000);
    assert_eq!(answers(&world, 0), [(500, vec![])]);
    world.hang_up(0, ours);
    world.assert_idle();
}

#[test]
fn a_lost_ack_of_a_re_invite_is_made_good() {
    let mut world = World::pair();
    let (ours, _) = world.established();
    world.lose(1, |m| is(m, "ACK"));
    world.command(0, reoffer(ours, ReofferMethod::Invite, HOLD));
    world.run_ms(30);
    respond(&mut world, 1, 200, SDP);
    world.run_ms(1000);
    assert_eq!(world.sent("ACK").len(), 3);
    assert_eq!(answers(&world, 0).len(), 1);
    assert_eq!(
        world.count(1, |e| matches!(e, SipEvent::CallAcked { .. })),
        2
    );
}
