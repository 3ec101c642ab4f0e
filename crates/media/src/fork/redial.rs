//! Which server is dialled next, and when: endpoints in order, then back-off with jitter.

use std::time::{Duration, Instant};

/// What to do after a try that failed or a connection that broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Dial this endpoint.
    Now(usize),
    /// Dial it then.
    At(Instant, usize),
    /// Give up.
    Never,
}

/// The first pause after a connection that held is at most this, so that all the streams of a
/// server that restarts do not come back in one moment.
const FIRST: Duration = Duration::from_millis(200);
/// The second is at most this; each further one at most twice as long.
const SECOND: Duration = Duration::from_millis(400);
const LONGEST: Duration = Duration::from_secs(5);
/// A connection that held so long begins the pauses anew.
const STEADY: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct Redial {
    endpoints: usize,
    resume: bool,
    /// The endpoint dialled last.
    at: usize,
    /// Endpoints that this round has not tried yet.
    untried: usize,
    /// Rounds that came to nothing since the last steady connection.
    rounds: u32,
    /// Nothing but lasting failures so far.
    hopeless: bool,
    opened: Option<Instant>,
    seed: u64,
}

impl Redial {
    pub fn new(endpoints: usize, resume: bool, seed: u64) -> Self {
        Self {
            endpoints: endpoints.max(1),
            resume,
            at: 0,
            untried: endpoints.saturating_sub(1),
            rounds: 0,
            hopeless: true,
            opened: None,
            seed,
        }
    }

    /// The endpoint dialled last.
    pub fn endpoint(&self) -> usize {
        self.at
    }

    /// The server answered 101.
    pub fn opened(&mut self, now: Instant) {
        self.opened = Some(now);
        self.hopeless = false;
    }

    /// The try did not come about. `lasting`: nor will another one, as things are configured.
    pub fn failed(&mut self, now: Instant, lasting: bool) -> Next {
        self.hopeless &= lasting;
        if self.untried > 0 {
            self.untried -= 1;
            self.at = (self.at + 1) % self.endpoints;
            return Next::Now(self.at);
        }
        if !self.resume || self.hopeless {
            return Next::Never;
        }
        self.untried = self.endpoints - 1;
        self.at = (self.at + 1) % self.endpoints;
        self.rounds += 1;
        Next::At(now + self.pause(), self.at)
    }

    /// An open connection broke: its server knows most, so it is the first to be asked again.
    pub fn broke(&mut self, now: Instant) -> Next {
        if !self.resume {
            return Next::Never;
        }
        let steady = |opened| now.saturating_duration_since(opened) >= STEADY;
        self.rounds = if self.opened.is_some_and(steady) {
            0
        } else {
            self.rounds + 1
        };
        self.untried = self.endpoints - 1;
        Next::At(now + self.pause(), self.at)
    }

    fn pause(&mut self) -> Duration {
        let Some(doublings) = self.rounds.checked_sub(1) else {
            return FIRST.mul_f64(self.dice());
        };
        let most = SECOND.saturating_mul(1 << doublings.min(8)).min(LONGEST);
        most.mul_f64(0.5 + self.dice() / 2.0)
    }

    /// From 0 to 1 (splitmix64).
    fn dice(&mut self) -> f64 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn without_resume_every_endpoint_is_tried_once() {
        let now = Instant::now();
        let mut redial = Redial::new(3, false, 1);
        let next: Vec<Next> = (0..3).map(|_| redial.failed(now, false)).collect();
        assert_eq!(next, [Next::Now(1), Next::Now(2), Next::Never]);
        let mut redial = Redial::new(3, false, 1);
        redial.opened(now);
        assert_eq!(redial.broke(now), Next::Never);
    }

    #[test]
    fn with_resume_rounds_go_on_with_longer_pauses_unless_all_is_hopeless() {
        let now = Instant::now();
        let mut redial = Redial::new(2, true, 7);
        assert_eq!(redial.failed(now, true), Next::Now(1));
        assert_eq!(redial.failed(now, true), Next::Never);
        let mut redial = Redial::new(2, true, 7);
        let mut most = 0.4;
        for round in 0..10 {
            assert_eq!(redial.failed(now, false), Next::Now(1), "{round}");
            let Next::At(at, 0) = redial.failed(now, false) else {
                panic!("round {round}");
            };
            let pause = (at - now).as_secs_f64();
            assert!((most / 2.0..=most).contains(&pause), "{pause} of {most}");
            most = (most * 2.0).min(5.0);
        }
    }

    #[test]
    fn a_broken_connection_asks_its_own_server_first() {
        let start = Instant::now();
        let mut redial = Redial::new(2, true, 3);
        assert_eq!(redial.failed(start, false), Next::Now(1));
        redial.opened(start);
        let broke = start + seconds(10);
        let Next::At(at, 1) = redial.broke(broke) else {
            panic!();
        };
        assert!(at - broke <= FIRST);
        assert_eq!(redial.failed(broke, true), Next::Now(0));
        redial.opened(broke);
        // One that breaks at once is not asked again at once for ever.
        let pauses: Vec<f64> = (0..4)
            .map(|_| match redial.broke(broke) {
                Next::At(at, 0) => (at - broke).as_secs_f64(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(pauses[3] > 1.5 && pauses[0] >= 0.2, "{pauses:?}");
    }

    #[test]
    fn many_streams_come_back_one_by_one() {
        let now = Instant::now();
        let mut pauses: Vec<Duration> = (0..1000)
            .map(|seed| {
                let mut redial = Redial::new(1, true, seed);
                redial.opened(now);
                match redial.broke(now + seconds(9)) {
                    Next::At(at, 0) => at - (now + seconds(9)),
                    other => panic!("{other:?}"),
                }
            })
            .collect();
        pauses.sort();
        assert!(pauses[100] < FIRST / 5 && pauses[900] > FIRST * 4 / 5);
    }
}
