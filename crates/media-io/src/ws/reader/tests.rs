use proptest::prelude::*;

use super::*;

type Outcome = (Vec<Heard>, Result<(), Violation>);

fn read(bytes: &[u8]) -> Outcome {
    let mut heard = Vec::new();
    let result = FrameReader::new().feed(bytes, &mut heard);
    (heard, result)
}

fn read_bytewise(bytes: &[u8]) -> Outcome {
    let mut reader = FrameReader::new();
    let mut heard = Vec::new();
    for byte in bytes {
        if let Err(violation) = reader.feed(&[*byte], &mut heard) {
            return (heard, Err(violation));
        }
    }
    (heard, Ok(()))
}

/// A frame as a server makes it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ 0..=125 => out.push(len as u8),
        len @ 126..=0xFFFF => {
            out.push(126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(payload);
    out
}

fn message(binary: bool, bytes: u64) -> Heard {
    Heard::Message { binary, bytes }
}

fn closed(code: Option<u16>, reason: &str) -> Heard {
    Heard::Close {
        code,
        reason: reason.to_owned(),
    }
}

#[test]
fn good_frames_both_whole_and_byte_by_byte() {
    let cases: Vec<(Vec<u8>, Vec<Heard>)> = vec![
        (frame(0x89, b"abc"), vec![Heard::Ping(b"abc".to_vec())]),
        (frame(0x89, &[7; 125]), vec![Heard::Ping(vec![7; 125])]),
        (frame(0x8a, b""), vec![Heard::Pong]),
        (frame(0x88, b""), vec![closed(None, "")]),
        (frame(0x88, b"\x03\xe8"), vec![closed(Some(1000), "")]),
        (frame(0x88, b"\x0f\xa0bye"), vec![closed(Some(4000), "bye")]),
        (frame(0x81, b"{}"), vec![message(false, 2)]),
        (frame(0x82, &[0; 126]), vec![message(true, 126)]),
        (frame(0x82, &[0; 70_000]), vec![message(true, 70_000)]),
        (frame(0x81, b""), vec![message(false, 0)]),
        // Fragments, a ping between them (RFC 6455 §5.4).
        (
            [
                frame(0x01, b"ab"),
                frame(0x89, b""),
                frame(0x00, b"c"),
                frame(0x80, b""),
            ]
            .concat(),
            vec![Heard::Ping(vec![]), message(false, 3)],
        ),
        // After a close nothing counts.
        (
            [frame(0x88, b"\x03\xe9"), vec![0xff; 40]].concat(),
            vec![closed(Some(1001), "")],
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(read(&bytes), (expected.clone(), Ok(())), "{bytes:02x?}");
        assert_eq!(read_bytewise(&bytes), (expected, Ok(())));
    }
}

#[test]
fn every_violation_has_its_close_code() {
    let too_big = [vec![0x82, 127], (MAX_MESSAGE + 1).to_be_bytes().to_vec()].concat();
    let huge = [vec![0x82, 127], u64::MAX.to_be_bytes().to_vec()].concat();
    let grown = [frame(0x02, &vec![0; 1 << 20]), frame(0x80, b"x")].concat();
    let cases: Vec<(Vec<u8>, u16)> = vec![
        (frame(0xc1, b"x"), 1002),
        (frame(0x91, b"x"), 1002),
        (frame(0xa9, b""), 1002),
        (vec![0x81, 0x81, 1, 2, 3, 4, 5], 1002),
        (frame(0x83, b""), 1002),
        (frame(0x8b, b""), 1002),
        (frame(0x09, b""), 1002),
        (frame(0x89, &[0; 126]), 1002),
        (frame(0x80, b"x"), 1002),
        ([frame(0x01, b"a"), frame(0x81, b"b")].concat(), 1002),
        (frame(0x88, b"\x03"), 1002),
        (frame(0x88, b"\x03\xed"), 1002), // 1005 must not be on the wire
        (frame(0x88, b"\x00\x01"), 1002),
        (frame(0x88, b"\x03\xe8\xff"), 1007),
        (too_big, 1009),
        (huge, 1009),
        (grown, 1009),
    ];
    for (bytes, code) in cases {
        let (heard, result) = read(&bytes);
        assert!(heard.is_empty(), "{heard:?}");
        assert_eq!(
            result.unwrap_err().close_code,
            code,
            "{:02x?}",
            &bytes[..bytes.len().min(16)]
        );
        assert_eq!(read_bytewise(&bytes).1.unwrap_err().close_code, code);
    }
}

/// A server that broke the protocol goes on sending while its socket is being closed.
#[test]
fn what_follows_a_violation_is_ignored() {
    let too_long = [&[0x82, 0x7f][..], &(1_u64 << 60).to_be_bytes()].concat();
    for broken in [&too_long[..], &[0x81, 0x85], &[0x83, 0x00], &[0x88, 1, 3]] {
        let mut reader = FrameReader::new();
        let mut heard = Vec::new();
        assert!(reader.feed(broken, &mut heard).is_err());
        for _ in 0..3 {
            assert_eq!(reader.feed(&[0x89, 0, 0x81, 1, 7], &mut heard), Ok(()));
        }
        assert_eq!(heard, []);
    }
}

proptest! {
    #[test]
    fn any_bytes_read_the_same_however_they_are_cut(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        cut in 0usize..300,
    ) {
        let whole = read(&bytes);
        prop_assert_eq!(&read_bytewise(&bytes), &whole);
        let (left, right) = bytes.split_at(cut.min(bytes.len()));
        let mut reader = FrameReader::new();
        let mut heard = Vec::new();
        let result = reader.feed(left, &mut heard).and_then(|()| reader.feed(right, &mut heard));
        prop_assert_eq!((heard, result), whole);
    }

    #[test]
    fn messages_of_any_shape_are_counted(
        messages in prop::collection::vec((any::<bool>(), prop::collection::vec(0usize..300, 1..4)), 1..5),
    ) {
        let mut wire = Vec::new();
        let mut expected = Vec::new();
        for (binary, parts) in messages {
            let last = parts.len() - 1;
            for (n, len) in parts.iter().enumerate() {
                let opcode = if n > 0 { 0 } else if binary { 2 } else { 1 };
                let fin = if n == last { 0x80 } else { 0 };
                wire.extend(frame(fin | opcode, &vec![0; *len]));
            }
            expected.push(message(binary, parts.iter().sum::<usize>() as u64));
        }
        prop_assert_eq!(read(&wire), (expected, Ok(())));
    }

    #[test]
    fn a_server_that_goes_on_after_an_error_is_not_read(
        start in prop_oneof![Just(vec![0x82, 0x7f, 0x40, 0, 0, 0, 0, 0, 0, 0]), prop::collection::vec(any::<u8>(), 0..40)],
        more in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        let mut reader = FrameReader::new();
        let mut heard = Vec::new();
        if reader.feed(&start, &mut heard).is_err() {
            let until_then = heard.clone();
            prop_assert_eq!(reader.feed(&more, &mut heard), Ok(()));
            prop_assert_eq!(heard, until_then);
        }
    }

    #[test]
    fn texts_are_kept_whole_where_they_are_wanted_however_they_are_cut(
        messages in prop::collection::vec((any::<bool>(), prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..4)), 1..5),
        cut in 1usize..50,
    ) {
        let mut wire = Vec::new();
        let mut expected = Vec::new();
        for (binary, parts) in messages {
            let last = parts.len() - 1;
            for (n, part) in parts.iter().enumerate() {
                let opcode = if n > 0 { 0 } else if binary { 2 } else { 1 };
                let fin = if n == last { 0x80 } else { 0 };
                wire.extend(frame(fin | opcode, part));
                wire.extend(frame(0x8a, b"pong between"));
                expected.push(Heard::Pong);
            }
            let whole = parts.concat();
            let heard = if binary { message(true, whole.len() as u64) } else { Heard::Text(whole) };
            expected.insert(expected.len() - 1, heard);
        }
        let mut reader = FrameReader::keeping_texts();
        let mut heard = Vec::new();
        for piece in wire.chunks(cut) {
            prop_assert_eq!(reader.feed(piece, &mut heard), Ok(()));
        }
        prop_assert_eq!(heard, expected);
    }
}

#[test]
fn a_text_that_is_wanted_is_bounded_too() {
    let mut reader = FrameReader::keeping_texts();
    let mut header = vec![0x81, 127];
    header.extend((MAX_MESSAGE + 1).to_be_bytes());
    let violation = reader.feed(&header, &mut Vec::new()).unwrap_err();
    assert_eq!(violation.close_code, TOO_BIG);
}
