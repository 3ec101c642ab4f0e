//! What a stack is given in tests instead of the real thing.

use std::time::Instant;

use bridgetap_sip::types::*;
use bridgetap_sip::{Request, Response};

/// Numbers that look random and are the same in every run (splitmix64).
pub struct Seeded(pub u64);

impl Entropy for Seeded {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// Lets everybody in, as the user in From or as a trunk.
pub struct Open;

impl Admission for Open {
    fn decide(&mut self, _: Instant, request: &Request, _: &Source) -> Decision {
        match request.headers.get("X-Test-Admission") {
            Some("refuse") => Decision::Answer {
                status: 403,
                headers: vec![],
                notice: Some((NoticeKind::Refused, "refused by test".to_owned())),
            },
            Some("user") => Decision::Admit(Identity::User("alice".to_owned())),
            _ if request.method.as_str() == "REGISTER" => {
                Decision::Admit(Identity::User("alice".to_owned()))
            }
            _ => Decision::Admit(Identity::Trunk("test".to_owned())),
        }
    }

    fn set(&mut self, _: Vec<TrunkRule>, _: Vec<UserRule>) {}
}

/// Answers each challenge once.
pub struct Password;

impl Authenticator for Password {
    fn answer(
        &mut self,
        credentials: &Credentials,
        challenge: &Response,
        request: &Request,
    ) -> Option<HeaderList> {
        let name = if challenge.status == 401 {
            "Authorization"
        } else {
            "Proxy-Authorization"
        };
        let fresh = !request.headers.contains(name);
        fresh.then(|| vec![(name.to_owned(), format!("Digest {}", credentials.username))])
    }
}
