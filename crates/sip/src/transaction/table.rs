//! The four transaction machines of RFC 3261 §17, as corrected by RFC 6026, as tables.
//!
//! Every legal step is here, steps that change nothing too. Anything else is a protocol error of
//! the peer or a mistake of ours, and is left without effect by the caller.

use super::timer::Timer;

/// Which of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    InviteClient,
    NonInviteClient,
    InviteServer,
    NonInviteServer,
}

/// Where a transaction stands. Each machine uses some of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum State {
    Calling,
    Trying,
    Proceeding,
    Completed,
    /// A 2xx to an INVITE went through (RFC 6026 §7).
    Accepted,
    Confirmed,
    Terminated,
}

/// What happens to a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Client: a 1xx came.
    Provisional,
    /// Client: a 2xx came.
    Success,
    /// Client: a 3xx–6xx came.
    Failure,
    /// Server: the request came again.
    Repeat,
    /// Server: the ACK came.
    Ack,
    /// Server: the user answers 1xx.
    AnswerProvisional,
    /// Server: the user answers 2xx.
    AnswerSuccess,
    /// Server: the user answers 3xx–6xx.
    AnswerFailure,
    /// A timer fired.
    Fired(Timer),
    /// The transport cannot send.
    SendFailed,
}

/// What the owner of the machine has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send the request, or the last response (if any), as it is.
    Transmit,
    /// Send the ACK for a final that is no 2xx (§17.1.1.3).
    TransmitAck,
    /// Hand what came to the user.
    Deliver,
    /// Tell the user that nothing came in time.
    ReportTimeout,
    /// Tell the user that nothing could be sent.
    ReportFailure,
    /// The machine sets this timer itself.
    Start(Timer),
    /// The machine stops this timer itself.
    Stop(Timer),
}

/// One step.
pub struct Row {
    pub(super) from: State,
    pub(super) on: Event,
    pub(super) to: State,
    pub(super) then: &'static [Action],
}

const fn row(from: State, on: Event, to: State, then: &'static [Action]) -> Row {
    Row { from, on, to, then }
}

impl Kind {
    /// The first state and what is done in it.
    pub(super) fn start(self) -> (State, &'static [Action]) {
        match self {
            Kind::InviteClient => (Calling, &[Transmit, Start(A), Start(B)]),
            Kind::NonInviteClient => (Trying, &[Transmit, Start(E), Start(F)]),
            Kind::InviteServer => (Proceeding, &[]),
            Kind::NonInviteServer => (Trying, &[Start(Unanswered)]),
        }
    }

    pub(super) fn table(self) -> &'static [Row] {
        match self {
            Kind::InviteClient => INVITE_CLIENT,
            Kind::NonInviteClient => NON_INVITE_CLIENT,
            Kind::InviteServer => INVITE_SERVER,
            Kind::NonInviteServer => NON_INVITE_SERVER,
        }
    }
}

use Action::*;
use Event::*;
use State::*;
use Timer::*;

#[rustfmt::skip]
const INVITE_CLIENT: &[Row] = &[
    row(Calling,    Fired(A),      Calling,    &[Transmit, Start(A)]),
    row(Calling,    Fired(B),      Terminated, &[ReportTimeout]),
    row(Calling,    SendFailed,    Terminated, &[ReportFailure]),
    row(Calling,    Provisional,   Proceeding, &[Stop(A), Stop(B), Deliver]),
    row(Calling,    Success,       Accepted,   &[Stop(A), Stop(B), Start(M), Deliver]),
    row(Calling,    Failure,       Completed,  &[Stop(A), Stop(B), Start(D), TransmitAck, Deliver]),
    row(Proceeding, Provisional,   Proceeding, &[Deliver]),
    row(Proceeding, Success,       Accepted,   &[Start(M), Deliver]),
    row(Proceeding, Failure,       Completed,  &[Start(D), TransmitAck, Deliver]),
    row(Proceeding, SendFailed,    Proceeding, &[]), // it had arrived: the answer will too
    row(Completed,  Failure,       Completed,  &[TransmitAck]),
    row(Completed,  Provisional,   Completed,  &[]),
    row(Completed,  Success,       Completed,  &[]),
    row(Completed,  Fired(D),      Terminated, &[]),
    row(Completed,  SendFailed,    Terminated, &[]), // only the ACK was lost
    row(Accepted,   Success,       Accepted,   &[Deliver]), // RFC 6026 §8.4: repeats and forks
    row(Accepted,   Provisional,   Accepted,   &[]),
    row(Accepted,   Failure,       Accepted,   &[]),
    row(Accepted,   SendFailed,    Accepted,   &[]),
    row(Accepted,   Fired(M),      Terminated, &[]),
];

