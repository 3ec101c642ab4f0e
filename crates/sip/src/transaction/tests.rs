//! Every timer of the four machines on a virtual clock.

use std::time::{Duration, Instant};

use super::*;

/// Runs a machine to its end; what it did, each with the millisecond it happened at.
struct Run {
    machine: Machine,
    start: Instant,
    now: Instant,
    log: Vec<(u64, Action)>,
}

impl Run {
    fn new(kind: Kind, reliable: bool) -> Run {
        let start = Instant::now();
        let (machine, actions) = Machine::start(kind, reliable, start);
        let mut run = Run {
            machine,
            start,
            now: start,
            log: Vec::new(),
        };
        run.note(actions);
        run
    }

    fn on(&mut self, event: Event) -> &mut Run {
        let actions = self.machine.on(event, self.now).unwrap();
        self.note(actions);
        self
    }

    fn note(&mut self, actions: &[Action]) {
        let ms = (self.now - self.start).as_millis() as u64;
        let seen = actions
            .iter()
            .filter(|a| !matches!(a, Action::Start(_) | Action::Stop(_)));
        self.log.extend(seen.map(|action| (ms, *action)));
    }

    fn until(&mut self, ms: u64) -> &mut Run {
        let end = self.start + Duration::from_millis(ms);
        while let Some(at) = self.machine.next_timeout().filter(|at| *at <= end) {
            self.now = at;
            while let Some(timer) = self.machine.due(at) {
                self.on(Event::Fired(timer));
            }
        }
        self.now = end;
        self
    }

    fn times(&self, action: Action) -> Vec<u64> {
        self.log
            .iter()
            .filter(|(_, a)| *a == action)
            .map(|(ms, _)| *ms)
            .collect()
    }

    /// Where it stands and how long it has stood still for good.
    fn gone_at(&mut self) -> u64 {
        while self.machine.state() != State::Terminated {
            self.now = self
                .machine
                .next_timeout()
                .expect("a machine without timers never ends");
            let timer = self.machine.due(self.now).unwrap();
            self.on(Event::Fired(timer));
        }
        (self.now - self.start).as_millis() as u64
    }
}

#[test]
fn an_invite_is_repeated_with_doubled_gaps_and_given_up() {
    let mut run = Run::new(Kind::InviteClient, false);
    assert_eq!(run.gone_at(), 32_000);
    assert_eq!(
        run.times(Action::Transmit),
        [0, 500, 1500, 3500, 7500, 15_500, 31_500]
    );
    assert_eq!(run.times(Action::ReportTimeout), [32_000]);
}

#[test]
fn a_provisional_ends_the_repeats_and_the_clock() {
    let mut run = Run::new(Kind::InviteClient, false);
    run.until(600).on(Event::Provisional).until(300_000);
    assert_eq!(run.times(Action::Transmit), [0, 500]);
    assert_eq!(run.machine.state(), State::Proceeding);
    assert_eq!(run.machine.next_timeout(), None);
}

#[test]
fn each_repeated_final_is_acknowledged_and_told_once() {
    let mut run = Run::new(Kind::InviteClient, false);
    run.on(Event::Failure)
        .until(1000)
        .on(Event::Failure)
        .until(2000)
        .on(Event::Failure);
    assert_eq!(run.times(Action::TransmitAck), [0, 1000, 2000]);
    assert_eq!(run.times(Action::Deliver), [0]);
    assert_eq!(run.gone_at(), 32_000);
}

#[test]
fn each_2xx_goes_up_for_64_t1() {
    let mut run = Run::new(Kind::InviteClient, false);
    run.on(Event::Provisional)
        .on(Event::Success)
        .until(500)
        .on(Event::Success);
    assert_eq!(run.times(Action::Deliver), [0, 0, 500]);
    assert_eq!(run.gone_at(), 32_000);
}

#[test]
fn another_request_is_repeated_to_t2() {
    let mut run = Run::new(Kind::NonInviteClient, false);
    assert_eq!(run.gone_at(), 32_000);
    let sent = [
        0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ];
    assert_eq!(run.times(Action::Transmit), sent);
}

