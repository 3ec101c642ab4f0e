//! Header text to bytes and back, exactly, even where a peer sends no UTF-8.
//!
//! RFC 3261 wants UTF-8, old PBXs send Latin-1 display names. A byte that is no UTF-8 becomes one of
//! 128 private-use characters (U+10FF00 + byte) and turns back into that byte when sent on; a
//! genuine character of that range is taken apart in the same way, so the trip is always exact.

const ESCAPE: u32 = 0x10_FF00;

/// Any bytes to text.
pub(crate) fn decode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_escape(c) {
                let mut buffer = [0; 4];
                c.encode_utf8(&mut buffer)
                    .bytes()
                    .for_each(|byte| text.push(escape(byte)));
            } else {
                text.push(c);
            }
        }
        chunk
            .invalid()
            .iter()
            .for_each(|byte| text.push(escape(*byte)));
    }
    text
}

/// Undoes [`decode`].
pub(crate) fn encode(text: &str, out: &mut Vec<u8>) {
    if !text.as_bytes().contains(&0xF4) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    for c in text.chars() {
        match u8::try_from(u32::from(c).wrapping_sub(ESCAPE)) {
            Ok(byte) if is_escape(c) => out.push(byte),
            _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

fn escape(byte: u8) -> char {
    char::from_u32(ESCAPE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn is_escape(c: char) -> bool {
    (ESCAPE + 0x80..ESCAPE + 0x100).contains(&u32::from(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn latin_1_survives_the_trip() {
        let wire = b"\"M\xFCller\" <sip:m@h>";
        let text = decode(wire);
        assert!(text.starts_with("\"M") && text.ends_with("ller\" <sip:m@h>"));
        let mut back = Vec::new();
        encode(&text, &mut back);
        assert_eq!(back, wire);
    }

    proptest! {
        #[test]
        fn any_bytes_survive_the_trip(wire: Vec<u8>) {
            let mut back = Vec::new();
            encode(&decode(&wire), &mut back);
            prop_assert_eq!(back, wire);
        }

        #[test]
        fn escapes_of_the_peers_own_survive_too(text in "[a\u{10FF00}-\u{10FFFF}é]{0,9}") {
            let mut back = Vec::new();
            encode(&decode(text.as_bytes()), &mut back);
            prop_assert_eq!(back, text.as_bytes());
        }
    }
}
