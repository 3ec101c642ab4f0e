//! What the handle and the thread share: figures and the door.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::admission::Door;
use crate::message::Request;
use crate::types::{Admission, Decision, Entropy, FlowId, Source, TrunkRule, UserRule};

/// Figures, written by the thread after each turn.
#[derive(Debug, Default)]
pub(super) struct Figures([AtomicU64; NAMES.len()]);

/// In the order of [`Figures::publish`].
const NAMES: [&str; 12] = [
    "messages",
    "retransmissions",
    "malformed",
    "challenges",
    "refused",
    "dialogs",
    "transactions",
    "flows",
    "connections",
    "overloaded",
    "send_dropped",
    "trace_dropped",
];

impl Figures {
    pub(super) fn publish(&self, values: [u64; NAMES.len()]) {
        for (place, value) in self.0.iter().zip(values) {
            place.store(value, Ordering::Relaxed);
        }
    }

    pub(super) fn read(&self) -> Vec<(&'static str, u64)> {
        NAMES
            .into_iter()
            .zip(self.0.iter().map(|value| value.load(Ordering::Relaxed)))
            .collect()
    }
}

/// Whether the thread was already woken for what it has not yet looked at.
#[derive(Debug, Default)]
pub(super) struct Bell(AtomicBool);

impl Bell {
    /// True for the first who rings since the thread last looked.
    pub(super) fn ring(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    pub(super) fn heard(&self) {
        self.0.store(false, Ordering::Release);
    }
}

/// The door as the stack asks it. The driver looks up trunks at the same door and learns over
/// which flows somebody was admitted; the handle changes its rules, which hold from then on.
#[derive(Clone)]
pub(super) struct SharedDoor(Arc<Mutex<Inside>>);

pub(super) struct Inside {
    pub door: Door,
    pub admitted: Vec<FlowId>,
    /// No new calls.
    pub draining: bool,
}

impl SharedDoor {
    pub(super) fn new(door: Door) -> Self {
        Self(Arc::new(Mutex::new(Inside {
            door,
            admitted: Vec::new(),
            draining: false,
        })))
    }

    /// Never waits for long: whoever holds it does nothing else meanwhile.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admission for SharedDoor {
    fn decide(&mut self, now: Instant, request: &Request, source: &Source) -> Decision {
        let mut inside = self.lock();
        let decision = inside.door.decide(now, request, source);
        if let Decision::Admit(_) = decision {
            inside.admitted.push(source.flow);
        }
        decision
    }

    fn set(&mut self, trunks: Vec<TrunkRule>, users: Vec<UserRule>) {
        self.lock().door.set(trunks, users);
    }
}

/// Randomness of the operating system, fetched 512 bytes at a time.
pub(super) struct SystemEntropy {
    pool: [u8; 512],
    used: usize,
}

impl SystemEntropy {
    /// An error where the system has none to give.
    pub(super) fn new() -> std::io::Result<Self> {
        let mut pool = [0; 512];
        getrandom::fill(&mut pool).map_err(std::io::Error::other)?;
        Ok(Self { pool, used: 0 })
    }

    pub(super) fn secret(&mut self) -> [u8; 32] {
        let mut secret = [0; 32];
        for chunk in secret.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes());
        }
        secret
    }
}

impl Entropy for SystemEntropy {
    fn next_u64(&mut self) -> u64 {
        // A system that had randomness at the start does not run out of it; should it refuse
        // once, the last fill serves on, stirred by its place.
        if self.used + 8 > self.pool.len() {
            if let Err(error) = getrandom::fill(&mut self.pool) {
                log::error!("sip.no-entropy error={error}");
                self.pool.rotate_left(1);
            }
            self.used = 0;
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.pool.get(self.used..self.used + 8).unwrap_or(&[0; 8]));
        self.used += 8;
        u64::from_le_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn randomness_does_not_repeat_across_refills() {
        let mut entropy = SystemEntropy::new().unwrap();
        let seen: HashSet<u64> = (0..1_000).map(|_| entropy.next_u64()).collect();
        assert_eq!(seen.len(), 1_000);
        assert_ne!(entropy.secret(), entropy.secret());
    }

    #[test]
    fn the_bell_rings_once_until_heard() {
        let bell = Bell::default();
        assert!(bell.ring() && !bell.ring());
        bell.heard();
        assert!(bell.ring());
    }
}
