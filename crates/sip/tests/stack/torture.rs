//! The cases of RFC 4475, each in a message of our own, and what becomes of it.

use bridgetap_sip::types::*;
use bridgetap_sip::{Message, Method};

use crate::world::*;

/// What the wire hears from us.
fn reply(wire: &[u8]) -> (World, String) {
    let mut world = World::new();
    world.add_node(1, |_| {});
    let peer = world.add_wire(9);
    world.inject(peer, 0, wire);
    world.run_ms(20);
    let heard = world.heard(peer).join(" ");
    (world, heard)
}

fn crlf(text: &str) -> Vec<u8> {
    text.trim_start()
        .lines()
        .map(|line| format!("{}\r\n", line.trim_start_matches('|')))
        .collect::<String>()
        .into_bytes()
}

#[test]
fn a_short_tortuous_invite_is_a_call() {
    // §3.1.1.1: folding, odd spaces, compact forms, unknown parameters, quotes, several Vias.
    let wire = crlf(
        r#"INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0
TO :
| sip:vivekg@chair-dnrc.example.com ;   tag    = 
from   : "J Rosenberg \\\""       <sip:jdrosen@example.com>
|  ;
|  tag = 98asjd8
MaX-fOrWaRdS: 0068
Call-ID: wsinv.ndaksdj@192.0.2.1
Content-Length   : 4
cseq: 0009
|  INVITE
Via  : SIP  /   2.0
| /UDP
|    192.0.2.2;branch=390skdjuw
s :
NewFangledHeader:   newfangled value
| continued newfangled value
UnknownHeaderWithUnusualValue: ;;,,;;,;
Content-Type: application/sdp
Route:
| <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
v:  SIP  / 2.0  / TCP     spindle.example.com   ;
|  branch  =   z9hG4bK9ikj8  ,
| SIP  /    2.0   / UDP  192.168.255.111   ; branch=
| z9hG4bK30239
m:"Quoted string \"\"" <sip:jdrosen@example.com> ; newparam =
|   newvalue ;
|   secondparam ; q = 0.33

sdp"#,
    );
    let (world, heard) = reply(&wire);
    assert_eq!(heard, "100");
    let SipEvent::IncomingCall(call) = &world.nodes[0].events[0] else {
        panic!("{:?}", world.nodes[0].events)
    };
    assert_eq!(call.call_id, "wsinv.ndaksdj@192.0.2.1");
    let unfolded = (
        "NewFangledHeader".to_owned(),
        "newfangled value continued newfangled value".to_owned(),
    );
    assert!(call.headers.contains(&unfolded));
    let odd = (
        "UnknownHeaderWithUnusualValue".to_owned(),
        ";;,,;;,;".to_owned(),
    );
    assert!(call.headers.contains(&odd));
}

/// A request that is right but for what `change` does to it.
fn changed(change: impl Fn(String) -> String) -> Vec<u8> {
    let good = "INVITE sip:user@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.9:5060;branch=z9hG4bKx\r\n\
        Max-Forwards: 70\r\nFrom: <sip:caller@example.net>;tag=134161461246\r\nTo: <sip:user@example.com>\r\n\
        Call-ID: badinv.0ha0isnda\r\nCSeq: 8 INVITE\r\nContact: <sip:caller@host5.example.net>\r\n\
        Content-Type: application/sdp\r\nContent-Length: 4\r\n\r\nsdp\n";
    change(good.to_owned()).into_bytes()
}

