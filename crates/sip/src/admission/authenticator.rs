//! Our side of a challenge to a request of ours.

use crate::digest::{Answer, Party};
use crate::message::{Request, Response};
use crate::types::{Authenticator, Credentials, Entropy, HeaderList};

/// Answers 401 and 407 with MD5 or SHA-256, the strongest offered.
pub struct DigestAuthenticator {
    entropy: Box<dyn Entropy>,
}

impl DigestAuthenticator {
    /// `entropy` makes the cnonces.
    pub fn new(entropy: Box<dyn Entropy>) -> Self {
        Self { entropy }
    }
}

const PARTIES: [Party; 2] = [Party::Server, Party::Proxy];

impl Authenticator for DigestAuthenticator {
    fn answer(
        &mut self,
        credentials: &Credentials,
        challenge: &Response,
        request: &Request,
    ) -> Option<HeaderList> {
        let cnonce = format!("{:016x}", self.entropy.next_u64());
        let answer = Answer {
            username: &credentials.username,
            password: &credentials.password,
            method: request.method.as_str(),
            uri: &request.uri,
            cnonce: &cnonce,
        };
        let challenges = PARTIES.into_iter().flat_map(|party| {
            challenge
                .headers
                .all(party.challenge_header())
                .map(move |value| (party, value))
        });
        let carried = PARTIES.into_iter().flat_map(|party| {
            request
                .headers
                .all(party.credentials_header())
                .map(move |value| (party, value))
        });
        match answer.to_challenges(challenges, carried) {
            Ok(answers) => Some(
                answers
                    .into_iter()
                    .map(|(party, value)| (party.credentials_header().to_owned(), value))
                    .collect(),
            ),
            Err(error) => {
                log::debug!("challenge to {} not answered: {error}", request.method);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;

    struct Counting(u64);
    impl Entropy for Counting {
        fn next_u64(&mut self) -> u64 {
            self.0 += 1;
            self.0
        }
    }

    fn message(text: &str) -> Message {
        Message::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn each_party_gets_its_own_header_and_a_second_refusal_ends_it() {
        let Message::Request(mut request) = message("INVITE sip:b@h SIP/2.0\r\nCall-ID: 1\r\n\r\n")
        else {
            panic!()
        };
        let Message::Response(challenge) = message(
            "SIP/2.0 407 Proxy Authentication Required\r\n\
             Proxy-Authenticate: Digest realm=\"p, q\", nonce=\"n1\", qop=\"auth\", algorithm=MD5\r\n\
             WWW-Authenticate: Digest realm=\"s\", nonce=\"n2\"\r\n\r\n",
        ) else {
            panic!()
        };
        let credentials = Credentials {
            username: "u".into(),
            password: "p".into(),
        };
        let mut authenticator = DigestAuthenticator::new(Box::new(Counting(0)));
        let headers = authenticator
            .answer(&credentials, &challenge, &request)
            .unwrap();
        let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["Authorization", "Proxy-Authorization"]);
        assert!(
            headers[1].1.contains("realm=\"p, q\"")
                && headers[1].1.contains("cnonce=\"0000000000000001\"")
        );
        for (name, value) in headers {
            request.headers.push(&name, value);
        }
        assert_eq!(
            authenticator.answer(&credentials, &challenge, &request),
            None
        );
    }
}
