//! Bytes to messages. Tolerant of what real peers send (bare LF, folding, compact forms, spaces
//! before the colon), strict where tolerance would let two readers see two messages.

use std::fmt;

use crate::headers::{Headers, is_token};
use crate::message::{Message, Request, Response};
use crate::method::Method;
use crate::text;

/// Bytes of a whole message, head and body. More is answered 513 or the connection closed.
pub const MAX_MESSAGE: usize = 65_536;
const MAX_HEADERS: usize = 256;
const MAX_LINE: usize = 8_192;

/// Why bytes are no message. Where the start line and headers of a request could be read, it is
/// here to be answered with `status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong.
    pub reason: &'static str,
    /// How to answer (400, 505, 513).
    pub status: u16,
    /// What to answer.
    pub request: Option<Box<Request>>,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for Malformed {}

impl Malformed {
    pub(crate) fn new(reason: &'static str) -> Malformed {
        Malformed {
            reason,
            status: 400,
            request: None,
        }
    }

    fn of(reason: &'static str, status: u16, message: Message) -> Malformed {
        let request = match message {
            Message::Request(request) => Some(Box::new(request)),
            Message::Response(_) => None,
        };
        Malformed {
            reason,
            status,
            request,
        }
    }
}

/// A message whose body is still to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    message: Message,
    /// What Content-Length says; on a stream its absence means 0 (RFC 3261 §20.14 demands it).
    pub content_length: Option<usize>,
}

impl Head {
    /// The whole message.
    pub fn with_body(self, bytes: Vec<u8>) -> Message {
        let mut message = self.message;
        match &mut message {
            Message::Request(request) => request.body = bytes,
            Message::Response(response) => response.body = bytes,
        }
        message
    }

    /// Too much body to read: as an error that can be answered.
    pub fn too_large(self) -> Malformed {
        Malformed::of("message too large", 513, self.message)
    }
}

/// Where the head ends (after the blank line), once it is all there.
pub fn head_end(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = memchr::memchr(b'\n', bytes.get(from..)?) {
        from += at + 1;
        match bytes.get(from..)? {
            [b'\n', ..] => return Some(from + 1),
            [b'\r', b'\n', ..] => return Some(from + 2),
            _ => {}
        }
    }
    None
}

pub(crate) fn datagram(bytes: &[u8]) -> Result<Message, Malformed> {
    let start = bytes
        .iter()
        .position(|b| !matches!(b, b'\r' | b'\n'))
        .unwrap_or(bytes.len());
    let bytes = bytes.get(start..).unwrap_or_default();
    if bytes.len() > MAX_MESSAGE {
        return Err(Malformed {
            status: 513,
            ..Malformed::new("message too large")
        });
    }
    let Some(end) = head_end(bytes) else {
        let reason = "no blank line after the headers";
        return Err(head(bytes).map_or_else(|e| e, |h| Malformed::of(reason, 400, h.message)));
    };
    let (top, rest) = bytes.split_at(end);
    let head = head(top)?;
    match head.content_length {
        // RFC 3261 §18.3: what is too short is refused, what is too long is cut.
        Some(n) => match rest.get(..n) {
            Some(body) => Ok(head.with_body(body.to_vec())),
            None => Err(Malformed::of(
                "body shorter than Content-Length",
                400,
                head.message,
            )),
        },
        None => Ok(head.with_body(rest.to_vec())),
    }
}

pub(crate) fn head(bytes: &[u8]) -> Result<Head, Malformed> {
    let mut lines = Lines { rest: bytes };
    let start = lines.next().ok_or(Malformed::new("empty"))?;
    let (mut message, mut fault) = start_line(start)?;
    let mut headers = Headers::new();
    let mut length = None;
    for line in lines {
        if line.is_empty() {
            break;
        }
        if let Err(reason) = header_line(&mut headers, line) {
            fault = fault.or(Some((reason, 400)));
            if headers.len() >= MAX_HEADERS {
                break;
            }
        }
    }
    for value in headers.all("Content-Length") {
        match value.trim().parse::<usize>() {
            Ok(n) if length.is_none_or(|known| known == n) && !value.starts_with('+') => {
                length = Some(n)
            }
            _ => fault = Some(("Content-Length is no number, or two differ", 400)),
        }
    }
    match &mut message {
        Message::Request(request) => request.headers = headers,
        Message::Response(response) => response.headers = headers,
    }
    match fault {
        Some((reason, status)) => Err(Malformed::of(reason, status, message)),
        None => Ok(Head {
            message,
            content_length: length,
        }),
    }
}

type Fault = Option<(&'static str, u16)>;

/// The start line, and what is wrong with it while the rest can still be read and answered.
fn start_line(line: &[u8]) -> Result<(Message, Fault), Malformed> {
    if line.len() > MAX_LINE {
        return Err(Malformed::new("start line too long"));
    }
    let line = text::decode(line);
    if let Some(rest) = strip_version(&line) {
        let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let status = match code.parse::<u16>() {
            Ok(status) if code.len() == 3 && (100..700).contains(&status) => status,
            _ => return Err(Malformed::new("status is not 100 to 699")),
        };
        let (headers, body) = (Headers::new(), Vec::new());
        return Ok((
            Message::Response(Response {
                status,
                reason: reason.to_owned(),
                headers,
                body,
            }),
            None,
        ));
    }
    let bad = Malformed::new("start line is neither a request nor a response");
    let (method, rest) = line.split_once(' ').ok_or(bad.clone())?;
    let (uri, version) = rest.rsplit_once(' ').ok_or(bad.clone())?;
    if !is_token(method)
        || !version
            .get(..4)
            .is_some_and(|v| v.eq_ignore_ascii_case("SIP/"))
    {
        return Err(bad);
    }
    let fault = if !version.eq_ignore_ascii_case("SIP/2.0") {
        Some(("version is not SIP/2.0", 505))
    } else if uri.is_empty()
        || uri.contains(|c: char| c.is_ascii_whitespace() || "<>\"".contains(c))
    {
        Some(("Request-URI is empty, in brackets, or holds a space", 400))
    } else {
        None
    };
    Ok((
        Message::Request(Request::new(Method::new(method), uri)),
        fault,
    ))
}

fn strip_version(line: &str) -> Option<&str> {
    let (version, rest) = line.split_once(' ')?;
    version.eq_ignore_ascii_case("SIP/2.0").then_some(rest)
}

fn header_line(headers: &mut Headers, line: &[u8]) -> Result<(), &'static str> {
    if line.len() > MAX_LINE {
        return Err("header line too long");
    }
    if let [b' ' | b'\t', ..] = line {
        let more = line.trim_ascii();
        return if headers.fold_wire(more) {
            Ok(())
        } else {
            Err("folded line without a header")
        };
    }
    if headers.len() >= MAX_HEADERS {
        return Err("too many headers");
    }
    let colon = memchr::memchr(b':', line).ok_or("header line without a colon")?;
    let (name, value) = line.split_at(colon);
    let name = std::str::from_utf8(name.trim_ascii_end()).map_err(|_| "header name is no token")?;
    if !is_token(name) {
        return Err("header name is no token");
    }
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    // A bare CR is no line end for us, but might be for the next reader.
    if value.contains(&b'\r') {
        return Err("carriage return inside a header");
    }
    headers.push_wire(name, value);
    Ok(())
}

/// Lines ended by LF or CRLF.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..).unwrap_or_default();
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}
