//! Tables keyed by our own ids, looked into for every packet.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A table whose keys are ids that we count up ourselves, so nobody can choose them to collide.
pub(crate) type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// Spreads one counted number over the whole word.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // 2^64 / golden ratio: neighbouring numbers land far apart, in the high bits as well.
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bridgetap_media::LegId;

    #[test]
    fn a_table_finds_what_was_put_in() {
        let mut table: IdMap<LegId, u64> = IdMap::default();
        for id in 0..1000 {
            table.insert(LegId(id), id);
        }
        assert!((0..1000).all(|id| table.get(&LegId(id)) == Some(&id)));
        assert_eq!(table.get(&LegId(1000)), None);
    }
}
