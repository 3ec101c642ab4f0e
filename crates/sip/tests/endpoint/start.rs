//! Beginning and end of an endpoint, and its trace.

use bridgetap_sip::endpoint::{EventSink, SipConfig, SipEndpoint};
use bridgetap_sip::types::SipEvent;

use crate::support::side::{Side, config, invite, request};

#[test]
fn every_message_is_in_the_trace() {
    let path =
        std::env::temp_dir().join(format!("bridgetap-endpoints-{}.pcap", std::process::id()));
    let server = Side::start(SipConfig {
        trace: Some(path.to_str().unwrap().into()),
        ..config(&["tls://127.0.0.1:0"])
    });
    let caller = Side::open(&["tls://127.0.0.1:0"]);
    let sent = caller
        .endpoint
        .request(request("OPTIONS", &server.uri("x", 0)))
        .unwrap();
    assert_eq!(caller.response(sent), 200);
    server.endpoint.close();
    let trace = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let text = String::from_utf8_lossy(&trace);
    assert!(text.contains("OPTIONS sip:x@127.0.0.1") && text.contains("SIP/2.0 200"));
}

#[test]
fn a_start_that_fails_names_what_will_not_do() {
    struct Nobody;
    impl EventSink for Nobody {
        fn push(&self, _: SipEvent) {}
        fn oldest_ms(&self) -> u64 {
            0
        }
    }
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = format!("udp://{}", taken.local_addr().unwrap());
    let cases = [
        (
            config(&["udp://127.0.0.1:0", "udp://192.0.2.1:5060"]),
            "udp://192.0.2.1:5060",
        ),
        (
            SipConfig {
                tls_key: Some("/nonexistent.key".into()),
                ..config(&["tls://127.0.0.1:0"])
            },
            "sip.tls_key: /nonexistent.key",
        ),
        (
            SipConfig {
                tls_certificate: None,
                tls_key: None,
                ..config(&["tls://127.0.0.1:0"])
            },
            "sip.tls_certificate: not set, but tls://127.0.0.1:0 needs it",
        ),
        (
            SipConfig {
                trace: Some("/nonexistent/t.pcap".into()),
                ..config(&["udp://127.0.0.1:0"])
            },
            "sip.trace: cannot write /nonexistent/t.pcap",
        ),
    ];
    for (config, words) in cases {
        let error = SipEndpoint::start(config, Box::new(Nobody))
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(words), "{error}");
    }
    drop(taken);
}

#[test]
fn closing_twice_is_fine_and_commands_after_it_are_refused() {
    let side = Side::open(&["udp://127.0.0.1:0", "tcp://[::1]:0"]);
    let address = side.address(0);
    side.endpoint.close();
    side.endpoint.close();
    assert!(side.endpoint.invite(invite("sip:x@127.0.0.1:9")).is_err());
    drop(std::net::UdpSocket::bind(address).unwrap()); // its sockets are really gone
}
