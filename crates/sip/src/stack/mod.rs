//! The stack: messages, commands and the time go in, [`Output`]s come out. No socket, no clock.

mod alone;
mod client;
mod contact;
mod core;
mod deadlines;
mod inbound;
mod incoming;
mod journey;
mod server;
mod stats;
mod travel;

pub(crate) mod compose;

use std::collections::HashMap;
use std::time::Instant;

pub(crate) use self::core::{Core, Pending};
pub(crate) use contact::OurContact;
pub(crate) use incoming::Incoming;
pub(crate) use journey::{Journey, JourneyId, Outcome, Owner, Progress};
pub(crate) use server::{Reply, ServerUser};
pub use stats::Stats;

use crate::call::{Call, Reoffer};
use crate::config::Config;
use crate::message::{Malformed, Message};
use crate::transaction::Event;
use crate::types::{
    Admission, Authenticator, Command, DialogId, EndCause, Entropy, FlowId, HeaderList, Invite,
    LookupId, Output, RequestId, SendId, SipEvent, Source, Target, Trouble,
};
use deadlines::Due;

/// A transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TxId(pub u64);

impl TxId {
    /// What is sent outside any transaction.
    pub const NOBODY: TxId = TxId(0);
}

/// One SIP stack. After each input drain [`Stack::poll_output`], then call
/// [`Stack::handle_timeout`] at [`Stack::next_timeout`] unless another input comes first.
pub struct Stack {
    core: Core,
    admission: Box<dyn Admission>,
    calls: HashMap<DialogId, Call>,
    /// Call-ID and our tag to the call.
    index: HashMap<(String, String), DialogId>,
    refusing: bool,
}

impl Stack {
    /// A stack that knows nobody yet.
    pub fn new(
        config: Config,
        admission: Box<dyn Admission>,
        authenticator: Box<dyn Authenticator>,
        entropy: Box<dyn Entropy>,
    ) -> Stack {
        let core = Core::new(config, authenticator, entropy);
        Stack {
            core,
            admission,
            calls: HashMap::new(),
            index: HashMap::new(),
            refusing: false,
        }
    }

    /// A message came in.
    pub fn receive(&mut self, now: Instant, source: &Source, message: Message) {
        self.core.stats.messages += 1;
        match message {
            Message::Request(request) => self.receive_request(now, source, request),
            Message::Response(response) => self.receive_response(now, source, response),
        }
        self.settle(now);
    }

    /// Bytes came in that are no message: answered where that is possible, and noted.
    pub fn malformed(&mut self, now: Instant, source: &Source, malformed: Malformed) {
        self.core.stats.messages += 1;
        if let Some(request) = malformed.request {
            self.answer_broken(source, *request, malformed.status, malformed.reason);
        } else {
            self.note_malformed(source, malformed.reason);
        }
        self.settle(now);
    }

    /// The answer to [`Output::Resolve`]; no targets: it cannot be located.
    pub fn resolved(&mut self, now: Instant, lookup: LookupId, targets: Vec<Target>) {
        self.core.resolved(now, lookup, targets);
        self.settle(now);
    }

    /// What [`Output::Send`] asked for could not be done.
    pub fn send_failed(&mut self, now: Instant, send: SendId, why: Trouble) {
        let tx = TxId(send.0);
        self.core.note_trouble(tx, why);
        self.core.client_event(now, tx, Event::SendFailed, None);
        self.core.server_event(now, tx, Event::SendFailed);
        self.settle(now);
    }

    /// A connection is gone. (The driver tells Python.)
    pub fn flow_closed(&mut self, now: Instant, flow: FlowId) {
        for tx in self.core.clients.over(flow) {
            self.core.client_flow_closed(now, tx);
        }
        self.settle(now);
    }

    /// What Python asks for.
    pub fn command(&mut self, now: Instant, command: Command) {
        match command {
            Command::SetAdmission { trunks, users } => self.admission.set(trunks, users),
            Command::RefuseNewCalls => self.refusing = true,
            Command::Invite(invite) => self.dial(*invite),
            Command::Request(request) => self.send_request(*request),
            Command::Progress {
                dialog,
                status,
                reason,
                headers,
                body,
                reliable,
            } => {
                let reply = Reply {
                    status,
                    reason,
                    headers,
                    body,
                    ..Reply::default()
                };
                self.with_call(dialog, |call, core| {
                    call.progress(now, core, reply, reliable)
                });
            }
            Command::Answer {
                dialog,
                body,
                content_type,
                headers,
            } => {
                let reply = Reply {
                    status: 200,
                    headers,
                    body,
                    content_type,
                    ..Reply::default()
                };
                self.with_call(dialog, |call, core| call.answer(now, core, reply));
            }
            Command::Reject {
                dialog,
                status,
                reason,
                headers,
            } => {
                let reply = Reply {
                    status,
                    reason,
                    headers,
                    ..Reply::default()
                };
                self.with_call(dialog, |call, core| call.reject(now, core, reply));
            }
            Command::Ack {
                dialog,
                body,
                content_type,
            } => {
                self.with_call(dialog, |call, core| {
                    call.ack(now, core, body, &content_type)
                });
            }
            Command::Reoffer {
                dialog,
                method,
                body,
                headers,
            } => {
                let reoffer = Reoffer::new(method, body, headers);
                self.with_call(dialog, |call, core| call.reoffer(now, core, reoffer));
            }
            Command::HangUp { dialog, headers } => {
                self.with_call(dialog, |call, core| call.hang_up(now, core, headers));
            }
            Command::Respond {
                request,
                status,
                reason,
                headers,
                body,
                content_type,
            } => {
                let reply = Reply {
                    status,
                    reason,
                    headers,
                    body,
                    content_type,
                    ..Reply::default()
                };
                self.respond(now, request, reply);
            }
        }
        self.settle(now);
    }

