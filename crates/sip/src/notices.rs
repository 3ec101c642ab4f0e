//! Merging what an operator should see to one notice per source and second. Pure.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use crate::types::{NoticeKind, SipEvent};

/// Lets the first of a kind and source through at once and counts the rest of that second.
#[derive(Debug, Default)]
pub struct Notices {
    recent: HashMap<(IpAddr, NoticeKind), Recent>,
    next_due: Option<Instant>,
}

#[derive(Debug)]
struct Recent {
    since: Instant,
    /// Suppressed since, with the last of them.
    held: u32,
    source: SocketAddr,
    detail: String,
}

const INTERVAL: Duration = Duration::from_secs(1);
/// Sources told apart; a flood from more than these is reported as from `0.0.0.0:0`.
const MAX_SOURCES: usize = 1024;

impl Notices {
    /// Report one; `Some` where it is to be told now.
    pub fn note(
        &mut self,
        now: Instant,
        kind: NoticeKind,
        source: SocketAddr,
        detail: &str,
    ) -> Option<SipEvent> {
        let mut source = source;
        let mut key = (source.ip().to_canonical(), kind);
        if self.recent.len() >= MAX_SOURCES && !self.recent.contains_key(&key) {
            source = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
            key.0 = source.ip();
        }
        if let Some(recent) = self.recent.get_mut(&key) {
            recent.held = recent.held.saturating_add(1);
            recent.source = source;
            recent.detail.clear();
            recent.detail.push_str(detail);
            return None;
        }
        self.next_due = self.next_due.or(Some(now + INTERVAL));
        self.recent.insert(
            key,
            Recent {
                since: now,
                held: 0,
                source,
                detail: String::new(),
            },
        );
        Some(SipEvent::SipNotice {
            kind,
            source,
            detail: detail.to_owned(),
            count: 1,
        })
    }

    /// When [`Self::due`] has something to do.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.next_due
    }

    /// What was held back for a second: one notice with the count each.
    pub fn due(&mut self, now: Instant) -> Vec<SipEvent> {
        let mut told = Vec::new();
        if self.next_due.is_none_or(|due| now < due) {
            return told;
        }
        self.recent.retain(|(_, kind), recent| {
            if now.saturating_duration_since(recent.since) < INTERVAL {
                return true;
            }
            if recent.held == 0 {
                return false;
            }
            told.push(SipEvent::SipNotice {
                kind: *kind,
                source: recent.source,
                detail: std::mem::take(&mut recent.detail),
                count: std::mem::take(&mut recent.held),
            });
            recent.since = now;
            true
        });
        self.next_due = self
            .recent
            .values()
            .map(|recent| recent.since + INTERVAL)
            .min();
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(events: &[SipEvent]) -> Vec<(NoticeKind, u32, String)> {
        events
            .iter()
            .map(|event| match event {
                SipEvent::SipNotice {
                    kind,
                    detail,
                    count,
                    ..
                } => (*kind, *count, detail.clone()),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn one_a_second_and_nothing_is_uncounted() {
        let mut notices = Notices::default();
        let start = Instant::now();
        let source: SocketAddr = "192.0.2.1:5060".parse().unwrap();
        let mut told = Vec::new();
        for ms in (0..3_500).step_by(10) {
            let now = start + Duration::from_millis(ms);
            told.extend(notices.due(now));
            told.extend(notices.note(now, NoticeKind::Malformed, source, &format!("at {ms}")));
        }
        told.extend(notices.due(start + Duration::from_secs(9)));
        let expected = [
            (NoticeKind::Malformed, 1, "at 0".to_owned()),
            (NoticeKind::Malformed, 99, "at 990".to_owned()),
            (NoticeKind::Malformed, 100, "at 1990".to_owned()),
            (NoticeKind::Malformed, 100, "at 2990".to_owned()),
            (NoticeKind::Malformed, 50, "at 3490".to_owned()),
        ];
        assert_eq!(counts(&told), expected);
        assert!(notices.due(start + Duration::from_secs(11)).is_empty());
        assert_eq!(notices.next_timeout(), None);
    }

    #[test]
    fn kinds_and_sources_are_told_apart_but_ports_are_not() {
        let mut notices = Notices::default();
        let now = Instant::now();
        let source = |text: &str| text.parse().unwrap();
        assert!(
            notices
                .note(now, NoticeKind::Malformed, source("192.0.2.1:1"), "")
                .is_some()
        );
        assert!(
            notices
                .note(now, NoticeKind::Malformed, source("192.0.2.1:2"), "")
                .is_none()
        );
        assert!(
            notices
                .note(
                    now,
                    NoticeKind::Malformed,
                    source("[::ffff:192.0.2.1]:2"),
                    ""
                )
                .is_none()
        );
        assert!(
            notices
                .note(now, NoticeKind::Refused, source("192.0.2.1:1"), "")
                .is_some()
        );
        assert!(
            notices
                .note(now, NoticeKind::Malformed, source("192.0.2.2:1"), "")
                .is_some()
        );
    }

    #[test]
    fn a_flood_from_everywhere_stays_bounded() {
        let mut notices = Notices::default();
        let now = Instant::now();
        let told = (0..100_000u32)
            .filter_map(|n| {
                let source = SocketAddr::new(Ipv4Addr::from(0x0a00_0000 + n).into(), 5060);
                notices.note(now, NoticeKind::Malformed, source, "x")
            })
            .count();
        assert_eq!(told, MAX_SOURCES + 1);
        let later = notices.due(now + INTERVAL);
        assert_eq!(
            counts(&later),
            [(
                NoticeKind::Malformed,
                u32::try_from(100_000 - MAX_SOURCES - 1).unwrap(),
                "x".to_owned()
            )]
        );
    }
}
