//! Frames from the server. Of a one-way stream only control frames mean something: its messages are
//! counted and thrown away unread. Of a bidirectional one the texts are kept.

/// Something the server sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Answer with a pong of the same payload.
    Ping(Vec<u8>),
    /// An answer to our ping.
    Pong,
    /// The server ends the connection; absent code: its close frame was empty (1005).
    Close { code: Option<u16>, reason: String },
    /// A whole message that nobody has a use for.
    Message { binary: bool, bytes: u64 },
    /// A whole text message, of a reader that keeps them; not known to be UTF-8.
    Text(Vec<u8>),
}

/// The server broke the protocol; close with this code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) close_code: u16,
    pub(crate) what: &'static str,
}

/// A message may have this many bytes, over all its frames.
pub(crate) const MAX_MESSAGE: u64 = 1 << 20;

/// Takes bytes as they come, cut anywhere.
#[derive(Debug)]
pub(crate) struct FrameReader {
    state: State,
    message: Option<Message>,
    /// What has come of a text; absent where texts are not kept.
    text: Option<Vec<u8>>,
}

#[derive(Debug)]
enum State {
    Header {
        bytes: [u8; 10],
        have: usize,
    },
    Data {
        left: u64,
        last: bool,
    },
    Control {
        opcode: u8,
        left: usize,
        payload: Vec<u8>,
    },
    Closed,
}

/// A message whose last frame has not come yet.
#[derive(Debug, Clone, Copy)]
struct Message {
    binary: bool,
    bytes: u64,
}

const HEADER: State = State::Header {
    bytes: [0; 10],
    have: 0,
};

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

const PROTOCOL_ERROR: u16 = 1002;
const BAD_PAYLOAD: u16 = 1007;
const TOO_BIG: u16 = 1009;

impl FrameReader {
    pub(crate) fn new() -> Self {
        Self {
            state: HEADER,
            message: None,
            text: None,
        }
    }

    /// One that hands texts on.
    pub(crate) fn keeping_texts() -> Self {
        Self {
            text: Some(Vec::new()),
            ..Self::new()
        }
    }

    /// Read `bytes`, appending to `heard`. What was heard before an error stands. After a close
    /// frame or an error the rest is ignored (RFC 6455 §5.5.1, §7.1.7).
    pub(crate) fn feed(&mut self, bytes: &[u8], heard: &mut Vec<Heard>) -> Result<(), Violation> {
        let read = self.read(bytes, heard);
        if read.is_err() {
            self.state = State::Closed;
        }
        read
    }

