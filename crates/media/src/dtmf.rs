//! Keys: as telephone-events (RFC 4733) and as tones in the audio (ITU-T Q.23, Q.24).

mod detect;
mod digit;
mod receive;
mod send;
mod tone;

pub use detect::Detector;
pub use digit::Digit;
pub use receive::Receiver;
pub use send::{Keys, Step};
pub use tone::Tone;

/// A key that has been pressed and let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Press {
    pub digit: Digit,
    pub duration_ms: u32,
}
