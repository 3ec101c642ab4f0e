//! The timers of RFC 3261 §17 and RFC 6026, as one table.

use std::time::Duration;

/// Round-trip estimate.
pub const T1: Duration = Duration::from_millis(500);
/// Cap of retransmission intervals, INVITE requests apart.
pub const T2: Duration = Duration::from_secs(4);
/// How long a message may live in the network.
pub const T4: Duration = Duration::from_secs(5);
/// 64·T1: how long anything is tried.
pub const PATIENCE: Duration = Duration::from_secs(32);

/// One timer of a transaction. C belongs to proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the table below says what each is for
pub enum Timer {
    A,
    B,
    D,
    E,
    F,
    G,
    H,
    I,
    J,
    K,
    L,
    M,
    /// Ours: nobody up here answered a request in the time its sender waits.
    Unanswered,
}

struct Row {
    timer: Timer,
    unreliable: Option<Duration>,
    reliable: Option<Duration>,
}

const fn row(timer: Timer, unreliable: Option<Duration>, reliable: Option<Duration>) -> Row {
    Row {
        timer,
        unreliable,
        reliable,
    }
}

const NEVER: Option<Duration> = None;
const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

#[rustfmt::skip]
const DELAYS: [Row; 13] = [
    //                      UDP             TCP, TLS
    row(Timer::A,           Some(T1),       NEVER),          // repeat an INVITE, doubling
    row(Timer::B,           Some(PATIENCE), Some(PATIENCE)), // give an INVITE up
    row(Timer::D,           Some(PATIENCE), AT_ONCE),        // absorb repeated finals of an INVITE
    row(Timer::E,           Some(T1),       NEVER),          // repeat another request, doubling to T2
    row(Timer::F,           Some(PATIENCE), Some(PATIENCE)), // give another request up
    row(Timer::G,           Some(T1),       NEVER),          // repeat a final, doubling to T2
    row(Timer::H,           Some(PATIENCE), Some(PATIENCE)), // give waiting for its ACK up
    row(Timer::I,           Some(T4),       AT_ONCE),        // absorb repeated ACKs
    row(Timer::J,           Some(PATIENCE), AT_ONCE),        // absorb repeated requests
    row(Timer::K,           Some(T4),       AT_ONCE),        // absorb repeated responses
    row(Timer::L,           Some(PATIENCE), Some(PATIENCE)), // absorb repeated INVITEs after a 2xx
    row(Timer::M,           Some(PATIENCE), Some(PATIENCE)), // let further 2xx through
    row(Timer::Unanswered,  Some(PATIENCE), Some(PATIENCE)),
];

impl Timer {
    /// How long it runs at first; `None`: not at all.
    pub fn delay(self, reliable: bool) -> Option<Duration> {
        let row = DELAYS.iter().find(|row| row.timer == self)?;
        if reliable {
            row.reliable
        } else {
            row.unreliable
        }
    }

    /// The next interval of a repeating timer.
    pub fn backed_off(self, interval: Duration) -> Duration {
        match self {
            Timer::A => interval * 2,
            _ => (interval * 2).min(T2),
        }
    }
}
