//! The messages of Twilio Media Streams, exact to field order and JSON type.
//!
//! `sequenceNumber`, `chunk` and `timestamp` are strings, sample rate and channels numbers.

use super::json::{number, string};
use crate::config::{ForkTarget, Track};

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
        start.extend_from_slice(
            br#"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{"#,
        );
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
        start.extend_from_slice(br#"}},"streamSid":"#);
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

        Self {
            start: start.into(),
            media_end: media_end.into(),
            stop_end: stop_end.into(),
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
        out.extend_from_slice(&self.media_end);
    }

    pub fn stop(&self, out: &mut Vec<u8>, sequence: u64) {
        out.extend_from_slice(br#"{"event":"stop","sequenceNumber":""#);
        number(out, sequence);
        out.extend_from_slice(&self.stop_end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::config::CaptureFrom;

    fn target(names: [&str; 3], parameters: &[(String, String)]) -> ForkTarget {
        ForkTarget {
            stream_sid: names[0].into(),
            call_sid: names[1].into(),
            account_sid: names[2].into(),
            host: String::new(),
            port: 443,
            path: String::new(),
            tracks: Vec::new(),
            parameters: parameters.to_vec(),
            headers: Vec::new(),
            max_lag_ms: 5000,
            capture_from: CaptureFrom::Open,
            bidirectional: false,
            strict_messages: false,
        }
    }

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn golden_messages() {
        let parameters = [("tenant".into(), "42".into())];
        let messages = Messages::new(&target(["MZ1", "CA2", "AC3"], &parameters), &Track::ALL);
        assert_eq!(
            text(|out| messages.start(out)),
            concat!(
                r#"{"event":"start","sequenceNumber":"1","#,
                r#""start":{"accountSid":"AC3","streamSid":"MZ1","callSid":"CA2","tracks":["inbound","outbound"],"#,
                r#""mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"#,
                r#""customParameters":{"tenant":"42"}},"streamSid":"MZ1"}"#
            )
        );
        let media = Media {
            sequence: 2,
            track: Track::Inbound,
            chunk: 1,
            timestamp_ms: 155,
            payload: &[b'/'; PAYLOAD],
        };
        assert_eq!(
            text(|out| messages.media(out, &media)),
            format!(
                concat!(
                    r#"{{"event":"media","sequenceNumber":"2","#,
                    r#""media":{{"track":"inbound","chunk":"1","timestamp":"155","payload":"{}"}},"streamSid":"MZ1"}}"#
                ),
                "/".repeat(216)
            )
        );
        assert_eq!(
            text(|out| messages.stop(out, 352)),
            concat!(
                r#"{"event":"stop","sequenceNumber":"352","streamSid":"MZ1","#,
                r#""stop":{"accountSid":"AC3","callSid":"CA2"}}"#
            )
        );
        assert_eq!(
            std::str::from_utf8(CONNECTED).unwrap(),
            r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#
        );
    }

    #[test]
    fn no_parameters_are_an_empty_object_and_one_track_a_list_of_one() {
        let messages = Messages::new(&target(["MZ1", "CA2", "AC3"], &[]), &[Track::Outbound]);
        let start: Value = serde_json::from_str(&text(|out| messages.start(out))).unwrap();
        assert_eq!(start["start"]["customParameters"], json!({}));
        assert_eq!(start["start"]["tracks"], json!(["outbound"]));
    }

    proptest! {
        #[test]
        fn whatever_the_names_every_message_is_json_with_the_right_types(
            stream: String, call: String, account: String,
            parameters in prop::collection::vec((any::<String>(), any::<String>()), 0..5),
            sequence: u64, chunk: u64, timestamp_ms: u64, outbound: bool,
        ) {
            let messages = Messages::new(&target([&stream, &call, &account], &parameters), &Track::ALL);
            let parse = |text: String| serde_json::from_str::<Value>(&text).unwrap();

            let start = parse(text(|out| messages.start(out)));
            prop_assert_eq!(&start["streamSid"], &json!(stream));
            prop_assert_eq!(&start["start"]["accountSid"], &json!(account));
            let expected: serde_json::Map<String, Value> =
                parameters.into_iter().map(|(name, value)| (name, json!(value))).collect();
            prop_assert_eq!(&start["start"]["customParameters"], &Value::Object(expected));

            let track = Track::ALL[usize::from(outbound)];
            let media = Media { sequence, track, chunk, timestamp_ms, payload: &[b'A'; PAYLOAD] };
            prop_assert_eq!(
                parse(text(|out| messages.media(out, &media))),
                json!({
                    "event": "media", "sequenceNumber": sequence.to_string(),
                    "media": {
                        "track": track.name(), "chunk": chunk.to_string(),
                        "timestamp": timestamp_ms.to_string(), "payload": "A".repeat(PAYLOAD),
                    },
                    "streamSid": stream,
                })
            );
            prop_assert_eq!(
                parse(text(|out| messages.stop(out, sequence))),
                json!({
                    "event": "stop", "sequenceNumber": sequence.to_string(), "streamSid": stream,
                    "stop": {"accountSid": account, "callSid": call},
                })
            );
        }
    }
}
