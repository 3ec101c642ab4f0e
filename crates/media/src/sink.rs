//! Where a shard's output goes.

use std::net::SocketAddr;

use crate::event::{LegStats, MediaEvent};
use crate::fork::ForkDial;
use crate::ids::{ForkId, LegId, RecordId};

/// The driver's side of a shard. Called in the middle of shard methods, so it must not call
/// back into the shard: note what is ready, then pull when the shard method has returned.
pub trait Sink {
    /// Send from the leg's RTP socket. Lost when the socket refuses; never waited for.
    fn send_rtp(&mut self, leg: LegId, to: SocketAddr, datagram: &[u8]);

    /// Send from the leg's RTCP socket.
    fn send_rtcp(&mut self, leg: LegId, to: SocketAddr, datagram: &[u8]);

    /// The fork has something to pull by `Shard::fork_next`. Said once; said again only after
    /// `fork_next` has returned `None`.
    fn fork_ready(&mut self, fork: ForkId);

    /// Connect this fork to another endpoint, or again. The connection it had is gone.
    fn fork_dial(&mut self, fork: ForkId, dial: ForkDial);

    /// Something happened. `ForkEnded` also means: close that fork's socket (after flushing it)
    /// or give up connecting; the shard has forgotten the fork.
    fn event(&mut self, event: MediaEvent);

    /// 20 ms of a recording: 8 kHz samples, `channels` interleaved, in the order of its tracks.
    fn record_samples(&mut self, record: RecordId, channels: usize, samples: &[i16]);

    /// No further samples come; the file may be closed and `RecordEnded` raised.
    fn record_ended(&mut self, leg: LegId, record: RecordId);

    /// Figures, once a second for each leg.
    fn leg_stats(&mut self, stats: &LegStats);
}
