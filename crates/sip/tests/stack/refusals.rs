//! What is refused before it becomes a call.

use bridgetap_sip::types::*;

use crate::asking::*;
use crate::wire::*;
use crate::world::*;

fn one() -> (World, std::net::SocketAddr) {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    (world, wire)
}

/// Sends one request, returns the last thing heard.
fn ask(start: &str, headers: &str) -> (World, String) {
    let (mut world, wire) = one();
    world.inject(wire, 0, &request(start, wire, "1", headers, ""));
    world.run_ms(20);
    let heard = world.heard(wire).last().cloned().unwrap_or_default();
    (world, heard)
}

#[test]
fn each_has_its_status() {
    for (start, headers, status) in [
        ("OPTIONS sip:us@h", "", "200"),
        ("FETCH sip:us@h", "", "501"),
        ("MESSAGE sip:us@h", "", "405"),
        ("SUBSCRIBE sip:us@h", "", "405"),
        ("BYE sip:us@h", "To: <sip:us@h>;tag=x", "481"),
        ("BYE sip:us@h", "", "481"),
        ("INVITE sip:us@h", "To: <sip:us@h>;tag=x", "481"),
        ("INVITE sip:us@h", "Require: nothing-we-know, 100rel", "420"),
        ("OPTIONS sip:us@h", "Require: foo", "420"),
        ("INVITE http://us", "", "416"),
        ("INVITE sip:us@h", "Max-Forwards: 0", "483"),
        ("OPTIONS sip:us@h", "Max-Forwards: 0", "200"),
        ("INVITE sip:us@h", "Content-Encoding: gzip", "415"),
        (
            "INVITE sip:us@h",
            "Supported: timer\nSession-Expires: 30",
            "422",
        ),
        ("INVITE sip:us@h", "X-Test-Admission: refuse", "403"),
        ("REGISTER sip:h", "X-Test-Admission: refuse", "403"),
        ("INVITE sip:us@h", "CSeq: 1 BYE", "400"),
        ("INVITE sip:us@h", "CSeq: x INVITE", "400"),
        ("INVITE sip:us@h", "Max-Forwards: many", "400"),
        ("INVITE sip:us@h", "To: <<<>>>", "400"),
        ("ACK sip:us@h", "", ""),
        ("ACK sip:us@h", "CSeq: x ACK", ""),
    ] {
        let (mut world, heard) = ask(start, headers);
        assert_eq!(heard, status, "{start} {headers}");
        assert!(
            !world.saw(0, |e| matches!(e, SipEvent::IncomingCall(_))),
            "{start} {headers}"
        );
        world.assert_idle();
    }
}

#[test]
fn unknown_extensions_are_named_and_answers_carry_a_tag() {
    let (world, _) = ask("INVITE sip:us@h", "Require: foo, 100rel, bar");
    let refusal = world.last("420");
    assert_eq!(header(refusal, "Unsupported"), "foo, bar");
    assert!(header(refusal, "To").contains(";tag="));
}

#[test]
fn what_we_can_is_told_to_options() {
    let (world, _) = ask("OPTIONS sip:us@h", "");
    let answer = world.last("200");
    assert_eq!(header(answer, "Supported"), "100rel, timer");
    assert!(
        header(answer, "Allow").contains("INVITE")
            && header(answer, "Accept").contains("application/sdp")
    );
}

#[test]
fn the_same_request_by_two_ways_is_482() {
    let (mut world, wire) = one();
    world.inject(wire, 0, &request("INVITE sip:us@h", wire, "way-1", "", ""));
    world.inject(wire, 0, &request("INVITE sip:us@h", wire, "way-2", "", ""));
    world.run_ms(20);
    assert_eq!(world.heard(wire), ["100", "482"]);
    assert_eq!(
        world.count(0, |e| matches!(e, SipEvent::IncomingCall(_))),
        1
    );
}

#[test]
fn every_copy_of_a_refused_request_gets_the_same_tag() {
    let (mut world, wire) = one();
    let bytes = request("INVITE sip:us@h", wire, "1", "X-Test-Admission: refuse", "");
    world.inject(wire, 0, &bytes);
    world.inject(wire, 0, &bytes);
    world.run_ms(20);
    let tags: Vec<&str> = world.wires[&wire].iter().map(|m| header(m, "To")).collect();
    assert_eq!(tags.len(), 2);
    assert_eq!(tags[0], tags[1]);
}

