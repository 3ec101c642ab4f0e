//! The messages of Twilio Media Streams, exact to field order and JSON type.
//!
//! `sequenceNumber`, `chunk` and `timestamp` are strings, sample rate and channels numbers.

use super::json::{number, string};
use super::kept::Gap;
use super::shape::Shape;
use crate::clock::CHUNK_MS;
use crate::config::Track;
use crate::target::ForkTarget;

/// Base64 of 160 bytes.
pub const PAYLOAD: usize = 216;

pub const CONNECTED: &[u8] = br#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#;

/// What the messages of one stream have in common.
#[derive(Debug)]
pub struct Messages {
    /// All of `start`: it is the first to carry a sequence number, so it never varies.
    start: Box<[u8]>,
    /// What follows the payload of `media`.
    media_end: Box<[u8]>,
    /// What follows the sequence number of `stop`.
    stop_end: Box<[u8]>,
    /// The stream's SID in its quotes.
    stream_sid: Box<[u8]>,
}

/// One `media` message.
#[derive(Debug, Clone, Copy)]
pub struct Media<'a> {
    pub sequence: u64,
    pub track: Track,
    pub chunk: u64,
    pub timestamp_ms: u64,
    pub payload: &'a [u8; PAYLOAD],
}

impl Messages {
    pub fn new(target: &ForkTarget, tracks: &[Track]) -> Self {
        let mut start = Vec::new();
        start.extend_from_slice(br#"{"event":"start","sequenceNumber":"1","start":{"accountSid":"#);
        string(&mut start, &target.account_sid);
        start.extend_from_slice(br#","streamSid":"#);
        string(&mut start, &target.stream_sid);
        start.extend_from_slice(br#","callSid":"#);
        string(&mut start, &target.call_sid);
        start.extend_from_slice(br#","tracks":["#);
        for (n, track) in tracks.iter().enumerate() {
            if n > 0 {
                start.push(b',');
            }
            string(&mut start, track.name());
        }
        start.extend_from_slice(br#"],"mediaFormat":{"encoding":"#);
        string(&mut start, target.shape.format.encoding());
        start.extend_from_slice(br#","sampleRate":"#);
        number(&mut start, target.shape.format.sample_rate().into());
        start.extend_from_slice(br#","channels":"#);
        number(&mut start, target.shape.frame_channels() as u64);
        start.extend_from_slice(br#"},"customParameters":{"#);
        let mut first = true;
        for (n, (name, value)) in target.parameters.iter().enumerate() {
            // A JSON object has each name once: the last one given counts.
            if target
                .parameters
                .iter()
                .skip(n + 1)
                .any(|(later, _)| later == name)
            {
                continue;
            }
            if !std::mem::take(&mut first) {
                start.push(b',');
            }
            string(&mut start, name);
            start.push(b':');
            string(&mut start, value);
        }
        start.push(b'}');
        if target.shape != Shape::default() {
            extensions(&mut start, &target.shape);
        }
        start.extend_from_slice(br#"},"streamSid":"#);
        string(&mut start, &target.stream_sid);
        start.push(b'}');

        let mut media_end = br#""},"streamSid":"#.to_vec();
        string(&mut media_end, &target.stream_sid);
        media_end.push(b'}');

        let mut stop_end = br#"","streamSid":"#.to_vec();
        string(&mut stop_end, &target.stream_sid);
        stop_end.extend_from_slice(br#","stop":{"accountSid":"#);
        string(&mut stop_end, &target.account_sid);
        stop_end.extend_from_slice(br#","callSid":"#);
        string(&mut stop_end, &target.call_sid);
        stop_end.extend_from_slice(b"}}");

        let mut stream_sid = Vec::new();
        string(&mut stream_sid, &target.stream_sid);

        Self {
            start: start.into(),
            media_end: media_end.into(),
            stop_end: stop_end.into(),
            stream_sid: stream_sid.into(),
        }
    }

    pub fn start(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.start);
    }

    pub fn media(&self, out: &mut Vec<u8>, media: &Media<'_>) {
        out.extend_from_slice(br#"{"event":"media","sequenceNumber":""#);
        number(out, media.sequence);
        out.extend_from_slice(match media.track {
            Track::Inbound => br#"","media":{"track":"inbound","chunk":""#.as_slice(),
            Track::Outbound => br#"","media":{"track":"outbound","chunk":""#.as_slice(),
        });
        number(out, media.chunk);
        out.extend_from_slice(br#"","timestamp":""#);
        number(out, media.timestamp_ms);
        out.extend_from_slice(br#"","payload":""#);
        out.extend_from_slice(media.payload);
        self.media_end(out);
    }

    /// Append what follows a payload.
    pub fn media_end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.media_end);
    }

    /// A key of the leg's party; with a wall clock, in ms, where the stream wants one.
    pub fn key(&self, out: &mut Vec<u8>, sequence: u64, key: char, wall_ms: Option<u64>) {
        out.extend_from_slice(br#"{"event":"dtmf","streamSid":"#);
        out.extend_from_slice(&self.stream_sid);
        out.extend_from_slice(br#","sequenceNumber":""#);
        number(out, sequence);
        out.extend_from_slice(br#"","dtmf":{"track":"inbound_track","digit":"#);
        string(out, key.encode_utf8(&mut [0; 4]));
        if let Some(wall_ms) = wall_ms {
            out.extend_from_slice(br#","wallClock":""#);
            number(out, wall_ms);
            out.push(b'"');
        }
        out.extend_from_slice(b"}}");
    }

    /// Any other event: the members of `body` follow when it happened.
    pub fn told(
        &self,
        out: &mut Vec<u8>,
        sequence: u64,
        event: &str,
        body: &str,
        timestamp_ms: u64,
        wall_ms: Option<u64>,
    ) {
        out.extend_from_slice(br#"{"event":"#);
        string(out, event);
        out.extend_from_slice(br#","sequenceNumber":""#);
        number(out, sequence);
        out.extend_from_slice(br#"","streamSid":"#);
        out.extend_from_slice(&self.stream_sid);
        out.push(b',');
        string(out, event);
        out.extend_from_slice(br#":{"timestamp":""#);
        number(out, timestamp_ms);
        out.push(b'"');
        if let Some(wall_ms) = wall_ms {
            out.extend_from_slice(br#","wallClock":""#);
            number(out, wall_ms);
            out.push(b'"');
        }
        let members = body.trim().trim_start_matches('{').trim_start();
        if members.starts_with('}') {
            out.extend_from_slice(b"}}");
        } else {
            out.push(b',');
            out.extend_from_slice(members.as_bytes());
            out.push(b'}');
        }
    }

    /// Messages that are lost: which, and for each track when its first would have been and how
    /// much audio that is. It has the number of the last of them.
    pub fn gap(
        &self,
        out: &mut Vec<u8>,
        gap: &Gap,
        tracks: &[Track],
        stamp: impl Fn(u64, usize) -> u64,
    ) {
        out.extend_from_slice(br#"{"event":"gap","sequenceNumber":""#);
        number(out, gap.last);
        out.extend_from_slice(br#"","streamSid":"#);
        out.extend_from_slice(&self.stream_sid);
        out.extend_from_slice(br#","gap":{"firstSequence":""#);
        number(out, gap.first);
        out.extend_from_slice(br#"","lastSequence":""#);
        number(out, gap.last);
        out.extend_from_slice(br#"","tracks":["#);
        for (n, &track) in tracks.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            let at = track as usize;
            out.extend_from_slice(br#"{"track":"#);
            string(out, track.name());
            out.extend_from_slice(br#","timestamp":""#);
            number(out, stamp(gap.before[at], at));
            out.extend_from_slice(br#"","duration":""#);
            number(out, gap.lost[at] * CHUNK_MS);
            out.extend_from_slice(b"\"}");
        }
        out.extend_from_slice(b"]}}");
    }

    pub fn stop(&self, out: &mut Vec<u8>, sequence: u64) {
        out.extend_from_slice(br#"{"event":"stop","sequenceNumber":""#);
        number(out, sequence);
        out.extend_from_slice(&self.stop_end);
    }
}

/// Append what of a stream is not as Twilio has it.
fn extensions(start: &mut Vec<u8>, shape: &Shape) {
    start.extend_from_slice(br#","extensions":{"channels":"#);
    string(start, shape.channels.name());
    start.extend_from_slice(br#","framing":"#);
    string(start, shape.framing.name());
    start.extend_from_slice(br#","frameMs":"#);
    number(start, shape.frame_ms.into());
    start.extend_from_slice(br#","wallClock":"#);
    start.extend_from_slice(if shape.wall_clock.is_some() {
        b"true"
    } else {
        b"false"
    });
    start.extend_from_slice(br#","events":["#);
    for (n, name) in shape.asides.names().enumerate() {
        if n > 0 {
            start.push(b',');
        }
        string(start, name);
    }
    start.extend_from_slice(b"]}");
}

#[cfg(test)]
mod tests;
