//! Offers within a call: re-INVITE, UPDATE, glare, delayed offers.

use bridgetap_sip::types::*;

use crate::asking::*;
use crate::wire::*;
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
fn respond(world: &mut World, node: usize, status: u16, body: &[u8]) {
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

/// A call from a wire, answered and acknowledged; returns the To it has to use.
fn from_wire(world: &mut World, wire: std::net::SocketAddr) -> String {
    world.inject(
        wire,
        0,
        &request("INVITE sip:us@h", wire, "1", "Allow: INVITE, UPDATE", "sdp"),
    );
    let dialog = world.incoming(0);
    world.command(0, answer(dialog));
    world.run_ms(20);
    let to = header(&world.heard_last(wire, "200"), "To").to_owned();
    world.inject(
        wire,
        0,
        &request(
            "ACK sip:us@h",
            wire,
            "2",
            &format!("To: {to}\nCSeq: 1 ACK"),
            "",
        ),
    );
    to
}

#[test]
fn overlapping_offers_of_theirs_are_500_with_retry_after() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    let to = from_wire(&mut world, wire);
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
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    let to = from_wire(&mut world, wire);
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
    let mut world = World::new();
    world.add_node(1, |_| {});
    let (wire, moved) = (world.add_wire(9), world.add_wire(10));
    let to = from_wire(&mut world, wire);
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
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    let to = from_wire(&mut world, wire);
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
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    let to = from_wire(&mut world, wire);
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
