//! What the next packets will need, fetched for all of them together.
//!
//! Of some hundred legs none is in the cache when its packet comes, 20 ms after the last, and a packet
//! waits for memory as long as it is worked on. Waits of several packets overlap.

use super::Shard;
use crate::config::Track;
use crate::ids::LegId;
use crate::prefetch::prefetch;

impl Shard {
    /// Packets of these legs come next. Those that will send what they say are added. A leg may be named
    /// twice, or be gone.
    pub fn look_ahead(&self, legs: &mut Vec<LegId>) {
        let receiving = legs.len();
        for id in &*legs {
            if let Some(leg) = self.legs.get(id) {
                prefetch(&**leg);
            }
        }
        for index in 0..receiving {
            if let Some(peer) = legs.get(index).and_then(|id| self.legs.get(id)?.peer)
                && let Some(leg) = self.legs.get(&peer)
            {
                prefetch(&**leg);
                legs.push(peer);
            }
        }
        for index in 0..legs.len() {
            let Some(leg) = legs.get(index).and_then(|id| self.legs.get(id)) else {
                continue;
            };
            let track = if index < receiving {
                Track::Inbound
            } else {
                Track::Outbound
            };
            leg.taps.prefetch(track);
            for id in leg.taps.listeners.copies.targets(track) {
                if let Some(target) = self.legs.get(&id) {
                    target.prefetch_copy();
                    legs.push(id);
                }
            }
        }
    }
}
