//! The resolver thread against a DNS server of our own.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::dns::{Dns, a, aaaa, naptr, srv};
use bridgetap_sip::resolve::{Means, Place, Resolved, Resolver};
use bridgetap_sip::types::{Entropy, LookupId};

struct Fixed;
impl Entropy for Fixed {
    fn next_u64(&mut self) -> u64 {
        1
    }
}

const MEANS: Means = Means {
    udp_v4: true,
    udp_v6: true,
    tls: true,
};
/// Nothing here takes this long; it only ends a test that hangs.
const PATIENCE: Duration = Duration::from_secs(30);

fn start(dns: &Dns) -> (Resolver, Receiver<Resolved>) {
    let (sender, receiver) = channel();
    let deliver = move |resolved| drop(sender.send(resolved));
    (
        Resolver::start(&[dns.address], MEANS, Box::new(Fixed), deliver).unwrap(),
        receiver,
    )
}

fn words(places: &[Place]) -> String {
    let word = |p: &Place| format!("{}:{}", p.transport.name(), p.address);
    places.iter().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_domain_is_followed_through_naptr_srv_and_addresses() {
    let dns = Dns::serve(vec![
        naptr("example.com", 20, "SIP+D2U", "_sip._udp.example.com"),
        naptr("example.com", 10, "SIP+D2T", "_sip._tcp.example.com"),
        srv("_sip._tcp.example.com", 1, 5071, "one.example.com"),
        srv("_sip._tcp.example.com", 2, 5072, "two.example.com"),
        srv("_sip._udp.example.com", 1, 5080, "two.example.com"),
        a("one.example.com", "192.0.2.1"),
        aaaa("one.example.com", "2001:db8::1"),
        a("two.example.com", "192.0.2.2"),
        aaaa("two.example.com", "2001:db8::2"),
    ]);
    let (resolver, answers) = start(&dns);
    let expected = "tcp:192.0.2.1:5071 tcp:[2001:db8::1]:5071 tcp:192.0.2.2:5072 tcp:[2001:db8::2]:5072 \
         udp:192.0.2.2:5080 udp:[2001:db8::2]:5080";
    assert_eq!(
        resolver.locate(LookupId(7), "sip:bob@example.com", false),
        None
    );
    let (lookup, places) = answers.recv_timeout(PATIENCE).unwrap();
    assert_eq!((lookup, words(&places).as_str()), (LookupId(7), expected));

    let asked = dns.asked();
    assert_eq!(
        resolver.locate(LookupId(8), "sip:bob@example.com", false),
        None
    );
    assert_eq!(words(&answers.recv_timeout(PATIENCE).unwrap().1), expected);
    assert_eq!(
        dns.asked(),
        asked,
        "the second time everything was still known"
    );
}

#[test]
fn what_is_not_there_or_not_askable_has_no_places() {
    let dns = Dns::serve(vec![]);
    let (resolver, answers) = start(&dns);
    assert_eq!(
        resolver.locate(LookupId(1), "sip:nowhere.example", false),
        None
    );
    assert_eq!(
        answers.recv_timeout(PATIENCE).unwrap(),
        (LookupId(1), vec![])
    );
    assert_eq!(
        resolver.locate(LookupId(2), "tel:+1555", false),
        Some(vec![])
    );
    assert_eq!(
        words(
            &resolver
                .locate(LookupId(3), "sip:192.0.2.1:5070", false)
                .unwrap()
        ),
        "udp:192.0.2.1:5070"
    );
}

#[test]
fn the_hosts_file_counts() {
    let dns = Dns::serve(vec![]);
    let (resolver, answers) = start(&dns);
    assert_eq!(
        resolver.locate(LookupId(1), "sip:localhost:5090", false),
        None
    );
    let places = words(&answers.recv_timeout(PATIENCE).unwrap().1);
    assert!(places.starts_with("udp:127.0.0.1:5090"), "{places}");
}

#[test]
fn a_silent_server_neither_blocks_others_nor_the_end() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let (sender, answers) = channel();
    let deliver = move |resolved: Resolved| drop(sender.send(resolved));
    let resolver = Resolver::start(
        &[silent.local_addr().unwrap()],
        MEANS,
        Box::new(Fixed),
        deliver,
    )
    .unwrap();
    for n in 0..200 {
        assert_eq!(
            resolver.locate(LookupId(n), &format!("sip:host{n}.example"), false),
            None
        );
    }
    drop(resolver); // returns although 200 lookups are under way
    assert!(answers.try_iter().count() < 200);
}
