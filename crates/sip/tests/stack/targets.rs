//! Where requests go: failover, size, flows, addresses.

use std::net::SocketAddr;

use bridgetap_sip::types::*;

use crate::asking::*;
use crate::wire::*;
use crate::world::*;

fn named(targets: &[(Transport, u8)]) -> World {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let targets = targets
        .iter()
        .map(|(transport, host)| (*transport, address(*host)))
        .collect();
    world.names.insert("carrier.example".to_owned(), targets);
    world
}

#[test]
fn the_next_target_is_tried_when_one_is_silent_busy_or_unreachable() {
    let mut world = named(&[
        (Transport::Udp, 20),
        (Transport::Tcp, 21),
        (Transport::Udp, 22),
        (Transport::Udp, 23),
    ]);
    world.unreachable.push((Transport::Tcp, address(21)));
    let (busy, good) = (world.add_wire(22), world.add_wire(23));
    world.call_uri(0, "sip:x@carrier.example", |_| {});
    world.run_ms(31_990);
    assert_eq!(world.heard(busy), Vec::<String>::new());
    world.run_ms(100);
    world.wire_answers(busy, "INVITE", 503, "t", &[]);
    assert_eq!(world.heard(busy), ["INVITE", "ACK"]);
    world.wire_answers(good, "INVITE", 200, "t", &[]);
    assert_eq!(world.heard(good), ["INVITE", "ACK"]);
    let branches: Vec<&str> = world
        .log
        .iter()
        .filter(|l| is(&l.3, "INVITE"))
        .map(|l| header(&l.3, "Via"))
        .collect();
    let mut different: Vec<&&str> = branches.iter().collect();
    different.dedup();
    assert_eq!(different.len(), 3, "each target has a branch of its own");
    assert!(world.saw(0, |e| matches!(e, SipEvent::CallAnswered { .. })));
}

#[test]
fn the_last_targets_503_is_told() {
    let mut world = named(&[(Transport::Udp, 22)]);
    let busy = world.add_wire(22);
    world.call_uri(0, "sip:x@carrier.example", |_| {});
    world.run_ms(20);
    world.wire_answers(busy, "INVITE", 503, "t", &[]);
    assert_eq!(world.ends(0), [(EndCause::Rejected, 503)]);
    world.assert_idle();
}

#[test]
fn a_cancelled_call_tries_no_further_target() {
    let mut world = named(&[(Transport::Udp, 20), (Transport::Udp, 22)]);
    let other = world.add_wire(22);
    let call = world.call_uri(0, "sip:x@carrier.example", |_| {});
    world.run_ms(100);
    world.hang_up(0, call);
    world.run_ms(40_000);
    assert_eq!(world.heard(other), Vec::<String>::new());
    assert_eq!(world.ends(0), [(EndCause::HungUp, 408)]);
    world.assert_idle();
}

/// By which transports the INVITE of a call went.
fn ways(target: &str, body: usize, unreachable: &[(Transport, u8)]) -> Vec<String> {
    let mut world = World::new();
    world.add_node(1, |_| {});
    world.add_wire(9);
    world.unreachable = unreachable
        .iter()
        .map(|(t, host)| (*t, address(*host)))
        .collect();
    world.call_uri(0, target, |invite| invite.body = vec![b'x'; body]);
    world.run_ms(20);
    let vias = world
        .log
        .iter()
        .filter(|l| is(&l.3, "INVITE"))
        .map(|l| header(&l.3, "Via").to_owned());
    vias.map(|via| via.split(' ').next().unwrap().to_owned())
        .collect()
}

#[test]
fn a_large_request_goes_by_tcp_unless_udp_was_asked_for() {
    assert_eq!(ways("sip:x@127.0.0.9", 100, &[]), ["SIP/2.0/UDP"]);
    assert_eq!(ways("sip:x@127.0.0.9", 1500, &[]), ["SIP/2.0/TCP"]);
    assert_eq!(
        ways("sip:x@127.0.0.9", 1500, &[(Transport::Tcp, 9)]),
        ["SIP/2.0/UDP"]
    );
    assert_eq!(
        ways("sip:x@127.0.0.9;transport=udp", 1500, &[]),
        ["SIP/2.0/UDP"]
    );
}

