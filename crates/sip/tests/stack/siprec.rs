//! What SIPREC (RFC 7866) asks of the stack: Python describes our Contact, requires an extension,
//! and sends a body of several parts.

use std::time::Duration;

use bridgetap_sip::types::*;
use bridgetap_sip::{Headers, Message};

use crate::asking::*;
use crate::world::*;

const PARTS: &str = "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\ns=rs\r\n\r\n\
                     --b\r\nContent-Type: application/rs-metadata+xml\r\n\r\n<recording/>\r\n--b--\r\n";

fn recording(world: &mut World) -> DialogId {
    let wire = world.add_wire(9);
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let call = world.call_uri(0, "sip:srs@127.0.0.9", |invite| {
        invite.headers = vec![
            header("Require", "siprec"),
            header("Contact", "<sip:any@where>;+sip.src"),
        ];
        invite.content_type = "multipart/mixed;boundary=b".to_owned();
        invite.body = PARTS.as_bytes().to_vec();
    });
    world.run_ms(20);
    let session = [
        ("Session-Expires", "200;refresher=uac"),
        ("Require", "timer"),
    ];
    world.wire_answers(wire, "INVITE", 200, "srs", &session);
    call
}

#[test]
fn a_recording_session_says_what_it_is() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    recording(&mut world);
    let Message::Request(invite) = world.last("INVITE") else {
        panic!()
    };
    let all =
        |headers: &Headers, name: &str| headers.all(name).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        all(&invite.headers, "Contact"),
        ["<sip:alice@127.0.0.1:5060>;+sip.src"]
    );
    assert_eq!(all(&invite.headers, "Require"), ["siprec"]);
    assert_eq!(
        all(&invite.headers, "Content-Type"),
        ["multipart/mixed;boundary=b"]
    );
    assert_eq!(invite.body, PARTS.as_bytes());
}

#[test]
fn its_refresh_says_the_sdp_again_without_the_metadata_and_keeps_the_contact() {
    let mut world = World::new();
    world.add_node(1, |_| {});
    recording(&mut world);
    world.run_for(Duration::from_secs(101));
    let Message::Request(refresh) = world.last("INVITE") else {
        panic!()
    };
    assert_eq!(refresh.headers.get("CSeq"), Some("2 INVITE"));
    assert_eq!(refresh.body, b"v=0\r\ns=rs\r\n");
    assert_eq!(refresh.headers.get("Content-Type"), Some("application/sdp"));
    assert_eq!(
        refresh.headers.get("Contact"),
        Some("<sip:alice@127.0.0.1:5060>;+sip.src")
    );
}

#[test]
fn a_recorder_of_ours_may_be_called_so_and_answer_so() {
    let mut world = World::pair();
    world.call_uri(0, "sip:srs@127.0.0.2", |invite| {
        invite.headers = vec![("Require".to_owned(), "siprec".to_owned())];
    });
    world.run_ms(20);
    let dialog = world.incoming(1);
    let headers = vec![("Contact".to_owned(), "<sip:x@y>;+sip.srs".to_owned())];
    let content_type = "application/sdp".to_owned();
    world.command(
        1,
        Command::Answer {
            dialog,
            body: SDP.to_vec(),
            content_type,
            headers,
        },
    );
    world.run_ms(20);
    assert_eq!(
        header(world.last("200"), "Contact"),
        "<sip:srs@127.0.0.2:5060>;+sip.srs"
    );
}
