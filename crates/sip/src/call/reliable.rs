//! Our reliable provisional responses (RFC 3262 §3): one at a time, each until its PRACK.

use std::collections::VecDeque;
use std::time::Instant;

use super::resend::{Due, Resend};
use crate::stack::Reply;
use crate::types::SendTo;
use crate::value::RAck;

#[derive(Debug)]
pub(crate) struct Reliable {
    /// The CSeq of the INVITE.
    cseq: u32,
    first: u32,
    next: u32,
    waiting: Option<Waiting>,
    queue: VecDeque<Reply>,
}

#[derive(Debug)]
struct Waiting {
    rseq: u32,
    has_body: bool,
    resend: Resend,
}

/// What a PRACK was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acknowledged {
    /// The one that waited.
    Now { had_body: bool },
    /// One before it.
    Before,
    /// None of ours: 481.
    Nothing,
}

/// More than this before a PRACK are left out: they only say that it is still ringing.
const MAX_WAITING: usize = 16;

impl Reliable {
    /// `first`: RSeq starts anywhere below 2³¹ (§3).
    pub fn new(cseq: u32, first: u32) -> Reliable {
        Reliable {
            cseq,
            first,
            next: first,
            waiting: None,
            queue: VecDeque::new(),
        }
    }

    /// A response to be sent now, with its RSeq; none while another waits for its PRACK.
    pub fn offer(&mut self, reply: Reply) -> Option<(u32, Reply)> {
        if self.waiting.is_none() {
            return Some(self.number(reply));
        }
        if self.queue.len() < MAX_WAITING {
            self.queue.push_back(reply);
        }
        None
    }

    /// The next of the queue, once nothing waits.
    pub fn next(&mut self) -> Option<(u32, Reply)> {
        if self.waiting.is_some() {
            return None;
        }
        let reply = self.queue.pop_front()?;
        Some(self.number(reply))
    }

    pub fn sent(&mut self, now: Instant, rseq: u32, has_body: bool, bytes: Vec<u8>, to: SendTo) {
        self.waiting = Some(Waiting {
            rseq,
            has_body,
            resend: Resend::provisional(now, bytes, to),
        });
    }

    pub fn acknowledge(&mut self, rack: &RAck) -> Acknowledged {
        if rack.cseq.number != self.cseq || !(self.first..self.next).contains(&rack.rseq) {
            return Acknowledged::Nothing;
        }
        match self.waiting.take_if(|waiting| waiting.rseq == rack.rseq) {
            Some(waiting) => Acknowledged::Now {
                had_body: waiting.has_body,
            },
            None => Acknowledged::Before,
        }
    }

    /// A 2xx has to wait for the PRACK of a session description (§3).
    pub fn holds_answer(&self) -> bool {
        self.waiting
            .as_ref()
            .is_some_and(|waiting| waiting.has_body)
    }

    /// A final response: nothing is repeated any more.
    pub fn stop(&mut self) {
        self.waiting = None;
        self.queue.clear();
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.waiting
            .as_ref()
            .map(|waiting| waiting.resend.next_timeout())
    }

    /// What to send again, or `Err` when no PRACK came.
    pub fn due(&mut self, now: Instant) -> Result<Option<(SendTo, Vec<u8>)>, ()> {
        let Some(waiting) = &mut self.waiting else {
            return Ok(None);
        };
        match waiting.resend.due(now) {
            Some(Due::Again) => Ok(Some((
                waiting.resend.to.clone(),
                waiting.resend.bytes.clone(),
            ))),
            Some(Due::GiveUp) => Err(()),
            None => Ok(None),
        }
    }

    fn number(&mut self, reply: Reply) -> (u32, Reply) {
        let rseq = self.next;
        self.next += 1;
        (
            rseq,
            reply
                .with("Require", "100rel")
                .with("RSeq", rseq.to_string()),
        )
    }
}
