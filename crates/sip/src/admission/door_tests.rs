use super::super::authenticator::DigestAuthenticator;
use super::*;
use crate::digest::{Algorithm, Ha1};
use crate::message::{Message, Response};
use crate::types::{self, Authenticator, Entropy, FlowId, Transport};

struct Fixed;
impl Entropy for Fixed {
    fn next_u64(&mut self) -> u64 {
        7
    }
}

struct World {
    door: Door,
    now: Instant,
}

fn user(username: &str, algorithms: &[Algorithm]) -> UserRule {
    let hash = |algorithm| Ha1::from_password(algorithm, username, "bridgetap", "secret").to_hex();
    UserRule {
        username: username.into(),
        ha1: algorithms
            .contains(&Algorithm::Md5)
            .then(|| hash(Algorithm::Md5)),
        ha1_sha256: algorithms
            .contains(&Algorithm::Sha256)
            .then(|| hash(Algorithm::Sha256)),
    }
}

fn trunk(network: &str) -> TrunkRule {
    TrunkRule {
        network: network.into(),
        trunk: "carrier".into(),
    }
}

fn request(method: &str, from: &str) -> Request {
    let text =
        format!("{method} sip:b@h SIP/2.0\r\nFrom: <sip:{from}@h>;tag=1\r\nCall-ID: 1\r\n\r\n");
    match Message::parse(text.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

impl World {
    fn new(trunks: Vec<TrunkRule>, users: Vec<UserRule>) -> Self {
        let now = Instant::now();
        let mut door = Door::new("bridgetap", [1; 32], now);
        door.set(trunks, users);
        Self { door, now }
    }

    fn ask(&mut self, request: &Request, from: &str) -> Decision {
        let source = Source {
            flow: FlowId(1),
            transport: Transport::Udp,
            remote: from.parse().unwrap(),
            local: "192.0.2.9:5060".parse().unwrap(),
        };
        self.door.decide(self.now, request, &source)
    }

    /// What a phone does: ask, and answer the challenge once.
    fn try_password(&mut self, method: &str, username: &str, password: &str) -> Decision {
        let mut request = request(method, username);
        let Decision::Answer {
            status: 401,
            headers,
            ..
        } = self.ask(&request, STRANGER)
        else {
            return self.ask(&request, STRANGER);
        };
        let challenge = Response {
            status: 401,
            reason: String::new(),
            headers: headers.into_iter().collect(),
            body: Vec::new(),
        };
        let credentials = types::Credentials {
            username: username.into(),
            password: password.into(),
        };
        let answer =
            DigestAuthenticator::new(Box::new(Fixed)).answer(&credentials, &challenge, &request);
        for (name, value) in answer.unwrap() {
            request.headers.push(&name, value);
        }
        self.ask(&request, STRANGER)
    }
}

const STRANGER: &str = "198.51.100.1:5060";
const CARRIER: &str = "203.0.113.5:5060";

fn status(decision: &Decision) -> u16 {
    match decision {
        Decision::Admit(_) => 200,
        Decision::Answer { status, .. } => *status,
        Decision::Drop => 0,
    }
}

#[test]
fn who_may_call_depends_on_where_from_and_who_is_known() {
    let alice = || vec![user("alice", &[Algorithm::Md5])];
    let carrier = || vec![trunk("203.0.113.0/24")];
    let cases = [
        ("nothing set", vec![], vec![], "INVITE", CARRIER, 403),
        ("no users", carrier(), vec![], "INVITE", STRANGER, 403),
        ("no users", carrier(), vec![], "REGISTER", CARRIER, 403),
        ("a trunk", carrier(), alice(), "INVITE", CARRIER, 200),
        ("a trunk", carrier(), alice(), "REGISTER", CARRIER, 401),
        ("a stranger", carrier(), alice(), "INVITE", STRANGER, 401),
        ("a stranger", carrier(), alice(), "REGISTER", STRANGER, 401),
        ("a stranger", carrier(), alice(), "MESSAGE", STRANGER, 401),
    ];
    for (why, trunks, users, method, source, expected) in cases {
        let mut world = World::new(trunks, users);
        let decision = world.ask(&request(method, "bob"), source);
        assert_eq!(status(&decision), expected, "{why}: {method} from {source}");
    }
}

#[test]
fn a_phone_is_admitted_by_its_password_with_either_algorithm() {
    for algorithms in [
        &[Algorithm::Md5][..],
        &[Algorithm::Sha256],
        &[Algorithm::Sha256, Algorithm::Md5],
    ] {
        let mut world = World::new(vec![], vec![user("alice", algorithms)]);
        let decision = world.try_password("REGISTER", "alice", "secret");
        assert_eq!(
            decision,
            Decision::Admit(Identity::User("alice".into())),
            "{algorithms:?}"
        );
    }
}

#[test]
fn each_user_is_offered_what_it_has_sha_256_first() {
    let both = [Algorithm::Sha256, Algorithm::Md5];
    let mut world = World::new(
        vec![],
        vec![user("old", &[Algorithm::Md5]), user("new", &both)],
    );
    let cases = [
        ("old", vec!["MD5"]),
        ("new", vec!["SHA-256", "MD5"]),
        ("unknown", vec!["SHA-256", "MD5"]),
    ];
    for (name, expected) in cases {
        let Decision::Answer { headers, .. } = world.ask(&request("INVITE", name), STRANGER) else {
            panic!()
        };
        let offered: Vec<_> = headers
            .iter()
            .map(|(_, v)| {
                v.split("algorithm=")
                    .nth(1)
                    .unwrap()
                    .split(',')
                    .next()
                    .unwrap()
            })
            .collect();
        assert_eq!(offered, expected, "{name}");
    }
}

#[test]
fn an_algorithm_the_user_lacks_is_not_a_failure() {
    let mut world = World::new(
        vec![],
        vec![
            user("old", &[Algorithm::Md5]),
            user("new", &[Algorithm::Sha256, Algorithm::Md5]),
        ],
    );
    // The From names nobody, so both are offered; the phone takes SHA-256, which `old` lacks.
    let mut request = request("INVITE", "+15550001");
    let Decision::Answer { headers, .. } = world.ask(&request, STRANGER) else {
        panic!()
    };
    let challenge = Response {
        status: 401,
        reason: String::new(),
        headers: headers.into_iter().collect(),
        body: Vec::new(),
    };
    let credentials = types::Credentials {
        username: "old".into(),
        password: "secret".into(),
    };
    let mut phone = DigestAuthenticator::new(Box::new(Fixed));
    for (name, value) in phone.answer(&credentials, &challenge, &request).unwrap() {
        request.headers.push(&name, value);
    }
    let Decision::Answer {
        status: 401,
        headers,
        notice: None,
    } = world.ask(&request, STRANGER)
    else {
        panic!()
    };
    assert_eq!(headers.len(), 1);
    assert!(headers[0].1.contains("algorithm=MD5") && headers[0].1.contains("stale=true"));
}

#[test]
fn a_wrong_password_is_told_counted_and_in_the_end_blocked() {
    let mut world = World::new(vec![], vec![user("alice", &[Algorithm::Md5])]);
    for n in 1..=10 {
        let Decision::Answer {
            status: 403, // not 401: some phones answer that with the same password for ever
            headers,
            notice: Some((NoticeKind::AuthFailed, detail)),
        } = world.try_password("REGISTER", "alice", "guess")
        else {
            panic!("attempt {n}")
        };
        assert!(headers.is_empty());
        assert_eq!(detail.contains("now blocked"), n == 10, "{detail}");
        assert!(!detail.contains("guess"));
    }
    assert_eq!(
        status(&world.try_password("REGISTER", "alice", "secret")),
        403
    );
    assert_eq!(
        world.door.stats(),
        DoorStats {
            challenges: 10,
            refused: 12,
            auth_failed: 10
        }
    );
    world.now += Duration::from_secs(61);
    assert_eq!(
        status(&world.try_password("REGISTER", "alice", "secret")),
        200
    );
}

#[test]
fn credentials_for_another_realm_are_nothing_to_us() {
    let mut world = World::new(vec![], vec![user("alice", &[Algorithm::Md5])]);
    let mut request = request("INVITE", "alice");
    request.headers.push(
        "Authorization",
        "Digest username=\"alice\", realm=\"far\", nonce=\"n\", uri=\"u\", response=\"0\"",
    );
    request.headers.push("Authorization", "Bearer abc");
    let decision = world.ask(&request, STRANGER);
    assert!(
        matches!(
            decision,
            Decision::Answer {
                status: 401,
                notice: None,
                ..
            }
        ),
        "{decision:?}"
    );
}

#[test]
fn new_rules_hold_at_once_and_bad_ones_change_nothing() {
    let mut world = World::new(vec![trunk("203.0.113.0/24")], vec![]);
    world.door.set(vec![trunk("nonsense")], vec![]);
    assert_eq!(status(&world.ask(&request("INVITE", "a"), CARRIER)), 200);
    world.door.set(vec![], vec![]);
    assert_eq!(status(&world.ask(&request("INVITE", "a"), CARRIER)), 403);
}

#[test]
fn the_user_in_from_is_only_a_hint_but_read_in_every_form() {
    let cases = [
        ("\"A\" <sip:alice@h>;tag=1", Some("alice")),
        ("sips:alice:pw@h;tag=1", Some("alice")),
        ("<sip:h>", None),
        ("<tel:+1555>", None),
        ("<sip:h;x=@>", None),
    ];
    for (text, expected) in cases {
        assert_eq!(user_part(text), expected, "{text}");
    }
}
