//! Marks that were reached and are still to be told.

use std::collections::VecDeque;

use super::json::{number, string};

/// What their names may take, with what a mark costs besides: a far end may not read.
const MOST: usize = 1 << 20;
const MARK_COST: usize = 64;

#[derive(Debug, Default)]
pub struct Marks {
    waiting: VecDeque<Box<str>>,
    cost: usize,
}

impl Marks {
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// False: there are too many.
    pub fn add(&mut self, name: Box<str>) -> bool {
        let cost = name.len() + MARK_COST;
        let fits = self.cost + cost <= MOST;
        if fits {
            self.cost += cost;
            self.waiting.push_back(name);
        }
        fits
    }

    /// Append the oldest as a message with this number; false when there is none.
    pub fn next(&mut self, sequence: u64, stream_sid: &str, out: &mut Vec<u8>) -> bool {
        let Some(name) = self.waiting.pop_front() else {
            return false;
        };
        self.cost -= name.len() + MARK_COST;
        out.extend_from_slice(br#"{"event":"mark","sequenceNumber":""#);
        number(out, sequence);
        out.extend_from_slice(br#"","streamSid":"#);
        string(out, stream_sid);
        out.extend_from_slice(br#","mark":{"name":"#);
        string(out, &name);
        out.extend_from_slice(b"}}");
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_documentation_has_them_in_the_order_they_came() {
        let mut marks = Marks::default();
        assert!(marks.add("greeting \"end\"".into()) && marks.add("2".into()));
        let mut out = Vec::new();
        assert!(marks.next(4, "MZ1", &mut out) && marks.next(5, "MZ1", &mut out));
        assert!(!marks.next(6, "MZ1", &mut out));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r#"{"event":"mark","sequenceNumber":"4","streamSid":"MZ1","mark":{"name":"greeting \"end\""}}"#,
                r#"{"event":"mark","sequenceNumber":"5","streamSid":"MZ1","mark":{"name":"2"}}"#
            )
        );
    }

    #[test]
    fn a_far_end_that_does_not_read_costs_no_more_than_the_bound() {
        let mut marks = Marks::default();
        let taken = (0..2000).filter(|_| marks.add("x".repeat(1000).into()));
        assert_eq!(taken.count(), MOST / (1000 + MARK_COST));
        while marks.next(1, "MZ1", &mut Vec::new()) {}
        assert_eq!(marks.cost, 0);
    }
}
