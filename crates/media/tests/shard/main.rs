//! A whole shard on a pretend network and a virtual clock: what a caller and a far server notice.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy.toml allows them in tests, but does not see helpers of integration tests as such"
)]

mod asides;
mod beeping;
mod beeping_wideband;
mod bridging;
mod coalescing;
mod copying;
mod cut_off;
mod ending;
mod forking;
mod fuzz;
mod gaps;
mod hour;
mod idle;
mod keys;
mod moving;
mod net;
mod party;
mod playing;
mod reporting;
mod resuming;
mod sealing;
mod shaped_streams;
mod shapes;
mod sound;
mod starting;
mod talking;
mod talking_nonsense;
mod tracks;
mod world;
mod written;
