//! Cutting a byte stream (TCP, TLS) into SIP messages by Content-Length (RFC 3261 §18.3) and
//! telling keep-alives apart (RFC 5626 §4.4.1). Pure: bytes in, frames out.

use crate::message::{Head, MAX_MESSAGE, Malformed, Message, head_end};

/// What was found in the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// One whole message, and the very bytes it came as.
    Message {
        /// As parsed.
        message: Message,
        /// For the trace.
        raw: &'a [u8],
    },
    /// A double CRLF: answer with a single one.
    Ping,
    /// A single CRLF in answer to our ping.
    Pong,
    /// Beyond repair: answer if the request could be read, then close. Nothing follows.
    Broken(Malformed),
}

/// The receiving side of one connection. Never holds more than one message and one read.
#[derive(Debug, Default)]
pub struct StreamFramer {
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were already given out.
    done: usize,
    state: State,
    /// A first CRLF was seen, the second that makes it a ping was not.
    half_ping: bool,
    expect_pong: bool,
}

#[derive(Debug, Default)]
enum State {
    /// Between messages or within a head; this many bytes after `done` hold no blank line.
    #[default]
    Start,
    Head {
        scanned: usize,
    },
    Body {
        head: Box<Head>,
        head_len: usize,
        body_len: usize,
    },
    Broken,
}

const KEPT_CAPACITY: usize = 8_192;

impl StreamFramer {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Take what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        if matches!(self.state, State::Broken) {
            return;
        }
        if self.done > 0 {
            self.buffer.drain(..self.done);
            self.done = 0;
            // One large message must not cost every idle connection its size for ever.
            if self.buffer.capacity() > KEPT_CAPACITY {
                self.buffer.shrink_to(KEPT_CAPACITY);
            }
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// We sent a ping: the next single CRLF is its pong.
    pub fn expect_pong(&mut self) {
        self.expect_pong = true;
    }

    /// Whether the peer has begun something and not ended it.
    pub fn is_mid_message(&self) -> bool {
        !matches!(self.state, State::Start | State::Broken) || self.done < self.buffer.len()
    }

    /// The next frame, or `None` until more is pushed.
    pub fn next_frame(&mut self) -> Option<Frame<'_>> {
        if matches!(self.state, State::Start)
            && let Some(keep_alive) = self.between_messages()
        {
            return Some(keep_alive);
        }
        if let State::Head { scanned } = self.state
            && let Some(broken) = self.in_head(scanned)
        {
            return Some(broken);
        }
        match &self.state {
            State::Body {
                head_len, body_len, ..
            } if self.rest().len() >= head_len + body_len => self.whole_message(),
            _ => None,
        }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.done..).unwrap_or_default()
    }

    /// Line breaks before a start line are ignored (RFC 3261 §7.5), except that a pair of them is
    /// a ping.
    fn between_messages(&mut self) -> Option<Frame<'static>> {
        loop {
            match self.rest() {
                [b'\r', b'\n', ..] => {
                    self.done += 2;
                    if std::mem::take(&mut self.expect_pong) {
                        return Some(Frame::Pong);
                    }
                    self.half_ping = !self.half_ping;
                    if !self.half_ping {
                        return Some(Frame::Ping);
                    }
                }
                [] | [b'\r'] => return None,
                [b'\n', ..] => self.done += 1,
                &[first, ..] => {
                    self.half_ping = false;
                    if let Some(reason) = no_start_line(first) {
                        return Some(self.broken(Malformed::new(reason)));
                    }
                    self.state = State::Head { scanned: 0 };
                    return None;
                }
            }
        }
    }

    fn in_head(&mut self, scanned: usize) -> Option<Frame<'static>> {
        let bytes = self.buffer.get(self.done..).unwrap_or_default();
        // What was looked at before is not looked at again: byte-wise arrival stays linear. The
        // blank line may begin three bytes earlier.
        let from = scanned.saturating_sub(3);
        let end = bytes.get(from..).and_then(head_end).map(|end| from + end);
        let Some(end) = end.filter(|end| *end <= MAX_MESSAGE) else {
            if bytes.len() >= MAX_MESSAGE {
                let top = bytes.get(..MAX_MESSAGE).unwrap_or_default();
                let fault = Message::parse_head(top).map_or_else(|fault| fault, Head::too_large);
                return Some(self.broken(Malformed {
                    status: 513,
                    reason: "headers too large",
                    ..fault
                }));
            }
            self.state = State::Head {
                scanned: bytes.len(),
            };
            return None;
        };
        let head = match Message::parse_head(bytes.get(..end).unwrap_or_default()) {
            Ok(head) => head,
            // Where the body ends cannot be trusted either.
            Err(fault) => return Some(self.broken(fault)),
        };
        match head.content_length {
            Some(body_len) if end.saturating_add(body_len) <= MAX_MESSAGE => {
                self.state = State::Body {
                    head: Box::new(head),
                    head_len: end,
                    body_len,
                };
                None
            }
            Some(_) => Some(self.broken(head.too_large())),
            None => {
                let fault = head.too_large();
                Some(self.broken(Malformed {
                    status: 400,
                    reason: "no Content-Length on a stream (RFC 3261 section 20.14)",
                    ..fault
                }))
            }
        }
    }

    fn whole_message(&mut self) -> Option<Frame<'_>> {
        let State::Body {
            head,
            head_len,
            body_len,
        } = std::mem::take(&mut self.state)
        else {
            return None;
        };
        let start = self.done;
        self.done += head_len + body_len;
        let raw = self.buffer.get(start..self.done)?;
        let message = head.with_body(raw.get(head_len..)?.to_vec());
        Some(Frame::Message { message, raw })
    }

    fn broken(&mut self, fault: Malformed) -> Frame<'static> {
        self.state = State::Broken;
        self.buffer = Vec::new();
        self.done = 0;
        Frame::Broken(fault)
    }
}

