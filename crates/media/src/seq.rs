//! Sequence numbers, timestamps and sources of RTP: numbers that wrap, so they are types.

/// A synchronisation source (RFC 3550 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Ssrc(pub u32);

/// A 16-bit RTP sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Seq(pub u16);

impl Seq {
    /// `n` packets later.
    #[must_use]
    pub fn plus(self, n: u16) -> Self {
        Self(self.0.wrapping_add(n))
    }

    /// How many packets after `earlier` this one stands; negative when it stands before.
    #[must_use]
    pub fn since(self, earlier: Self) -> i32 {
        i32::from(self.0.wrapping_sub(earlier.0) as i16)
    }
}

/// A 32-bit RTP timestamp. All codecs here tick at 8000 Hz.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Timestamp(pub u32);

impl Timestamp {
    /// `ticks` later.
    #[must_use]
    pub fn plus(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// Ticks from `earlier` to this; negative when this is the earlier one.
    #[must_use]
    pub fn since(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_survives_the_wrap() {
        assert_eq!(Seq(1).since(Seq(0xFFFF)), 2);
        assert_eq!(Seq(0xFFFF).since(Seq(1)), -2);
        assert_eq!(Seq(0xFFFE).plus(3), Seq(1));
        assert_eq!(Timestamp(80).since(Timestamp(u32::MAX - 79)), 160);
        assert_eq!(Timestamp(u32::MAX - 79).since(Timestamp(80)), -160);
        assert_eq!(Timestamp(u32::MAX).plus(1), Timestamp(0));
    }
}