#[test]
fn after_a_provisional_it_is_repeated_every_t2() {
    let mut run = Run::new(Kind::NonInviteClient, false);
    run.until(600).on(Event::Provisional).until(10_000);
    assert_eq!(run.times(Action::Transmit), [0, 500, 1500, 5500, 9500]);
    assert_eq!(run.gone_at(), 32_000);
}

#[test]
fn a_refusal_is_repeated_until_its_ack_for_32_s() {
    let mut run = Run::new(Kind::InviteServer, false);
    run.on(Event::AnswerFailure);
    assert_eq!(run.gone_at(), 32_000);
    let sent = [
        0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ];
    assert_eq!(run.times(Action::Transmit), sent);
    assert_eq!(run.times(Action::ReportTimeout), [32_000]);

    let mut run = Run::new(Kind::InviteServer, false);
    run.on(Event::AnswerFailure)
        .until(600)
        .on(Event::Ack)
        .until(1000)
        .on(Event::Ack);
    assert_eq!(run.times(Action::Transmit), [0, 500]);
    assert_eq!(run.gone_at(), 5600);
}

#[test]
fn a_repeated_invite_gets_the_last_provisional_and_none_after_a_2xx() {
    let mut run = Run::new(Kind::InviteServer, false);
    run.on(Event::AnswerProvisional)
        .until(500)
        .on(Event::Repeat);
    assert_eq!(run.times(Action::Transmit), [0, 500]);
    run.on(Event::AnswerSuccess).until(900).on(Event::Repeat);
    assert_eq!(run.times(Action::Transmit), [0, 500, 500]);
    assert_eq!(run.gone_at(), 32_500);
}

#[test]
fn another_requests_final_is_repeated_only_on_demand() {
    let mut run = Run::new(Kind::NonInviteServer, false);
    run.on(Event::Repeat)
        .on(Event::AnswerSuccess)
        .until(700)
        .on(Event::Repeat);
    assert_eq!(run.times(Action::Transmit), [0, 700]);
    assert_eq!(run.gone_at(), 32_000);
}

#[test]
fn a_request_nobody_answers_does_not_stay() {
    assert_eq!(Run::new(Kind::NonInviteServer, true).gone_at(), 32_000);
}

#[test]
fn a_stream_needs_no_repeats_and_no_lingering() {
    let mut run = Run::new(Kind::InviteClient, true);
    assert_eq!(run.gone_at(), 32_000);
    assert_eq!(run.times(Action::Transmit), [0]);
    for (kind, event) in [
        (Kind::InviteClient, Event::Failure),
        (Kind::NonInviteClient, Event::Success),
        (Kind::NonInviteServer, Event::AnswerSuccess),
    ] {
        let mut run = Run::new(kind, true);
        assert_eq!(run.on(event).gone_at(), 0, "{kind:?}");
    }
    let mut run = Run::new(Kind::InviteServer, true);
    run.on(Event::AnswerFailure).until(32_000);
    assert_eq!(run.times(Action::Transmit), [0]);
}

#[test]
fn a_failed_send_ends_only_what_still_needs_it() {
    for (kind, before, ends) in [
        (Kind::InviteClient, None, true),
        (Kind::InviteClient, Some(Event::Provisional), false),
        (Kind::InviteClient, Some(Event::Success), false),
        (Kind::NonInviteClient, None, true),
        (Kind::NonInviteClient, Some(Event::Provisional), true),
        (Kind::InviteServer, Some(Event::AnswerFailure), false),
    ] {
        let mut run = Run::new(kind, false);
        before.map(|event| run.on(event).now);
        run.on(Event::SendFailed);
        assert_eq!(
            run.machine.state() == State::Terminated,
            ends,
            "{kind:?} {before:?}"
        );
        assert_eq!(
            run.log.contains(&(0, Action::ReportFailure)),
            ends,
            "{kind:?} {before:?}"
        );
    }
}

#[test]
fn a_step_in_no_table_changes_nothing() {
    let (mut machine, _) = Machine::start(Kind::InviteServer, false, Instant::now());
    let error = machine.on(Event::Ack, Instant::now()).unwrap_err();
    assert_eq!(error.to_string(), "Ack while InviteServer is Proceeding");
    assert_eq!(machine.state(), State::Proceeding);
}
