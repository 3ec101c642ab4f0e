//! The records of the DNS that matter to SIP, and the order to use SRV records in (RFC 2782).

use std::net::IpAddr;

/// One question to the DNS.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Query {
    /// Which transports a domain prefers.
    Naptr(String),
    /// Which hosts serve one transport.
    Srv(String),
    /// The addresses of a host, A and AAAA, hosts file included.
    Addresses(String),
}

/// What came back; empty where there is no such name or nobody answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Query::Naptr`].
    Naptr(Vec<Naptr>),
    /// To [`Query::Srv`].
    Srv(Vec<Srv>),
    /// To [`Query::Addresses`].
    Addresses(Vec<IpAddr>),
}

/// A NAPTR record (RFC 3403).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    /// Lower first.
    pub order: u16,
    /// Among equals of `order`, lower first.
    pub preference: u16,
    /// `s`: the replacement names SRV records.
    pub flags: String,
    /// `SIP+D2U`, `SIP+D2T`, `SIPS+D2T` …
    pub service: String,
    /// Where to go on.
    pub replacement: String,
}

/// An SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// Lower first.
    pub priority: u16,
    /// Among equals of `priority`, the share of the load.
    pub weight: u16,
    /// Where it listens.
    pub port: u16,
    /// Its name.
    pub target: String,
}

/// By priority, and at random by weight within one (RFC 2782 "Usage rules"). `random` gives any
/// number.
pub fn order_by_weight(mut records: Vec<Srv>, random: &mut dyn FnMut() -> u64) -> Vec<Srv> {
    // Weight 0 goes first, so that it has a small chance of being chosen at all.
    records.sort_by_key(|record| (record.priority, record.weight));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(priority) = records.first().map(|record| record.priority) {
        let group = records
            .iter()
            .take_while(|record| record.priority == priority)
            .count();
        let total: u64 = records
            .iter()
            .take(group)
            .map(|record| u64::from(record.weight))
            .sum();
        let mut mark = random() % (total + 1);
        let chosen = records.iter().take(group).position(|record| {
            let weight = u64::from(record.weight);
            let hit = weight >= mark;
            mark = mark.saturating_sub(weight);
            hit
        });
        ordered.push(records.remove(chosen.unwrap_or(0)));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn srv(priority: u16, weight: u16, target: &str) -> Srv {
        Srv {
            priority,
            weight,
            port: 5060,
            target: target.into(),
        }
    }

    fn first(records: &[Srv], random: u64) -> String {
        order_by_weight(records.to_vec(), &mut || random)[0]
            .target
            .clone()
    }

    #[test]
    fn the_share_of_each_is_its_weight() {
        let records = [
            srv(1, 60, "a"),
            srv(1, 20, "b"),
            srv(1, 0, "z"),
            srv(0, 0, "never second"),
        ];
        assert_eq!(first(&records, 5), "never second");
        let share = |name: &str| (0..81).filter(|r| first(&records[..3], *r) == name).count();
        assert_eq!((share("a"), share("b"), share("z")), (60, 20, 1));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_priorities_hold(list in proptest::collection::vec((0u16..4, 0u16..5), 0..12), seed: u64) {
            let records: Vec<_> = list.iter().enumerate().map(|(n, (p, w))| srv(*p, *w, &n.to_string())).collect();
            let mut state = seed;
            let ordered = order_by_weight(records.clone(), &mut || { state = state.wrapping_mul(6364136223846793005).wrapping_add(1); state >> 33 });
            prop_assert!(ordered.is_sorted_by_key(|record| record.priority));
            let sorted = |mut list: Vec<Srv>| { list.sort_by(|a, b| a.target.cmp(&b.target)); list };
            prop_assert_eq!(sorted(ordered), sorted(records));
        }
    }
}