#[test]
fn a_peer_of_rfc_2543_gets_its_call() {
    let (mut world, wire) = one();
    let old = |start: &str, cseq: &str, to: &str| {
        format!(
            "{start} SIP/2.0\r\nVia: SIP/2.0/UDP {wire}\r\nFrom: sip:old@h\r\nTo: {to}\r\nCall-ID: old\r\nCSeq: {cseq}\r\n\
             Contact: sip:old@{wire}\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let invite = old("INVITE sip:us@h", "1 INVITE", "sip:us@h");
    world.inject(wire, 0, invite.as_bytes());
    world.inject(wire, 0, invite.as_bytes());
    world.run_ms(20);
    assert_eq!(
        world.heard(wire),
        ["100", "100"],
        "a copy is a copy without any branch"
    );
    world.command(0, answer(world.incoming(0)));
    world.run_ms(20);
    let to = header(&world.heard_last(wire, "200"), "To").to_owned();
    world.inject(wire, 0, old("ACK sip:us@h", "1 ACK", &to).as_bytes());
    world.run_ms(20);
    assert!(world.saw(0, |e| matches!(e, SipEvent::CallAcked { .. })));
    world.inject(wire, 0, old("BYE sip:us@h", "2 BYE", &to).as_bytes());
    world.run_ms(20);
    assert_eq!(world.ends(0), [(EndCause::Bye, 0)]);
    world.assert_idle();
}

#[test]
fn an_ack_that_keeps_the_branch_of_its_invite_counts() {
    let (mut world, wire) = one();
    world.inject(wire, 0, &request("INVITE sip:us@h", wire, "1", "", "sdp"));
    world.command(0, answer(world.incoming(0)));
    world.run_ms(20);
    let to = header(&world.heard_last(wire, "200"), "To").to_owned();
    world.inject(
        wire,
        0,
        &request(
            "ACK sip:us@h",
            wire,
            "1",
            &format!("To: {to}\nCSeq: 1 ACK"),
            "",
        ),
    );
    assert!(world.saw(0, |e| matches!(e, SipEvent::CallAcked { .. })));
}

#[test]
fn responses_go_where_rport_says_and_name_the_source() {
    let (mut world, wire) = one();
    let nat = world.add_wire(77);
    let text = String::from_utf8(request("OPTIONS sip:us@h", wire, "1", "", "")).unwrap();
    let text = text.replace("127.0.0.9:5060;branch", "10.1.1.1:5999;rport;branch");
    world.inject(nat, 0, text.as_bytes());
    world.run_ms(20);
    assert_eq!(world.heard(nat), ["200"]);
    let via = header(world.last("200"), "Via").to_owned();
    assert_eq!(
        via,
        "SIP/2.0/UDP 10.1.1.1:5999;rport=5060;branch=z9hG4bK1;received=127.0.0.77"
    );
}

#[test]
fn a_recorded_route_is_copied_and_followed() {
    let (mut world, wire) = one();
    let proxy = world.add_wire(10);
    let headers = format!("Record-Route: <sip:{proxy};lr>\nContact: <sip:deep@10.0.0.1>");
    world.inject(
        wire,
        0,
        &request("INVITE sip:us@h", wire, "1", &headers, "sdp"),
    );
    let dialog = world.incoming(0);
    world.command(0, answer(dialog));
    world.run_ms(20);
    let answered = world.heard_last(wire, "200");
    assert_eq!(
        header(&answered, "Record-Route"),
        format!("<sip:{proxy};lr>")
    );
    let ack = format!("To: {}\nCSeq: 1 ACK", header(&answered, "To"));
    world.inject(wire, 0, &request("ACK sip:us@h", wire, "2", &ack, ""));
    world.hang_up(0, dialog);
    world.run_ms(20);
    let bye = world.heard_last(proxy, "BYE");
    assert_eq!(header(&bye, "Route"), format!("<sip:{proxy};lr>"));
    let bridgetap_sip::Message::Request(bye) = bye else {
        panic!()
    };
    assert_eq!(bye.uri, "sip:deep@10.0.0.1");
}
