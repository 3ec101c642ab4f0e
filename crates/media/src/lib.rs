//! The pure media core: RTP, RTCP, codecs, DTMF, timelines, relay, prompts and forks.
//!
//! No clock, no sockets, no threads and no logging: bytes and the time go in, bytes and events
//! come out. A [`Shard`] is everything one media thread owns; the thread feeds it datagrams,
//! [`Command`]s and timeouts, and carries out what the shard asks of its [`Sink`].

mod beep;
mod clock;
mod command;
mod config;
mod delay;
mod dtmf;
mod event;
mod fork;
mod g711;
mod g722;
mod ids;
mod leg;
mod level;
mod outstream;
mod play;
mod prefetch;
mod prompt;
mod reception;
mod record;
mod resample;
mod rtcp;
mod rtp;
mod seq;
mod shard;
mod sink;
mod source_lock;
mod srtp;
mod talk;
mod target;
mod timeline;
mod transcode;

pub use command::Command;
pub use config::{Codec, Direction, LegConfig, LegMedia, ShardConfig, Track};
pub use event::{EndReason, ForkEnded, LegStats, MediaEvent};
pub use fork::{
    Asides, Channels, Failure, ForkDial, ForkFrame, Format, Framing, RemoteClose, Shape, WallClock,
};
pub use ids::{ForkId, LegId, PlayId, PromptId, RecordId};
pub use prefetch::prefetch;
pub use prompt::{Prompt, PromptError};
pub use shard::{MovedLeg, Shard};
pub use sink::Sink;
pub use srtp::{SrtpKey, SrtpKeys};
pub use target::{CaptureFrom, EndpointTls, ForkEndpoint, ForkTarget, Overflow, Resume};
