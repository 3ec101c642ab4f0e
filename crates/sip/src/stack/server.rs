//! Server transactions: their requests, our responses.

use std::collections::HashMap;
use std::time::Instant;

use super::core::Core;
use super::deadlines::Due;
use super::incoming::Incoming;
use super::{TxId, compose};
use crate::headers::Headers;
use crate::message::Response;
use crate::method::Method;
use crate::transaction::{Action, Event, Kind, Machine, MergeKey, ServerKey, State};
use crate::types::{DialogId, HeaderList, RequestId, SendTo, Target};
use crate::value::NameAddr;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerUser {
    Nobody,
    Call(DialogId),
    Request(RequestId),
}

#[derive(Debug)]
struct ServerTx {
    machine: Machine,
    key: ServerKey,
    merge: Option<MergeKey>,
    reply: Target,
    /// What every response copies from the request.
    copied: Headers,
    record_route: Vec<String>,
    tag: String,
    last: Vec<u8>,
    user: ServerUser,
}

#[derive(Debug, Default)]
pub(crate) struct Servers {
    by_id: HashMap<TxId, ServerTx>,
    by_key: HashMap<ServerKey, TxId>,
    merges: HashMap<MergeKey, TxId>,
}

impl Servers {
    pub fn find(&self, key: &ServerKey) -> Option<TxId> {
        self.by_key.get(key).copied()
    }

    pub fn is_merged(&self, key: &MergeKey) -> bool {
        self.merges.contains_key(key)
    }

    pub fn user(&self, id: TxId) -> ServerUser {
        self.by_id.get(&id).map_or(ServerUser::Nobody, |tx| tx.user)
    }

    pub fn set_user(&mut self, id: TxId, user: ServerUser) {
        if let Some(tx) = self.by_id.get_mut(&id) {
            tx.user = user;
        }
    }

    pub fn tag(&self, id: TxId) -> Option<&str> {
        self.by_id.get(&id).map(|tx| tx.tag.as_str())
    }

    /// Where its responses go.
    pub fn reply_to(&self, id: TxId) -> Option<SendTo> {
        self.by_id
            .get(&id)
            .map(|tx| SendTo::Response(tx.reply.clone()))
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }
}

/// A response to be sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub status: u16,
    pub reason: String,
    /// Ours, put before Python's.
    pub own: HeaderList,
    pub headers: HeaderList,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn status(status: u16) -> Reply {
        Reply {
            status,
            ..Reply::default()
        }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Reply {
        self.own.push((name.to_owned(), value.into()));
        self
    }
}

impl Core {
    /// A new request. `tag` becomes the To tag of the responses, unless To has one.
    pub fn open_server(
        &mut self,
        now: Instant,
        incoming: &Incoming,
        tag: &str,
        user: ServerUser,
    ) -> TxId {
        let request = &incoming.request;
        let invite = request.method == Method::Invite;
        let kind = if invite {
            Kind::InviteServer
        } else {
            Kind::NonInviteServer
        };
        let (machine, _) = Machine::start(kind, incoming.source.transport.is_reliable(), now);
        let id = TxId(self.number());
        let merge = incoming.to.tag().is_none().then(|| incoming.merge_key());
        let tx = ServerTx {
            machine,
            key: incoming.key.clone(),
            merge: merge.clone(),
            reply: incoming.reply_target(),
            copied: Response::to(request, 100, "").headers,
            record_route: request
                .headers
                .all("Record-Route")
                .map(str::to_owned)
                .collect(),
            tag: tag.to_owned(),
            last: Vec::new(),
            user,
        };
        self.deadlines
            .set(Due::Server(id), tx.machine.next_timeout());
        self.servers.by_key.insert(incoming.key.clone(), id);
        if let Some(merge) = merge {
            self.servers.merges.insert(merge, id);
        }
        self.servers.by_id.insert(id, tx);
        id
    }

    /// Send a response in a transaction; returns its bytes for a user that repeats them.
    pub fn respond(&mut self, now: Instant, id: TxId, reply: Reply) -> Vec<u8> {
        let Some(tx) = self.servers.by_id.get_mut(&id) else {
            return Vec::new();
        };
        let status = match reply.status {
            status @ 100..700 => status,
            _ => 500, // nobody's status: Python's mistake must not reach the wire
        };
        let reply = Reply { status, ..reply };
        let (mut copied, tag) = (tx.copied.clone(), tx.tag.clone());
        if status > 100 {
            add_tag(&mut copied, &tag);
        }
        if (101..300).contains(&status) {
            tx.record_route
                .iter()
                .for_each(|route| copied.push("Record-Route", route));
        }
        let bytes = compose::response(copied, reply, &self.config.user_agent).to_bytes();
        tx.last.clone_from(&bytes);
        let event = match status {
            ..200 => Event::AnswerProvisional,
            200..300 => Event::AnswerSuccess,
            _ => Event::AnswerFailure,
        };
        self.server_event(now, id, event);
        bytes
    }

    /// Something happened to a server transaction. True: an ACK that its user has to see.
    pub fn server_event(&mut self, now: Instant, id: TxId, event: Event) -> bool {
        let Some(tx) = self.servers.by_id.get_mut(&id) else {
            return false;
        };
        let actions = match tx.machine.on(event, now) {
            Ok(actions) => actions,
            Err(unexpected) => {
                log::debug!("sip.transaction.unexpected {unexpected}");
                return false;
            }
        };
        let mut deliver = false;
        let (reply, last) = (tx.reply.clone(), tx.last.clone());
        let over = tx.machine.state() == State::Terminated;
        self.deadlines
            .set(Due::Server(id), tx.machine.next_timeout());
        for action in actions {
            match action {
                // Before the first provisional there is nothing to repeat.
                Action::Transmit if !last.is_empty() => {
                    if matches!(event, Event::Repeat | Event::Fired(_)) {
                        self.stats.retransmissions += 1;
                    }
                    self.send_for(id, SendTo::Response(reply.clone()), last.clone());
                }
                Action::Deliver => deliver = true,
                _ => {}
            }
        }
        if over {
            self.close_server(id);
        }
        deliver
    }

    pub fn server_timeout(&mut self, now: Instant, id: TxId) {
        while let Some(timer) = self
            .servers
            .by_id
            .get(&id)
            .and_then(|tx| tx.machine.due(now))
        {
            self.server_event(now, id, Event::Fired(timer));
        }
    }

    /// Nobody will answer: forget it.
    fn close_server(&mut self, id: TxId) {
        self.deadlines.set(Due::Server(id), None);
        let Some(tx) = self.servers.by_id.remove(&id) else {
            return;
        };
        if self.servers.by_key.get(&tx.key) == Some(&id) {
            self.servers.by_key.remove(&tx.key);
        }
        if let Some(merge) = tx
            .merge
            .filter(|merge| self.servers.merges.get(merge) == Some(&id))
        {
            self.servers.merges.remove(&merge);
        }
        if let ServerUser::Request(request) = tx.user {
            self.pending.remove(&request);
        }
    }
}

/// The To of a response carries our tag (RFC 3261 §8.2.6.2).
pub(super) fn add_tag(headers: &mut Headers, tag: &str) {
    let Some(to) = headers.get("To").and_then(|to| NameAddr::parse(to).ok()) else {
        return;
    };
    if to.tag().is_none() && !tag.is_empty() {
        let to = format!("{}", to.with_tag(tag));
        headers.set_first("To", to);
    }
}