/// Why no message begins so. Said at the first byte: what comes may hold no line break to wait for,
/// and its sender hears nothing meanwhile.
fn no_start_line(first: u8) -> Option<&'static str> {
    match first {
        // Its type "handshake" (RFC 8446 §5.1).
        0x16 => Some("a TLS handshake, but this port is without TLS"),
        // A method or `SIP/2.0` (RFC 3261 §25.1, token).
        b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~' => None,
        _ if first.is_ascii_alphanumeric() => None,
        _ => Some("start line is neither a request nor a response"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OPTIONS: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nl: 5\r\n\r\n\x00\r\n\r\n";
    const OK: &[u8] = b"SIP/2.0 200 OK\r\nCall-ID: 1\r\nContent-Length: 0\r\n\r\n";

    /// What a framer gives, in words.
    fn run(reads: &[&[u8]]) -> Vec<String> {
        let mut framer = StreamFramer::new();
        let mut seen = Vec::new();
        for read in reads {
            framer.push(read);
            while let Some(frame) = framer.next_frame() {
                seen.push(match frame {
                    Frame::Message {
                        message: Message::Request(r),
                        raw,
                    } => format!("{} {:?} {}", r.method, r.body, raw.len()),
                    Frame::Message {
                        message: Message::Response(r),
                        raw,
                    } => format!("{} {}", r.status, raw.len()),
                    Frame::Ping => "ping".into(),
                    Frame::Pong => "pong".into(),
                    Frame::Broken(fault) => {
                        format!(
                            "{} {} {}",
                            fault.status,
                            fault.reason,
                            fault.request.is_some()
                        )
                    }
                });
            }
        }
        seen
    }

    fn bytewise(wire: &[u8]) -> Vec<&[u8]> {
        wire.chunks(1).collect()
    }

    #[test]
    fn a_stream_means_the_same_however_it_is_cut() {
        let options = format!("OPTIONS [0, 13, 10, 13, 10] {}", OPTIONS.len());
        let ok = format!("200 {}", OK.len());
        let cases: [(Vec<u8>, Vec<&str>); 6] = [
            (OPTIONS.to_vec(), vec![&options]),
            (
                [OPTIONS, OK, OPTIONS].concat(),
                vec![&options, &ok, &options],
            ),
            (b"\r\n\r\n".to_vec(), vec!["ping"]),
            (
                [b"\r\n\r\n\r\n", OK, b"\r\n\r\n", OK].concat(),
                vec!["ping", &ok, "ping", &ok],
            ),
            ([b"\r\n", OK, b"\r\n", OK].concat(), vec![&ok, &ok]),
            (b"\r\n\r\n\r\n\r\n".to_vec(), vec!["ping", "ping"]),
        ];
        for (wire, expected) in cases {
            assert_eq!(run(&[&wire]), expected, "whole: {wire:?}");
            assert_eq!(run(&bytewise(&wire)), expected, "byte by byte: {wire:?}");
        }
    }

    #[test]
    fn a_pong_is_only_a_pong_when_one_is_awaited() {
        let mut framer = StreamFramer::new();
        framer.expect_pong();
        framer.push(b"\r\n");
        assert_eq!(framer.next_frame(), Some(Frame::Pong));
        assert_eq!(framer.next_frame(), None);
        framer.push(b"\r\n\r\n");
        assert_eq!(framer.next_frame(), Some(Frame::Ping));
    }

    #[test]
    fn what_cannot_be_framed_ends_the_stream_with_an_answer() {
        let no_length = b"OPTIONS sip:a@b SIP/2.0\r\nCall-ID: 1\r\n\r\nOPTIONS";
        let two_lengths = b"OPTIONS sip:a@b SIP/2.0\r\nl: 1\r\nContent-Length: 2\r\n\r\n";
        let negative = b"OPTIONS sip:a@b SIP/2.0\r\nl: -1\r\n\r\n";
        let body_too_large = b"OPTIONS sip:a@b SIP/2.0\r\nl: 99999999999\r\n\r\n";
        let garbage = b"hello there\r\n\r\n";
        let tls = b"\x16\x03\x01\x02\x00\x01";
        let websocket = b"\x82\x05";
        let cases: [(&[u8], &str); 7] = [
            (
                no_length,
                "400 no Content-Length on a stream (RFC 3261 section 20.14) true",
            ),
            (
                two_lengths,
                "400 Content-Length is no number, or two differ true",
            ),
            (
                negative,
                "400 Content-Length is no number, or two differ true",
            ),
            (body_too_large, "513 message too large true"),
            (
                garbage,
                "400 start line is neither a request nor a response false",
            ),
            (
                tls,
                "400 a TLS handshake, but this port is without TLS false",
            ),
            (
                websocket,
                "400 start line is neither a request nor a response false",
            ),
        ];
        for (wire, expected) in cases {
            let then_more = [wire, OK].concat();
            assert_eq!(run(&[&then_more]), [expected]);
            assert_eq!(run(&bytewise(&then_more)), [expected]);
        }
    }

    #[test]
    fn a_head_without_end_is_refused_at_64_kib() {
        let mut wire = b"INVITE sip:a@b SIP/2.0\r\nCall-ID: 1\r\n".to_vec();
        while wire.len() < MAX_MESSAGE + 100 {
            wire.extend_from_slice(b"X-Padding: 0123456789012345678901234567890123456789\r\n");
        }
        let expected = ["513 headers too large true"];
        assert_eq!(run(&[&wire]), expected);
        assert_eq!(run(&wire.chunks(7).collect::<Vec<_>>()), expected);
        assert_eq!(run(&[&wire[..MAX_MESSAGE - 1]]), [""; 0]);
        wire.extend_from_slice(b"l: 0\r\n\r\n");
        assert_eq!(
            run(&[&wire]),
            expected,
            "its end in the same read changes nothing"
        );
    }

    #[test]
    fn it_says_whether_a_message_is_half_there() {
        let mut framer = StreamFramer::new();
        assert!(!framer.is_mid_message());
        framer.push(&OPTIONS[..10]);
        assert_eq!(framer.next_frame(), None);
        assert!(framer.is_mid_message());
        framer.push(&OPTIONS[10..]);
        assert!(framer.next_frame().is_some());
        assert!(framer.next_frame().is_none());
        assert!(!framer.is_mid_message());
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_frames(cuts in proptest::collection::vec(1usize..40, 1..60), garbage: Vec<u8>) {
            let wire = [OPTIONS, b"\r\n\r\n", OK, OPTIONS, &garbage].concat();
            let (mut reads, mut rest, mut cuts) = (Vec::new(), wire.as_slice(), cuts.into_iter().cycle());
            while !rest.is_empty() {
                let (read, more) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                reads.push(read);
                rest = more;
            }
            prop_assert_eq!(run(&reads), run(&[&wire]));
        }
    }
}