    /// Everything that is due by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(due) = self.core.deadlines.pop(now) {
            match due {
                Due::Client(tx) => self.core.client_timeout(now, tx),
                Due::Server(tx) => self.core.server_timeout(now, tx),
                Due::Call(id) => self.with_call(id, |call, core| call.handle_timeout(now, core)),
            }
            self.settle(now);
        }
    }

    /// When [`Stack::handle_timeout`] is wanted next.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.core.deadlines.next()
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.core.outputs.pop_front()
    }

    /// Counters so far, sizes as they are.
    pub fn stats(&self) -> Stats {
        let transactions = (self.core.clients.len() + self.core.servers.len()) as u64;
        Stats {
            transactions,
            ..self.core.stats
        }
    }

    /// Nothing is kept of any call, transaction, request or timer: what a stack comes back to.
    pub fn is_idle(&self) -> bool {
        self.calls.is_empty()
            && self.index.is_empty()
            && self.core.pending.is_empty()
            && self.core.journeys.len() == 0
            && self.core.clients.len() + self.core.servers.len() == 0
            && self.core.deadlines.is_empty()
    }

    fn dial(&mut self, invite: Invite) {
        let dialog = invite.dialog;
        let made = match self.is_full() {
            true => Err((503, "too many calls".to_owned())),
            false => Call::dial(&mut self.core, invite).map_err(|reason| (400, reason)),
        };
        match made {
            Ok(call) => self.keep(call),
            Err((status, reason)) => {
                let (cause, headers) = (EndCause::Transport, HeaderList::new());
                self.core.emit(SipEvent::CallEnded {
                    dialog,
                    cause,
                    status,
                    reason,
                    headers,
                    trouble: None,
                });
            }
        }
    }

    /// Take a new call in.
    fn keep(&mut self, call: Call) {
        self.core.stats.dialogs += 1;
        self.index
            .insert((call.call_id.clone(), call.local_tag.clone()), call.id);
        self.core
            .deadlines
            .set(Due::Call(call.id), call.next_timeout());
        self.calls.insert(call.id, call);
    }

    /// As many calls as we may have; ended ones that still absorb repeats count four times less.
    fn is_full(&self) -> bool {
        let limit = self.core.config.max_dialogs;
        self.core.stats.dialogs >= limit as u64
            || self.calls.len() >= 4 * limit.max(1)
            || self.core.is_crowded()
    }

    fn respond(&mut self, now: Instant, request: RequestId, reply: Reply) {
        let Some(pending) = self.core.pending.get(&request).copied() else {
            return;
        };
        match pending.dialog {
            Some(dialog) => {
                self.with_call(dialog, |call, core| {
                    call.respond(now, core, request, pending.tx, reply)
                });
            }
            None => self.respond_alone(now, request, pending.tx, reply),
        }
    }

    /// Do something with a call that is still there; afterwards its timer is right and, if it is
    /// gone, so is every trace of it.
    fn with_call(&mut self, id: DialogId, f: impl FnOnce(&mut Call, &mut Core)) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        f(call, &mut self.core);
        self.core.deadlines.set(Due::Call(id), call.next_timeout());
        if call.is_gone() {
            if let Some(call) = self.calls.remove(&id) {
                self.index.remove(&(call.call_id, call.local_tag));
            }
            self.core.deadlines.set(Due::Call(id), None);
        }
    }

    /// Tell the owners what became of their requests, until there is no more news.
    fn settle(&mut self, now: Instant) {
        while let Some(news) = self.core.news.pop_front() {
            match news.owner.dialog() {
                Some(id) => self.with_call(id, |call, core| {
                    call.outcome(now, core, news.owner, news.journey, news.outcome);
                }),
                None => self.alone_outcome(now, news),
            }
        }
    }
}
