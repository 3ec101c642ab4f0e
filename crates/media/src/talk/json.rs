//! Reading JSON in place (RFC 8259): nothing is built but strings that hold escapes.

use std::borrow::Cow;

/// Values inside values, no deeper than this.
const MAX_DEPTH: u8 = 32;

/// A place in a text.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u8,
}

/// Where the text stops being JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson {
    pub at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    /// Is an object here?
    pub fn stands_at_object(&mut self) -> bool {
        self.blank();
        self.peek() == Some(b'{')
    }

    /// Is a string here?
    pub fn stands_at_string(&mut self) -> bool {
        self.blank();
        self.peek() == Some(b'"')
    }

    /// The object here. `each` gets every name, and must read its value.
    pub fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, &str) -> Result<(), NotJson>,
    ) -> Result<(), NotJson> {
        self.inside(b'{', b'}', |reader| {
            reader.blank();
            let name = reader.string()?;
            reader.blank();
            reader.expect(b':')?;
            each(reader, &name)
        })
    }

    /// The string here, without its quotes and escapes.
    pub fn string(&mut self) -> Result<Cow<'a, str>, NotJson> {
        self.blank();
        self.expect(b'"')?;
        let plain = self.run();
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            match self.next()? {
                b'"' => return Ok(Cow::Owned(text)),
                b'\\' => text.push(self.escaped()?),
                _ => return Err(self.wrong()),
            }
            text.push_str(self.run());
        }
    }

    /// Pass over the value here, whatever it is.
    pub fn skip(&mut self) -> Result<(), NotJson> {
        self.blank();
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'{') => self.object(|reader, _| reader.skip()),
            Some(b'[') => self.inside(b'[', b']', Self::skip),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => self.number(),
        }
    }

    /// Nothing but blanks is left.
    pub fn end(&mut self) -> Result<(), NotJson> {
        self.blank();
        if self.at == self.text.len() {
            Ok(())
        } else {
            Err(NotJson { at: self.at })
        }
    }

    /// Items between brackets, with commas between them.
    fn inside(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Result<(), NotJson>,
    ) -> Result<(), NotJson> {
        self.blank();
        self.expect(open)?;
        if self.depth == MAX_DEPTH {
            return Err(NotJson { at: self.at });
        }
        self.depth += 1;
        self.blank();
        if self.peek() == Some(close) {
            self.at += 1;
        } else {
            loop {
                item(self)?;
                self.blank();
                match self.next()? {
                    b',' => {}
                    byte if byte == close => break,
                    _ => return Err(self.wrong()),
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// What stands before the next quote, backslash or control character.
    fn run(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let length = plain(rest.as_bytes());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn escaped(&mut self) -> Result<char, NotJson> {
        Ok(match self.next()? {
            plain @ (b'"' | b'\\' | b'/') => char::from(plain),
            b'b' => '\u{8}',
            b'f' => '\u{C}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.four_digits()?;
                let code = if (0xD800..0xDC00).contains(&first) {
                    self.expect(b'\\')?;
                    self.expect(b'u')?;
                    let second = self.four_digits()?;
                    if !(0xDC00..0xE000).contains(&second) {
                        return Err(self.wrong());
                    }
                    0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)
                } else {
                    first
                };
                char::from_u32(code).ok_or(self.wrong())?
            }
            _ => return Err(self.wrong()),
        })
    }

    fn four_digits(&mut self) -> Result<u32, NotJson> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = char::from(self.next()?).to_digit(16).ok_or(self.wrong())?;
            value = value * 16 + digit;
        }
        Ok(value)
    }

    fn number(&mut self) -> Result<(), NotJson> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        let begin = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > begin {
            Ok(())
        } else {
            Err(NotJson { at: begin })
        }
    }

    fn word(&mut self, word: &str) -> Result<(), NotJson> {
        word.bytes().try_for_each(|byte| self.expect(byte))
    }

    fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, NotJson> {
        let byte = self.peek().ok_or(NotJson { at: self.at })?;
        self.at += 1;
        Ok(byte)
    }

    fn expect(&mut self, byte: u8) -> Result<(), NotJson> {
        if self.next()? == byte {
            Ok(())
        } else {
            Err(self.wrong())
        }
    }

    /// The byte just read.
    fn wrong(&self) -> NotJson {
        NotJson { at: self.at - 1 }
    }
}

/// How many bytes stand before the first quote, backslash or control character: eight at a time,
/// for a payload is a million of them.
fn plain(bytes: &[u8]) -> usize {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = EACH << 7;
    // The lowest high bit that is set marks the first byte found; those above it may be false.
    let below = |word: u64, limit: u8| word.wrapping_sub(EACH * u64::from(limit)) & !word;
    let is = |word: u64, byte: u8| below(word ^ (EACH * u64::from(byte)), 1);
    let (words, rest) = bytes.as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let found = (is(word, b'"') | is(word, b'\\') | below(word, 0x20)) & HIGH;
        if found != 0 {
            return n * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let ends = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
    bytes.len() - rest.len() + rest.iter().position(ends).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn is_json(text: &str) -> bool {
        let mut reader = Reader::new(text);
        reader.skip().and_then(|()| reader.end()).is_ok()
    }

    /// Do we judge as another's parser does? It looks no further at a number that no float holds.
    fn judges_as_others_do(text: &str) -> bool {
        match serde_json::from_str::<Value>(text) {
            Ok(_) => is_json(text),
            Err(error) => !is_json(text) || error.to_string().starts_with("number out of range"),
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_another_writes_is_read(value in value(), pretty: bool) {
            let text = if pretty {
                serde_json::to_string_pretty(&value).unwrap()
            } else {
                value.to_string()
            };
            prop_assert!(is_json(&text), "{}", text);
        }

        #[test]
        fn a_broken_text_is_judged_as_another_judges_it(
            value in value(), at: prop::sample::Index, put in "[\\[\\]{}\",:0-9eE.+\\\\tu -]{0,2}", cut in 0_usize..3,
        ) {
            let text: Vec<char> = value.to_string().chars().collect();
            let at = at.index(text.len());
            let rest = &text[(at + cut).min(text.len())..];
            let text: String = text[..at].iter().copied().chain(put.chars()).chain(rest.iter().copied()).collect();
            prop_assert!(judges_as_others_do(&text), "{}", text);
        }

        #[test]
        fn any_string_comes_back_however_it_is_escaped(text: String, all: bool) {
            let written = if all {
                let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
                format!("\"{units}\"")
            } else {
                serde_json::to_string(&text).unwrap().replace('/', "\\/")
            };
            prop_assert_eq!(Reader::new(&written).string().unwrap(), text);
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            prop_assert!(judges_as_others_do(&text), "{}", text);
        }
    }

    proptest! {
        #[test]
        fn plain_text_ends_where_it_does_byte_by_byte(bytes in prop::collection::vec(prop_oneof![0x1E_u8..0x24, 0x5A_u8..0x5E, any::<u8>()], 0..40)) {
            let ends = bytes.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20);
            prop_assert_eq!(plain(&bytes), ends.unwrap_or(bytes.len()));
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(is_json(&nested(usize::from(MAX_DEPTH))));
        assert!(!is_json(&nested(usize::from(MAX_DEPTH) + 1)));
        assert!(!is_json(&"[".repeat(1 << 20)));
    }
}
