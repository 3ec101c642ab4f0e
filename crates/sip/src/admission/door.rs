//! The decision on one request.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::rules::Rules;
use crate::digest::{Attempt, Challenger, Credentials, Party, Verdict};
use crate::message::Request;
use crate::method::Method;
use crate::types::{
    Admission, Decision, HeaderList, Identity, NoticeKind, Source, TrunkRule, UserRule,
};

/// Stands before everything a stranger can ask for.
pub struct Door {
    rules: Rules,
    challenger: Challenger,
    backoff: Backoff,
    stats: DoorStats,
}

/// What the door did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DoorStats {
    /// 401s sent.
    pub challenges: u64,
    /// 403s sent.
    pub refused: u64,
    /// Wrong passwords and unknown users.
    pub auth_failed: u64,
}

/// Long enough for a person's phone to answer, short enough that a stolen nonce is worth little.
const NONCE_LIFETIME: Duration = Duration::from_secs(300);

impl Door {
    /// A closed one: without rules everybody gets 403. `secret` is fresh randomness.
    pub fn new(realm: &str, secret: [u8; 32], now: Instant) -> Self {
        Self {
            rules: Rules::default(),
            challenger: Challenger::new(realm, secret, now, NONCE_LIFETIME),
            backoff: Backoff::default(),
            stats: DoorStats::default(),
        }
    }

    /// Replace the rules at once and as a whole; failures counted so far stay.
    pub fn replace(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// The trunk that `source` belongs to.
    pub fn trunk(&self, source: IpAddr) -> Option<&str> {
        self.rules.trunk(source)
    }

    /// Counters.
    pub fn stats(&self) -> DoorStats {
        self.stats
    }

    /// Only a user registers: a REGISTER is challenged even from a trunk's network.
    fn judge(&mut self, now: Instant, request: &Request, source: IpAddr) -> Decision {
        if request.method != Method::Register
            && let Some(trunk) = self.rules.trunk(source)
        {
            return Decision::Admit(Identity::Trunk(trunk.to_owned()));
        }
        if self.backoff.is_blocked(now, source) {
            let detail = "blocked after repeated failures".to_owned();
            return self.refuse(NoticeKind::Refused, detail);
        }
        if !self.rules.has_users() {
            let detail = format!(
                "{} from no trunk's network, and no users are configured",
                request.method
            );
            return self.refuse(NoticeKind::Refused, detail);
        }
        match self.credentials(request) {
            Some(credentials) => self.judge_credentials(now, request, &credentials, source),
            None => self.challenge(now, request, source, false),
        }
    }

    fn judge_credentials(
        &mut self,
        now: Instant,
        request: &Request,
        credentials: &Credentials,
        source: IpAddr,
    ) -> Decision {
        let attempt = Attempt {
            credentials,
            method: request.method.as_str(),
            source,
        };
        let (ha1, has_other) = self
            .rules
            .ha1(&credentials.username, credentials.known_algorithm());
        match self.challenger.check(now, &attempt, ha1, has_other) {
            Verdict::Accepted => Decision::Admit(Identity::User(credentials.username.clone())),
            Verdict::Stale => self.challenge(now, request, source, true),
            Verdict::WrongAlgorithm => {
                self.challenge_with(now, &credentials.username, source, true)
            }
            Verdict::Wrong => {
                self.stats.auth_failed += 1;
                let mut detail = format!(
                    "{}: wrong password or unknown user {:?}",
                    request.method,
                    short(&credentials.username)
                );
                if self.backoff.failed(now, source) {
                    detail.push_str("; this source is now blocked");
                    log::warn!("sip.source-blocked source={source}");
                }
                // A new challenge would make some phones (baresip) try the same password again at
                // once, until their whole address is blocked. 403 says: do not repeat (RFC 3261
                // §21.4.4); a nonce that is merely old is challenged above.
                self.refuse(NoticeKind::AuthFailed, detail)
            }
        }
    }

    fn challenge(
        &mut self,
        now: Instant,
        request: &Request,
        source: IpAddr,
        stale: bool,
    ) -> Decision {
        let claimed = request.headers.get("From").and_then(user_part);
        self.challenge_with(now, claimed.unwrap_or_default(), source, stale)
    }

    fn challenge_with(
        &mut self,
        now: Instant,
        claimed: &str,
        source: IpAddr,
        stale: bool,
    ) -> Decision {
        self.stats.challenges += 1;
        let algorithms = self.rules.algorithms(Some(claimed));
        let headers = self
            .challenger
            .challenge(now, source, &algorithms, stale)
            .into_iter()
            .map(|value| (Party::Server.challenge_header().to_owned(), value))
            .collect();
        Decision::Answer {
            status: 401,
            headers,
            notice: None,
        }
    }

    fn refuse(&mut self, kind: NoticeKind, detail: String) -> Decision {
        self.stats.refused += 1;
        Decision::Answer {
            status: 403,
            headers: HeaderList::new(),
            notice: Some((kind, detail)),
        }
    }

    /// Those meant for our realm: a request may carry some for a proxy or the far end, too.
    fn credentials(&self, request: &Request) -> Option<Credentials> {
        request
            .headers
            .all(Party::Server.credentials_header())
            .filter_map(|value| Credentials::parse(value).ok())
            .find(|credentials| credentials.realm == self.challenger.realm())
    }
}

impl Admission for Door {
    fn decide(&mut self, now: Instant, request: &Request, source: &Source) -> Decision {
        self.judge(now, request, source.remote.ip().to_canonical())
    }

    fn set(&mut self, trunks: Vec<TrunkRule>, users: Vec<UserRule>) {
        match Rules::parse(&trunks, &users) {
            Ok(rules) => self.replace(rules),
            // The endpoint parses them before they are sent here, so that its caller hears of it.
            Err(error) => log::error!("sip.admission-unchanged error={error}"),
        }
    }
}

/// `alice` of `"A" <sip:alice@host>;tag=1`: a hint which algorithms to offer, nothing more.
fn user_part(name_addr: &str) -> Option<&str> {
    let after_scheme = name_addr
        .split_once("sip:")
        .or_else(|| name_addr.split_once("sips:"))?
        .1;
    let (user, _) = after_scheme.split_once('@')?;
    (!user.contains(['>', ';', '?'])).then(|| user.split_once(':').map_or(user, |(user, _)| user))
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
#[path = "door_tests.rs"]
mod tests;
