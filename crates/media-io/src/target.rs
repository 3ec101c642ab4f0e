//! Orders are checked once, here: what would break the wire never reaches it.

use bridgetap_media::{Channels, ForkEndpoint, ForkTarget, LegMedia, Track};

use crate::error::MediaError;

/// Bytes of an event's body.
const MAX_EVENT: usize = 4096;

/// Everything that stands in a fork's handshakes, and what its messages name.
pub(crate) fn check_fork(target: &ForkTarget) -> Result<(), MediaError> {
    if target.tracks.is_empty() {
        return refuse("fork: tracks", "", "must name at least one track");
    }
    if target.bidirectional && target.tracks.iter().any(|track| *track != Track::Inbound) {
        return refuse(
            "fork: tracks",
            "outbound",
            "must be inbound alone where the far end speaks",
        );
    }
    if target.bidirectional && target.resume.is_some() {
        return refuse(
            "fork: resume",
            "true",
            "must be off where the far end speaks",
        );
    }
    check_shape(target)?;
    if target.endpoints.is_empty() {
        return Err(no_endpoint());
    }
    target.endpoints.iter().try_for_each(check_endpoint)
}

/// A fork to nowhere.
pub(crate) fn no_endpoint() -> MediaError {
    MediaError::Value {
        place: "fork: endpoints",
        value: String::new(),
        rule: "must name at least one",
    }
}

/// Names and headers go onto the wire as they are, so they must not carry line breaks; the path
/// must be one, without the blanks that would end it.
fn check_endpoint(endpoint: &ForkEndpoint) -> Result<(), MediaError> {
    let printable = |text: &str| text.bytes().all(|b| (0x21..0x7f).contains(&b));
    if endpoint.host.is_empty() || !printable(&endpoint.host) {
        return refuse(
            "fork: host",
            &endpoint.host,
            "must be a host name or address",
        );
    }
    if endpoint.port == 0 {
        return refuse("fork: port", "0", "must be 1–65535");
    }
    if !endpoint.path.starts_with('/') || !printable(&endpoint.path) {
        return refuse(
            "fork: path",
            &endpoint.path,
            "must begin with / and be printable ASCII without blanks",
        );
    }
    for (name, value) in &endpoint.headers {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(token) {
            return refuse(
                "fork: header name",
                name,
                "must be a token (RFC 9110 §5.6.2)",
            );
        }
        // The value stays out of the error: it may be a signature or a token.
        if !value.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return refuse("fork: value of header", name, "must be printable ASCII");
        }
    }
    Ok(())
}

/// Frames that cannot be made.
fn check_shape(target: &ForkTarget) -> Result<(), MediaError> {
    let shape = &target.shape;
    let has_both = Track::ALL.iter().all(|track| target.tracks.contains(track));
    if shape.channels != Channels::Separate && !has_both {
        return refuse("fork: channels", shape.channels.name(), "needs both tracks");
    }
    if !(20..=200).contains(&shape.frame_ms) || !shape.frame_ms.is_multiple_of(20) {
        let frame_ms = shape.frame_ms.to_string();
        return refuse("fork: frame_ms", &frame_ms, "must be 20–200 in steps of 20");
    }
    if target.bidirectional && !shape.has_plain_audio() {
        let format = shape.format.encoding();
        return refuse(
            "fork: format",
            format,
            "must be Twilio's where the far end speaks",
        );
    }
    Ok(())
}

/// What RTP cannot carry.
pub(crate) fn check_media(media: &LegMedia) -> Result<(), MediaError> {
    let types = [
        Some(media.payload_type),
        media.telephone_event,
        media.receive_telephone_event,
    ];
    let all = types.into_iter().flatten().chain(media.comfort_noise);
    for payload_type in all.chain(media.receive.iter().map(|(number, _)| *number)) {
        if payload_type > 127 {
            return refuse("payload type", &payload_type.to_string(), "must be 0–127");
        }
    }
    if !(10..=60).contains(&media.ptime_ms) || !media.ptime_ms.is_multiple_of(10) {
        return refuse(
            "ptime_ms",
            &media.ptime_ms.to_string(),
            "must be 10, 20, 30, 40, 50 or 60",
        );
    }
    Ok(())
}

/// An event becomes a message of its own, so it must not break out of its place in it.
pub(crate) fn check_event(event: &str, body: &str) -> Result<(), MediaError> {
    if event.is_empty() || !event.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
        return refuse("event", event, "must be of a-z and -");
    }
    let object = body.starts_with('{') && body.ends_with('}');
    if !object || body.len() > MAX_EVENT || body.bytes().any(|b| b < 0x20) {
        // The body stays out of the error: it may name people.
        return refuse(
            "body of event",
            event,
            "must be a JSON object on one line, to 4096 bytes",
        );
    }
    Ok(())
}

