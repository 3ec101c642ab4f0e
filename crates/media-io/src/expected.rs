//! Orders that wait on a media thread for legs that are on their way to it.
//!
//! An order about two legs waits until both are here, and nothing that was ordered later for either
//! overtakes it: it stands in the queues of both and is carried out once it is the first of each.

use std::collections::VecDeque;

use bridgetap_media::LegId;

use crate::ids::IdMap;
use crate::route::{Letter, Order};

/// Legs that are on their way here, and those that wait for such a one.
#[derive(Default)]
pub(crate) struct Expected {
    legs: IdMap<LegId, Queue>,
    /// By the numbers that stand in the queues.
    waiting: IdMap<u64, Letter>,
    next: u64,
}

#[derive(Default)]
struct Queue {
    numbers: VecDeque<u64>,
    under_way: bool,
    /// Orders in it that send the leg elsewhere.
    leaves: usize,
}

impl Expected {
    /// No leg is under way.
    pub(crate) fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    /// The leg will come.
    pub(crate) fn begin(&mut self, leg: LegId) {
        self.legs.entry(leg).or_default().under_way = true;
    }

    /// It has come, or will not: see what [`next`](Self::next) has for it.
    pub(crate) fn has_come(&mut self, leg: LegId) {
        if let Some(queue) = self.legs.get_mut(&leg) {
            queue.under_way = false;
        }
        self.forget_idle(leg);
    }

    /// Keep an order that must wait; otherwise give it back.
    pub(crate) fn keep(&mut self, leg: LegId, order: Order) -> Option<Order> {
        let legs = order.legs(leg);
        if !legs.iter().any(|leg| self.legs.contains_key(leg)) {
            return Some(order);
        }
        let number = self.next;
        self.next += 1;
        for leg in distinct(legs) {
            let queue = self.legs.entry(leg).or_default();
            queue.numbers.push_back(number);
            queue.leaves += usize::from(matches!(order, Order::Give { .. }));
        }
        self.waiting.insert(number, Letter { leg, order });
        None
    }

    /// An order that waits no more.
    ///
    /// A leg that is to go elsewhere waits for nobody, or two could wait for each other: what was ordered
    /// for it and another that is not here yet comes as it is.
    pub(crate) fn next(&mut self) -> Option<Letter> {
        let number = self.legs.values().find_map(|queue| {
            let number = queue.first()?;
            let may = queue.leaves > 0
                || self
                    .legs_of(number)
                    .all(|queue| queue.first() == Some(number));
            may.then_some(number)
        })?;
        let letter = self.waiting.remove(&number)?;
        for leg in distinct(letter.order.legs(letter.leg)) {
            if let Some(queue) = self.legs.get_mut(&leg) {
                queue.numbers.retain(|waiting| *waiting != number);
                queue.leaves -= usize::from(matches!(letter.order, Order::Give { .. }));
            }
            self.forget_idle(leg);
        }
        Some(letter)
    }

    fn legs_of(&self, number: u64) -> impl Iterator<Item = &Queue> {
        let legs = self
            .waiting
            .get(&number)
            .map(|letter| letter.order.legs(letter.leg));
        legs.into_iter()
            .flatten()
            .filter_map(|leg| self.legs.get(&leg))
    }

    fn forget_idle(&mut self, leg: LegId) {
        if self
            .legs
            .get(&leg)
            .is_some_and(|queue| !queue.under_way && queue.numbers.is_empty())
        {
            self.legs.remove(&leg);
        }
    }
}

impl Queue {
    /// What comes next, for one that is here.
    fn first(&self) -> Option<u64> {
        self.numbers.front().copied().filter(|_| !self.under_way)
    }
}

fn distinct([one, other]: [LegId; 2]) -> impl Iterator<Item = LegId> {
    std::iter::once(one).chain((other != one).then_some(other))
}

#[cfg(test)]
mod tests {
    use bridgetap_media::Command;
    use proptest::prelude::*;

    use super::*;

    fn bridge(leg: u64, other: u64) -> Order {
        Order::Shard(Command::Bridge {
            leg: LegId(leg),
            other: LegId(other),
        })
    }

    /// What may be carried out now: of a bridge its two legs, of anything else the leg it is for.
    fn ready(expected: &mut Expected) -> Vec<Vec<u64>> {
        let mut done = Vec::new();
        while let Some(Letter { leg, order }) = expected.next() {
            let legs = distinct(order.legs(leg)).map(|leg| leg.0);
            done.push(legs.collect());
        }
        done
    }

