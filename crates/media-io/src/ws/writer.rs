//! Frames to the server, built in place: the payload is written once, then masked where it stands.

/// What a frame is (RFC 6455 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

const FIN: u8 = 0x80;
const MASKED: u8 = 0x80;

/// The header of a payload of 126 to 65535 bytes, which nearly all of ours are.
const USUAL_HEADER: usize = 8;

/// Leave room for a header at the end of `out`; append the payload, then call [`finish_frame`]
/// with what this returned, or truncate `out` to its old length to drop the frame.
pub(crate) fn begin_frame(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; USUAL_HEADER]);
    start
}

/// Write the header before the payload that was appended since `start`, and mask the payload.
pub(crate) fn finish_frame(out: &mut Vec<u8>, start: usize, opcode: Opcode, key: [u8; 4]) {
    let len = out.len().saturating_sub(start + USUAL_HEADER);
    let first = FIN | opcode as u8;
    let mut header = [0u8; 14];
    let extended: &[u8] = match len {
        0..=125 => {
            header[1] = MASKED | len as u8;
            &[]
        }
        126..=0xFFFF => {
            header[1] = MASKED | 126;
            &(len as u16).to_be_bytes()
        }
        _ => {
            header[1] = MASKED | 127;
            &(len as u64).to_be_bytes()
        }
    };
    header[0] = first;
    let key_at = 2 + extended.len();
    header[2..key_at].copy_from_slice(extended);
    header[key_at..key_at + 4].copy_from_slice(&key);
    let header = &header[..key_at + 4];

    let payload_at = start + header.len();
    if header.len() != USUAL_HEADER {
        out.resize(out.len().max(payload_at + len), 0);
        let from = start + USUAL_HEADER;
        out.copy_within(from..from + len, payload_at);
        out.truncate(payload_at + len);
    }
    out[start..payload_at].copy_from_slice(header);
    mask(&mut out[payload_at..], key);
}

/// Append a ping or pong; a payload over 125 bytes is cut (RFC 6455 §5.5).
pub(crate) fn control_frame(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], key: [u8; 4]) {
    let start = begin_frame(out);
    out.extend_from_slice(&payload[..payload.len().min(125)]);
    finish_frame(out, start, opcode, key);
}

/// Append a close frame; without a code its body is empty.
pub(crate) fn close_frame(out: &mut Vec<u8>, code: Option<u16>, key: [u8; 4]) {
    match code {
        Some(code) => control_frame(out, Opcode::Close, &code.to_be_bytes(), key),
        None => control_frame(out, Opcode::Close, &[], key),
    }
}

/// XOR with the key, over and over (RFC 6455 §5.3); its own inverse.
fn mask(payload: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(word) ^ wide).to_ne_bytes());
    }
    for (byte, key) in chunks.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
        let mut out = b"before".to_vec();
        let start = begin_frame(&mut out);
        out.extend_from_slice(payload);
        finish_frame(&mut out, start, opcode, KEY);
        out.split_off(6)
    }

    #[test]
    fn the_example_of_the_rfc() {
        // RFC 6455 §5.7: a single-frame masked text message "Hello".
        let expected = [
            0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
        ];
        assert_eq!(frame(Opcode::Text, b"Hello"), expected);
    }

    #[test]
    fn headers_of_every_length_class() {
        let cases: [(usize, &[u8]); 6] = [
            (0, &[0x81, 0x80]),
            (125, &[0x81, 0xfd]),
            (126, &[0x81, 0xfe, 0, 126]),
            (65535, &[0x81, 0xfe, 0xff, 0xff]),
            (65536, &[0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0]),
            (100_000, &[0x81, 0xff, 0, 0, 0, 0, 0, 1, 0x86, 0xa0]),
        ];
        for (len, header) in cases {
            let made = frame(Opcode::Text, &vec![b'x'; len]);
            assert_eq!(made[..header.len()], *header, "length {len}");
            assert_eq!(made[header.len()..header.len() + 4], KEY);
            assert_eq!(made.len(), header.len() + 4 + len);
        }
    }

    #[test]
    fn close_and_control_frames() {
        let mut out = Vec::new();
        close_frame(&mut out, Some(1000), [0; 4]);
        close_frame(&mut out, None, [0; 4]);
        control_frame(&mut out, Opcode::Pong, b"hi", [0; 4]);
        let expected = [
            &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8][..],
            &[0x88, 0x80, 0, 0, 0, 0],
            &[0x8a, 0x82, 0, 0, 0, 0, b'h', b'i'],
        ];
        assert_eq!(out, expected.concat());
        let mut long = Vec::new();
        control_frame(&mut long, Opcode::Ping, &[1; 300], [0; 4]);
        assert_eq!(long.len(), 2 + 4 + 125);
    }

    /// A server's view: parse one masked frame.
    fn unmask(frame: &[u8]) -> (u8, Vec<u8>) {
        let (len, at) = match frame[1] & 0x7f {
            126 => (u16::from_be_bytes([frame[2], frame[3]]) as usize, 4),
            127 => (
                u64::from_be_bytes(frame[2..10].try_into().unwrap()) as usize,
                10,
            ),
            short => (short as usize, 2),
        };
        let key = &frame[at..at + 4];
        let body = &frame[at + 4..];
        assert_eq!(body.len(), len);
        let plain = body.iter().enumerate().map(|(i, b)| b ^ key[i % 4]);
        (frame[0], plain.collect())
    }

    proptest! {
        #[test]
        fn what_is_written_can_be_read(
            payload in prop::collection::vec(any::<u8>(), 0..70_000),
            key: [u8; 4],
        ) {
            let mut out = Vec::new();
            let start = begin_frame(&mut out);
            out.extend_from_slice(&payload);
            finish_frame(&mut out, start, Opcode::Text, key);
            prop_assert_eq!(unmask(&out), (0x81, payload));
        }
    }
}
