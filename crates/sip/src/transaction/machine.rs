//! Runs one of the tables: state, timers, nothing else.

use std::time::{Duration, Instant};

use super::table::{Action, Event, Kind, State};
use super::timer::{T2, Timer};

/// One transaction's state and clock.
#[derive(Debug)]
pub struct Machine {
    kind: Kind,
    state: State,
    reliable: bool,
    running: Vec<Running>,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    timer: Timer,
    at: Instant,
    interval: Duration,
}

/// A step that stands in no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} while {kind:?} is {state:?}")]
pub struct Unexpected {
    kind: Kind,
    state: State,
    event: Event,
}

impl Machine {
    /// A new transaction, and what to do first.
    pub fn start(kind: Kind, reliable: bool, now: Instant) -> (Machine, &'static [Action]) {
        let (state, then) = kind.start();
        let mut machine = Machine {
            kind,
            state,
            reliable,
            running: Vec::new(),
        };
        machine.set_timers(then, None, now);
        (machine, then)
    }

    /// Take a step.
    pub fn on(&mut self, event: Event, now: Instant) -> Result<&'static [Action], Unexpected> {
        let (kind, state) = (self.kind, self.state);
        let row = kind
            .table()
            .iter()
            .find(|row| row.from == state && row.on == event);
        let row = row.ok_or(Unexpected { kind, state, event })?;
        let fired = match event {
            Event::Fired(timer) => self.stop(timer),
            _ => None,
        };
        self.state = row.to;
        self.set_timers(row.then, fired, now);
        if self.state == State::Terminated {
            self.running.clear();
        }
        Ok(row.then)
    }

    /// A timer that is due; pass it to [`Machine::on`].
    pub fn due(&self, now: Instant) -> Option<Timer> {
        let first = self.running.iter().min_by_key(|running| running.at)?;
        (first.at <= now).then_some(first.timer)
    }

    /// When the next timer is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.running.iter().map(|running| running.at).min()
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state
    }

    fn set_timers(&mut self, actions: &[Action], fired: Option<Running>, now: Instant) {
        for action in actions {
            match action {
                Action::Start(timer) => self.run(*timer, fired, now),
                Action::Stop(timer) => drop(self.stop(*timer)),
                _ => {}
            }
        }
    }

    fn run(&mut self, timer: Timer, fired: Option<Running>, now: Instant) {
        let Some(first) = timer.delay(self.reliable) else {
            return;
        };
        let interval = match fired {
            // §17.1.2.2: once a provisional came, E runs at T2.
            Some(last) if last.timer == timer && self.proceeds() => T2.max(last.interval),
            Some(last) if last.timer == timer => timer.backed_off(last.interval),
            _ => first,
        };
        // A repeat counts from when it was due, so a late wake-up does not stretch the schedule.
        let from = fired
            .filter(|last| last.timer == timer)
            .map_or(now, |last| last.at);
        self.running.push(Running {
            timer,
            at: from + interval,
            interval,
        });
    }

    fn proceeds(&self) -> bool {
        self.kind == Kind::NonInviteClient && self.state == State::Proceeding
    }

    fn stop(&mut self, timer: Timer) -> Option<Running> {
        let at = self
            .running
            .iter()
            .position(|running| running.timer == timer)?;
        Some(self.running.swap_remove(at))
    }
}
