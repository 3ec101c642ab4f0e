//! The stamp in each 160-byte payload: whose it is, which one, when it was sent, whether it counts.
//! µ-law passes relay and fork byte for byte, so the far side reads it back.

/// Bytes of a 20 ms G.711 payload.
pub const PAYLOAD: usize = 160;
const MAGIC: u32 = 0x4254_4150;

/// One payload's stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Which leg of the load generator sent it.
    pub leg: u32,
    /// Counts up by one with each packet of the leg.
    pub seq: u32,
    /// `now_ns()` at the send.
    pub sent_ns: u64,
    /// Sent inside the measuring window.
    pub counts: bool,
}

impl Stamp {
    /// Write the stamp into the first bytes of a payload.
    pub fn write(&self, payload: &mut [u8]) {
        payload[0..4].copy_from_slice(&MAGIC.to_be_bytes());
        payload[4..8].copy_from_slice(&self.leg.to_be_bytes());
        payload[8..12].copy_from_slice(&self.seq.to_be_bytes());
        payload[12..20].copy_from_slice(&self.sent_ns.to_be_bytes());
        payload[20] = u8::from(self.counts);
    }

    /// Read it back; `None` for silence or anything else that is not ours.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let word = |at: usize| {
            Some(u32::from_be_bytes(
                payload.get(at..at + 4)?.try_into().ok()?,
            ))
        };
        if word(0)? != MAGIC {
            return None;
        }
        Some(Self {
            leg: word(4)?,
            seq: word(8)?,
            sent_ns: u64::from_be_bytes(payload.get(12..20)?.try_into().ok()?),
            counts: *payload.get(20)? == 1,
        })
    }
}
