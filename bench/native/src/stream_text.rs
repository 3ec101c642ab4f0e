//! What comes over a stream, read: the handshake, masked frames, fields of messages.

/// Unmask the first whole frame in place: its opcode and where its payload lies.
pub fn unmask(bytes: &mut [u8]) -> Option<(u8, usize, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (length, mut at) = match second & 0x7F {
        126 => (
            u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
            4,
        ),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
        n => (u64::from(n), 2),
    };
    let mask: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    at += 4;
    let end = at + length as usize;
    let payload = bytes.get_mut(at..end)?;
    for (i, byte) in payload.iter_mut().enumerate() {
        *byte ^= mask[i & 3];
    }
    Some((first & 0x0F, at, end))
}

/// The value of a header of a handshake.
pub fn header(head: &str, name: &str) -> Option<String> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim().to_owned())
}

/// Where `what` begins.
pub fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|w| w == what)
}

/// The text from `key` to the next quote.
pub fn field<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let start = find(text, key)? + key.len();
    let rest = &text[start..];
    Some(&rest[..rest.iter().position(|b| *b == b'"')?])
}

/// Digits as a number, 0 when they are none.
pub fn number(digits: Option<&[u8]>) -> u64 {
    digits
        .and_then(|d| std::str::from_utf8(d).ok()?.parse().ok())
        .unwrap_or(0)
}