    fn read(&mut self, mut bytes: &[u8], heard: &mut Vec<Heard>) -> Result<(), Violation> {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Header {
                    bytes: header,
                    have,
                } => {
                    header[*have] = bytes[0];
                    *have += 1;
                    bytes = &bytes[1..];
                    let known = *have;
                    let header = *header;
                    if known >= 2 && known == header_len(header[1]) {
                        self.state = self.begin(header)?;
                        self.finish(heard)?;
                    }
                }
                State::Data { left, .. } => {
                    let step = (*left).min(bytes.len() as u64);
                    *left -= step;
                    let (data, rest) = bytes.split_at(step as usize);
                    if let (Some(text), Some(Message { binary: false, .. })) =
                        (&mut self.text, self.message)
                    {
                        text.extend_from_slice(data);
                    }
                    bytes = rest;
                    self.finish(heard)?;
                }
                State::Control { left, payload, .. } => {
                    let step = (*left).min(bytes.len());
                    payload.extend_from_slice(&bytes[..step]);
                    *left -= step;
                    bytes = &bytes[step..];
                    self.finish(heard)?;
                }
                State::Closed => break,
            }
        }
        Ok(())
    }

    /// A whole header is known: what comes next?
    fn begin(&mut self, header: [u8; 10]) -> Result<State, Violation> {
        let [first, second, ..] = header;
        let last = first & 0x80 != 0;
        let opcode = first & 0x0f;
        if first & 0x70 != 0 {
            return Err(broken("reserved bits are set, but no extension was agreed"));
        }
        if second & 0x80 != 0 {
            return Err(broken("a frame from the server is masked"));
        }
        let len = payload_len(header);
        match opcode {
            TEXT | BINARY if self.message.is_some() => {
                Err(broken("a new message began inside another"))
            }
            TEXT | BINARY => {
                self.message = Some(Message {
                    binary: opcode == BINARY,
                    bytes: 0,
                });
                self.data(len, last)
            }
            CONTINUATION if self.message.is_none() => {
                Err(broken("a continuation frame without a message"))
            }
            CONTINUATION => self.data(len, last),
            CLOSE | PING | PONG if !last => Err(broken("a control frame is fragmented")),
            CLOSE | PING | PONG if len > 125 => {
                Err(broken("a control frame is longer than 125 bytes"))
            }
            CLOSE | PING | PONG => Ok(State::Control {
                opcode,
                left: len as usize,
                payload: Vec::with_capacity(len as usize),
            }),
            _ => Err(broken("a reserved opcode")),
        }
    }

    fn data(&mut self, len: u64, last: bool) -> Result<State, Violation> {
        let before = self.message.map_or(0, |m| m.bytes);
        let bytes = before.saturating_add(len);
        if bytes > MAX_MESSAGE {
            return Err(Violation {
                close_code: TOO_BIG,
                what: "a message is longer than 1 MiB",
            });
        }
        if let Some(message) = &mut self.message {
            message.bytes = bytes;
        }
        Ok(State::Data { left: len, last })
    }

    /// Report the frame when its last byte is in.
    fn finish(&mut self, heard: &mut Vec<Heard>) -> Result<(), Violation> {
        match &mut self.state {
            State::Data { left: 0, last } => {
                if *last && let Some(Message { binary, bytes }) = self.message.take() {
                    heard.push(match &mut self.text {
                        Some(text) if !binary => Heard::Text(std::mem::take(text)),
                        _ => Heard::Message { binary, bytes },
                    });
                }
                self.state = HEADER;
            }
            State::Control {
                opcode,
                left: 0,
                payload,
            } => {
                let payload = std::mem::take(payload);
                match *opcode {
                    CLOSE => {
                        self.state = State::Closed;
                        heard.push(close(&payload)?);
                        return Ok(());
                    }
                    PING => heard.push(Heard::Ping(payload)),
                    _ => heard.push(Heard::Pong),
                }
                self.state = HEADER;
            }
            _ => {}
        }
        Ok(())
    }
}

/// How long the header is; from the server it has no masking key.
fn header_len(second: u8) -> usize {
    match second & 0x7f {
        126 => 4,
        127 => 10,
        _ => 2,
    }
}

fn payload_len(header: [u8; 10]) -> u64 {
    let [_, second, a, b, c, d, e, f, g, h] = header;
    match second & 0x7f {
        126 => u64::from(u16::from_be_bytes([a, b])),
        127 => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        short => u64::from(short),
    }
}

/// The body of a close frame (RFC 6455 §5.5.1, §7.4).
fn close(payload: &[u8]) -> Result<Heard, Violation> {
    let (code, reason) = match payload {
        [] => {
            return Ok(Heard::Close {
                code: None,
                reason: String::new(),
            });
        }
        [_] => return Err(broken("a close frame with half a code")),
        [a, b, reason @ ..] => (u16::from_be_bytes([*a, *b]), reason),
    };
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(broken("a close code that must not be sent"));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| Violation {
        close_code: BAD_PAYLOAD,
        what: "the reason of a close frame is not UTF-8",
    })?;
    Ok(Heard::Close {
        code: Some(code),
        reason: reason.to_owned(),
    })
}

fn broken(what: &'static str) -> Violation {
    Violation {
        close_code: PROTOCOL_ERROR,
        what,
    }
}

#[cfg(test)]
mod tests;
