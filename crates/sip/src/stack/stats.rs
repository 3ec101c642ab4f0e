//! What the stack counts.

/// Counters since the start, and sizes as they are (`dialogs`, `transactions`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Messages received.
    pub messages: u64,
    /// Messages sent again, and requests that came again.
    pub retransmissions: u64,
    /// What was no message.
    pub malformed: u64,
    /// 401 sent.
    pub challenges: u64,
    /// Calls and registrations refused by admission or for want of room.
    pub refused: u64,
    /// Calls that have not ended.
    pub dialogs: u64,
    /// Transactions of both kinds.
    pub transactions: u64,
}
