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

    pub fn send_keys(&mut self, play: Option<PlayId>, keys: Keys) {
        self.jobs.push_back(Job {
            play,
            work: Work::Keys(keys),
        });
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
mod tests {
    use std::time::Duration;

    use super::*;

    const VOICE: Voice = Voice {
        codec: Codec::Pcmu,
        packet: 160,
        events: true,
    };

    fn prompt(ms: usize, mark: i16) -> Arc<Prompt> {
        let pcm: Vec<u8> = std::iter::repeat_n(mark.to_le_bytes(), ms * 8)
            .flatten()
            .collect();
        Arc::new(Prompt::from_pcm(&pcm, 8000).unwrap())
    }

    /// Everything sent until the list is empty or `limit` packets went: (ms, what, first byte),
    /// and which orders ended when.
    #[expect(clippy::type_complexity, reason = "a test's table")]
    fn run(
        list: &mut Playlist,
        voice: Voice,
        limit: usize,
    ) -> (Vec<(u64, Due, u8)>, Vec<(u64, PlayId)>) {
        let start = Instant::now();
        let mut room = Room::new();
        let (mut sent, mut ended) = (Vec::new(), Vec::new());
        list.wake(start);
        while let Some(due) = list.due().filter(|_| sent.len() < limit) {
            let at = due.duration_since(start).as_millis() as u64;
            while let Some(what) = list.step(due, voice, &mut room, |play| ended.push((at, play))) {
                sent.push((at, what, room.payload[0]));
            }
        }
        (sent, ended)
    }

    #[test]
    fn prompts_follow_each_other_without_a_gap_and_end_once() {
        let mut list = Playlist::default();
        let (a, b) = (prompt(50, 1000), prompt(40, -1000));
        assert!(list.play(PlayId(1), vec![a.clone(), b.clone()], 1));
        assert!(list.play(PlayId(2), vec![b], 1));
        let (sent, ended) = run(&mut list, VOICE, 100);
        let lengths: Vec<(u64, usize)> = sent
            .iter()
            .map(|(at, due, _)| match due {
                Due::Audio { length, .. } => (*at, *length),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            lengths,
            [
                (0, 160),
                (20, 160),
                (40, 160),
                (60, 160),
                (80, 80),
                (90, 160),
                (110, 160)
            ]
        );
        assert_eq!(ended, [(80, PlayId(1)), (110, PlayId(2))]);
        assert!(matches!(sent[0].1, Due::Audio { follows: false, .. }));
        assert!(
            sent[1..]
                .iter()
                .all(|s| matches!(s.1, Due::Audio { follows: true, .. }))
        );
    }

    #[test]
    fn loops_are_counted_and_for_ever_is_for_ever() {
        let mut list = Playlist::default();
        list.play(PlayId(1), vec![prompt(20, 5)], 3);
        let (sent, ended) = run(&mut list, VOICE, 100);
        assert_eq!((sent.len(), ended.len()), (3, 1));
        list.play(PlayId(2), vec![prompt(30, 5)], 0);
        let (sent, ended) = run(&mut list, VOICE, 500);
        assert_eq!((sent.len(), ended.len()), (500, 0));
        assert_eq!(list.stop().collect::<Vec<_>>(), [PlayId(2)]);
        assert_eq!(list.due(), None);
    }

    #[test]
    fn nothing_to_hear_is_over_before_it_begins() {
        let mut list = Playlist::default();
        assert!(!list.play(PlayId(1), vec![prompt(0, 0)], 0));
        assert!(!list.play(PlayId(1), vec![], 1));
        assert!(list.is_empty());
    }

    #[test]
    fn the_packet_length_is_the_peers_wish() {
        for ptime in [10, 20, 30, 60_u64] {
            let mut list = Playlist::default();
            list.play(PlayId(1), vec![prompt(120, 5)], 1);
            let voice = Voice {
                packet: ptime as usize * 8,
                ..VOICE
            };
            let (sent, _) = run(&mut list, voice, 100);
            let times: Vec<u64> = sent.iter().map(|s| s.0).collect();
            assert_eq!(times, (0..120).step_by(ptime as usize).collect::<Vec<_>>());
        }
    }

    #[test]
    fn keys_wait_their_turn_and_answer_when_sent() {
        let mut list = Playlist::default();
        list.play(PlayId(1), vec![prompt(40, 5)], 1);
        list.send_keys(Some(PlayId(2)), Keys::new("1", 40, 60));
        list.send_keys(None, Keys::new("2", 40, 60));
        let (sent, ended) = run(&mut list, VOICE, 100);
        let kinds: String = sent
            .iter()
            .map(|s| match s.1 {
                Due::Audio { .. } => 'a',
                Due::Tone { .. } => 't',
                Due::Event { .. } => 'e',
                Due::Pause => '-',
            })
            .collect();
        assert_eq!(kinds, "aaeeee-eeee-");
        assert_eq!(
            ended.iter().map(|e| e.1).collect::<Vec<_>>(),
            [PlayId(1), PlayId(2)]
        );
    }

    #[test]
    fn after_a_standstill_only_a_little_is_made_up() {
        let mut list = Playlist::default();
        list.play(PlayId(1), vec![prompt(2000, 5)], 1);
        let start = Instant::now();
        list.wake(start);
        let mut room = Room::new();
        let mut count = |list: &mut Playlist, at: u64| {
            let now = start + Duration::from_millis(at);
            std::iter::from_fn(|| list.step(now, VOICE, &mut room, |_| ())).count()
        };
        assert_eq!(count(&mut list, 0), 1);
        assert_eq!(count(&mut list, 60), 3);
        assert_eq!(count(&mut list, 1000), 1);
        assert_eq!(count(&mut list, 1020), 1);
    }
}
