use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::fork::{Asides, Channels, Format, Framing};

fn target(names: [&str; 3], parameters: &[(String, String)]) -> ForkTarget {
    ForkTarget {
        stream_sid: names[0].into(),
        call_sid: names[1].into(),
        account_sid: names[2].into(),
        parameters: parameters.to_vec(),
        ..ForkTarget::default()
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
fn a_golden_start_of_a_shaped_stream() {
    let mut target = target(["MZ1", "CA2", "AC3"], &[]);
    target.shape = Shape {
        format: Format::L16Wide,
        channels: Channels::Stereo,
        framing: Framing::Binary,
        frame_ms: 100,
        wall_clock: None,
        asides: Asides {
            dtmf: true,
            hold: false,
            participant: true,
        },
    };
    let messages = Messages::new(&target, &Track::ALL);
    assert_eq!(
        text(|out| messages.start(out)),
        concat!(
            r#"{"event":"start","sequenceNumber":"1","#,
            r#""start":{"accountSid":"AC3","streamSid":"MZ1","callSid":"CA2","tracks":["inbound","outbound"],"#,
            r#""mediaFormat":{"encoding":"audio/x-l16","sampleRate":16000,"channels":2},"#,
            r#""customParameters":{},"#,
            r#""extensions":{"channels":"stereo","framing":"binary","frameMs":100,"wallClock":false,"#,
            r#""events":["dtmf","participant"]}},"streamSid":"MZ1"}"#
        )
    );
}

#[test]
fn golden_events() {
    let messages = Messages::new(&target(["MZ1", "CA2", "AC3"], &[]), &Track::ALL);
    assert_eq!(
        text(|out| messages.key(out, 5, '#', None)),
        r##"{"event":"dtmf","streamSid":"MZ1","sequenceNumber":"5","dtmf":{"track":"inbound_track","digit":"#"}}"##
    );
    assert_eq!(
        text(|out| messages.key(out, 5, '1', Some(99))),
        concat!(
            r#"{"event":"dtmf","streamSid":"MZ1","sequenceNumber":"5","#,
            r#""dtmf":{"track":"inbound_track","digit":"1","wallClock":"99"}}"#
        )
    );
    assert_eq!(
        text(|out| messages.told(out, 6, "hold", r#"{"held":true}"#, 120, Some(99))),
        concat!(
            r#"{"event":"hold","sequenceNumber":"6","streamSid":"MZ1","#,
            r#""hold":{"timestamp":"120","wallClock":"99","held":true}}"#
        )
    );
    assert_eq!(
        text(|out| messages.told(out, 7, "hold", "{ }", 120, None)),
        r#"{"event":"hold","sequenceNumber":"7","streamSid":"MZ1","hold":{"timestamp":"120"}}"#
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
