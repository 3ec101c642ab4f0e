//! Masking keys: unpredictable (RFC 6455 §10.3), a fresh one for each frame.

/// Keys from the system's generator, fetched 256 at a time.
pub(crate) struct MaskKeys {
    pool: [u8; POOL],
    next: usize,
}

const POOL: usize = 1024;

impl MaskKeys {
    pub(crate) fn new() -> Self {
        Self {
            pool: [0; POOL],
            next: POOL,
        }
    }

    /// A key that was never used before.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub(crate) fn next_key(&mut self) -> Result<[u8; 4], getrandom::Error> {
        if self.next + 4 > POOL {
            getrandom::fill(&mut self.pool)?;
            self.next = 0;
        }
        let mut key = [0; 4];
        key.copy_from_slice(&self.pool[self.next..self.next + 4]);
        self.next += 4;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn keys_do_not_repeat_over_several_pools() {
        let mut keys = MaskKeys::new();
        let drawn: HashSet<[u8; 4]> = (0..1000).map(|_| keys.next_key().unwrap()).collect();
        assert!(drawn.len() > 990, "of 1000 only {} differ", drawn.len());
    }
}
