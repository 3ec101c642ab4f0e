use super::*;

const ALL: Means = Means {
    udp_v4: true,
    udp_v6: true,
    tls: true,
};

/// A small DNS of one domain, `example.com`, as each case sets it up.
#[derive(Default, Clone)]
struct Zone {
    naptr: Vec<Naptr>,
    srv: Vec<(&'static str, Srv)>,
    hosts: Vec<(&'static str, &'static str)>,
}

impl Zone {
    fn ask(&self, query: &Query) -> Answer {
        match query {
            Query::Naptr(name) if name == "example.com" => Answer::Naptr(self.naptr.clone()),
            Query::Naptr(_) => Answer::Naptr(Vec::new()),
            Query::Srv(name) => Answer::Srv(
                self.srv
                    .iter()
                    .filter(|(owner, _)| owner == name)
                    .map(|(_, record)| record.clone())
                    .collect(),
            ),
            Query::Addresses(name) => Answer::Addresses(
                self.hosts
                    .iter()
                    .filter(|(owner, _)| owner == name)
                    .map(|(_, ip)| ip.parse().unwrap())
                    .collect(),
            ),
        }
    }

    /// The places in words, `*` for each round of questions before.
    fn locate(&self, uri: &str, means: Means) -> String {
        let Ok((mut procedure, mut step)) = Procedure::start(uri, means) else {
            return "error".into();
        };
        let mut words = Vec::new();
        loop {
            match step {
                Step::Ask(queries) => {
                    words.push("*".to_owned());
                    let answers = queries.iter().map(|query| self.ask(query)).collect();
                    step = procedure.answer(answers, &mut || 0);
                }
                Step::Done(places) => {
                    words.extend(places.iter().map(|place| {
                        let name = place
                            .tls_name
                            .as_ref()
                            .map(|name| format!("={name}"))
                            .unwrap_or_default();
                        format!("{}:{}{name}", place.transport.name(), place.address)
                    }));
                    return words.join(" ");
                }
            }
        }
    }
}

fn naptr(order: u16, preference: u16, service: &str, replacement: &str) -> Naptr {
    Naptr {
        order,
        preference,
        flags: "S".into(),
        service: service.into(),
        replacement: replacement.into(),
    }
}

fn srv(priority: u16, port: u16, target: &str) -> Srv {
    Srv {
        priority,
        weight: 0,
        port,
        target: target.into(),
    }
}

/// The example of RFC 3263 §4.1: NAPTR for TLS, TCP and UDP, SRV behind it.
fn full() -> Zone {
    Zone {
        naptr: vec![
            naptr(90, 50, "SIP+D2U", "_sip._udp.example.com"),
            naptr(50, 50, "SIPS+D2T", "_sips._tcp.example.com"),
            naptr(90, 40, "sip+d2t", "_sip._tcp.example.com"),
            naptr(10, 10, "SIP+D2S", "_sip._sctp.example.com"),
        ],
        srv: vec![
            ("_sip._tcp.example.com", srv(1, 5060, "server2.example.com")),
            ("_sip._tcp.example.com", srv(0, 5070, "server1.example.com")),
            ("_sip._udp.example.com", srv(0, 5080, "server1.example.com")),
            (
                "_sips._tcp.example.com",
                srv(0, 5071, "server1.example.com"),
            ),
        ],
        hosts: vec![
            ("server1.example.com", "2001:db8::1"),
            ("server1.example.com", "192.0.2.1"),
            ("server2.example.com", "192.0.2.2"),
            ("example.com", "192.0.2.9"),
        ],
    }
}

fn without_naptr() -> Zone {
    Zone {
        naptr: vec![],
        ..full()
    }
}

fn addresses_only() -> Zone {
    Zone {
        srv: vec![],
        ..without_naptr()
    }
}

#[test]
fn every_form_of_uri_finds_its_places_in_order() {
    let refused = Zone {
        srv: vec![("_sip._tcp.example.com", srv(0, 0, "."))],
        ..without_naptr()
    };
    let cases = [
        // Literal addresses need no question.
        (full(), "sip:192.0.2.7", "udp:192.0.2.7:5060"),
        (full(), "sip:a@[2001:db8::7]:5070", "udp:[2001:db8::7]:5070"),
        (full(), "sip:192.0.2.7;transport=TCP", "tcp:192.0.2.7:5060"),
        (full(), "sips:192.0.2.7", "tls:192.0.2.7:5061=192.0.2.7"),
        (
            full(),
            "sips:192.0.2.7:443;transport=tcp",
            "tls:192.0.2.7:443=192.0.2.7",
        ),
        // A port: addresses alone.
        (full(), "sip:example.com:5090", "* udp:192.0.2.9:5090"),
        (
            full(),
            "sip:example.com:5090;transport=tls",
            "* tls:192.0.2.9:5090=example.com",
        ),
        // A transport: SRV of that alone.
        (
            full(),
            "sip:example.com;transport=tcp",
            "* * tcp:192.0.2.1:5070 tcp:[2001:db8::1]:5070 tcp:192.0.2.2:5060",
        ),
        (
            full(),
            "sip:example.com;transport=udp",
            "* * udp:192.0.2.1:5080 udp:[2001:db8::1]:5080",
        ),
        // Nothing said: NAPTR, in its order; what we do not speak (SCTP) is passed over.
        (
            full(),
            "sip:bob@example.com",
            "* * * tls:192.0.2.1:5071=example.com tls:[2001:db8::1]:5071=example.com \
             tcp:192.0.2.1:5070 tcp:[2001:db8::1]:5070 tcp:192.0.2.2:5060 udp:192.0.2.1:5080 udp:[2001:db8::1]:5080",
        ),
        (
            full(),
            "sips:example.com",
            "* * * tls:192.0.2.1:5071=example.com tls:[2001:db8::1]:5071=example.com",
        ),
        // No NAPTR: SRV of each transport; no SRV: the name itself.
        (
            without_naptr(),
            "sip:example.com",
            "* * * udp:192.0.2.1:5080 udp:[2001:db8::1]:5080 tcp:192.0.2.1:5070 tcp:[2001:db8::1]:5070 tcp:192.0.2.2:5060",
        ),
        (
            addresses_only(),
            "sip:example.com",
            "* * * udp:192.0.2.9:5060",
        ),
        (
            addresses_only(),
            "sips:example.com",
            "* * * tls:192.0.2.9:5061=example.com",
        ),
        (
            addresses_only(),
            "sip:example.com;transport=tls",
            "* * tls:192.0.2.9:5061=example.com",
        ),
        // Nothing at all, or decidedly not.
        (Zone::default(), "sip:example.com", "* * *"),
        (refused, "sip:example.com;transport=tcp", "*"),
        // maddr is where it goes, the host is who it must be.
        (
            full(),
            "sips:example.com;maddr=192.0.2.7",
            "tls:192.0.2.7:5061=example.com",
        ),
        (
            full(),
            "sip:nowhere.example;maddr=server2.example.com;transport=udp",
            "* * udp:192.0.2.2:5060",
        ),
        // What cannot be located by any means.
        (full(), "sips:example.com;transport=udp", "error"),
        (full(), "sip:example.com;transport=ws", "error"),
        (full(), "tel:+15551230000", "error"),
    ];
    for (zone, uri, expected) in cases {
        assert_eq!(zone.locate(uri, ALL), expected, "{uri}");
    }
}

#[test]
fn what_we_cannot_send_with_is_left_out() {
    let means = |udp_v4, udp_v6, tls| Means {
        udp_v4,
        udp_v6,
        tls,
    };
    let cases = [
        ("sip:192.0.2.7", means(false, true, true), ""),
        ("sip:[2001:db8::7]", means(true, false, true), ""),
        ("sips:192.0.2.7", means(true, true, false), ""),
        ("sips:example.com", means(true, true, false), "* * *"),
        (
            "sip:example.com;transport=udp",
            means(true, false, true),
            "* * udp:192.0.2.1:5080",
        ),
        (
            "sip:example.com",
            means(false, false, false),
            "* * * tcp:192.0.2.1:5070 tcp:[2001:db8::1]:5070 tcp:192.0.2.2:5060",
        ),
    ];
    for (uri, means, expected) in cases {
        assert_eq!(full().locate(uri, means), expected, "{uri} {means:?}");
    }
}

#[test]
fn a_hostile_zone_stays_bounded() {
    let record = |n: u16| ("_sip._udp.example.com", srv(n, n, "big.example.com"));
    let zone = Zone {
        naptr: (0..500)
            .map(|n| naptr(n, 0, "SIP+D2U", "_sip._udp.example.com"))
            .collect(),
        srv: (0..500).map(record).collect(),
        hosts: vec![("big.example.com", "192.0.2.1"); 500],
    };
    let (mut procedure, mut step) = Procedure::start("sip:example.com", ALL).unwrap();
    let mut asked = 0;
    let places = loop {
        match step {
            Step::Ask(queries) => {
                asked += queries.len();
                let answers = queries.iter().map(|query| zone.ask(query)).collect();
                step = procedure.answer(answers, &mut || 1);
            }
            Step::Done(places) => break places,
        }
    };
    assert!(asked <= 1 + MAX_SERVICES + MAX_HOSTS, "{asked} questions");
    assert!(!places.is_empty() && places.len() <= MAX_PLACES);
}
