//! Answering challenges as a client.

use thiserror::Error;

use super::hash::{Algorithm, Ha1, Proof};
use super::params::{Challenge, Credentials, Qop, known_algorithm};

/// Why a 401 or 407 cannot be answered; the response is then final.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DigestError {
    /// No challenge could be read, or none has an algorithm and qop we can compute.
    #[error("no challenge with a supported algorithm (MD5, SHA-256) and qop (auth or none)")]
    Unsupported,
    /// The realm refused our answer to its own nonce.
    #[error("the password for realm {0:?} was refused")]
    Refused(String),
}

/// Whom a challenge or credentials belong to: the far server or a proxy on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// 401, `WWW-Authenticate`, `Authorization`.
    Server,
    /// 407, `Proxy-Authenticate`, `Proxy-Authorization`.
    Proxy,
}

impl Party {
    /// The response header that carries challenges.
    pub const fn challenge_header(self) -> &'static str {
        match self {
            Self::Server => "WWW-Authenticate",
            Self::Proxy => "Proxy-Authenticate",
        }
    }

    /// The request header that carries credentials.
    pub const fn credentials_header(self) -> &'static str {
        match self {
            Self::Server => "Authorization",
            Self::Proxy => "Proxy-Authorization",
        }
    }
}

/// One account and the request it is about to repeat.
pub struct Answer<'a> {
    /// The digest username.
    pub username: &'a str,
    /// Its password.
    pub password: &'a str,
    /// The request's method.
    pub method: &'a str,
    /// The request's URI as it stands in the request line.
    pub uri: &'a str,
    /// Fresh randomness.
    pub cnonce: &'a str,
}

/// More realms than any chain of proxies has: a peer must not grow our request.
const MAX_REALMS: usize = 8;

impl Answer<'_> {
    /// All credentials of the next attempt: an answer to each challenged realm, and, renewed with
    /// the next nonce count, those that the refused request `carried` for other realms
    /// (RFC 3261 §22.3: the far server may ask only after a proxy on the way was satisfied).
    pub fn to_challenges<'v>(
        &self,
        challenges: impl IntoIterator<Item = (Party, &'v str)>,
        carried: impl IntoIterator<Item = (Party, &'v str)>,
    ) -> Result<Vec<(Party, String)>, DigestError> {
        let fresh = strongest_per_realm(challenges);
        if fresh.is_empty() {
            return Err(DigestError::Unsupported);
        }
        let mut answers = Vec::with_capacity(fresh.len());
        let carried = carried
            .into_iter()
            .filter_map(|(party, value)| Some((party, Credentials::parse(value).ok()?)));
        for (party, old) in carried {
            match fresh
                .iter()
                .find(|(asker, challenge, _)| *asker == party && challenge.realm == old.realm)
            {
                // RFC 3261 §22.1: the same credentials must not be tried twice.
                Some((_, challenge, _)) if !challenge.stale => {
                    return Err(DigestError::Refused(old.realm));
                }
                Some(_) => {}
                None => answers.extend(self.renewed(old).map(|credentials| (party, credentials))),
            }
        }
        answers.extend(
            fresh
                .into_iter()
                .map(|(party, challenge, algorithm)| (party, self.answer(challenge, algorithm))),
        );
        Ok(answers)
    }

    fn answer(&self, challenge: Challenge, algorithm: Algorithm) -> String {
        let qop = if challenge.qop.is_empty() {
            None
        } else {
            Some(self.qop(1))
        };
        self.prove(
            Credentials {
                username: self.username.to_owned(),
                realm: challenge.realm,
                nonce: challenge.nonce,
                uri: self.uri.to_owned(),
                response: String::new(),
                algorithm: challenge.algorithm,
                opaque: challenge.opaque,
                qop,
            },
            algorithm,
        )
    }

    fn renewed(&self, old: Credentials) -> Option<String> {
        let algorithm = old.known_algorithm()?;
        let qop = old
            .qop
            .as_ref()
            .map(|qop| self.qop(qop.nc.saturating_add(1)));
        Some(self.prove(
            Credentials {
                qop,
                uri: self.uri.to_owned(),
                ..old
            },
            algorithm,
        ))
    }

    fn qop(&self, nc: u32) -> Qop {
        Qop {
            cnonce: self.cnonce.to_owned(),
            nc,
            nc_text: format!("{nc:08x}"),
        }
    }

    fn prove(&self, mut credentials: Credentials, algorithm: Algorithm) -> String {
        let ha1 = Ha1::from_password(algorithm, self.username, &credentials.realm, self.password);
        credentials.response = ha1.response(&Proof {
            algorithm,
            method: self.method,
            uri: &credentials.uri,
            nonce: &credentials.nonce,
            cnonce: self.cnonce,
            nc: credentials.qop.as_ref().map(|qop| qop.nc_text.as_str()),
        });
        // Session algorithms need the cnonce on the wire even without qop; every server that
        // offers them offers qop too (RFC 7616 §3.3 requires it), so nothing is lost here.
        credentials.render()
    }
}

