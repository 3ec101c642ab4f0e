//! Ordered headers as they came, found by name in any case and form.

use crate::text;
use crate::types::HeaderList;

/// Headers in wire order; values unfolded, never otherwise changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    list: HeaderList,
}

/// Compact forms (RFC 3261 §7.3.3 and its extensions), written out when read.
const COMPACT: [(&str, &str); 17] = [
    ("a", "Accept-Contact"),
    ("b", "Referred-By"),
    ("c", "Content-Type"),
    ("d", "Request-Disposition"),
    ("e", "Content-Encoding"),
    ("f", "From"),
    ("i", "Call-ID"),
    ("j", "Reject-Contact"),
    ("k", "Supported"),
    ("l", "Content-Length"),
    ("m", "Contact"),
    ("o", "Event"),
    ("r", "Refer-To"),
    ("s", "Subject"),
    ("t", "To"),
    ("v", "Via"),
    ("x", "Session-Expires"),
];

impl Headers {
    /// No headers.
    pub fn new() -> Headers {
        Headers::default()
    }

    /// The first header of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every header line of that name, in order.
    pub fn all<'a, 'n>(
        &'a self,
        name: &'n str,
    ) -> impl DoubleEndedIterator<Item = &'a str> + use<'a, 'n> {
        self.list
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// Every value of a comma-separated header, over all its lines.
    pub fn values<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.all(name).flat_map(split_commas)
    }

    /// Whether `token` is among the values of `name` (option tags, methods).
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.values(name)
            .any(|value| value.eq_ignore_ascii_case(token))
    }

    /// Whether there is such a header.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Append one. Line breaks in `value` become spaces and a `name` that is no token is left out:
    /// no caller can smuggle a header in.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        if let Some(header) = clean(name, value.into()) {
            self.list.push(header);
        }
    }

    /// Put one before all others (Via).
    pub fn push_front(&mut self, name: &str, value: impl Into<String>) {
        if let Some(header) = clean(name, value.into()) {
            self.list.insert(0, header);
        }
    }

    /// Replace every header of that name by one, in the first one's place.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let place = self
            .list
            .iter()
            .position(|(n, _)| n.eq_ignore_ascii_case(name));
        self.remove(name);
        if let Some(header) = clean(name, value.into()) {
            let place = place.unwrap_or(self.list.len()).min(self.list.len());
            self.list.insert(place, header);
        }
    }

    /// Remove every header of that name.
    pub fn remove(&mut self, name: &str) {
        self.list.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// Replace the first header of that name only (the topmost Via).
    pub fn set_first(&mut self, name: &str, value: String) {
        if let Some((_, old)) = self
            .list
            .iter_mut()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
        {
            *old = value;
        }
    }

    /// Names and values in wire order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// As given to Python.
    pub fn to_list(&self) -> HeaderList {
        self.list.clone()
    }

    /// How many lines.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// A line of the wire: the name's compact form is written out, nothing else is judged.
    pub(crate) fn push_wire(&mut self, name: &str, value: &[u8]) {
        let name = match COMPACT
            .iter()
            .find(|(short, _)| name.eq_ignore_ascii_case(short))
        {
            Some((_, long)) => (*long).to_owned(),
            None => name.to_owned(),
        };
        self.list.push((name, text::decode(value)));
    }

    /// A folded line: goes on with the last header, after one space (RFC 3261 §7.3.1).
    pub(crate) fn fold_wire(&mut self, more: &[u8]) -> bool {
        let Some((_, value)) = self.list.last_mut() else {
            return false;
        };
        value.push(' ');
        value.push_str(&text::decode(more));
        true
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for (name, value) in &self.list {
            if !name.eq_ignore_ascii_case("Content-Length") {
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b": ");
                text::encode(value, out);
                out.extend_from_slice(b"\r\n");
            }
        }
    }
}

impl FromIterator<(String, String)> for Headers {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(iter: I) -> Headers {
        let mut headers = Headers::new();
        iter.into_iter()
            .for_each(|(name, value)| headers.push(&name, value));
        headers
    }
}

/// The values of one comma-separated line; commas in quotes and in `<…>` do not count.
pub(crate) fn split_commas(line: &str) -> impl Iterator<Item = &str> {
    split_top(line, b',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// Cut at `at`, except within quoted strings and angle brackets.
pub(crate) fn split_top(line: &str, at: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut quoted, mut escaped, mut angle) = (false, false, false);
        for (i, byte) in text.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b'<' => angle = true,
                b'>' => angle = false,
                _ if byte == at && !angle => {
                    rest = text.get(i + 1..);
                    return text.get(..i);
                }
                _ => {}
            }
        }
        rest = None;
        Some(text)
    })
}

/// Whether `text` is a token (RFC 3261 §25.1).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b))
}

fn clean(name: &str, value: String) -> Option<(String, String)> {
    if !is_token(name) {
        return None;
    }
    let value = if value.contains(['\r', '\n']) {
        value.replace(['\r', '\n'], " ")
    } else {
        value
    };
    Some((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_and_brackets_do_not_split() {
        let line = r#""Doe, \"J,\" John" <sip:a,b@h>;q=1, sip:c@d ,, <sip:e@f>"#;
        let parts: Vec<&str> = split_commas(line).collect();
        assert_eq!(
            parts,
            [
                r#""Doe, \"J,\" John" <sip:a,b@h>;q=1"#,
                "sip:c@d",
                "<sip:e@f>"
            ]
        );
    }

    #[test]
    fn nothing_can_be_smuggled_into_a_header() {
        let mut headers = Headers::new();
        headers.push("X-Note", "a\r\nVia: evil");
        headers.push("X\r\nVia", "evil");
        let mut wire = Vec::new();
        headers.write(&mut wire);
        assert_eq!(wire, b"X-Note: a  Via: evil\r\n");
    }

    #[test]
    fn set_keeps_the_place_of_the_first() {
        let mut headers: Headers = [("A", "1"), ("B", "2"), ("a", "3"), ("C", "4")]
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .into_iter()
            .collect();
        headers.set("a", "9");
        assert_eq!(
            headers.iter().collect::<Vec<_>>(),
            [("a", "9"), ("B", "2"), ("C", "4")]
        );
    }
}
