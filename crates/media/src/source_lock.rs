//! Whose RTP a leg takes, and where its answers go (symmetric RTP, RFC 4961).
//!
//! The first valid packet locks the leg onto its source. From then on everybody else is refused,
//! with two ways out: the address SDP named speaks up shortly after a stranger was first, or the
//! same stream goes on from another address after the old one fell silent (a NAT rebound).
//! When SDP names a new address, the old source is heard until a new one speaks, but no longer
//! answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::seq::{Seq, Ssrc};

/// How long after the lock the address from SDP may still claim its place.
const CLAIM: Duration = Duration::from_secs(2);
/// How long the locked source must be silent before its stream may move.
const SILENT: Duration = Duration::from_millis(100);
/// How long a new source may take over after SDP named a new address.
const TAKEOVER: Duration = Duration::from_secs(5);
/// How far a moved stream may have gone on, in packets.
const MOVED: i32 = 500;

#[derive(Debug)]
pub struct SourceLock {
    /// Where SDP says the peer is.
    remote: SocketAddr,
    symmetric: bool,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Open,
    Locked {
        source: SocketAddr,
        since: Instant,
        heard: Instant,
        ssrc: Ssrc,
        sequence: Seq,
        /// SDP has named another address since: until then any new source takes its place.
        outdated: Option<Instant>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// From the locked source.
    Taken,
    /// From a source the leg has just locked onto: what comes is a stream of its own.
    Locked,
    Refused,
}

impl SourceLock {
    pub fn new(remote: SocketAddr, symmetric: bool) -> Self {
        Self {
            remote,
            symmetric,
            state: State::Open,
        }
    }

    /// SDP named an address again: the same one changes nothing, another waits for its source.
    pub fn configure(&mut self, now: Instant, remote: SocketAddr, symmetric: bool) {
        if remote != self.remote
            && let State::Locked {
                source, outdated, ..
            } = &mut self.state
        {
            *outdated = (*source != remote).then_some(now + TAKEOVER);
        }
        self.remote = remote;
        self.symmetric = symmetric;
    }

    /// Judge a valid packet.
    pub fn judge(&mut self, now: Instant, from: SocketAddr, ssrc: Ssrc, sequence: Seq) -> Verdict {
        if let State::Locked {
            source,
            heard,
            ssrc: locked_ssrc,
            sequence: newest,
            outdated,
            ..
        } = &mut self.state
            && *source == from
        {
            *outdated = outdated.filter(|until| now < *until);
            *heard = now;
            *locked_ssrc = ssrc;
            *newest = sequence;
            return Verdict::Taken;
        }
        if !self.may_lock(now, from, ssrc, sequence) {
            return Verdict::Refused;
        }
        self.state = State::Locked {
            source: from,
            since: now,
            heard: now,
            ssrc,
            sequence,
            outdated: None,
        };
        Verdict::Locked
    }

    /// May this host's RTCP be read? Its port is any: RTCP need not be symmetric.
    pub fn knows(&self, from: SocketAddr) -> bool {
        match self.state {
            State::Locked { source, .. } => source.ip() == from.ip(),
            State::Open => from.ip() == self.remote.ip(),
        }
    }

    /// Where to send; nowhere as long as SDP named no address and nobody was heard.
    pub fn target(&self) -> Option<SocketAddr> {
        let target = match self.state {
            State::Locked {
                source,
                outdated: None,
                ..
            } if self.symmetric => source,
            _ => self.remote,
        };
        (!target.ip().is_unspecified() && target.port() != 0).then_some(target)
    }

    /// The source heard, else what SDP says.
    pub fn peer(&self) -> SocketAddr {
        match self.state {
            State::Locked { source, .. } => source,
            State::Open => self.remote,
        }
    }

