//! The rules of admission, parsed once.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use thiserror::Error;

use crate::digest::{Algorithm, Ha1};
use crate::types::{TrunkRule, UserRule};

/// What is wrong with a rule, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RulesError {
    /// Not `address` or `address/prefix`.
    #[error(
        "trunk {trunk:?}: {network:?} is no network (want e.g. 198.51.100.0/24 or 2001:db8::/32)"
    )]
    Network {
        /// Whose.
        trunk: String,
        /// The text given.
        network: String,
    },
    /// Not the hex of a hash.
    #[error("user {username:?}: {field} is not {digits} hex digits")]
    Hash {
        /// Whose.
        username: String,
        /// `ha1` or `ha1_sha256`.
        field: &'static str,
        /// How long it must be.
        digits: usize,
    },
    /// A user that no answer could satisfy.
    #[error("user {0:?} has neither ha1 nor ha1_sha256")]
    NoHash(String),
}

/// Trunks and users, ready to be looked up.
#[derive(Debug, Default)]
pub struct Rules {
    trunks: Vec<(IpNet, String)>,
    users: HashMap<String, User>,
    any_md5: bool,
    any_sha256: bool,
}

#[derive(Debug)]
struct User {
    md5: Option<Ha1>,
    sha256: Option<Ha1>,
}

impl Rules {
    /// Parse all, or say what is wrong with the first bad one.
    pub fn parse(trunks: &[TrunkRule], users: &[UserRule]) -> Result<Self, RulesError> {
        let mut rules = Self::default();
        for rule in trunks {
            rules.trunks.push((network(rule)?, rule.trunk.clone()));
        }
        // The most exact network wins; of equals, the first given.
        rules
            .trunks
            .sort_by_key(|(net, _)| std::cmp::Reverse(net.prefix_len()));
        for rule in users {
            let user = user(rule)?;
            rules.any_md5 |= user.md5.is_some();
            rules.any_sha256 |= user.sha256.is_some();
            rules.users.insert(rule.username.clone(), user);
        }
        Ok(rules)
    }

    /// The trunk that `source` belongs to.
    pub fn trunk(&self, source: IpAddr) -> Option<&str> {
        let source = source.to_canonical();
        self.trunks
            .iter()
            .find(|(net, _)| net.contains(&source))
            .map(|(_, trunk)| trunk.as_str())
    }

    /// Whether anybody can pass a challenge.
    pub fn has_users(&self) -> bool {
        !self.users.is_empty()
    }

    /// What to challenge with, strongest first. A `claimed` user that is not known is offered all
    /// that anybody has, so that a challenge does not tell which names exist.
    pub(super) fn algorithms(&self, claimed: Option<&str>) -> Vec<Algorithm> {
        let (md5, sha256) = match claimed.and_then(|name| self.users.get(name)) {
            Some(user) => (user.md5.is_some(), user.sha256.is_some()),
            None => (self.any_md5, self.any_sha256),
        };
        let offered = [(sha256, Algorithm::Sha256), (md5, Algorithm::Md5)];
        offered
            .into_iter()
            .filter_map(|(has, algorithm)| has.then_some(algorithm))
            .collect()
    }

    /// The user's hash for `algorithm`, and whether there is one for another.
    pub(super) fn ha1(&self, username: &str, algorithm: Option<Algorithm>) -> (Option<&Ha1>, bool) {
        let Some(user) = self.users.get(username) else {
            return (None, false);
        };
        match algorithm {
            Some(Algorithm::Md5) => (user.md5.as_ref(), user.sha256.is_some()),
            Some(Algorithm::Sha256) => (user.sha256.as_ref(), user.md5.is_some()),
            _ => (None, true),
        }
    }
}

fn network(rule: &TrunkRule) -> Result<IpNet, RulesError> {
    let text = rule.network.trim();
    let parsed = text
        .parse::<IpNet>()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    parsed.ok_or_else(|| RulesError::Network {
        trunk: rule.trunk.clone(),
        network: rule.network.clone(),
    })
}

fn user(rule: &UserRule) -> Result<User, RulesError> {
    let hash = |algorithm, field, digits, hex: &Option<String>| {
        let bad = || RulesError::Hash {
            username: rule.username.clone(),
            field,
            digits,
        };
        hex.as_deref()
            .map(|hex| Ha1::from_hex(algorithm, hex).ok_or_else(bad))
            .transpose()
    };
    let md5 = hash(Algorithm::Md5, "ha1", 32, &rule.ha1)?;
    let sha256 = hash(Algorithm::Sha256, "ha1_sha256", 64, &rule.ha1_sha256)?;
    if md5.is_none() && sha256.is_none() {
        return Err(RulesError::NoHash(rule.username.clone()));
    }
    Ok(User { md5, sha256 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk(network: &str, trunk: &str) -> TrunkRule {
        TrunkRule {
            network: network.into(),
            trunk: trunk.into(),
        }
    }

    fn user(ha1: Option<&str>, ha1_sha256: Option<&str>) -> UserRule {
        UserRule {
            username: "alice".into(),
            ha1: ha1.map(str::to_owned),
            ha1_sha256: ha1_sha256.map(str::to_owned),
        }
    }

    #[test]
    fn the_most_exact_network_names_the_trunk() {
        let rules = Rules::parse(
            &[
                trunk("198.51.100.0/24", "wide"),
                trunk("198.51.100.7", "one"),
                trunk("2001:db8::/32", "six"),
                trunk("198.51.100.7/32", "later"),
            ],
            &[],
        )
        .unwrap();
        let cases = [
            ("198.51.100.7", Some("one")),
            ("198.51.100.8", Some("wide")),
            ("::ffff:198.51.100.8", Some("wide")),
            ("2001:db8::1", Some("six")),
            ("198.51.101.1", None),
        ];
        for (source, expected) in cases {
            assert_eq!(rules.trunk(source.parse().unwrap()), expected, "{source}");
        }
    }

    #[test]
    fn a_bad_rule_is_named_with_its_place() {
        let cases = [
            (
                Rules::parse(&[trunk("10.0.0.0/33", "carrier")], &[]),
                "trunk \"carrier\": \"10.0.0.0/33\" is no network (want e.g. 198.51.100.0/24 or 2001:db8::/32)",
            ),
            (
                Rules::parse(&[], &[user(Some("abc"), None)]),
                "user \"alice\": ha1 is not 32 hex digits",
            ),
            (
                Rules::parse(&[], &[user(None, Some("abc"))]),
                "user \"alice\": ha1_sha256 is not 64 hex digits",
            ),
            (
                Rules::parse(&[], &[user(None, None)]),
                "user \"alice\" has neither ha1 nor ha1_sha256",
            ),
        ];
        for (result, text) in cases {
            assert_eq!(result.unwrap_err().to_string(), text);
        }
    }
}
