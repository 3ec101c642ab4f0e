//! Making challenges and checking the answers, as a server.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::hash::{Algorithm, Ha1, Proof, equal_in_constant_time};
use super::nonce::{Nonce, Replay};
use super::params::{Challenge, Credentials};

/// Makes challenges for one realm and checks what comes back.
pub struct Challenger {
    realm: String,
    secret: [u8; 32],
    lifetime: Duration,
    started: Instant,
    serial: u64,
    replay: Replay,
}

/// Credentials and the request they came with.
pub struct Attempt<'a> {
    /// What stood in the `Authorization` header.
    pub credentials: &'a Credentials,
    /// The request's method.
    pub method: &'a str,
    /// The address it came from.
    pub source: IpAddr,
}

/// What an attempt is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The user is who it says.
    Accepted,
    /// Challenge again with `stale=true`: the nonce is too old, used up or not ours. The
    /// password was not looked at, so this tells a guesser nothing.
    Stale,
    /// An algorithm for which the user has no HA1: challenge again, with what it has.
    WrongAlgorithm,
    /// Wrong password, or no such user: these two are not told apart.
    Wrong,
}

/// How many used nonces are remembered: each is one REGISTER or INVITE of the last minutes.
const REMEMBERED_NONCES: usize = 16_384;

impl Challenger {
    /// `secret` is fresh randomness; after a restart all nonces are simply stale.
    pub fn new(
        realm: impl Into<String>,
        secret: [u8; 32],
        now: Instant,
        lifetime: Duration,
    ) -> Self {
        Self {
            realm: realm.into(),
            secret,
            lifetime,
            started: now,
            serial: 0,
            replay: Replay::new(REMEMBERED_NONCES),
        }
    }

    /// The realm credentials must name to be meant for us.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// `WWW-Authenticate` values, one per algorithm in the order of preference (RFC 8760 §2.3).
    pub fn challenge(
        &mut self,
        now: Instant,
        source: IpAddr,
        algorithms: &[Algorithm],
        stale: bool,
    ) -> Vec<String> {
        self.serial += 1;
        let nonce = Nonce {
            issued_ms: self.ms(now),
            serial: self.serial,
        }
        .render(&self.secret, source);
        algorithms
            .iter()
            .map(|algorithm| {
                Challenge {
                    realm: self.realm.clone(),
                    nonce: nonce.clone(),
                    opaque: None,
                    stale,
                    algorithm: Some(algorithm.token().to_owned()),
                    qop: vec!["auth".to_owned()],
                }
                .render()
            })
            .collect()
    }

    /// Judge credentials. `ha1` is the user's for the algorithm of the credentials, `None` where
    /// there is no such user; `has_other` says that the user exists with another algorithm.
    ///
    /// The `uri` of the credentials is hashed but not compared with the Request-URI: proxies
    /// rewrite that on the way and phones differ in spelling it. A captured answer is of no use
    /// for another request all the same, because each (nonce, count) passes once.
    pub fn check(
        &mut self,
        now: Instant,
        attempt: &Attempt<'_>,
        ha1: Option<&Ha1>,
        has_other: bool,
    ) -> Verdict {
        let credentials = attempt.credentials;
        let Some(nonce) = Nonce::check(&credentials.nonce, &self.secret, attempt.source) else {
            return Verdict::Stale;
        };
        let age = self.ms(now).saturating_sub(nonce.issued_ms);
        if u128::from(age) > self.lifetime.as_millis() {
            return Verdict::Stale;
        }
        let lacks_it = ha1.is_none() && has_other;
        let usable = |algorithm: &Algorithm| !algorithm.is_session() && !lacks_it;
        let Some(algorithm) = credentials.known_algorithm().filter(usable) else {
            return Verdict::WrongAlgorithm;
        };
        if !proves(attempt, algorithm, ha1) {
            return Verdict::Wrong;
        }
        // Only now, so that nobody without the password can use up a nonce. Without qop there is
        // no count: such a nonce serves once.
        let nc = credentials.qop.as_ref().map_or(0, |qop| qop.nc);
        if self.replay.first_use(nonce, nc) {
            Verdict::Accepted
        } else {
            Verdict::Stale
        }
    }

