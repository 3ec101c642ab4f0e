//! SIP over a connection: where one message ends and the next begins (RFC 3261 18.3).

use crate::sip_text::Message;

/// Bytes that came in, until they are a message.
#[derive(Default)]
pub struct SipStream {
    bytes: Vec<u8>,
}

impl SipStream {
    /// Add what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Take the first whole message.
    pub fn next_message(&mut self) -> Option<Vec<u8>> {
        let start = self
            .bytes
            .iter()
            .position(|b| !matches!(b, b'\r' | b'\n'))?;
        self.bytes.drain(..start);
        let head = self.bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        let length: usize = Message::parse(&self.bytes[..head])
            .and_then(|message| message.header("Content-Length").parse().ok())
            .unwrap_or(0);
        (self.bytes.len() >= head + length).then(|| self.bytes.drain(..head + length).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = b"BYE sip:a SIP/2.0\r\nCall-ID: 1\r\nContent-Length: 0\r\n\r\n";
    const TWO: &[u8] = b"INVITE sip:a SIP/2.0\r\nl: 4\r\n\r\nv=0\n";

    #[test]
    fn messages_are_the_same_however_they_are_cut() {
        let all = [b"\r\n\r\n", ONE, TWO, b"\r\n", ONE].concat();
        for size in 1..all.len() {
            let mut stream = SipStream::default();
            let mut messages = Vec::new();
            for part in all.chunks(size) {
                stream.push(part);
                messages.extend(std::iter::from_fn(|| stream.next_message()));
            }
            assert_eq!(messages, [ONE, TWO, ONE], "{size} bytes at once");
        }
    }
}
