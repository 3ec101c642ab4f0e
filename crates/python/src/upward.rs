//! What waits for Python: SIP and media events in one queue, each in the mailbox of its source.

use std::sync::Arc;
use std::time::Instant;

use bridgetap_media::MediaEvent;
use bridgetap_media_io::{News, NewsQueue, Place, Source};
use bridgetap_sip::endpoint::EventSink;
use bridgetap_sip::types::SipEvent;

/// One event, from either side.
#[derive(Debug)]
pub(crate) enum Upward {
    Sip(SipEvent),
    Media(MediaEvent),
}

/// The queue that `Events` reads.
pub(crate) type Queue = NewsQueue<Upward>;

// Kinds 1 and 2 are media's legs and forks.
const DIALOG: u8 = 3;
const REQUEST: u8 = 4;
const FLOW: u8 = 5;
const NOTICE: u8 = 6;

/// Unread provisional responses of one call: a peer can send any number.
const PROGRESS: usize = 32;
/// Unread requests inside one dialog.
const REQUESTS: usize = 64;
/// Unread notices; each source has at most one a second anyway.
const NOTICES: usize = 256;

impl From<MediaEvent> for Upward {
    fn from(event: MediaEvent) -> Self {
        Self::Media(event)
    }
}

impl News for Upward {
    fn source(&self) -> Source {
        match self {
            Self::Media(event) => event.source(),
            Self::Sip(event) => sip_source(event),
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::Media(event) => event.place(),
            Self::Sip(event) => sip_place(event),
        }
    }
}

fn sip_source(event: &SipEvent) -> Source {
    let (kind, id) = match event {
        SipEvent::IncomingCall(call) => (DIALOG, call.dialog.0),
        SipEvent::CallProgress { dialog, .. }
        | SipEvent::CallAnswered { dialog, .. }
        | SipEvent::CallAcked { dialog, .. }
        | SipEvent::CallEnded { dialog, .. }
        | SipEvent::ReofferReceived { dialog, .. }
        | SipEvent::ReofferAnswered { dialog, .. }
        | SipEvent::ReofferOvertaken { dialog }
        | SipEvent::RequestReceived { dialog, .. } => (DIALOG, dialog.0),
        SipEvent::RegisterReceived(register) => (REQUEST, register.request.0),
        SipEvent::Response { request, .. } => (REQUEST, request.0),
        SipEvent::FlowClosed { flow } => (FLOW, flow.0),
        SipEvent::SipNotice { .. } => (NOTICE, 0),
    };
    Source { kind, id }
}

fn sip_place(event: &SipEvent) -> Place {
    match event {
        SipEvent::CallEnded { .. } | SipEvent::Response { .. } | SipEvent::FlowClosed { .. } => {
            Place::Last
        }
        SipEvent::CallProgress { .. } => Place::Limited {
            class: 0,
            limit: PROGRESS,
        },
        SipEvent::RequestReceived { .. } => Place::Limited {
            class: 1,
            limit: REQUESTS,
        },
        SipEvent::SipNotice { .. } => Place::Limited {
            class: 0,
            limit: NOTICES,
        },
        // One for each call, registration or offer, and the stack bounds those.
        SipEvent::IncomingCall(_)
        | SipEvent::CallAnswered { .. }
        | SipEvent::CallAcked { .. }
        | SipEvent::ReofferReceived { .. }
        | SipEvent::ReofferAnswered { .. }
        | SipEvent::ReofferOvertaken { .. }
        | SipEvent::RegisterReceived(_) => Place::Kept,
    }
}

/// The SIP thread's end of the queue.
pub(crate) struct SipSink(pub(crate) Arc<Queue>);

impl EventSink for SipSink {
    fn push(&self, event: SipEvent) {
        self.0.push(Instant::now(), Upward::Sip(event));
    }

    fn oldest_ms(&self) -> u64 {
        u64::try_from(self.0.oldest_wait(Instant::now()).as_millis()).unwrap_or(u64::MAX)
    }
}
