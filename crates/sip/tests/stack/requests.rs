//! Requests of our own, inside calls and out; digest challenges; REGISTER both ways.

use bridgetap_sip::types::*;

use crate::asking::*;
use crate::world::*;

fn own(world: &World, node: usize, method: &str, target: &str) -> OwnRequest {
    OwnRequest {
        request: world.nodes[node].ids.request(),
        method: method.to_owned(),
        dialog: None,
        target: target.to_owned(),
        from: "<sip:alice@example.com>".to_owned(),
        to: "<sip:alice@example.com>".to_owned(),
        headers: vec![],
        body: vec![],
        content_type: String::new(),
        credentials: None,
        flow: None,
        call_id: String::new(),
        cseq: 0,
    }
}

fn secret() -> Option<Credentials> {
    Some(Credentials {
        username: "alice".to_owned(),
        password: "secret".to_owned(),
    })
}

fn responses(world: &World, node: usize) -> Vec<(u64, u16)> {
    let events = world.nodes[node].events.iter();
    let all = events.filter_map(|event| match event {
        SipEvent::Response {
            request, status, ..
        } => Some((request.0, *status)),
        _ => None,
    });
    all.collect()
}

#[test]
fn options_is_answered_once_and_by_whom() {
    let mut world = World::pair();
    let request = own(&world, 0, "OPTIONS", "sip:127.0.0.2");
    world.command(0, Command::Request(Box::new(request)));
    world.run_ms(50);
    let SipEvent::Response {
        status: 200,
        source: Some(source),
        ..
    } = &world.nodes[0].events[0]
    else {
        panic!("{:?}", world.nodes[0].events)
    };
    assert_eq!((source.remote, source.local), (address(2), address(1)));
    assert_eq!(world.nodes[1].events, []);
    world.assert_idle();
}

#[test]
fn nothing_comes_is_408_and_nowhere_to_go_503() {
    let mut world = World::pair();
    for target in ["sip:127.0.0.9", "sip:nowhere.invalid"] {
        let request = own(&world, 0, "OPTIONS", target);
        world.command(0, Command::Request(Box::new(request)));
    }
    let bad = own(&world, 0, "INVITE", "sip:127.0.0.9");
    world.command(0, Command::Request(Box::new(bad)));
    world.run_ms(33_000);
    assert_eq!(responses(&world, 0), [(2, 503), (3, 400), (1, 408)]);
    world.assert_idle();
}

#[test]
fn a_registration_keeps_its_identity_and_python_answers_it() {
    let mut world = World::pair();
    let mut request = own(&world, 0, "REGISTER", "sip:127.0.0.2");
    request.headers = vec![("Expires".to_owned(), "300".to_owned())];
    (request.call_id, request.cseq) = ("registration-1".to_owned(), 7);
    world.command(0, Command::Request(Box::new(request)));
    world.run_ms(50);
    let SipEvent::RegisterReceived(register) = &world.nodes[1].events[0] else {
        panic!()
    };
    assert_eq!(
        register.contacts,
        ["<sip:alice@127.0.0.1:5060>"],
        "our address, which Python cannot know"
    );
    assert_eq!(
        (register.expires, register.cseq, register.user.as_str()),
        (Some(300), 7, "alice")
    );
    assert_eq!(register.call_id, "registration-1");
    let (request, content_type) = (register.request, String::new());
    let headers = vec![(
        "Contact".to_owned(),
        format!("{};expires=60", register.contacts[0]),
    )];
    let (reason, body) = (String::new(), vec![]);
    world.command(
        1,
        Command::Respond {
            request,
            status: 200,
            reason,
            headers: headers.clone(),
            body,
            content_type,
        },
    );
    world.run_ms(50);
    let granted = |e: &SipEvent| matches!(e, SipEvent::Response { status: 200, headers: h, .. } if h.contains(&headers[0]));
    assert!(world.saw(0, granted));
    world.assert_idle();
}

