//! What the bench programs share: the stamp in each payload, figures, arguments, the clock.
//!
//! These are measuring tools on loopback, not part of the server: a broken assumption ends the run with a message.

pub mod args;
pub mod figures;
pub mod rtp_batch;
pub mod sip_stream;
pub mod sip_text;
pub mod stamp;
pub mod stream_text;
pub mod tls_files;
pub mod tracks;

/// Nanoseconds of the machine's monotonic clock: one clock for all processes of a run.
pub fn now_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec for the call to fill.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