/// Keys, and `w` for waiting.
pub(crate) fn check_digits(digits: &str) -> Result<(), MediaError> {
    match digits
        .chars()
        .find(|c| !"0123456789*#ABCDabcdwW".contains(*c))
    {
        Some(other) => refuse("send_dtmf", &other.to_string(), "must be of 0-9 * # A-D w"),
        None => Ok(()),
    }
}

/// One key.
pub(crate) fn check_key(key: char) -> Result<(), MediaError> {
    if "0123456789*#ABCD".contains(key) {
        Ok(())
    } else {
        refuse("tell_key", &key.to_string(), "must be one of 0-9 * # A-D")
    }
}

fn refuse(place: &'static str, value: &str, rule: &'static str) -> Result<(), MediaError> {
    Err(MediaError::Value {
        place,
        value: value.to_owned(),
        rule,
    })
}

#[cfg(test)]
mod tests {
    use bridgetap_media::Resume;

    use super::*;
    use crate::testing::{leg_media, target};

    #[test]
    fn a_target_that_would_break_the_wire_is_refused_with_its_place() {
        type Spoil = fn(&mut ForkTarget);
        let cases: [(Spoil, &str); 16] = [
            (|t| t.endpoints[0].host.clear(), "host"),
            (|t| t.endpoints[0].host = "a b".into(), "host"),
            (|t| t.endpoints[0].host = "a\r\nX: y".into(), "host"),
            (|t| t.endpoints[0].port = 0, "port"),
            (|t| t.endpoints[0].path = "in".into(), "path"),
            (|t| t.endpoints[0].path = "/a b".into(), "path"),
            (|t| t.tracks.clear(), "tracks"),
            (|t| t.endpoints.clear(), "endpoints"),
            (
                |t| (t.bidirectional, t.tracks) = (true, Track::ALL.to_vec()),
                "tracks",
            ),
            (
                |t| {
                    (t.bidirectional, t.resume) = (
                        true,
                        Some(Resume {
                            overlap_ms: 0,
                            ring_ms: 0,
                        }),
                    )
                },
                "resume",
            ),
            (|t| t.shape.channels = Channels::Mixed, "channels"),
            (|t| t.shape.frame_ms = 0, "frame_ms"),
            (|t| t.shape.frame_ms = 50, "frame_ms"),
            (|t| t.shape.frame_ms = 220, "frame_ms"),
            (
                |t| t.endpoints[0].headers[0].0 = "X Y".into(),
                "header name",
            ),
            (
                |t| t.endpoints[0].headers[0].1 = "a\r\nb: c".into(),
                "value of header",
            ),
        ];
        assert!(check_fork(&target("a.test", 443)).is_ok());
        for (spoil, place) in cases {
            let mut bad = target("a.test", 443);
            spoil(&mut bad);
            let error = check_fork(&bad).unwrap_err().to_string();
            assert!(error.starts_with(&format!("fork: {place}")), "{error}");
        }
    }

    #[test]
    fn the_value_of_a_bad_header_stays_out_of_the_error() {
        let mut bad = target("a.test", 443);
        bad.endpoints[0].headers[0].1 = "secret\n".into();
        assert!(!check_fork(&bad).unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn media_that_rtp_cannot_carry_is_refused() {
        let good = leg_media("127.0.0.1:4000".parse().unwrap());
        assert!(check_media(&good).is_ok());
        type Spoil = fn(&mut LegMedia);
        let cases: [(Spoil, &str); 4] = [
            (|m| m.payload_type = 128, "payload type \"128\""),
            (|m| m.receive[0].0 = 200, "payload type \"200\""),
            (|m| m.ptime_ms = 15, "ptime_ms \"15\""),
            (|m| m.ptime_ms = 70, "ptime_ms \"70\""),
        ];
        for (spoil, words) in cases {
            let mut bad = good.clone();
            spoil(&mut bad);
            let error = check_media(&bad).unwrap_err().to_string();
            assert!(error.starts_with(words), "{error}");
        }
    }

    #[test]
    fn an_event_is_one_json_object() {
        assert!(check_event("hold", r#"{"track":"inbound"}"#).is_ok());
        let long = format!("{{{}}}", " ".repeat(MAX_EVENT));
        for (event, body) in [
            ("", "{}"),
            ("a\"b", "{}"),
            ("hold", "[]"),
            ("hold", "{\n}"),
            ("hold", &long),
        ] {
            let error = check_event(event, body).unwrap_err().to_string();
            assert!(!error.contains("[]"), "{error}");
        }
    }

    #[test]
    fn only_keys_can_be_pressed() {
        assert!(check_digits("0123456789*#ABCDw").is_ok());
        assert!(check_digits("12x").is_err());
        assert!(check_key('#').is_ok());
        assert!(check_key('w').is_err(), "waiting is no key");
    }
}