    fn may_lock(&self, now: Instant, from: SocketAddr, ssrc: Ssrc, sequence: Seq) -> bool {
        // Without symmetric RTP the peer may send from another port, not from another host.
        if !self.symmetric && from.ip() != self.remote.ip() {
            return false;
        }
        match self.state {
            State::Open => true,
            State::Locked {
                since,
                heard,
                ssrc: locked_ssrc,
                sequence: newest,
                outdated,
                ..
            } => {
                let takes_over = outdated.is_some_and(|until| now < until);
                let claims = from == self.remote && now.saturating_duration_since(since) <= CLAIM;
                let moved = ssrc == locked_ssrc
                    && (1..=MOVED).contains(&sequence.since(newest))
                    && now.saturating_duration_since(heard) >= SILENT;
                takes_over || claims || moved
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDP: &str = "192.0.2.1:4000";
    const NAT: &str = "203.0.113.9:61000";
    const STRANGER: &str = "198.51.100.66:5555";

    struct Rig {
        start: Instant,
        lock: SourceLock,
    }

    impl Rig {
        fn new(symmetric: bool) -> Self {
            Self {
                start: Instant::now(),
                lock: SourceLock::new(addr(SDP), symmetric),
            }
        }

        fn packet(&mut self, at_ms: u64, from: &str, ssrc: u32, sequence: u16) -> Verdict {
            let now = self.start + Duration::from_millis(at_ms);
            self.lock.judge(now, addr(from), Ssrc(ssrc), Seq(sequence))
        }
    }

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_source_is_locked_and_answered() {
        let mut rig = Rig::new(true);
        assert_eq!(rig.lock.target(), Some(addr(SDP)));
        assert_eq!(rig.packet(0, NAT, 1, 1), Verdict::Locked);
        assert_eq!(rig.packet(20, NAT, 1, 2), Verdict::Taken);
        assert_eq!(rig.packet(21, STRANGER, 9, 7), Verdict::Refused);
        assert_eq!(rig.packet(60_000, STRANGER, 9, 8), Verdict::Refused);
        assert_eq!(rig.lock.target(), Some(addr(NAT)));
    }

    #[test]
    fn a_stranger_who_was_first_yields_to_the_address_of_sdp() {
        let mut rig = Rig::new(true);
        assert_eq!(rig.packet(0, STRANGER, 9, 1), Verdict::Locked);
        assert_eq!(rig.packet(500, SDP, 1, 1), Verdict::Locked);
        assert_eq!(rig.packet(501, STRANGER, 9, 2), Verdict::Refused);
    }

    #[test]
    fn long_after_the_lock_even_that_address_is_refused() {
        let mut rig = Rig::new(true);
        rig.packet(0, NAT, 1, 1);
        rig.packet(2990, NAT, 1, 150);
        assert_eq!(rig.packet(3000, SDP, 5, 1), Verdict::Refused);
    }

    #[test]
    fn the_same_stream_may_move_once_its_old_source_is_silent() {
        let mut rig = Rig::new(true);
        rig.packet(0, NAT, 1, 1);
        let moved = "203.0.113.9:61777";
        assert_eq!(rig.packet(20, moved, 1, 2), Verdict::Refused);
        assert_eq!(
            rig.packet(140, moved, 2, 8),
            Verdict::Refused,
            "another stream"
        );
        assert_eq!(
            rig.packet(140, moved, 1, 9000),
            Verdict::Refused,
            "far ahead"
        );
        assert_eq!(rig.packet(140, moved, 1, 8), Verdict::Locked);
        assert_eq!(rig.packet(141, NAT, 1, 9), Verdict::Refused);
    }

    #[test]
    fn a_new_address_in_sdp_lets_a_new_source_in_and_the_same_does_not() {
        let mut rig = Rig::new(true);
        rig.packet(0, NAT, 1, 1);
        rig.lock.configure(rig.start, addr(SDP), true);
        assert_eq!(rig.packet(20, STRANGER, 9, 1), Verdict::Refused);
        rig.lock.configure(rig.start, addr("192.0.2.2:4000"), true);
        assert_eq!(rig.lock.target(), Some(addr("192.0.2.2:4000")));
        // What the old source still has under way is heard and not answered.
        assert_eq!(rig.packet(30, NAT, 1, 2), Verdict::Taken);
        assert_eq!(rig.lock.target(), Some(addr("192.0.2.2:4000")));
        assert_eq!(rig.packet(40, "203.0.113.10:1", 3, 1), Verdict::Locked);
        assert_eq!(rig.packet(41, NAT, 1, 3), Verdict::Refused);
        assert_eq!(rig.lock.target(), Some(addr("203.0.113.10:1")));
    }

    #[test]
    fn an_old_source_that_just_goes_on_is_answered_again() {
        let mut rig = Rig::new(true);
        rig.packet(0, NAT, 1, 1);
        rig.lock.configure(rig.start, addr("192.0.2.2:4000"), true);
        assert_eq!(rig.packet(4990, NAT, 1, 250), Verdict::Taken);
        assert_eq!(rig.packet(5010, NAT, 1, 251), Verdict::Taken);
        assert_eq!(rig.lock.target(), Some(addr(NAT)));
        assert_eq!(rig.packet(5020, STRANGER, 9, 1), Verdict::Refused);
    }

    #[test]
    fn without_symmetry_answers_go_where_sdp_says() {
        let mut rig = Rig::new(false);
        assert_eq!(rig.packet(0, STRANGER, 9, 1), Verdict::Refused);
        assert_eq!(rig.packet(0, "192.0.2.1:7777", 1, 1), Verdict::Locked);
        assert_eq!(rig.lock.target(), Some(addr(SDP)));
    }

    #[test]
    fn nowhere_to_send_until_heard() {
        let mut rig = Rig::new(true);
        rig.lock.configure(rig.start, addr("0.0.0.0:0"), true);
        assert_eq!(rig.lock.target(), None);
        rig.packet(0, NAT, 1, 1);
        assert_eq!(rig.lock.target(), Some(addr(NAT)));
    }
}