#[test]
fn contact_names_the_transport_it_is_reached_by() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    world.add_wire(9);
    world.call_uri(0, "sip:x@127.0.0.9;transport=tcp", |_| {});
    assert_eq!(
        header(world.last("INVITE"), "Contact"),
        "<sip:alice@127.0.0.1:5060;transport=tcp>"
    );
}

#[test]
fn peers_outside_see_the_external_address() {
    let mut world = World::new();
    world.add_node(1, |config| {
        config.addresses.external = Some("203.0.113.7".parse().unwrap());
    });
    let outside: SocketAddr = "198.51.100.9:5060".parse().unwrap();
    world.wires.insert(outside, vec![]);
    world.call_uri(0, "sip:x@198.51.100.9", |_| {});
    let invite = world.last("INVITE");
    assert!(header(invite, "Via").starts_with("SIP/2.0/UDP 203.0.113.7:5060;"));
    assert_eq!(header(invite, "Contact"), "<sip:alice@203.0.113.7:5060>");
}

#[test]
fn a_registered_phone_is_called_over_its_connection() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let phone = world.add_wire(9);
    let flow = Some(FlowId(9));
    let call = world.call_uri(0, "sip:alice@10.99.99.99;transport=tcp", |invite| {
        invite.flow = flow
    });
    world.run_ms(20);
    let invite = world.heard_last(phone, "INVITE");
    let contact = [("Contact", "<sip:alice@10.99.99.99;transport=tcp>")];
    world.inject_by(
        Transport::Tcp,
        phone,
        0,
        &response(&invite, 200, "t", &contact, SDP),
    );
    world.run_ms(20);
    world.hang_up(0, call);
    world.run_ms(20);
    // ACK and BYE take the same connection, whatever the Contact says.
    assert_eq!(world.heard(phone), ["INVITE", "ACK", "BYE"]);
}

#[test]
fn a_closed_connection_ends_the_call_that_was_ringing_over_it() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let phone = world.add_wire(9);
    world.call_uri(0, "sip:alice@10.99.99.99;transport=tcp", |invite| {
        invite.flow = Some(FlowId(9))
    });
    world.run_ms(20);
    let invite = world.heard_last(phone, "INVITE");
    world.inject_by(
        Transport::Tcp,
        phone,
        0,
        &response(&invite, 180, "t", &[], b""),
    );
    let now = world.now;
    world.nodes[0].stack.flow_closed(now, FlowId(9));
    world.nodes[0].closed.push(FlowId(9));
    world.run_ms(20);
    assert_eq!(world.ends(0), [(EndCause::Transport, 503)]);
    world.call_uri(0, "sip:alice@10.99.99.99", |invite| {
        invite.flow = Some(FlowId(9))
    });
    world.run_ms(20);
    assert_eq!(world.ends(0).len(), 2, "and no new call goes there");
    world.assert_idle();
}

#[test]
fn a_preloaded_route_is_followed() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let proxy = world.add_wire(10);
    world.call_uri(0, "sip:x@far.example", |invite| {
        invite.route = vec!["sip:127.0.0.10:5060".to_owned()]
    });
    world.run_ms(20);
    let bridgetap_sip::Message::Request(invite) = world.heard_last(proxy, "INVITE") else {
        panic!()
    };
    assert_eq!(invite.uri, "sip:x@far.example");
    assert_eq!(
        invite.headers.get("Route"),
        Some("<sip:127.0.0.10:5060;lr>")
    );
    world.wire_answers(proxy, "INVITE", 486, "t", &[]);
    assert_eq!(
        header(&world.heard_last(proxy, "ACK"), "Route"),
        "<sip:127.0.0.10:5060;lr>"
    );
}
