//! Which media thread a leg lives on, and how an order reaches it there.
//!
//! Orders of one leg arrive in the order they were given, moves included: whoever gives one holds
//! the leg's `home` while posting, and the thread a leg moves to keeps its orders until it is there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bridgetap_media::{Command, ForkId, LegConfig, LegId, LegStats};

use crate::connector::Outcome;
use crate::error::MediaError;
use crate::mailbox::{Mailbox, Refused, Undelivered};
use crate::ports::PortPair;
use crate::thread::Parcel;

/// Everything a media thread can be told, each about one leg.
pub(crate) enum Order {
    /// A new leg with its sockets.
    Open {
        config: LegConfig,
        sockets: PortPair,
        leg: Arc<LegRef>,
    },
    /// For the shard.
    Shard(Command),
    /// The connector is done with a fork of this leg.
    Connected { fork: ForkId, outcome: Outcome },
    /// The leg is on its way here: keep its orders until it has come.
    Expect,
    /// Give the leg to that thread.
    Give { to: usize },
    /// Here it is.
    Arrive(Box<Parcel>),
    /// It had ended before it could come: its orders find nothing.
    Gone,
    /// Close all legs, let their forks drain, end the thread. (Of no leg.)
    Shutdown,
}

/// An order and the leg it is for.
pub(crate) struct Letter {
    pub(crate) leg: LegId,
    pub(crate) order: Order,
}

impl Letter {
    /// To a thread, about no leg.
    pub(crate) fn shutdown() -> Self {
        Self {
            leg: LegId(0),
            order: Order::Shutdown,
        }
    }
}

/// The mailboxes of all media threads.
pub(crate) type Threads = Arc<[Arc<Mailbox<Letter>>]>;

/// No leg has this id.
const NOBODY: u64 = 0;

/// Orders that may wait for one media thread.
pub(crate) const MAX_ORDERS: usize = 8192;

/// What handle, connector and media thread share of a leg.
pub(crate) struct LegRef {
    pub(crate) id: LegId,
    pub(crate) label: String,
    home: Mutex<usize>,
    /// Legs that send tracks of this one: where it moves, they move.
    followers: Mutex<Vec<Arc<LegRef>>>,
    /// Whose track it sends, `NOBODY`'s mostly.
    leader: AtomicU64,
    stats: Mutex<Option<LegStats>>,
}

impl LegRef {
    pub(crate) fn new(id: LegId, label: String, home: usize) -> Self {
        Self {
            id,
            label,
            home: Mutex::new(home),
            followers: Mutex::default(),
            leader: AtomicU64::new(NOBODY),
            stats: Mutex::new(None),
        }
    }

    /// An order that starts something.
    pub(crate) fn start(&self, threads: &Threads, order: Order) -> Result<(), MediaError> {
        let home = self.home();
        self.post(threads, *home, order)
    }

    /// An order that ends something, or an answer that must arrive.
    pub(crate) fn end(&self, threads: &Threads, order: Order) {
        let home = self.home();
        let _ = threads[*home].post_end(self.letter(order));
    }

    /// Bring both legs to one thread (the younger moves), then order something there.
    pub(crate) fn join(
        &self,
        other: &LegRef,
        threads: &Threads,
        order: Order,
    ) -> Result<(), MediaError> {
        // Always the older first: two joins at once cannot wait for each other.
        let (older, younger) = if self.id < other.id {
            (self, other)
        } else {
            (other, self)
        };
        let older_home = older.home();
        let mut younger_home = younger.home();
        younger.move_to(*older_home, &mut younger_home, threads);
        for follower in younger.followers().iter() {
            follower.move_to(*older_home, &mut follower.home(), threads);
        }
        // As an order of the one that may still be under way.
        younger.post(threads, *younger_home, order)
    }

    /// Bring `follower` to this leg's thread, for as long as both live, then order something there. A
    /// follower is never joined: its home is only ever taken behind its leader's. It has one leader.
    pub(crate) fn lead(
        &self,
        follower: &Arc<LegRef>,
        threads: &Threads,
        order: Order,
    ) -> Result<(), MediaError> {
        let home = self.home();
        let mut theirs = follower.home();
        let leader = follower.leader.load(Ordering::SeqCst);
        if leader != NOBODY && leader != self.id.0 {
            return Err(MediaError::Value {
                place: "copy",
                value: follower.id.0.to_string(),
                rule: "must not be sending a third leg's track",
            });
        }
        follower.move_to(*home, &mut theirs, threads);
        follower.post(threads, *theirs, order)?;
        let mut followers = self.followers();
        if !followers.iter().any(|known| known.id == follower.id) {
            followers.push(follower.clone());
        }
        follower.leader.store(self.id.0, Ordering::SeqCst);
        Ok(())
    }

    /// It may stay when this leg moves.
    pub(crate) fn let_go(&self, follower: LegId) {
        self.let_go_if(|known| known == follower);
    }

    /// This leg ends.
    pub(crate) fn let_all_go(&self) {
        self.let_go_if(|_| true);
    }

    fn let_go_if(&self, which: impl Fn(LegId) -> bool) {
        self.followers().retain(|known| {
            let goes = which(known.id);
            if goes {
                known.leader.store(NOBODY, Ordering::SeqCst);
            }
            !goes
        });
    }

    /// Does it send a track of another leg?
    pub(crate) fn follows(&self) -> bool {
        self.leader.load(Ordering::SeqCst) != NOBODY
    }

    fn move_to(&self, to: usize, home: &mut usize, threads: &Threads) {
        if *home != to {
            let _ = threads[to].post_end(self.letter(Order::Expect));
            let _ = threads[*home].post_end(self.letter(Order::Give { to }));
            *home = to;
        }
    }