    fn ms(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }
}

/// Computed for unknown users too: the time to answer must not tell which names exist.
fn proves(attempt: &Attempt<'_>, algorithm: Algorithm, ha1: Option<&Ha1>) -> bool {
    let credentials = attempt.credentials;
    let nobody;
    let against = match ha1 {
        Some(known) => known,
        None => {
            nobody = Ha1::from_password(algorithm, "", "", "");
            &nobody
        }
    };
    let expected = against.response(&Proof {
        algorithm,
        method: attempt.method,
        uri: &credentials.uri,
        nonce: &credentials.nonce,
        cnonce: credentials
            .qop
            .as_ref()
            .map_or("", |qop| qop.cnonce.as_str()),
        nc: credentials.qop.as_ref().map(|qop| qop.nc_text.as_str()),
    });
    let response = credentials.response.to_ascii_lowercase();
    let equal = equal_in_constant_time(expected.as_bytes(), response.as_bytes());
    equal && ha1.is_some()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::super::client::{Answer, Party};
    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

    struct World {
        server: Challenger,
        now: Instant,
        password: &'static str,
    }

    impl World {
        fn new() -> Self {
            let now = Instant::now();
            let server = Challenger::new("bridgetap", [3; 32], now, Duration::from_secs(60));
            Self {
                server,
                now,
                password: "secret",
            }
        }

        fn answer(&mut self, algorithms: &[Algorithm], password: &str) -> Credentials {
            let values = self.server.challenge(self.now, HERE, algorithms, false);
            let answer = Answer {
                username: "alice",
                password,
                method: "INVITE",
                uri: "sip:bob@biloxi.com",
                cnonce: "c1",
            };
            let answers = answer
                .to_challenges(values.iter().map(|v| (Party::Server, v.as_str())), [])
                .unwrap();
            Credentials::parse(&answers[0].1).unwrap()
        }

        fn judge(&mut self, credentials: &Credentials) -> Verdict {
            self.judge_from(credentials, "INVITE", HERE)
        }

        fn judge_from(
            &mut self,
            credentials: &Credentials,
            method: &str,
            source: IpAddr,
        ) -> Verdict {
            let algorithm = credentials.known_algorithm().unwrap();
            let ha1 = Ha1::from_password(algorithm, "alice", "bridgetap", self.password);
            let known = (credentials.username == "alice").then_some(&ha1);
            self.server.check(
                self.now,
                &Attempt {
                    credentials,
                    method,
                    source,
                },
                known,
                false,
            )
        }
    }

    #[test]
    fn a_right_answer_is_accepted_once() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            let mut world = World::new();
            let credentials = world.answer(&[algorithm], "secret");
            assert_eq!(
                world.judge(&credentials),
                Verdict::Accepted,
                "{algorithm:?}"
            );
            assert_eq!(world.judge(&credentials), Verdict::Stale, "a replay");
        }
    }

    #[test]
    fn sha_256_is_preferred_where_both_are_offered() {
        let mut world = World::new();
        let credentials = world.answer(&[Algorithm::Sha256, Algorithm::Md5], "secret");
        assert_eq!(credentials.known_algorithm(), Some(Algorithm::Sha256));
    }

    #[test]
    fn a_wrong_answer_is_wrong_whoever_it_is() {
        let mut world = World::new();
        let wrong = world.answer(&[Algorithm::Md5], "guess");
        assert_eq!(world.judge(&wrong), Verdict::Wrong);
        let right = world.answer(&[Algorithm::Md5], "secret");
        assert_eq!(
            world.judge_from(&right, "BYE", HERE),
            Verdict::Wrong,
            "another method"
        );
        let nobody = Credentials {
            username: "mallory".into(),
            ..right
        };
        assert_eq!(world.judge(&nobody), Verdict::Wrong);
        let stand_in = Ha1::from_password(Algorithm::Md5, "", "", "");
        let response = stand_in.response(&Proof {
            algorithm: Algorithm::Md5,
            method: "INVITE",
            uri: &nobody.uri,
            nonce: &nobody.nonce,
            cnonce: &nobody.qop.as_ref().unwrap().cnonce,
            nc: Some("00000001"),
        });
        let knows_the_stand_in = Credentials { response, ..nobody };
        assert_eq!(world.judge(&knows_the_stand_in), Verdict::Wrong);
    }

    #[test]
    fn an_old_or_foreign_nonce_is_stale_even_with_a_wrong_password() {
        let mut world = World::new();
        let right = world.answer(&[Algorithm::Md5], "secret");
        let wrong = world.answer(&[Algorithm::Md5], "guess");
        assert_eq!(
            world.judge_from(&right, "INVITE", THERE),
            Verdict::Stale,
            "another source"
        );
        world.now += Duration::from_secs(61);
        assert_eq!(world.judge(&right), Verdict::Stale);
        assert_eq!(world.judge(&wrong), Verdict::Stale);
        let foreign = Credentials {
            nonce: "abc".into(),
            ..right
        };
        assert_eq!(world.judge(&foreign), Verdict::Stale);
    }

    #[test]
    fn an_algorithm_the_user_lacks_is_asked_for_again() {
        let mut world = World::new();
        let credentials = world.answer(&[Algorithm::Sha256], "secret");
        let attempt = Attempt {
            credentials: &credentials,
            method: "INVITE",
            source: HERE,
        };
        assert_eq!(
            world.server.check(world.now, &attempt, None, true),
            Verdict::WrongAlgorithm
        );
    }

    #[test]
    fn without_qop_a_nonce_serves_once() {
        let mut world = World::new();
        let value = world
            .server
            .challenge(world.now, HERE, &[Algorithm::Md5], false)
            .remove(0);
        let old = value.replace(", qop=\"auth\"", "");
        let answer = Answer {
            username: "alice",
            password: "secret",
            method: "INVITE",
            uri: "sip:bob@biloxi.com",
            cnonce: "",
        };
        let text = answer
            .to_challenges([(Party::Server, old.as_str())], [])
            .unwrap()
            .remove(0)
            .1;
        let credentials = Credentials::parse(&text).unwrap();
        assert_eq!(credentials.qop, None);
        assert_eq!(world.judge(&credentials), Verdict::Accepted);
        assert_eq!(world.judge(&credentials), Verdict::Stale);
    }

    proptest! {
        // Client and server agree for every name, password, URI and count; no other count passes
        // with the same proof.
        #[test]
        fn both_sides_agree(
            username in "\\PC{1,12}", password in "\\PC{0,12}", realm in "\\PC{1,12}", uri in "sip:[a-z0-9@.;=]{1,20}",
            cnonce in "[a-zA-Z0-9/+=\"\\\\]{1,20}", sha in any::<bool>(), refreshes in 1usize..5,
        ) {
            let algorithm = if sha { Algorithm::Sha256 } else { Algorithm::Md5 };
            let now = Instant::now();
            let mut server = Challenger::new(realm.clone(), [9; 32], now, Duration::from_secs(60));
            let answer = Answer { username: &username, password: &password, method: "REGISTER", uri: &uri, cnonce: &cnonce };
            let values = server.challenge(now, HERE, &[algorithm], false);
            let mut text = answer.to_challenges([(Party::Server, values[0].as_str())], []).unwrap().remove(0).1;
            let ha1 = Ha1::from_password(algorithm, &username, &realm, &password);
            for _ in 0..refreshes {
                let credentials = Credentials::parse(&text).unwrap();
                let attempt = Attempt { credentials: &credentials, method: "REGISTER", source: HERE };
                prop_assert_eq!(server.check(now, &attempt, Some(&ha1), false), Verdict::Accepted);
                prop_assert_eq!(server.check(now, &attempt, Some(&ha1), false), Verdict::Stale);
                let other = "Digest realm=\"\u{0}other\", nonce=\"n\", qop=\"auth\"";
                text = answer.to_challenges([(Party::Proxy, other)], [(Party::Server, text.as_str())]).unwrap().remove(0).1;
            }
        }
    }
}
