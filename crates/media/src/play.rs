//! What a leg is made to hear by us: prompts and keys, one after the other, in real time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::clock::samples;
use crate::config::Codec;
use crate::dtmf::{Keys, Step};
use crate::g711::linear_to_ulaw;
use crate::ids::PlayId;
use crate::prompt::Prompt;

/// Payload bytes of the longest packet we make: 60 ms.
pub const MAX_PACKET: usize = 480;
const KEY_TICK: usize = 160;
/// A thread that stood still makes up for this many packets; what was due before is not sent.
const CATCH_UP: u32 = 5;
/// Keys of another leg that wait for their turn.
const PASSED_ON: usize = 32;

#[derive(Debug, Default)]
pub struct Playlist {
    jobs: VecDeque<Job>,
    due: Option<Instant>,
    /// Does the next packet of audio follow the last one without a break?
    running: bool,
}

#[derive(Debug)]
struct Job {
    /// Keys passed on for another leg answer to nobody.
    play: Option<PlayId>,
    work: Work,
}

#[derive(Debug)]
enum Work {
    Prompts {
        prompts: Vec<Arc<Prompt>>,
        current: usize,
        position: usize,
        /// `None`: for ever.
        rounds: Option<u32>,
    },
    Keys(Keys),
}

/// How the leg speaks.
#[derive(Debug, Clone, Copy)]
pub struct Voice {
    pub codec: Codec,
    /// Payload bytes in a packet.
    pub packet: usize,
    /// Was telephone-event agreed?
    pub events: bool,
}

/// What to send now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Audio in the leg's codec, and the same as µ-law; `follows` the packet before.
    Audio {
        length: usize,
        follows: bool,
    },
    /// A tone, as µ-law only.
    Tone {
        length: usize,
        follows: bool,
    },
    Event {
        payload: [u8; 4],
        first: bool,
    },
    /// Nothing in this 20 ms.
    Pause,
}

/// Room for one packet.
#[derive(Debug)]
pub struct Room {
    pub payload: [u8; MAX_PACKET],
    pub ulaw: [u8; MAX_PACKET],
}

impl Room {
    pub const fn new() -> Self {
        Self {
            payload: [0; MAX_PACKET],
            ulaw: [0; MAX_PACKET],
        }
    }
}

impl Playlist {
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Queue prompts; `loops` 0 is for ever. Returns false when there is nothing to hear: then
    /// the order is over.
    pub fn play(&mut self, play: PlayId, prompts: Vec<Arc<Prompt>>, loops: u32) -> bool {
        if prompts.iter().all(|prompt| prompt.duration_ms() == 0) {
            return false;
        }
        self.jobs.push_back(Job {
            play: Some(play),
            work: Work::Prompts {
                prompts,
                current: 0,
                position: 0,
                rounds: (loops > 0).then_some(loops),
            },
        });
        true
    }

    pub fn send_keys(&mut self, play: PlayId, keys: Keys) {
        self.jobs.push_back(Job {
            play: Some(play),
            work: Work::Keys(keys),
        });
    }

    /// Queue a key of another leg, unless too many wait: a peer presses them as fast as it likes.
    pub fn pass_on(&mut self, keys: Keys) {
        let waiting = self.jobs.iter().filter(|job| job.play.is_none()).count();
        if waiting < PASSED_ON {
            self.jobs.push_back(Job {
                play: None,
                work: Work::Keys(keys),
            });
        }
    }

    /// End everything; the orders that were cut short.
    pub fn stop(&mut self) -> impl Iterator<Item = PlayId> {
        self.due = None;
        self.running = false;
        std::mem::take(&mut self.jobs)
            .into_iter()
            .filter_map(|job| job.play)
    }

    /// Begin at `first` if there is anything to send and nothing is under way.
    pub fn wake(&mut self, first: Instant) {
        if self.due.is_none() && !self.jobs.is_empty() {
            self.due = Some(first);
            self.running = false;
        }
    }

