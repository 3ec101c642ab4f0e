//! RTCP (RFC 3550 §6): reading and writing compound packets, and when to send them.

mod compose;
mod interval;
mod parse;

pub use compose::{Outgoing, ReportBlock, SenderInfo, compose};
pub use interval::{Dice, interval};
pub use parse::{Item, Malformed, parse};

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const CNAME: u8 = 1;

/// The middle 32 bits of an NTP timestamp, as LSR and DLSR count.
pub fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

#[cfg(test)]
mod tests;
