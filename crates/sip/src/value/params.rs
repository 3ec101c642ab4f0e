//! `;name=value` lists.

use std::fmt;

use crate::headers::split_top;

/// Parameters in order; names compare in any case, values are kept as written (quotes too).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, Option<String>)>);

impl Params {
    /// The parameters of `a=1;b;c="x;y"` (no leading semicolon needed). Nothing is refused.
    pub fn parse(text: &str) -> Params {
        let pairs = split_top(text, b';')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        Params(
            pairs
                .map(|part| match part.split_once('=') {
                    Some((name, value)) => (
                        name.trim_end().to_owned(),
                        Some(value.trim_start().to_owned()),
                    ),
                    None => (part.to_owned(), None),
                })
                .collect(),
        )
    }

    /// The value of `name`; empty when it stands there without one.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(found.1.as_deref().unwrap_or(""))
    }

    /// Whether `name` stands there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Replace `name`, or add it at the end.
    pub fn set(&mut self, name: &str, value: Option<&str>) {
        let value = value.map(str::to_owned);
        match self
            .0
            .iter_mut()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
        {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Take `name` away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            match value {
                Some(value) => write!(f, ";{name}={value}")?,
                None => write!(f, ";{name}")?,
            }
        }
        Ok(())
    }
}