#[test]
fn an_unanswered_register_is_forgotten() {
    let mut world = World::pair();
    let request = own(&world, 0, "REGISTER", "sip:127.0.0.2");
    world.command(0, Command::Request(Box::new(request)));
    world.run_ms(40_000);
    assert_eq!(responses(&world, 0), [(1, 408)]);
    world.assert_idle();
}

#[test]
fn a_challenge_is_answered_once_with_a_new_cseq() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    let mut request = own(&world, 0, "REGISTER", "sip:127.0.0.9");
    request.credentials = secret();
    world.command(0, Command::Request(Box::new(request)));
    world.run_ms(20);
    let first = world.heard_last(wire, "REGISTER");
    world.wire_answers(
        wire,
        "REGISTER",
        401,
        "t",
        &[("WWW-Authenticate", "Digest realm=\"x\"")],
    );
    let second = world.heard_last(wire, "REGISTER");
    assert_eq!(header(&second, "Authorization"), "Digest alice");
    assert_eq!(header(&second, "CSeq"), "2 REGISTER");
    assert_eq!(header(&second, "Call-ID"), header(&first, "Call-ID"));
    assert_ne!(header(&second, "Via"), header(&first, "Via"));
    world.wire_answers(wire, "REGISTER", 401, "t", &[]);
    assert_eq!(responses(&world, 0), [(1, 401)]);
    world.assert_idle();
}

#[test]
fn a_challenged_call_goes_on_and_its_ack_and_bye_too() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    let call = world.call_uri(0, "sip:x@127.0.0.9", |invite| invite.credentials = secret());
    world.run_ms(20);
    world.wire_answers(wire, "INVITE", 407, "a", &[]);
    assert_eq!(world.heard(wire), ["INVITE", "ACK", "INVITE"]);
    world.wire_answers(wire, "INVITE", 200, "b", &[]);
    let ack = world.heard_last(wire, "ACK");
    assert_eq!(
        (header(&ack, "CSeq"), header(&ack, "Proxy-Authorization")),
        ("2 ACK", "Digest alice")
    );
    world.hang_up(0, call);
    world.run_ms(20);
    assert_eq!(header(&world.heard_last(wire, "BYE"), "CSeq"), "3 BYE");
    world.wire_answers(wire, "BYE", 407, "", &[]);
    let bye = world.heard_last(wire, "BYE");
    assert_eq!(
        (header(&bye, "CSeq"), header(&bye, "Proxy-Authorization")),
        ("4 BYE", "Digest alice")
    );
    world.wire_answers(wire, "BYE", 200, "", &[]);
    assert_eq!(world.ends(0), [(EndCause::HungUp, 0)]);
    world.assert_idle();
}

#[test]
fn without_credentials_a_challenge_is_a_refusal() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let wire = world.add_wire(9);
    world.call_uri(0, "sip:x@127.0.0.9", |_| {});
    world.run_ms(20);
    world.wire_answers(wire, "INVITE", 407, "a", &[]);
    assert_eq!(world.ends(0), [(EndCause::Rejected, 407)]);
    world.assert_idle();
}