#[test]
fn each_flaw_has_its_answer() {
    let swap =
        |from: &'static str, to: &'static str| changed(move |text| text.replacen(from, to, 1));
    let long = "x".repeat(9000);
    let many: String = (0..300).map(|n| format!("X-{n}: y\r\n")).collect();
    for (what, wire, heard) in [
        ("nothing wrong", changed(|text| text), "100"),
        // Valid oddities (§3.1.1)
        (
            "every byte a token may hold",
            swap(
                "INVITE sip",
                "!interesting-Method0123456789_*+`.%indeed'~ sip",
            ),
            "400",
        ),
        (
            "escapes in the URI",
            swap("sip:user@", "sip:sips%3Auser%40example.com@"),
            "100",
        ),
        (
            "escaped nulls",
            swap("sip:user@", "sip:null-%00-null@"),
            "100",
        ),
        (
            "no space between name and bracket",
            swap("From: <", "From: caller<"),
            "100",
        ),
        (
            "semicolons in the user",
            swap("sip:user@", "sip:user;par=u%40example.net@"),
            "100",
        ),
        (
            "bare line feeds",
            changed(|text| text.replace("\r\n", "\n")),
            "100",
        ),
        (
            "a body longer than it says",
            swap("Content-Length: 4", "Content-Length: 1"),
            "100",
        ),
        (
            "unknown transport in a deeper Via",
            swap("Max-F", "Via: SIP/2.0/UNKNOWN t;branch=z9hG4bK2\r\nMax-F"),
            "100",
        ),
        (
            "IPv6 in Via",
            swap("127.0.0.9:5060", "[2001:db8::9:1]:5060"),
            "100",
        ),
        (
            "no Content-Length",
            swap("Content-Length: 4\r\n", ""),
            "100",
        ),
        // Flaws (§3.1.2, §3.3)
        (
            "separators in the Request-URI",
            swap(
                "INVITE sip:user@example.com",
                "INVITE <sip:user@example.com>",
            ),
            "400",
        ),
        (
            "spaces in the request line",
            swap("INVITE sip", "INVITE  sip"),
            "400",
        ),
        (
            "spaces in the Request-URI",
            swap("sip:user@example.com SIP", "sip:user@example.com; lr SIP"),
            "400",
        ),
        (
            "negative Content-Length",
            swap("Content-Length: 4", "Content-Length: -999"),
            "400",
        ),
        (
            "two Content-Lengths",
            swap(
                "Content-Length: 4",
                "Content-Length: 4\r\nContent-Length: 8",
            ),
            "400",
        ),
        (
            "too short a body",
            swap("Content-Length: 4", "Content-Length: 9999"),
            "400",
        ),
        (
            "CSeq overflow",
            swap("CSeq: 8", "CSeq: 36893488147419103232"),
            "400",
        ),
        (
            "Max-Forwards overflow",
            swap("Max-Forwards: 70", "Max-Forwards: 300"),
            "400",
        ),
        (
            "CSeq method differs",
            swap("CSeq: 8 INVITE", "CSeq: 8 OPTIONS"),
            "400",
        ),
        (
            "unterminated quote in From",
            swap("From: <", "From: \"Bob <"),
            "400",
        ),
        (
            "no Call-ID",
            swap("Call-ID: badinv.0ha0isnda\r\n", ""),
            "400",
        ),
        ("no CSeq", swap("CSeq: 8 INVITE\r\n", ""), "400"),
        (
            "no From",
            swap("From: <sip:caller@example.net>;tag=134161461246\r\n", ""),
            "400",
        ),
        (
            "no Contact",
            swap("Contact: <sip:caller@host5.example.net>\r\n", ""),
            "400",
        ),
        (
            "two From",
            swap("Max-F", "From: <sip:b@c>;tag=2\r\nMax-F"),
            "400",
        ),
        ("version 7", swap("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"), "505"),
        (
            "a header without colon",
            swap("Max-Forwards: 70", "Max-Forwards 70"),
            "400",
        ),
        (
            "a line that folds nothing",
            swap("\r\nVia", "\r\n folded\r\nVia"),
            "400",
        ),
        (
            "a carriage return in a value",
            swap("badinv.0", "bad\rinv.0"),
            "400",
        ),
        (
            "a header of 9000 bytes",
            changed(|text| text.replace("Max-F", &format!("X: {long}\r\nMax-F"))),
            "400",
        ),
        (
            "300 headers",
            changed(|text| text.replace("Max-F", &format!("{many}Max-F"))),
            "400",
        ),
        (
            "unknown scheme",
            swap(
                "sip:user@example.com",
                "nobodyKnowsThisScheme:totallyopaquecontent",
            ),
            "416",
        ),
        (
            "unknown scheme in To",
            swap("To: <sip:", "To: <isbn:"),
            "100",
        ),
        (
            "required nothing",
            swap(
                "Max-F",
                "Require: nothingSupportsThis, nothingSupportsThisEither\r\nMax-F",
            ),
            "420",
        ),
        // Not to be answered at all
        (
            "no Via",
            swap("Via: SIP/2.0/UDP 127.0.0.9:5060;branch=z9hG4bKx\r\n", ""),
            "",
        ),
        (
            "a Via of another protocol",
            swap("Via: SIP/2.0/UDP", "Via: HTTP/1.1/UDP"),
            "",
        ),
        (
            "no start line",
            changed(|text| text.split_once("\r\n").unwrap().1.to_owned()),
            "",
        ),
        ("no SIP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), ""),
        ("nothing", Vec::new(), ""),
        (
            "a status beyond 699",
            changed(|text| {
                text.replacen(
                    "INVITE sip:user@example.com SIP/2.0",
                    "SIP/2.0 4294967301 x",
                    1,
                )
            }),
            "",
        ),
        (
            "a response for nobody",
            changed(|text| {
                text.replacen("INVITE sip:user@example.com SIP/2.0", "SIP/2.0 200 OK", 1)
            }),
            "",
        ),
        ("64 KiB and more", vec![b'a'; 70_000], ""),
    ] {
        let (mut world, said) = reply(&wire);
        assert_eq!(said, heard, "{what}");
        let malformed = |e: &SipEvent| {
            matches!(
                e,
                SipEvent::SipNotice {
                    kind: NoticeKind::Malformed,
                    ..
                }
            )
        };
        let stray = what == "a response for nobody";
        let flawed = matches!(heard, "400" | "505" | "") && !stray;
        assert_eq!(world.saw(0, malformed), flawed, "{what}");
        world.assert_idle_after_end(0);
    }
}

#[test]
fn binary_bodies_and_foreign_bytes_come_through_unchanged() {
    let body: Vec<u8> = (0..=255).chain(*b"\r\n\r\n--x\r\n").collect();
    let length = body.len();
    let mut wire = changed(|text| {
        let head = text.split("Content-Length").next().unwrap().to_owned();
        head.replace("sip:user@example.com>", "sip:user@example.com>;x=y")
            + &format!("Content-Length: {length}\r\n\r\n")
    });
    wire.extend_from_slice(&body);
    let at = wire.windows(4).position(|w| w == b"From").unwrap();
    wire.splice(at + 6..at + 6, *b"\"M\xFCller\" ");
    let Message::Request(request) = Message::parse(&wire).unwrap() else {
        panic!()
    };
    assert_eq!(
        (request.method.clone(), request.body.len()),
        (Method::Invite, length)
    );
    assert_eq!(request.body, body);
    let back = request.to_bytes();
    assert!(back.windows(8).any(|w| w == b"\"M\xFCller\""));
    assert!(back.ends_with(&body));
}

#[test]
fn a_long_but_allowed_message_is_taken() {
    let wire = changed(|text| {
        let long: String = (0..200)
            .map(|n| format!("X-{n}: {}\r\n", "v".repeat(250)))
            .collect();
        text.replace("Max-F", &format!("{long}Max-F"))
    });
    assert!(wire.len() > 50_000);
    assert_eq!(reply(&wire).1, "100");
}
