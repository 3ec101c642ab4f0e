//! What a shard can be told to do.

use std::sync::Arc;

use crate::config::{LegConfig, LegMedia, Track};
use crate::ids::{ForkId, LegId, PlayId, RecordId};
use crate::prompt::Prompt;
use crate::target::ForkTarget;

/// An order. On a leg that is gone it does nothing, except that whatever it would have started
/// is reported ended at once: every start has exactly one end.
#[derive(Debug)]
pub enum Command {
    /// A new leg; nothing flows until it is configured.
    OpenLeg(LegConfig),
    /// Set or change what SDP agreed. SSRC, sequence and timestamp go on without a break.
    Configure {
        /// Which leg.
        leg: LegId,
        /// What was agreed.
        media: Box<LegMedia>,
    },
    /// Relay between two legs of this shard. Earlier bridges of either end. A leg that sends another's
    /// track is not bridged.
    Bridge {
        /// One leg.
        leg: LegId,
        /// The other.
        other: LegId,
    },
    /// Let two legs of this shard exchange their far ends: who was at the other end of one is
    /// at the end of the other from this moment on, with address, codec, source and numbers.
    /// Bridges, forks, recordings and what is played stay where they are: they follow the call,
    /// not the party; its beep follows the party.
    Exchange {
        /// One leg.
        leg: LegId,
        /// The other.
        other: LegId,
    },
    /// End the bridge this leg is in.
    Unbridge {
        /// Which leg.
        leg: LegId,
    },
    /// Let `to`, a leg of this shard, send a track of this leg, until `EndCopy` or the end of either. The
    /// bridge it was in ends; it is to be played nothing meanwhile.
    Copy {
        /// Whose track.
        leg: LegId,
        /// Which.
        track: Track,
        /// Who sends it.
        to: LegId,
    },
    /// `to` sends nothing of another leg any more.
    EndCopy {
        /// Who sent it.
        to: LegId,
    },
    /// Play after what is already queued; `PlayEnded` follows.
    Play {
        /// Which leg.
        leg: LegId,
        /// The order's id.
        play: PlayId,
        /// One after the other.
        prompts: Vec<Arc<Prompt>>,
        /// How often; 0 is for ever.
        loops: u32,
    },
    /// End all that is queued; each `PlayEnded` says `completed: false`.
    StopPlay {
        /// Which leg.
        leg: LegId,
    },
    /// Send keys after what is already queued; `PlayEnded` follows.
    SendDtmf {
        /// Which leg.
        leg: LegId,
        /// The order's id.
        play: PlayId,
        /// `0-9*#A-D`, and `w` for 500 ms of waiting; anything else is left out.
        digits: String,
        /// How long each key is held.
        duration_ms: u32,
        /// How long nothing is sent between two keys.
        gap_ms: u32,
    },
    /// Let the leg's party hear a beep now and every 15 seconds, added to what else it hears: how who
    /// cannot be told in SDP learns that it is recorded. No track of the leg has it. It goes with the
    /// party when far ends are exchanged. Twice is fine.
    Beep {
        /// Which leg.
        leg: LegId,
    },
    /// The leg's party hears no more of them, not even what was left of one.
    EndBeep {
        /// Which leg.
        leg: LegId,
    },
    /// Start copying audio. The caller connects and then says `fork_opened` or `fork_failed`.
    StartFork {
        /// Which leg.
        leg: LegId,
        /// The fork's id.
        fork: ForkId,
        /// What to send.
        target: Arc<ForkTarget>,
    },
    /// Take no further audio; drain, send `stop`. `ForkEnded` follows.
    StopFork {
        /// The fork.
        fork: ForkId,
    },
    /// Tell a fork's far server of an event, between the audio.
    TellFork {
        /// The fork.
        fork: ForkId,
        /// The event's name, which is also the member that holds it.
        event: Box<str>,
        /// A JSON object; `timestamp` is put before its members.
        body: Box<str>,
    },
    /// A key of the leg's party came by signalling: tell the forks that are told of keys.
    TellKey {
        /// Which leg.
        leg: LegId,
        /// One of `0-9*#A-D`.
        key: char,
    },
    /// Give the samples of these tracks to `Sink::record_samples`.
    StartRecord {
        /// Which leg.
        leg: LegId,
        /// The recording's id.
        record: RecordId,
        /// One channel each, in this order. Doubles are ignored.
        tracks: Vec<Track>,
    },
    /// End a recording; `Sink::record_ended` follows.
    StopRecord {
        /// The recording.
        record: RecordId,
    },
    /// End the leg, its plays, recordings and forks; the forks drain.
    CloseLeg {
        /// Which leg.
        leg: LegId,
    },
}
