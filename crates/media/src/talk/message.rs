//! What a far server may say on a bidirectional stream: `media`, `mark`, `clear`.

use std::borrow::Cow;
use std::fmt;

use super::json::{NotJson, Reader};

/// A name of theirs is shown no longer than this.
const SHOWN: usize = 40;

/// One message, and the first field of it that does not belong there.
#[derive(Debug, PartialEq, Eq)]
pub struct Message<'a> {
    pub said: Said<'a>,
    pub too_many: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// Base64.
    Media(Cow<'a, str>),
    /// Its name.
    Mark(Cow<'a, str>),
    Clear,
}

/// Why a text is no message (31951).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    NotText,
    NotJson(NotJson),
    NotObject,
    Missing(&'static str),
    Unknown(String),
    OtherStream,
    NotBase64,
    TooMany(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotText => write!(f, "it is not UTF-8"),
            Self::NotJson(NotJson { at }) => write!(f, "it is not JSON from byte {at} on"),
            Self::NotObject => write!(f, "it is not a JSON object"),
            Self::Missing(field) => write!(f, "{field} is missing or not of its type"),
            Self::Unknown(event) => write!(f, "event {event:?} is none of media, mark, clear"),
            Self::OtherStream => write!(f, "streamSid is not that of this stream"),
            Self::NotBase64 => write!(f, "media.payload is not base64"),
            Self::TooMany(field) => write!(f, "{field:?} is a field too many"),
        }
    }
}

impl From<NotJson> for Fault {
    fn from(error: NotJson) -> Self {
        Self::NotJson(error)
    }
}

/// Read a message that is for the stream `stream_sid`. The last of fields with one name counts.
pub fn read<'a>(text: &'a [u8], stream_sid: &str) -> Result<Message<'a>, Fault> {
    let text = std::str::from_utf8(text).map_err(|_| Fault::NotText)?;
    let fields = Fields::read(text)?;
    let event = fields.event.ok_or(Fault::Missing("event"))?;
    let mut strangers = Strangers(fields.stranger);
    let said = match &*event {
        "media" => {
            strangers.add(fields.mark.is_some(), "mark");
            let media = fields.media.unwrap_or_default();
            strangers.0 = strangers.0.or(media.stranger);
            Said::Media(media.value.ok_or(Fault::Missing("media.payload"))?)
        }
        "mark" => {
            strangers.add(fields.media.is_some(), "media");
            let mark = fields.mark.unwrap_or_default();
            strangers.0 = strangers.0.or(mark.stranger);
            Said::Mark(mark.value.ok_or(Fault::Missing("mark.name"))?)
        }
        "clear" => {
            strangers.add(fields.media.is_some(), "media");
            strangers.add(fields.mark.is_some(), "mark");
            Said::Clear
        }
        other => return Err(Fault::Unknown(shown(other))),
    };
    let sid = fields.stream_sid.ok_or(Fault::Missing("streamSid"))?;
    if sid != stream_sid {
        return Err(Fault::OtherStream);
    }
    Ok(Message {
        said,
        too_many: strangers.0,
    })
}

#[derive(Debug, Default)]
struct Fields<'a> {
    event: Option<Cow<'a, str>>,
    stream_sid: Option<Cow<'a, str>>,
    media: Option<Inner<'a>>,
    mark: Option<Inner<'a>>,
    stranger: Option<String>,
}

/// An object of which one field matters.
#[derive(Debug, Default)]
struct Inner<'a> {
    value: Option<Cow<'a, str>>,
    stranger: Option<String>,
}

/// The first field that does not belong.
struct Strangers(Option<String>);

impl Strangers {
    fn add(&mut self, is_there: bool, name: &str) {
        if is_there {
            self.0.get_or_insert_with(|| name.to_owned());
        }
    }
}

impl<'a> Fields<'a> {
    fn read(text: &'a str) -> Result<Self, Fault> {
        let mut reader = Reader::new(text);
        let mut fields = Self::default();
        if !reader.stands_at_object() {
            let whole = reader.skip().and_then(|()| reader.end());
            return Err(whole.map_or_else(Fault::NotJson, |()| Fault::NotObject));
        }
        reader.object(|reader, name| {
            match name {
                "event" => fields.event = string(reader)?,
                "streamSid" => fields.stream_sid = string(reader)?,
                "media" => fields.media = Some(Inner::read(reader, "media", "payload")?),
                "mark" => fields.mark = Some(Inner::read(reader, "mark", "name")?),
                other => {
                    fields.stranger.get_or_insert_with(|| shown(other));
                    reader.skip()?;
                }
            }
            Ok(())
        })?;
        reader.end()?;
        Ok(fields)
    }
}

impl<'a> Inner<'a> {
    fn read(reader: &mut Reader<'a>, outer: &str, wanted: &str) -> Result<Self, NotJson> {
        let mut inner = Self::default();
        if !reader.stands_at_object() {
            reader.skip()?;
            return Ok(inner);
        }
        reader.object(|reader, name| {
            if name == wanted {
                inner.value = string(reader)?;
                return Ok(());
            }
            inner
                .stranger
                .get_or_insert_with(|| format!("{outer}.{}", shown(name)));
            reader.skip()
        })?;
        Ok(inner)
    }
}

