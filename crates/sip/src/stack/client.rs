//! Client transactions: one request to one target, its repeats, its responses.

use std::collections::HashMap;
use std::time::Instant;

use super::core::Core;
use super::deadlines::Due;
use super::journey::JourneyId;
use super::{TxId, compose};
use crate::message::{Request, Response};
use crate::method::Method;
use crate::transaction::{Action, ClientKey, Event, Kind, Machine, State};
use crate::types::{SendTo, Source, Target, Trouble};

#[derive(Debug)]
struct ClientTx {
    machine: Machine,
    key: ClientKey,
    journey: JourneyId,
    request: Request,
    target: Target,
    bytes: Vec<u8>,
    ack: Vec<u8>,
}

#[derive(Debug, Default)]
pub(crate) struct Clients {
    by_id: HashMap<TxId, ClientTx>,
    by_key: HashMap<ClientKey, TxId>,
}

impl Clients {
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn is_proceeding(&self, id: TxId) -> bool {
        self.by_id
            .get(&id)
            .is_some_and(|tx| tx.machine.state() == State::Proceeding)
    }

    /// Those that went over a flow chosen by us, e.g. a phone's connection.
    pub fn over(&self, flow: crate::types::FlowId) -> Vec<TxId> {
        let over = self
            .by_id
            .iter()
            .filter(|(_, tx)| tx.target.flow == Some(flow));
        let mut ids: Vec<TxId> = over.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }
}

impl Core {
    /// Send `request` (with our Via on top) to `target`.
    pub fn open_client(
        &mut self,
        now: Instant,
        request: Request,
        branch: &str,
        target: Target,
        journey: JourneyId,
    ) -> TxId {
        let kind = if request.method == Method::Invite {
            Kind::InviteClient
        } else {
            Kind::NonInviteClient
        };
        let (machine, actions) = Machine::start(kind, target.transport.is_reliable(), now);
        let id = TxId(self.number());
        let key = ClientKey::new(branch, &request.method);
        let bytes = request.to_bytes();
        self.clients.by_key.insert(key.clone(), id);
        let tx = ClientTx {
            machine,
            key,
            journey,
            request,
            target,
            bytes,
            ack: Vec::new(),
        };
        self.clients.by_id.insert(id, tx);
        self.client_actions(now, id, actions, Event::Repeat, None);
        id
    }

    /// A response. False: it belongs to no transaction of ours.
    pub fn client_receive(
        &mut self,
        now: Instant,
        key: &ClientKey,
        response: Response,
        source: &Source,
    ) -> bool {
        let Some(id) = self.clients.by_key.get(key).copied() else {
            return false;
        };
        let event = match response.status {
            ..200 => Event::Provisional,
            200..300 => Event::Success,
            _ => Event::Failure,
        };
        self.client_event(now, id, event, Some((response, source.clone())));
        true
    }

    pub fn client_event(
        &mut self,
        now: Instant,
        id: TxId,
        event: Event,
        response: Option<(Response, Source)>,
    ) {
        let Some(tx) = self.clients.by_id.get_mut(&id) else {
            return;
        };
        match tx.machine.on(event, now) {
            Ok(actions) => self.client_actions(now, id, actions, event, response),
            Err(unexpected) => log::debug!("sip.transaction.unexpected {unexpected}"),
        }
    }

    pub fn client_timeout(&mut self, now: Instant, id: TxId) {
        while let Some(timer) = self
            .clients
            .by_id
            .get(&id)
            .and_then(|tx| tx.machine.due(now))
        {
            self.client_event(now, id, Event::Fired(timer), None);
        }
    }

    /// Remember why what `id` sent went nowhere. Of several addresses the one that failed over TLS
    /// tells the most.
    pub fn note_trouble(&mut self, id: TxId, why: Trouble) {
        if let Some(tx) = self.clients.by_id.get(&id)
            && let Some(journey) = self.journeys.by_id.get_mut(&tx.journey)
            && !journey.at.trouble.as_ref().is_some_and(|known| known.tls)
        {
            journey.at.trouble = Some(why);
        }
    }

    /// The connection of a target we chose is gone: no answer will come over it.
    pub fn client_flow_closed(&mut self, now: Instant, id: TxId) {
        let Some(tx) = self.clients.by_id.get(&id) else {
            return;
        };
        let journey = tx.journey;
        if matches!(
            tx.machine.state(),
            State::Calling | State::Trying | State::Proceeding
        ) {
            self.close_client(id);
            self.journey_failed(now, journey, id, 503);
            self.journey_over(journey, id);
        }
    }

    /// CANCEL for the INVITE of a transaction that is ringing (RFC 3261 §9.1): same branch, same
    /// target, one hop, so no journey of its own.
    pub fn cancel_client(&mut self, now: Instant, id: TxId, headers: &[(String, String)]) {
        let Some(tx) = self.clients.by_id.get(&id) else {
            return;
        };
        let target = tx.target.clone();
        let mut request = compose::same_hop(&tx.request, Method::Cancel, None);
        compose::add_custom(&mut request.headers, headers);
        let branch = tx.key.branch().to_owned();
        self.open_client(now, request, &branch, target, JourneyId::NOBODY);
    }

    /// Forget a transaction without a word.
    pub fn close_client(&mut self, id: TxId) {
        self.deadlines.set(Due::Client(id), None);
        if let Some(tx) = self.clients.by_id.remove(&id) {
            self.clients.by_key.remove(&tx.key);
        }
    }

    fn client_actions(
        &mut self,
        now: Instant,
        id: TxId,
        actions: &[Action],
        event: Event,
        mut response: Option<(Response, Source)>,
    ) {
        let Some(tx) = self.clients.by_id.get_mut(&id) else {
            return;
        };
        let journey = tx.journey;
        let state = tx.machine.state();
        let acks = actions.contains(&Action::TransmitAck) && tx.ack.is_empty();
        if let (true, Some((response, _))) = (acks, &response) {
            let to = response.headers.get("To");
            tx.ack = compose::same_hop(&tx.request, Method::Ack, to).to_bytes();
        }
        let to = SendTo::Request(tx.target.clone());
        let (bytes, ack) = (&tx.bytes, &tx.ack);
        let sends: Vec<Vec<u8>> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Transmit => Some(bytes.clone()),
                Action::TransmitAck => Some(ack.clone()),
                _ => None,
            })
            .collect();
        self.deadlines
            .set(Due::Client(id), tx.machine.next_timeout());
        if matches!(event, Event::Fired(_)) {
            self.stats.retransmissions += sends.len() as u64;
        }
        sends
            .into_iter()
            .for_each(|bytes| self.send_for(id, to.clone(), bytes));
        if state == State::Terminated {
            self.close_client(id);
        }
        for action in actions {
            match action {
                Action::Deliver => {
                    if let Some((response, source)) = response.take() {
                        self.journey_response(now, journey, id, response, source);
                    }
                }
                Action::ReportTimeout => self.journey_failed(now, journey, id, 408),
                Action::ReportFailure => self.journey_failed(now, journey, id, 503),
                _ => {}
            }
        }
        if state == State::Terminated {
            self.journey_over(journey, id);
        }
    }
}
