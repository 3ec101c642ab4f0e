//! The opening handshake (RFC 6455 §4), hand-built: header order and absence of extensions, origin
//! and subprotocol are part of the fingerprint that servers see (twilio.md §2.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use crate::connector::Dial;

/// One handshake: what was asked, and the answer as far as it has come.
pub(crate) struct Upgrade {
    accept: String,
    answer: Vec<u8>,
    status: u16,
    kept: Option<u64>,
}

/// The whole head of the answer must fit.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 100;
/// What we ask for, and what a server may answer to it.
const ASK: &str = "Bridgetap-Resume";
const ANSWER: &str = "Bridgetap-Resume-From";
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

impl Upgrade {
    /// The request to send, and the state that judges its answer. `nonce` is random.
    pub(crate) fn new(dial: &Dial, user_agent: &str, nonce: [u8; 16]) -> (Self, Vec<u8>) {
        let endpoint = &dial.endpoint;
        let key = STANDARD.encode(nonce);
        let mut request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {user_agent}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n",
            endpoint.path,
            host_header(&endpoint.host, endpoint.port),
        );
        for (name, value) in &endpoint.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(resume) = &dial.resume {
            request.push_str(&format!("{ASK}: {resume}\r\n"));
        }
        request.push_str("\r\n");
        let accept = STANDARD.encode(Sha1::new().chain_update(&key).chain_update(GUID).finalize());
        let upgrade = Self {
            accept,
            answer: Vec::new(),
            status: 0,
            kept: None,
        };
        (upgrade, request.into_bytes())
    }

    /// More of the answer. `Ok(None)`: not whole yet. `Ok(Some(rest))`: accepted, and these bytes
    /// already belong to the first frames.
    ///
    /// # Errors
    /// Why this is no upgrade, in words (31920).
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let searched = self.answer.len().saturating_sub(3);
        self.answer.extend_from_slice(bytes);
        let head = match head_len(&self.answer, searched) {
            Some(len) if len <= MAX_HEAD => len,
            None if self.answer.len() <= MAX_HEAD => return self.judge_start(),
            _ => {
                return Err(format!(
                    "the answer's headers are longer than {MAX_HEAD} bytes"
                ));
            }
        };
        let rest = self.answer.split_off(head);
        self.judge()?;
        Ok(Some(rest))
    }

    /// The last sequence number the server says it has kept.
    pub(crate) fn kept(&self) -> Option<u64> {
        self.kept
    }

    /// The server does not want us, and will not want us later: not an error of its own, nor that
    /// it is asked too often.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.status, 101..=499) && !matches!(self.status, 408 | 425 | 429)
    }

    /// Whether what came so far can still become an HTTP answer.
    fn judge_start(&self) -> Result<Option<Vec<u8>>, String> {
        let start = b"HTTP/";
        let len = self.answer.len().min(start.len());
        if self.answer[..len] == start[..len] {
            Ok(None)
        } else {
            Err(NOT_HTTP.to_owned())
        }
    }

    fn judge(&mut self) -> Result<(), String> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&self.answer) {
            Ok(httparse::Status::Complete(_)) => {}
            Err(httparse::Error::TooManyHeaders) => {
                return Err(format!("the answer has more than {MAX_HEADERS} headers"));
            }
            _ => return Err(NOT_HTTP.to_owned()),
        }
        let status = response.code.unwrap_or(0);
        self.status = status;
        if status != 101 {
            let reason: String = response.reason.unwrap_or("").chars().take(60).collect();
            let hint = if matches!(status, 301..=308) {
                "; redirects are not followed"
            } else {
                ""
            };
            return Err(format!(
                "the server answered {status} {reason} instead of 101{hint}"
            ));
        }
        let values = |name: &str| {
            let name = name.to_owned();
            response
                .headers
                .iter()
                .filter(move |h| h.name.eq_ignore_ascii_case(&name))
                .filter_map(|h| std::str::from_utf8(h.value).ok())
                .map(str::trim)
        };
        let has_token = |name: &str, token: &str| {
            values(name).any(|v| v.split(',').any(|t| t.trim().eq_ignore_ascii_case(token)))
        };
        if !has_token("Upgrade", "websocket") {
            return Err("the 101 has no `Upgrade: websocket`".to_owned());
        }
        if !has_token("Connection", "upgrade") {
            return Err("the 101 has no `Connection: Upgrade`".to_owned());
        }
        if !values("Sec-WebSocket-Accept").eq([self.accept.as_str()]) {
            return Err("the 101 has not the Sec-WebSocket-Accept that answers our key".to_owned());
        }
        for name in ["Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"] {
            if values(name).any(|value| !value.is_empty()) {
                return Err(format!("the 101 has a {name}, but none was offered"));
            }
        }
        // What is no number is as good as absent: then the overlap is sent again.
        self.kept = values(ANSWER).next().and_then(|value| value.parse().ok());
        Ok(())
    }
}

const NOT_HTTP: &str = "the server's answer is not HTTP";

/// The Host header: the port only when it is not the default of wss, IPv6 in brackets.
fn host_header(host: &str, port: u16) -> String {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let host = if bare.contains(':') {
        format!("[{bare}]")
    } else {
        bare.to_owned()
    };
    if port == 443 {
        host
    } else {
        format!("{host}:{port}")
    }
}

/// Length of the head with its empty line, looking no further back than `from`.
fn head_len(bytes: &[u8], from: usize) -> Option<usize> {
    let crlf = bytes[from..]
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .map(|at| from + at + 4);
    let lf = bytes[from..]
        .windows(2)
        .position(|w| w == b"\n\n")
        .map(|at| from + at + 2);
    match (crlf, lf) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests;
