//! Orders of legs: those that may be carried out, and those that wait for a leg on its way here.

use std::collections::VecDeque;
use std::time::Instant;

use bridgetap_media::LegId;

use super::MediaThread;
use crate::route::{Letter, Order};

impl MediaThread {
    pub(super) fn take_orders(&mut self, now: Instant) {
        let mut letters = VecDeque::new();
        self.look_again = !self.orders.try_take(&mut letters);
        for Letter { leg, order } in letters {
            self.take_order(leg, order, now);
        }
    }

    fn take_order(&mut self, leg: LegId, order: Order, now: Instant) {
        match order {
            Order::Arrive(parcel) => return self.arrive(*parcel, now),
            Order::Gone => return self.has_come(leg, now),
            Order::Shutdown => return self.shut_down(now),
            _ => {}
        }
        match self.expected.keep(leg, order) {
            Some(order) => self.carry_out(leg, order, now),
            None => self.go_on(now),
        }
    }

    fn carry_out(&mut self, leg: LegId, order: Order, now: Instant) {
        match order {
            Order::Open {
                config,
                sockets,
                leg,
            } => self.open_leg(config, sockets, leg, now),
            Order::Shard(command) => self.command(command, now),
            Order::Connected { fork, outcome } => self.connected(fork, outcome, now),
            Order::Expect => self.expected.begin(leg),
            Order::Give { to } => self.gives.push((leg, to)),
            Order::Arrive(_) | Order::Gone | Order::Shutdown => {}
        }
    }

    /// What waits no more.
    fn go_on(&mut self, now: Instant) {
        while let Some(Letter { leg, order }) = self.expected.next() {
            self.carry_out(leg, order, now);
        }
    }

    pub(super) fn has_come(&mut self, leg: LegId, now: Instant) {
        self.expected.has_come(leg);
        self.go_on(now);
    }
}
