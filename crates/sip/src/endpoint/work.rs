//! Between the stack and the world: what came in is judged and handed up, what goes out is done.

use std::net::SocketAddr;
use std::time::Instant;

use super::handle::EventSink;
use super::shared::SharedDoor;
use crate::gate::{Gate, Load, Stateless, is_new_call};
use crate::message::{Malformed, Message, Request};
use crate::notices::Notices;
use crate::resolve::{Place, Resolver};
use crate::stack::Stack;
use crate::trace::Trace;
use crate::transport::{Inbox, Transports};
use crate::types::{
    Command, FlowId, Lookup, LookupId, NoticeKind, Output, SendId, SendTo, SipEvent, Source,
    Trouble,
};

pub(super) struct Work {
    /// The time of this turn.
    pub now: Instant,
    stack: Stack,
    door: SharedDoor,
    gate: Gate,
    stateless: Stateless,
    resolver: Resolver,
    trace: Option<Trace>,
    notices: Notices,
    sink: Box<dyn EventSink + Send>,
    /// Refusals of the gate, on their way out.
    refusals: Vec<(SendTo, Vec<u8>)>,
    overloaded: u64,
}

/// No transaction of the stack waits for what the gate sends.
const NOBODY: SendId = SendId(0);

impl Work {
    pub(super) fn new(
        stack: Stack,
        door: SharedDoor,
        gate: Gate,
        resolver: Resolver,
        trace: Option<Trace>,
        sink: Box<dyn EventSink + Send>,
    ) -> Self {
        Self {
            now: Instant::now(),
            stack,
            door,
            gate,
            stateless: Stateless::default(),
            resolver,
            trace,
            notices: Notices::default(),
            sink,
            refusals: Vec::new(),
            overloaded: 0,
        }
    }

    pub(super) fn command(&mut self, command: Command) {
        self.stack.command(self.now, command);
    }

    pub(super) fn located(
        &mut self,
        lookup: LookupId,
        places: Vec<Place>,
        transports: &mut Transports,
    ) {
        let targets = transports.targets(places);
        self.stack.resolved(self.now, lookup, targets);
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        [self.stack.next_timeout(), self.notices.next_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn handle_timeout(&mut self) {
        if self.stack.next_timeout().is_some_and(|due| due <= self.now) {
            self.stack.handle_timeout(self.now);
        }
        for notice in self.notices.due(self.now) {
            self.tell_notice(notice);
        }
    }

    /// Do what the stack asks until it asks for nothing more.
    pub(super) fn carry_out(&mut self, transports: &mut Transports) {
        for (to, bytes) in std::mem::take(&mut self.refusals) {
            self.send(NOBODY, &to, bytes, transports);
        }
        while let Some(output) = self.stack.poll_output() {
            match output {
                Output::Send { send, to, bytes } => self.send(send, &to, bytes, transports),
                Output::Resolve { lookup, what, tls } => {
                    self.resolve(lookup, &what, tls, transports);
                }
                Output::Event(SipEvent::SipNotice {
                    kind,
                    source,
                    detail,
                    ..
                }) => self.notice(kind, source, &detail),
                Output::Event(event) => self.sink.push(event),
                Output::CloseFlow(flow) => transports.close_flow(self.now, flow, self),
            }
        }
        let mut inside = self.door.lock();
        for flow in inside.admitted.drain(..) {
            transports.keep(flow);
        }
    }

    pub(super) fn figures(&self, transports: &Transports) -> [u64; 12] {
        let stats = self.stack.stats();
        let (flows, connections, counters) = transports.counts();
        [
            stats.messages,
            stats.retransmissions,
            stats.malformed,
            stats.challenges,
            stats.refused,
            stats.dialogs,
            stats.transactions,
            flows as u64,
            connections as u64,
            self.overloaded,
            counters.udp_send_dropped,
            self.trace.as_ref().map_or(0, Trace::dropped),
        ]
    }

    fn send(&mut self, send: SendId, to: &SendTo, bytes: Vec<u8>, transports: &mut Transports) {
        if let Some(trace) = &self.trace {
            trace.note(to.target().local, to.target().remote, &bytes);
        }
        transports.send(self.now, send, to, bytes, self);
    }

    fn resolve(&mut self, lookup: LookupId, what: &Lookup, tls: bool, transports: &mut Transports) {
        match what {
            Lookup::Flow(flow) => {
                let targets = transports.target_of(*flow).into_iter().collect();
                self.stack.resolved(self.now, lookup, targets);
            }
            Lookup::Uri(uri) => {
                if let Some(places) = self.resolver.locate(lookup, uri, tls) {
                    self.located(lookup, places, transports);
                }
            }
        }
    }

    /// True where the gate lets it through.
    fn passes(&mut self, request: &Request, source: &Source) -> bool {
        let ip = source.remote.ip();
        let (is_trunk, draining) = {
            let inside = self.door.lock();
            (inside.door.trunk(ip).is_some(), inside.draining)
        };
        let load = Load {
            dialogs: usize::try_from(self.stack.stats().dialogs).unwrap_or(usize::MAX),
            oldest_event_ms: self.sink.oldest_ms(),
            draining,
        };
        let transaction = self.stateless.transaction(request, source);
        let Err(refusal) = self.gate.admit(self.now, ip, is_trunk, transaction, load) else {
            return true;
        };
        self.overloaded += 1;
        self.refusals
            .extend(self.stateless.refuse(request, source, refusal));
        Inbox::notice(self, NoticeKind::Overload, source.remote, refusal.text());
        false
    }

    fn tell_notice(&self, notice: SipEvent) {
        if let SipEvent::SipNotice {
            kind,
            source,
            detail,
            count,
        } = &notice
        {
            log::warn!(
                "sip.{} source={source} count={count} detail={detail:?}",
                kind.name()
            );
        }
        self.sink.push(notice);
    }
}

impl Inbox for Work {
    fn message(&mut self, source: &Source, raw: &[u8], message: Message) {
        if let Some(trace) = &self.trace {
            trace.note(source.remote, source.local, raw);
        }
        if let Message::Request(request) = &message
            && is_new_call(request)
            && !self.passes(request, source)
        {
            return;
        }
        self.stack.receive(self.now, source, message);
    }

    fn malformed(&mut self, source: &Source, raw: &[u8], fault: Malformed) {
        if let Some(trace) = &self.trace
            && !raw.is_empty()
        {
            trace.note(source.remote, source.local, raw);
        }
        self.stack.malformed(self.now, source, fault);
    }

    fn send_failed(&mut self, send: SendId, why: Trouble) {
        self.stack.send_failed(self.now, send, why);
    }

    fn flow_closed(&mut self, flow: FlowId, was_heard: bool) {
        self.stack.flow_closed(self.now, flow);
        if was_heard {
            self.sink.push(SipEvent::FlowClosed { flow });
        }
    }

    fn notice(&mut self, kind: NoticeKind, source: SocketAddr, detail: &str) {
        if let Some(notice) = self.notices.note(self.now, kind, source, detail) {
            self.tell_notice(notice);
        }
    }
}
