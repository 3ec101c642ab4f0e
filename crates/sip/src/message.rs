//! Requests and responses: a start line, ordered headers, bytes.

use crate::headers::Headers;
use crate::method::Method;
use crate::text;

pub use crate::parse::{Head, MAX_MESSAGE, Malformed, head_end};

/// Either kind of message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// `INVITE sip:… SIP/2.0`
    Request(Request),
    /// `SIP/2.0 200 OK`
    Response(Response),
}

/// A request. `uri` is kept as text: it is passed on as it came and parsed where it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub method: Method,
    /// The Request-URI as written.
    pub uri: String,
    /// In wire order.
    pub headers: Headers,
    /// Never changed on the way.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 100–699.
    pub status: u16,
    /// Free text.
    pub reason: String,
    /// In wire order.
    pub headers: Headers,
    /// Never changed on the way.
    pub body: Vec<u8>,
}

impl Message {
    /// One whole datagram. Without Content-Length the body is the rest of it.
    pub fn parse(datagram: &[u8]) -> Result<Message, Malformed> {
        crate::parse::datagram(datagram)
    }

    /// The head of a message on a stream, blank line included (see [`head_end`]); give the body
    /// to [`Head::with_body`] when its bytes are there.
    pub fn parse_head(head: &[u8]) -> Result<Head, Malformed> {
        crate::parse::head(head)
    }

    /// The headers, whichever kind it is.
    pub fn headers(&self) -> &Headers {
        match self {
            Message::Request(request) => &request.headers,
            Message::Response(response) => &response.headers,
        }
    }

    /// As on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Message::Request(request) => request.to_bytes(),
            Message::Response(response) => response.to_bytes(),
        }
    }
}

impl Request {
    /// A request with nothing in it yet.
    pub fn new(method: Method, uri: impl Into<String>) -> Request {
        Request {
            method,
            uri: uri.into(),
            headers: Headers::new(),
            body: Vec::new(),
        }
    }

    /// As on the wire; Content-Length is always written, last.
    pub fn to_bytes(&self) -> Vec<u8> {
        let uri = self.uri.replace(|c: char| c.is_ascii_whitespace(), "");
        write(
            &format!("{} {uri} SIP/2.0", self.method),
            &self.headers,
            &self.body,
        )
    }
}

impl Response {
    /// A response to `request` with the headers every response copies (RFC 3261 §8.2.6.2), its To
    /// without a tag of ours yet. An empty `reason` becomes the usual one.
    pub fn to(request: &Request, status: u16, reason: &str) -> Response {
        let mut headers = Headers::new();
        for (name, value) in request.headers.iter() {
            if ["Via", "From", "To", "Call-ID", "CSeq"]
                .iter()
                .any(|c| name.eq_ignore_ascii_case(c))
            {
                headers.push(name, value);
            }
        }
        let reason = if reason.is_empty() {
            crate::status::reason(status)
        } else {
            reason
        };
        Response {
            status,
            reason: reason.to_owned(),
            headers,
            body: Vec::new(),
        }
    }

    /// What stands for the response that never came (408), or a request never sent (503).
    pub(crate) fn local(status: u16) -> Response {
        let reason = crate::status::reason(status).to_owned();
        Response {
            status,
            reason,
            headers: Headers::new(),
            body: Vec::new(),
        }
    }

    /// As on the wire; Content-Length is always written, last.
    pub fn to_bytes(&self) -> Vec<u8> {
        let reason = self.reason.replace(['\r', '\n'], " ");
        write(
            &format!("SIP/2.0 {} {reason}", self.status),
            &self.headers,
            &self.body,
        )
    }
}

fn write(start: &str, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(512 + body.len());
    text::encode(start, &mut out);
    out.extend_from_slice(b"\r\n");
    headers.write(&mut out);
    out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    out.extend_from_slice(body);
    out
}