/// The string here; `None` where it is something else.
fn string<'a>(reader: &mut Reader<'a>) -> Result<Option<Cow<'a, str>>, NotJson> {
    if reader.stands_at_string() {
        reader.string().map(Some)
    } else {
        reader.skip().map(|()| None)
    }
}

fn shown(name: &str) -> String {
    name.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(text: &str) -> Result<Message<'_>, Fault> {
        read(text.as_bytes(), "MZ1")
    }

    #[test]
    fn the_three_messages_as_the_documentation_has_them() {
        let cases = [
            (
                r#"{"event":"media","streamSid":"MZ1","media":{"payload":"//8="}}"#,
                Said::Media("//8=".into()),
            ),
            (
                r#"{"event":"mark","streamSid":"MZ1","mark":{"name":"greeting-end"}}"#,
                Said::Mark("greeting-end".into()),
            ),
            (r#"{"event":"clear","streamSid":"MZ1"}"#, Said::Clear),
            // Another order, blanks, and the slashes that PHP escapes.
            (
                " {\n \"media\" : { \"payload\": \"\\/\\/8=\" }, \"streamSid\" : \"MZ1\", \"event\": \"media\" } ",
                Said::Media("//8=".into()),
            ),
        ];
        for (text, expected) in cases {
            let message = said(text).unwrap();
            assert_eq!((message.said, message.too_many), (expected, None), "{text}");
        }
    }

    #[test]
    fn fields_too_many_are_named_and_the_message_is_read() {
        let cases = [
            (
                r#"{"event":"media","sequenceNumber":"1","streamSid":"MZ1","media":{"payload":""}}"#,
                "sequenceNumber",
            ),
            (
                r#"{"event":"media","streamSid":"MZ1","media":{"track":"outbound","payload":""}}"#,
                "media.track",
            ),
            (r#"{"event":"clear","streamSid":"MZ1","mark":null}"#, "mark"),
            (
                r#"{"event":"mark","streamSid":"MZ1","media":[{}],"mark":{"name":"m"}}"#,
                "media",
            ),
        ];
        for (text, name) in cases {
            assert_eq!(said(text).unwrap().too_many.as_deref(), Some(name));
        }
    }

    #[test]
    fn what_is_no_message_is_told_why() {
        let cases = [
            ("", "it is not JSON from byte 0 on"),
            ("hello", "it is not JSON from byte 0 on"),
            (r#"{"event":"clear""#, "it is not JSON from byte 16 on"),
            (
                r#"{"event":"clear","streamSid":"MZ1"}}"#,
                "it is not JSON from byte 35 on",
            ),
            ("[]", "it is not a JSON object"),
            (r#""clear""#, "it is not a JSON object"),
            (r#"{"streamSid":"MZ1"}"#, "event is missing"),
            (r#"{"event":5,"streamSid":"MZ1"}"#, "event is missing"),
            (
                r#"{"event":"stop","streamSid":"MZ1"}"#,
                r#"event "stop" is none of media, mark, clear"#,
            ),
            (r#"{"event":"clear"}"#, "streamSid is missing"),
            (
                r#"{"event":"clear","streamSid":"MZ2"}"#,
                "streamSid is not that of this stream",
            ),
            (
                r#"{"event":"media","streamSid":"MZ1"}"#,
                "media.payload is missing",
            ),
            (
                r#"{"event":"media","streamSid":"MZ1","media":"//8="}"#,
                "media.payload is missing",
            ),
            (
                r#"{"event":"mark","streamSid":"MZ1","mark":{"name":7}}"#,
                "mark.name is missing",
            ),
        ];
        for (text, words) in cases {
            let fault = said(text).unwrap_err().to_string();
            assert!(fault.starts_with(words), "{text}: {fault}");
        }
        assert_eq!(read(&[0xFF], "MZ1"), Err(Fault::NotText));
        let long = format!(r#"{{"event":"{}"}}"#, "x".repeat(1000));
        assert!(said(&long).unwrap_err().to_string().len() < 100);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = read(&bytes, "MZ1");
        }

        #[test]
        fn a_message_changed_anywhere_is_read_or_refused(at: prop::sample::Index, byte: u8, cut: bool) {
            let mut text = br#"{"event":"media","streamSid":"MZ1","media":{"payload":"//8=\u00e9"}}"#.to_vec();
            let at = at.index(text.len());
            if cut {
                text.truncate(at);
            } else {
                text[at] = byte;
            }
            let _ = read(&text, "MZ1");
        }

        #[test]
        fn any_mark_comes_through(name: String) {
            let text = serde_json::json!({"event": "mark", "streamSid": "MZ1", "mark": {"name": name}}).to_string();
            prop_assert_eq!(said(&text).unwrap().said, Said::Mark(name.into()));
        }
    }
}
