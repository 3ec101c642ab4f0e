//! What arrives of RTP streams: how many packets, which of their numbers never came, whose audio is in them.

use crate::figures::Latency;
use crate::now_ns;
use crate::stamp::Stamp;
use std::collections::HashMap;

/// The fixed part of an RTP packet (RFC 3550 5.1).
const HEADER: usize = 12;

/// One RTP stream as its receiver sees it.
struct Track {
    next: u16,
    /// Whose audio, and the number that its next stamp has.
    stamp: Option<(u32, u32)>,
}

/// All RTP streams to one port, told apart by the port they come from and their SSRC.
#[derive(Default)]
pub struct Tracks {
    tracks: HashMap<(u16, u32), Track>,
    packets: u64,
    /// Numbers passed over. One that comes late counts here and as disordered.
    missing: u64,
    disordered: u64,
    /// Stamps that were sent inside the measuring window.
    counted: u64,
    /// Packets whose stamp is not the one after the last: another leg's, or audio left out or said twice.
    stamp_gaps: u64,
    latency: Latency,
}

impl Tracks {
    /// One datagram from that port.
    pub fn take(&mut self, datagram: &[u8], from: u16) {
        let (Some(number), Some(ssrc)) = (
            datagram.get(2..4).and_then(|b| b.try_into().ok()),
            datagram.get(8..HEADER).and_then(|b| b.try_into().ok()),
        ) else {
            return;
        };
        let number = u16::from_be_bytes(number);
        let track = self
            .tracks
            .entry((from, u32::from_be_bytes(ssrc)))
            .or_insert(Track {
                next: number,
                stamp: None,
            });
        self.packets += 1;
        let ahead = number.wrapping_sub(track.next);
        if ahead < 1 << 15 {
            self.missing += u64::from(ahead);
            track.next = number.wrapping_add(1);
        } else {
            self.disordered += 1;
        }
        let Some(stamp) = Stamp::read(&datagram[HEADER..]) else {
            return;
        };
        if track
            .stamp
            .is_some_and(|next| next != (stamp.leg, stamp.seq))
        {
            self.stamp_gaps += 1;
        }
        track.stamp = Some((stamp.leg, stamp.seq + 1));
        if stamp.counts {
            self.counted += 1;
            self.latency.add(now_ns().saturating_sub(stamp.sent_ns));
        }
    }

    /// What comes from now on belongs to other tracks, from the same ports or not; what was counted stays.
    pub fn forget(&mut self) {
        self.tracks.clear();
    }

    /// The figures, as the inside of a JSON object.
    pub fn json_fields(&self) -> String {
        format!(
            r#""tracks":{},"packets":{},"missing":{},"disordered":{},"counted":{},"stamp_gaps":{},"latency":{}"#,
            self.tracks.len(),
            self.packets,
            self.missing,
            self.disordered,
            self.counted,
            self.stamp_gaps,
            self.latency.json()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(number: u16, stamp: Option<(u32, u32)>) -> Vec<u8> {
        let mut packet = vec![0xFF; 172];
        packet[2..4].copy_from_slice(&number.to_be_bytes());
        packet[8..12].copy_from_slice(&7u32.to_be_bytes());
        if let Some((leg, seq)) = stamp {
            let stamp = Stamp {
                leg,
                seq,
                sent_ns: 0,
                counts: true,
            };
            stamp.write(&mut packet[12..]);
        }
        packet
    }

    #[test]
    fn what_arrives_is_held_against_what_was_numbered() {
        // numbers, how many are missing, how many come out of order
        let table: [(&[u16], u64, u64); 5] = [
            (&[5, 6, 7], 0, 0),
            (&[65_534, 65_535, 0, 1], 0, 0),
            (&[5, 8], 2, 0),
            (&[5, 7, 6, 8], 1, 1),
            (&[5, 5], 0, 1),
        ];
        for (numbers, missing, disordered) in table {
            let mut tracks = Tracks::default();
            for number in numbers {
                tracks.take(&packet(*number, None), 4000);
            }
            let seen = (tracks.tracks.len(), tracks.missing, tracks.disordered);
            assert_eq!(seen, (1, missing, disordered), "{numbers:?}");
            assert_eq!(tracks.packets, numbers.len() as u64);
        }
    }

    #[test]
    fn two_ports_are_two_tracks_though_their_ssrc_is_one() {
        let mut tracks = Tracks::default();
        tracks.take(&packet(5, None), 4000);
        tracks.take(&packet(900, None), 4002);
        assert_eq!((tracks.tracks.len(), tracks.missing), (2, 0));
    }

    #[test]
    fn audio_of_another_leg_or_out_of_turn_is_a_gap() {
        let table: [(&[(u32, u32)], u64); 4] = [
            (&[(1, 4), (1, 5)], 0),
            (&[(1, 4), (1, 6), (1, 7)], 1),
            (&[(1, 4), (1, 4)], 1),
            (&[(1, 4), (2, 5)], 1),
        ];
        for (stamps, gaps) in table {
            let mut tracks = Tracks::default();
            for (number, stamp) in stamps.iter().enumerate() {
                tracks.take(&packet(number as u16, Some(*stamp)), 4000);
            }
            assert_eq!(tracks.stamp_gaps, gaps, "{stamps:?}");
            assert_eq!(tracks.counted, stamps.len() as u64);
        }
    }

    #[test]
    fn a_track_that_was_forgotten_misses_nothing_when_its_port_is_heard_again() {
        let mut tracks = Tracks::default();
        tracks.take(&packet(5, Some((1, 5))), 4000);
        tracks.forget();
        assert_eq!(tracks.tracks.len(), 0);
        tracks.take(&packet(905, Some((1, 905))), 4000);
        let seen = (tracks.missing, tracks.stamp_gaps, tracks.packets);
        assert_eq!((tracks.tracks.len(), seen), (1, (0, 0, 2)));
    }

    #[test]
    fn what_is_no_rtp_is_no_track() {
        let mut tracks = Tracks::default();
        tracks.take(&[0x80; 11], 4000);
        assert_eq!((tracks.tracks.len(), tracks.packets), (0, 0));
    }
}