#[rustfmt::skip]
const NON_INVITE_CLIENT: &[Row] = &[
    row(Trying,     Fired(E),      Trying,     &[Transmit, Start(E)]),
    row(Trying,     Fired(F),      Terminated, &[ReportTimeout]),
    row(Trying,     SendFailed,    Terminated, &[ReportFailure]),
    row(Trying,     Provisional,   Proceeding, &[Deliver]),
    row(Trying,     Success,       Completed,  &[Stop(E), Stop(F), Start(K), Deliver]),
    row(Trying,     Failure,       Completed,  &[Stop(E), Stop(F), Start(K), Deliver]),
    row(Proceeding, Fired(E),      Proceeding, &[Transmit, Start(E)]), // §17.1.2.2: goes on, at T2
    row(Proceeding, Fired(F),      Terminated, &[ReportTimeout]),
    row(Proceeding, SendFailed,    Terminated, &[ReportFailure]),
    row(Proceeding, Provisional,   Proceeding, &[Deliver]),
    row(Proceeding, Success,       Completed,  &[Stop(E), Stop(F), Start(K), Deliver]),
    row(Proceeding, Failure,       Completed,  &[Stop(E), Stop(F), Start(K), Deliver]),
    row(Completed,  Provisional,   Completed,  &[]),
    row(Completed,  Success,       Completed,  &[]),
    row(Completed,  Failure,       Completed,  &[]),
    row(Completed,  SendFailed,    Completed,  &[]),
    row(Completed,  Fired(K),      Terminated, &[]),
];

// A response that cannot be sent ends nothing: the request will be repeated, perhaps over a new
// connection, and is answered then.
#[rustfmt::skip]
const INVITE_SERVER: &[Row] = &[
    row(Proceeding, Repeat,            Proceeding, &[Transmit]),
    row(Proceeding, AnswerProvisional, Proceeding, &[Transmit]),
    row(Proceeding, AnswerSuccess,     Accepted,   &[Transmit, Start(L)]),
    row(Proceeding, AnswerFailure,     Completed,  &[Transmit, Start(G), Start(H)]),
    row(Proceeding, SendFailed,        Proceeding, &[]),
    row(Completed,  Repeat,            Completed,  &[Transmit]),
    row(Completed,  Fired(G),          Completed,  &[Transmit, Start(G)]),
    row(Completed,  Fired(H),          Terminated, &[ReportTimeout]),
    row(Completed,  Ack,               Confirmed,  &[Stop(G), Stop(H), Start(I)]),
    row(Completed,  SendFailed,        Completed,  &[]),
    row(Accepted,   Repeat,            Accepted,   &[]), // the user repeats the 2xx (§13.3.1.4)
    row(Accepted,   Ack,               Accepted,   &[Deliver]),
    row(Accepted,   SendFailed,        Accepted,   &[]),
    row(Accepted,   Fired(L),          Terminated, &[]),
    row(Confirmed,  Ack,               Confirmed,  &[]),
    row(Confirmed,  Repeat,            Confirmed,  &[]),
    row(Confirmed,  SendFailed,        Confirmed,  &[]),
    row(Confirmed,  Fired(I),          Terminated, &[]),
];

#[rustfmt::skip]
const NON_INVITE_SERVER: &[Row] = &[
    row(Trying,     Repeat,            Trying,     &[]),
    row(Trying,     AnswerProvisional, Proceeding, &[Transmit]),
    row(Trying,     AnswerSuccess,     Completed,  &[Stop(Unanswered), Transmit, Start(J)]),
    row(Trying,     AnswerFailure,     Completed,  &[Stop(Unanswered), Transmit, Start(J)]),
    row(Trying,     Fired(Unanswered), Terminated, &[]),
    row(Proceeding, Repeat,            Proceeding, &[Transmit]),
    row(Proceeding, AnswerProvisional, Proceeding, &[Transmit]),
    row(Proceeding, AnswerSuccess,     Completed,  &[Stop(Unanswered), Transmit, Start(J)]),
    row(Proceeding, AnswerFailure,     Completed,  &[Stop(Unanswered), Transmit, Start(J)]),
    row(Proceeding, SendFailed,        Proceeding, &[]),
    row(Proceeding, Fired(Unanswered), Terminated, &[]),
    row(Completed,  Repeat,            Completed,  &[Transmit]),
    row(Completed,  SendFailed,        Completed,  &[]),
    row(Completed,  Fired(J),          Terminated, &[]),
];
