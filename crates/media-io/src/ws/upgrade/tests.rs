use bridgetap_media::ForkEndpoint;
use proptest::prelude::*;

use super::*;

fn dial() -> Dial {
    Dial {
        endpoint: ForkEndpoint {
            host: "media.example.test".into(),
            port: 443,
            path: "/in".into(),
            headers: vec![("X-Twilio-Signature".into(), "c2ln".into())],
            ..ForkEndpoint::default()
        },
        resume: None,
        user_timeout: std::time::Duration::ZERO,
    }
}

/// The nonce of RFC 6455 §1.3, whose answer the RFC prints.
const NONCE: [u8; 16] = *b"the sample nonce";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn good(extra: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {ACCEPT}\r\n{extra}\r\n"
    )
}

fn answer(bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
    Upgrade::new(&dial(), "Bridgetap/1", NONCE).0.feed(bytes)
}

#[test]
fn the_request_has_the_observed_headers_in_their_order() {
    let (_, request) = Upgrade::new(&dial(), "Bridgetap/1", NONCE);
    let expected = "GET /in HTTP/1.1\r\n\
        Host: media.example.test\r\n\
        User-Agent: Bridgetap/1\r\n\
        Connection: Upgrade\r\n\
        Upgrade: websocket\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\
        X-Twilio-Signature: c2ln\r\n\r\n";
    assert_eq!(String::from_utf8(request).unwrap(), expected);
}

#[test]
fn a_stream_that_is_resumed_asks_what_was_kept_and_hears_it() {
    let again = Dial {
        resume: Some("MZ1; sent=352".into()),
        ..dial()
    };
    let (_, request) = Upgrade::new(&again, "Bridgetap/1", NONCE);
    let request = String::from_utf8(request).unwrap();
    assert!(
        request.ends_with("c2ln\r\nBridgetap-Resume: MZ1; sent=352\r\n\r\n"),
        "{request}"
    );
    let cases = [
        ("Bridgetap-Resume-From: 340\r\n", Some(340)),
        ("bridgetap-resume-from:  0 \r\n", Some(0)),
        ("Bridgetap-Resume-From: soon\r\n", None),
        ("Bridgetap-Resume-From: -1\r\n", None),
        ("Bridgetap-Resume-From: 99999999999999999999999\r\n", None),
        ("", None),
    ];
    for (header, kept) in cases {
        let mut upgrade = Upgrade::new(&again, "Bridgetap/1", NONCE).0;
        assert_eq!(upgrade.feed(good(header).as_bytes()), Ok(Some(vec![])));
        assert_eq!(upgrade.kept(), kept, "{header}");
    }
}

#[test]
fn only_what_another_try_may_change_is_tried_again() {
    let cases = [
        ("403 Forbidden", true),
        ("404 Not Found", true),
        ("302 Found", true),
        ("429 Too Many Requests", false),
        ("500 Oops", false),
        ("503 Service Unavailable", false),
    ];
    for (status, refused) in cases {
        let mut upgrade = Upgrade::new(&dial(), "x", NONCE).0;
        let wire = format!("HTTP/1.1 {status}\r\n\r\n");
        assert!(upgrade.feed(wire.as_bytes()).is_err());
        assert_eq!(upgrade.is_refused(), refused, "{status}");
    }
}

#[test]
fn the_host_header_names_a_port_only_when_it_is_unusual() {
    let cases = [
        ("a.test", 443, "a.test"),
        ("a.test", 8443, "a.test:8443"),
        ("10.0.0.1", 443, "10.0.0.1"),
        ("::1", 443, "[::1]"),
        ("[::1]", 9000, "[::1]:9000"),
    ];
    for (host, port, expected) in cases {
        assert_eq!(host_header(host, port), expected);
    }
}

#[test]
fn a_101_is_accepted_and_what_follows_is_kept() {
    let cases = [
        good(""),
        good("Server: x\r\n"),
        good("").replace("Upgrade: websocket", "upgrade: WebSocket"),
        good("").replace("Connection: Upgrade", "Connection: keep-alive, upgrade"),
        good("").replace("\r\n", "\n"),
        good("Sec-WebSocket-Protocol: \r\n"),
    ];
    for case in cases {
        assert_eq!(answer(case.as_bytes()), Ok(Some(vec![])), "{case}");
    }
    let with_ping = [good("").as_bytes(), b"\x89\x00\r\n\r\n"].concat();
    assert_eq!(answer(&with_ping), Ok(Some(b"\x89\x00\r\n\r\n".to_vec())));
}

#[test]
fn anything_else_is_refused_in_words() {
    let cases: Vec<(String, &str)> = vec![
        (
            "HTTP/1.1 403 Forbidden\r\n\r\n".into(),
            "403 Forbidden instead of 101",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n".into(),
            "redirects are not followed",
        ),
        ("HTTP/1.1 200 OK\r\n\r\nhello".into(), "200 OK"),
        ("HTTP/1.1 500 \r\n\r\n".into(), "answered 500"),
        ("SSH-2.0-OpenSSH\r\n".into(), "not HTTP"),
        ("HTTP/1.1 what\r\n\r\n".into(), "not HTTP"),
        (
            good("").replace("Upgrade: websocket", "Upgrade: h2c"),
            "`Upgrade: websocket`",
        ),
        (
            good("").replace("Connection: Upgrade", "Connection: close"),
            "`Connection: Upgrade`",
        ),
        (good("").replace(ACCEPT, "xxxx"), "Sec-WebSocket-Accept"),
        (
            good(&format!("Sec-WebSocket-Accept: {ACCEPT}\r\n")),
            "Sec-WebSocket-Accept",
        ),
        (
            good("Sec-WebSocket-Extensions: permessage-deflate\r\n"),
            "Sec-WebSocket-Extensions",
        ),
        (
            good("Sec-WebSocket-Protocol: chat\r\n"),
            "Sec-WebSocket-Protocol",
        ),
        (
            good(&format!("X: {}\r\n", "a".repeat(17_000))),
            "longer than 16384",
        ),
        (good(&"X: y\r\n".repeat(120)), "more than 100 headers"),
        (
            format!("HTTP/1.1 101 {}", "a".repeat(20_000)),
            "longer than 16384",
        ),
    ];
    for (wire, expected) in cases {
        let refused = answer(wire.as_bytes()).unwrap_err();
        assert!(refused.contains(expected), "{refused}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_judged_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = answer(&bytes);
        let _ = answer(&[b"HTTP/1.1 101 ".as_slice(), &bytes, b"\r\n\r\n"].concat());
    }

    #[test]
    fn an_answer_may_come_in_pieces(cuts in prop::collection::vec(1usize..40, 0..20)) {
        let wire = [good("A: b\r\n").as_bytes(), b"rest"].concat();
        let (mut upgrade, _) = Upgrade::new(&dial(), "x", NONCE);
        let mut at = 0;
        let mut outcome = None;
        for cut in cuts.into_iter().chain([wire.len()]) {
            let end = (at + cut).min(wire.len());
            if let Some(mut rest) = upgrade.feed(&wire[at..end]).unwrap() {
                rest.extend_from_slice(&wire[end..]);
                outcome = Some(rest);
                break;
            }
            at = end;
        }
        prop_assert_eq!(outcome, Some(b"rest".to_vec()));
    }
}