    /// Hold still until the next `wake`.
    pub fn sleep(&mut self) {
        self.due = None;
    }

    /// What one step sends, if one is due; orders that it completes are `ended`. Call until it
    /// returns `None`.
    pub fn step(
        &mut self,
        now: Instant,
        voice: Voice,
        room: &mut Room,
        mut ended: impl FnMut(PlayId),
    ) -> Option<Due> {
        let due = self.due.filter(|due| *due <= now)?;
        let packet = voice.packet.clamp(80, MAX_PACKET);
        let behind = samples((packet * CATCH_UP as usize) as i64);
        if now.saturating_duration_since(due) > behind {
            self.due = Some(now);
            self.running = false;
        }
        while let Some(job) = self.jobs.front_mut() {
            let Some((what, ticks)) = job.work.step(voice, packet, room) else {
                self.jobs
                    .pop_front()
                    .and_then(|job| job.play)
                    .map(&mut ended);
                continue;
            };
            if job.work.is_over() {
                self.jobs
                    .pop_front()
                    .and_then(|job| job.play)
                    .map(&mut ended);
            }
            self.due = self.due.map(|due| due + samples(ticks as i64));
            let follows = std::mem::replace(
                &mut self.running,
                matches!(what, Due::Audio { .. } | Due::Tone { .. }),
            );
            return Some(match what {
                Due::Audio { length, .. } => Due::Audio { length, follows },
                Due::Tone { length, .. } => Due::Tone { length, follows },
                other => other,
            });
        }
        self.due = None;
        None
    }
}

impl Work {
    /// What the next packet holds and how many ticks it lasts; `None` when there is nothing left.
    fn step(&mut self, voice: Voice, packet: usize, room: &mut Room) -> Option<(Due, usize)> {
        match self {
            Self::Prompts {
                prompts,
                current,
                position,
                rounds,
            } => {
                let mut length = 0;
                while length < packet {
                    let Some(prompt) = prompts.get(*current) else {
                        break;
                    };
                    let rest = |codec| prompt.encoded(codec).get(*position..).unwrap_or_default();
                    let count = rest(Codec::Pcmu).len().min(packet - length);
                    copy(&mut room.payload[length..], rest(voice.codec), count);
                    copy(&mut room.ulaw[length..], rest(Codec::Pcmu), count);
                    length += count;
                    *position += count;
                    if *position >= prompt.encoded(Codec::Pcmu).len() {
                        *position = 0;
                        *current += 1;
                        if *current == prompts.len() && go_round(rounds) {
                            *current = 0;
                        }
                    }
                }
                (length > 0).then_some((
                    Due::Audio {
                        length,
                        follows: false,
                    },
                    length,
                ))
            }
            Self::Keys(keys) => {
                let mut tone = [0; KEY_TICK];
                let due = match keys.tick(voice.events, &mut tone)? {
                    Step::Event { payload, first } => Due::Event { payload, first },
                    Step::Gap => Due::Pause,
                    Step::Tone => {
                        for (to, sample) in room.ulaw.iter_mut().zip(tone) {
                            *to = linear_to_ulaw(sample);
                        }
                        Due::Tone {
                            length: KEY_TICK,
                            follows: false,
                        }
                    }
                };
                Some((due, KEY_TICK))
            }
        }
    }

    /// Prompts are over with the packet that holds their last sample.
    fn is_over(&self) -> bool {
        match self {
            Self::Prompts {
                prompts, current, ..
            } => *current >= prompts.len(),
            Self::Keys(_) => false,
        }
    }
}

/// Another round?
fn go_round(rounds: &mut Option<u32>) -> bool {
    rounds.as_mut().is_none_or(|left| {
        *left -= 1;
        *left > 0
    })
}

fn copy(to: &mut [u8], from: &[u8], count: usize) {
    if let (Some(to), Some(from)) = (to.get_mut(..count), from.get(..count)) {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests;