    #[test]
    fn orders_of_a_leg_under_way_wait_in_order_and_hold_the_other_leg() {
        let mut expected = Expected::default();
        assert!(
            expected.keep(LegId(1), bridge(1, 2)).is_some(),
            "it is not under way"
        );
        expected.begin(LegId(1));
        assert!(
            expected.keep(LegId(3), bridge(3, 4)).is_some(),
            "not about it"
        );
        assert!(expected.keep(LegId(1), bridge(1, 2)).is_none());
        assert!(
            expected.keep(LegId(2), Order::Gone).is_none(),
            "behind the bridge"
        );
        assert!(expected.keep(LegId(1), Order::Gone).is_none());
        assert!(ready(&mut expected).is_empty());
        expected.has_come(LegId(1));
        let done = ready(&mut expected);
        assert_eq!(done[0], [1, 2]);
        assert_eq!(done.len(), 3);
        assert!(expected.is_empty());
        assert!(expected.keep(LegId(1), bridge(1, 2)).is_some());
    }

    #[test]
    fn a_later_order_about_a_leg_that_waits_does_not_overtake() {
        let mut expected = Expected::default();
        expected.begin(LegId(1));
        expected.begin(LegId(3));
        assert!(expected.keep(LegId(1), bridge(1, 2)).is_none());
        assert!(expected.keep(LegId(3), bridge(3, 2)).is_none());
        assert!(
            expected.keep(LegId(4), bridge(4, 2)).is_none(),
            "4 and 2 are here, but 2 waits"
        );
        expected.has_come(LegId(3));
        assert!(ready(&mut expected).is_empty(), "first with 1, then with 3");
        expected.has_come(LegId(1));
        assert_eq!(ready(&mut expected), [[1, 2], [3, 2], [4, 2]]);
        assert!(expected.is_empty());
    }

    #[test]
    fn a_leg_that_goes_on_elsewhere_waits_for_nobody() {
        let mut expected = Expected::default();
        expected.begin(LegId(1));
        expected.begin(LegId(2));
        assert!(expected.keep(LegId(1), bridge(1, 2)).is_none());
        assert!(expected.keep(LegId(1), Order::Give { to: 1 }).is_none());
        assert!(expected.keep(LegId(1), Order::Expect).is_none());
        assert!(
            expected.keep(LegId(1), Order::Gone).is_none(),
            "for when it is back"
        );
        expected.has_come(LegId(1));
        let first = [expected.next(), expected.next()].map(|letter| letter.unwrap().order);
        assert!(matches!(first, [Order::Shard(_), Order::Give { to: 1 }]));
        assert!(matches!(expected.next().unwrap().order, Order::Expect));
        expected.begin(LegId(1));
        assert!(expected.next().is_none());
        expected.has_come(LegId(1));
        assert!(matches!(expected.next().unwrap().order, Order::Gone));
        expected.has_come(LegId(2));
        assert!(expected.is_empty());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Begin(u64),
        Come(u64),
        Order(u64),
        Bridge(u64, u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1..5u64).prop_map(Step::Begin),
            (1..5u64).prop_map(Step::Come),
            (1..5u64).prop_map(Step::Order),
            (1..5u64, 1..5u64).prop_map(|(leg, other)| Step::Bridge(leg, other)),
        ]
    }

    proptest! {
        /// Whatever comes when: all of it is carried out, in the order that each leg was given.
        #[test]
        fn every_leg_sees_its_orders_in_order(steps in prop::collection::vec(step(), 0..40)) {
            let mut expected = Expected::default();
            let (mut given, mut done) = (Vec::new(), Vec::new());
            let mut give = |expected: &mut Expected, done: &mut Vec<_>, leg: u64, order: Order| {
                let legs = distinct(order.legs(LegId(leg))).map(|leg| leg.0).collect::<Vec<_>>();
                given.push(legs.clone());
                if expected.keep(LegId(leg), order).is_some() {
                    done.push(legs);
                }
            };
            for step in steps.into_iter().chain((1..5).map(Step::Come)) {
                match step {
                    Step::Begin(leg) => expected.begin(LegId(leg)),
                    Step::Come(leg) => expected.has_come(LegId(leg)),
                    Step::Order(leg) => give(&mut expected, &mut done, leg, Order::Gone),
                    Step::Bridge(leg, other) => give(&mut expected, &mut done, leg, bridge(leg, other)),
                }
                done.extend(ready(&mut expected));
            }
            prop_assert!(expected.is_empty());
            for leg in 1..5 {
                let of = |list: &[Vec<u64>]| list.iter().filter(|legs| legs.contains(&leg)).cloned().collect::<Vec<_>>();
                prop_assert_eq!(of(&given), of(&done));
            }
        }
    }
}
