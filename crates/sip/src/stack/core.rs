//! What every part of the stack works with: numbers, chance, the way out.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::client::Clients;
use super::deadlines::Deadlines;
use super::journey::{Journeys, News};
use super::server::Servers;
use super::{Stats, TxId};
use crate::config::Config;
use crate::types::{Authenticator, DialogId, Entropy, Output, RequestId, SendId, SendTo, SipEvent};

/// A request of theirs that Python has to answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    pub tx: TxId,
    /// The call it belongs to; none for a REGISTER.
    pub dialog: Option<DialogId>,
}

pub(crate) struct Core {
    pub config: Config,
    pub stats: Stats,
    pub deadlines: Deadlines,
    pub clients: Clients,
    pub servers: Servers,
    pub journeys: Journeys,
    pub pending: HashMap<RequestId, Pending>,
    /// What became of our requests, to be told to their owners.
    pub news: VecDeque<News>,
    pub outputs: VecDeque<Output>,
    pub authenticator: Box<dyn Authenticator>,
    entropy: Box<dyn Entropy>,
    pub(super) counter: u64,
    secret: u64,
}

impl Core {
    pub fn new(
        config: Config,
        authenticator: Box<dyn Authenticator>,
        mut entropy: Box<dyn Entropy>,
    ) -> Core {
        let secret = entropy.next_u64();
        Core {
            config,
            stats: Stats::default(),
            deadlines: Deadlines::default(),
            clients: Clients::default(),
            servers: Servers::default(),
            journeys: Journeys::default(),
            pending: HashMap::new(),
            news: VecDeque::new(),
            outputs: VecDeque::new(),
            authenticator,
            entropy,
            counter: 0,
            secret,
        }
    }

    /// A number never used before in this stack. 0 stays free for "nobody".
    pub fn number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// A tag, a branch or half a Call-ID that nobody can guess.
    pub fn token(&mut self) -> String {
        format!("{:016x}", self.entropy.next_u64())
    }

    /// A number below `limit`.
    pub fn chance(&mut self, limit: u64) -> u64 {
        self.entropy.next_u64() % limit.max(1)
    }

    /// A To tag for an answer without a transaction: the same for every copy of a request
    /// (RFC 3261 §8.2.7).
    pub fn stateless_tag(&self, request: &[&str]) -> String {
        let mut hasher = DefaultHasher::new();
        (self.secret, request).hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    pub fn emit(&mut self, event: SipEvent) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Send for a transaction, which hears of it when that fails.
    pub fn send_for(&mut self, tx: TxId, to: SendTo, bytes: Vec<u8>) {
        self.outputs.push_back(Output::Send {
            send: SendId(tx.0),
            to,
            bytes,
        });
    }

    /// Send for nobody: what is lost will be repeated or asked for again.
    pub fn send(&mut self, to: SendTo, bytes: Vec<u8>) {
        self.send_for(TxId::NOBODY, to, bytes);
    }

    /// More transactions than calls can need: somebody floods us.
    pub fn is_crowded(&self) -> bool {
        self.servers.len() + self.clients.len() + self.journeys.len()
            > 1000 + 8 * self.config.max_dialogs
    }
}