/// RFC 8760 §2.4 lets a server offer several challenges for one realm: the strongest is taken,
/// the first of equals.
fn strongest_per_realm<'v>(
    challenges: impl IntoIterator<Item = (Party, &'v str)>,
) -> Vec<(Party, Challenge, Algorithm)> {
    let mut best: Vec<(Party, Challenge, Algorithm)> = Vec::new();
    for (party, value) in challenges {
        let Ok(challenge) = Challenge::parse(value) else {
            continue;
        };
        let has_qop = !challenge.qop.is_empty();
        let Some(algorithm) = known_algorithm(challenge.algorithm.as_deref()) else {
            continue;
        };
        if (has_qop && !challenge.qop.iter().any(|qop| qop == "auth"))
            || (!has_qop && algorithm.is_session())
        {
            continue;
        }
        match best
            .iter()
            .position(|(asker, other, _)| *asker == party && other.realm == challenge.realm)
        {
            Some(at) if best[at].2 >= algorithm => {}
            Some(at) => best[at] = (party, challenge, algorithm),
            None if best.len() < MAX_REALMS => best.push((party, challenge, algorithm)),
            None => {}
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: Answer<'_> = Answer {
        username: "Mufasa",
        password: "Circle of Life",
        method: "GET",
        uri: "/dir/index.html",
        cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    };
    const RFC_7616_SHA256: &str = "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, \
        nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
    const RFC_7616_MD5: &str = "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, \
        nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";

    fn server(values: &[&'static str]) -> Vec<(Party, &'static str)> {
        values.iter().map(|value| (Party::Server, *value)).collect()
    }

    #[test]
    fn the_strongest_of_several_challenges_is_answered_whatever_their_order() {
        for order in [
            [RFC_7616_MD5, RFC_7616_SHA256],
            [RFC_7616_SHA256, RFC_7616_MD5],
        ] {
            let answers = ANSWER.to_challenges(server(&order), []).unwrap();
            let [(Party::Server, value)] = answers.as_slice() else {
                panic!("{answers:?}")
            };
            let credentials = Credentials::parse(value).unwrap();
            assert_eq!(
                credentials.response,
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
            );
            assert_eq!(
                credentials.opaque.as_deref(),
                Some("FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS")
            );
        }
    }

    #[test]
    fn what_cannot_be_computed_is_passed_over() {
        let unknown = "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-512-256, qop=\"auth\"";
        let int_only = "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"";
        assert_eq!(
            ANSWER.to_challenges(server(&[unknown, int_only, "Basic realm=\"r\""]), []),
            Err(DigestError::Unsupported)
        );
        assert_eq!(
            ANSWER
                .to_challenges(server(&[unknown, RFC_7616_MD5]), [])
                .unwrap()
                .len(),
            1
        );
    }

    #[test]
    fn a_password_refused_once_is_not_tried_again_but_a_stale_nonce_is_renewed() {
        let first = ANSWER.to_challenges(server(&[RFC_7616_MD5]), []).unwrap();
        let carried = [(Party::Server, first[0].1.as_str())];
        assert_eq!(
            ANSWER.to_challenges(server(&[RFC_7616_MD5]), carried),
            Err(DigestError::Refused("http-auth@example.org".into()))
        );
        let stale = format!("{RFC_7616_MD5}, stale=true");
        assert_eq!(
            ANSWER
                .to_challenges([(Party::Server, stale.as_str())], carried)
                .unwrap()
                .len(),
            1
        );
    }

    #[test]
    fn a_proxy_stays_satisfied_while_the_server_behind_it_asks() {
        let proxy = "Digest realm=\"proxy\", nonce=\"p\", qop=\"auth\"";
        let first = ANSWER.to_challenges([(Party::Proxy, proxy)], []).unwrap();
        let answers = ANSWER
            .to_challenges(
                server(&[RFC_7616_MD5]),
                [(Party::Proxy, first[0].1.as_str())],
            )
            .unwrap();
        let parties: Vec<_> = answers.iter().map(|(party, _)| *party).collect();
        assert_eq!(parties, [Party::Proxy, Party::Server]);
        let renewed = Credentials::parse(&answers[0].1).unwrap();
        assert_eq!((renewed.nonce.as_str(), renewed.qop.unwrap().nc), ("p", 2));
    }

    #[test]
    fn without_qop_the_answer_has_none() {
        let old =
            "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
        let answer = Answer {
            username: "Mufasa",
            password: "CircleOfLife",
            ..ANSWER
        };
        let answers = answer.to_challenges(server(&[old]), []).unwrap();
        let credentials = Credentials::parse(&answers[0].1).unwrap();
        assert_eq!(
            (credentials.response.as_str(), credentials.qop),
            ("1949323746fe6a43ef61f9606e7febea", None)
        );
    }
}