    /// The figures last published.
    pub(crate) fn stats(&self) -> Option<LegStats> {
        self.stats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Publish figures, unless somebody reads them this very moment: the next come in a second.
    pub(crate) fn publish(&self, stats: &LegStats) {
        if let Ok(mut slot) = self.stats.try_lock() {
            match slot.as_mut() {
                Some(old) => old.clone_from(stats),
                None => *slot = Some(stats.clone()),
            }
        }
    }

    fn post(&self, threads: &Threads, thread: usize, order: Order) -> Result<(), MediaError> {
        match threads[thread].post(self.letter(order)) {
            Ok(()) => Ok(()),
            Err(Undelivered { why, .. }) => Err(match why {
                Refused::Full => MediaError::Busy(thread),
                Refused::Closed => MediaError::Closed,
            }),
        }
    }

    fn letter(&self, order: Order) -> Letter {
        Letter {
            leg: self.id,
            order,
        }
    }

    fn followers(&self) -> MutexGuard<'_, Vec<Arc<LegRef>>> {
        self.followers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn home(&self) -> MutexGuard<'_, usize> {
        self.home.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Order {
    /// The legs that must be here for it: of an order about two both, else twice the one it is for.
    pub(crate) fn legs(&self, leg: LegId) -> [LegId; 2] {
        match self {
            Order::Shard(
                Command::Bridge { leg, other }
                | Command::Exchange { leg, other }
                | Command::Copy { leg, to: other, .. },
            ) => [*leg, *other],
            _ => [leg, leg],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    fn threads(limit: usize) -> Threads {
        (0..2)
            .map(|_| Arc::new(Mailbox::new(limit).unwrap()))
            .collect()
    }

    fn names(threads: &Threads, thread: usize) -> Vec<(u64, &'static str)> {
        let mut letters = VecDeque::new();
        assert!(threads[thread].try_take(&mut letters));
        let name = |order: &Order| match order {
            Order::Shard(Command::Bridge { .. }) => "bridge",
            Order::Shard(_) => "other",
            Order::Expect => "expect",
            Order::Give { .. } => "give",
            _ => "?",
        };
        letters
            .iter()
            .map(|letter| (letter.leg.0, name(&letter.order)))
            .collect()
    }

    fn bridge() -> Order {
        Order::Shard(Command::Bridge {
            leg: LegId(1),
            other: LegId(2),
        })
    }

    #[test]
    fn the_younger_leg_moves_and_its_later_orders_go_where_it_will_be() {
        let threads = threads(10);
        let older = LegRef::new(LegId(1), String::new(), 0);
        let younger = LegRef::new(LegId(2), String::new(), 1);
        younger.join(&older, &threads, bridge()).unwrap();
        younger.end(&threads, Order::Shard(Command::StopPlay { leg: LegId(2) }));
        assert_eq!(names(&threads, 1), [(2, "give")]);
        assert_eq!(
            names(&threads, 0),
            [(2, "expect"), (2, "bridge"), (2, "other")]
        );
        older.join(&younger, &threads, bridge()).unwrap();
        assert_eq!(names(&threads, 0), [(2, "bridge")], "nobody moves twice");
    }

    #[test]
    fn who_follows_a_leg_moves_with_it_until_let_go() {
        let threads = threads(10);
        let older = LegRef::new(LegId(1), String::new(), 0);
        let leader = LegRef::new(LegId(2), String::new(), 1);
        let follower = Arc::new(LegRef::new(LegId(3), String::new(), 0));
        leader.lead(&follower, &threads, bridge()).unwrap();
        assert_eq!(names(&threads, 0), [(3, "give")]);
        assert_eq!(names(&threads, 1), [(3, "expect"), (3, "bridge")]);
        leader.join(&older, &threads, bridge()).unwrap();
        assert_eq!(names(&threads, 1), [(2, "give"), (3, "give")]);
        assert_eq!(
            names(&threads, 0),
            [(2, "expect"), (3, "expect"), (2, "bridge")]
        );
        assert!(follower.follows());
        leader.let_go(LegId(3));
        assert!(leader.followers().is_empty() && !follower.follows());
    }

    #[test]
    fn one_leg_follows_one_other() {
        let threads = threads(10);
        let [one, other] = [1, 2].map(|id| LegRef::new(LegId(id), String::new(), 0));
        let follower = Arc::new(LegRef::new(LegId(3), String::new(), 0));
        one.lead(&follower, &threads, bridge()).unwrap();
        one.lead(&follower, &threads, bridge()).unwrap();
        let error = other.lead(&follower, &threads, bridge()).unwrap_err();
        assert!(error.to_string().contains("third leg"), "{error}");
        one.let_go(LegId(3));
        other.lead(&follower, &threads, bridge()).unwrap();
    }

    #[test]
    fn a_thread_that_does_not_keep_up_is_named() {
        let threads = threads(0);
        let leg = LegRef::new(LegId(1), String::new(), 1);
        let error = leg.start(&threads, bridge()).unwrap_err();
        assert!(matches!(error, MediaError::Busy(1)));
        let follower = Arc::new(LegRef::new(LegId(2), String::new(), 1));
        let error = leg.lead(&follower, &threads, bridge()).unwrap_err();
        assert!(matches!(error, MediaError::Busy(1)));
        assert!(!follower.follows(), "nothing was ordered");
        threads[1].close();
        let error = leg.start(&threads, bridge()).unwrap_err();
        assert!(matches!(error, MediaError::Closed));
    }
}