#[test]
fn requests_inside_a_call_go_both_ways() {
    let mut world = World::pair();
    let (ours, theirs) = world.established();
    for (node, dialog) in [(0, ours), (1, theirs)] {
        let mut info = own(&world, node, "INFO", "");
        info.dialog = Some(dialog);
        info.content_type = "application/dtmf-relay".to_owned();
        info.body = b"Signal=5\r\nDuration=160\r\n".to_vec();
        world.command(node, Command::Request(Box::new(info.clone())));
        world.run_ms(20);
        let SipEvent::RequestReceived {
            request,
            method,
            content_type,
            body,
            ..
        } = world.nodes[1 - node].events.last().unwrap().clone()
        else {
            panic!()
        };
        assert_eq!(
            (method.as_str(), content_type.as_str(), body),
            ("INFO", "application/dtmf-relay", info.body)
        );
        let (reason, headers, body) = (String::new(), vec![], vec![]);
        let content_type = String::new();
        world.command(
            1 - node,
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
        assert_eq!(responses(&world, node).last().unwrap().1, 200);
    }
    let mut gone = own(&world, 0, "INFO", "");
    gone.dialog = Some(DialogId(999));
    world.command(0, Command::Request(Box::new(gone)));
    assert_eq!(responses(&world, 0).last().unwrap().1, 481);
    world.hang_up(0, ours);
    world.assert_idle();
}

#[test]
fn options_inside_a_call_is_answered_here() {
    let mut world = World::pair();
    let (ours, _) = world.established();
    let mut options = own(&world, 0, "OPTIONS", "");
    options.dialog = Some(ours);
    world.command(0, Command::Request(Box::new(options)));
    world.run_ms(20);
    assert_eq!(responses(&world, 0).last().unwrap().1, 200);
    assert!(!world.saw(1, |e| matches!(e, SipEvent::RequestReceived { .. })));
}

#[test]
fn python_may_not_break_the_protocol_with_a_header() {
    let mut world = World::pair();
    let dialog = world.nodes[0].ids.dialog();
    let header_of = |n: &str, v: &str| (n.to_owned(), v.to_owned());
    world.call_uri(0, "sip:bob@127.0.0.2", |invite| {
        invite.dialog = dialog;
        invite.headers = vec![
            header_of("CSeq", "99 INVITE"),
            header_of("Via", "SIP/2.0/UDP evil"),
            header_of("Contact", "<sip:evil@h>"),
            header_of("Max-Forwards", "12"),
            header_of("X-Ok", "yes\r\nEvil: yes"),
        ];
    });
    let invite = world.last("INVITE");
    assert_eq!(header(invite, "CSeq"), "1 INVITE");
    assert_eq!(invite.headers().all("Via").count(), 1);
    assert_eq!(
        invite.headers().all("Contact").collect::<Vec<_>>(),
        ["<sip:alice@127.0.0.1:5060>"]
    );
    assert_eq!(header(invite, "Max-Forwards"), "12");
    assert_eq!(
        (header(invite, "X-Ok"), header(invite, "Evil")),
        ("yes  Evil: yes", "")
    );
}

#[test]
fn a_status_that_is_none_becomes_500() {
    let mut world = World::pair();
    let (ours, _) = world.established();
    let mut info = own(&world, 0, "INFO", "");
    info.dialog = Some(ours);
    world.command(0, Command::Request(Box::new(info)));
    world.run_ms(20);
    let open = world.nodes[1].events.iter().find_map(|event| match event {
        SipEvent::RequestReceived { request, .. } => Some(*request),
        _ => None,
    });
    let (reason, headers, body, content_type) = (String::new(), vec![], vec![], String::new());
    let request = open.unwrap();
    world.command(
        1,
        Command::Respond {
            request,
            status: 7,
            reason,
            headers,
            body,
            content_type,
        },
    );
    world.run_ms(20);
    assert_eq!(responses(&world, 0).last().unwrap().1, 500);
}

#[test]
fn a_peer_that_floods_its_call_is_told_to_slow_down() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    world.add_node(2, |config| config.max_dialogs = 1);
    let (ours, _) = world.established();
    for _ in 0..1100 {
        let mut info = own(&world, 0, "INFO", "");
        info.dialog = Some(ours);
        world.command(0, Command::Request(Box::new(info)));
    }
    world.run_ms(100);
    let answered = responses(&world, 0);
    assert!(answered.len() > 1000 && answered.iter().all(|(_, status)| *status == 503));
    assert_eq!(
        world.count(1, |e| matches!(e, SipEvent::RequestReceived { .. })),
        32
    );
    world.hang_up(0, ours);
    world.run_ms(50);
    assert_eq!(
        world.ends(1),
        [(EndCause::Bye, 0)],
        "what ends the call gets through"
    );
    world.assert_idle();
}
