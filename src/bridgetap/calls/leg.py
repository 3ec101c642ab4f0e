"""A leg: one SIP dialog and its audio, kept in step (RFC 3261, RFC 3264).

Events of the core go into `handle`, notices for the call come out. What comes of a command arrives as an event.
"""

from collections.abc import Callable
from typing import TypeAlias

import structlog

from bridgetap.engine import (
    CallAcked,
    CallAnswered,
    CallEnded,
    CallProgress,
    Core,
    DialogId,
    Direction,
    DtmfPressed,
    EngineError,
    Headers,
    IncomingCall,
    LegClosed,
    LegEvent,
    LegHandle,
    LegStats,
    PlayEnded,
    PlayId,
    RecordEnded,
    ReofferAnswered,
    ReofferOvertaken,
    ReofferReceived,
    RequestReceived,
    RtpTimedOut,
)
from bridgetap.errors import InvalidInput, InvalidSdp
from bridgetap.ids import CallSid
from bridgetap.sdp import RecordState, RecordWish

from .bodies import content_type, session_description
from .info_digits import answer_in_dialog, send_keys
from .leg_states import (
    Answered,
    EarlyMedia,
    Ended,
    Held,
    LegNews,
    Notice,
    Played,
    Pressed,
    Referred,
    Ringing,
    Silent,
    State,
    Step,
    Untold,
    advance,
)
from .referral import Referral
from .routing import Destination
from .session import Session, SessionParts

GONE = frozenset({408, 481})  # RFC 3261 §12.2.1.2: the dialog is over
Sink: TypeAlias = Callable[["Leg", LegNews], None]


class Leg:
    """One party of a call. Made by `incoming` or `outgoing`; over when `handle` gives `Ended`."""

    def __init__(self, *, core: Core, sid: CallSid, dialog: DialogId, session: Session, sink: Sink) -> None:
        self.sid = sid
        self.dialog = dialog
        self.state = State.CALLING
        self.dtmf_by_info = False
        self._core = core
        self._session = session
        self._sink = sink
        self._referrals = 0
        self._refer_event = "refer"
        self._awaits_answer_in_ack = False
        self._leaving = False
        self._log = structlog.get_logger(__name__).bind(call_sid=sid)
        self.when_closed: Callable[[LegStats], None] | None = None
        core.hear_dialog(dialog, lambda event: sink(self, event))
        self.take_rtp(session.rtp)

    @classmethod
    def incoming(cls, call: IncomingCall, *, core: Core, parts: SessionParts, sink: Sink) -> "Leg":
        """A leg for an INVITE. `InvalidSdp` where its offer cannot be answered, `EngineError` where
        there is no port: nothing is left behind then."""
        session = Session(core=core, parts=parts)
        session.indication.learn(call.headers)
        if offer := session_description(call.content_type, call.body):
            try:
                session.take_first_offer(offer)
            except InvalidSdp:
                session.close()
                raise
        return cls(core=core, sid=parts.sid, dialog=call.dialog, session=session, sink=sink)

    @classmethod
    def outgoing(
        cls, destination: Destination, *, core: Core, parts: SessionParts, sink: Sink, delayed_offer: bool = False
    ) -> "Leg":
        """Send an INVITE. `EngineError` where it cannot be sent: nothing is left behind then."""
        session = Session(core=core, parts=parts)
        try:
            dialog = core.sip.invite(
                target=destination.target,
                from_=destination.from_,
                to=destination.to,
                headers=destination.headers,
                body=b"" if delayed_offer else session.offer(),
                credentials=destination.credentials,
                flow=destination.flow,
            )
        except EngineError:
            session.close()
            raise
        return cls(core=core, sid=parts.sid, dialog=dialog, session=session, sink=sink)

    # -- what it is --

    @property
    def rtp(self) -> LegHandle:
        """The RTP leg that prompts, bridges and forks are put on."""
        return self._session.rtp

    @property
    def has_audio(self) -> bool:
        """Whether the far end hears us."""
        return self.state in (State.EARLY, State.UP)

    @property
    def is_unanswered(self) -> bool:
        """A caller may still be answered or refused."""
        return self.state in (State.CALLING, State.EARLY) and not self._leaving

    @property
    def is_up(self) -> bool:
        """Answered, and not being left."""
        return self.state is State.UP and not self._leaving

    @property
    def direction(self) -> Direction:
        """Which way the far end lets audio flow, as it says it."""
        return self._session.theirs

    @property
    def record_wish(self) -> RecordWish | None:
        """Whether the far end wants to be recorded, where it says so."""
        return self._session.record_wish

    # -- commands --

    def ring(self) -> None:
        """180 to the caller."""
        if self.state is State.CALLING:
            self._core.sip.progress(self.dialog, status=180, reason="Ringing")

    def start_early_media(self) -> None:
        """183 with our answer: the caller hears us before the call is answered (and paid for).
        An INVITE without an offer names no place to send to: it only rings."""
        if self.state is not State.CALLING or self._leaving:
            return
        if (prepared := self._session.first_answer(said=False)) is None:
            self.ring()
            return
        body, agreed = prepared
        self._session.configure(agreed)
        self._core.sip.progress(self.dialog, status=183, reason="Session Progress", body=body, reliable=True)
        self.state = advance(self.state, Step.EARLY_MEDIA)

    def answer(self) -> None:
        """200 to the caller. Once answered, refused or ended, nothing happens."""
        if not self.is_unanswered:
            return
        if (prepared := self._session.first_answer(said=self.state is State.EARLY)) is not None:
            body, agreed = prepared
            if self.state is State.CALLING:
                self._session.configure(agreed)
        else:
            body = self._session.offer(in_="response")
            self._awaits_answer_in_ack = True
        self._core.sip.answer(self.dialog, body=body)
        self.state = advance(self.state, Step.ANSWER)

    def reject(self, status: int, reason: str = "", headers: Headers | None = None) -> None:
        """Refuse an INVITE; `Ended` follows."""
        self._leaving = True
        self._core.sip.reject(self.dialog, status=status, reason=reason, headers=headers)

    def hang_up(self) -> None:
        """End it whatever its state; `Ended` follows. Twice is fine."""
        if self.state is not State.ENDED and not self._leaving:
            self._leaving = True
            self._core.sip.hang_up(self.dialog)

    def want_direction(self, direction: Direction) -> None:
        """Ask the far end for another direction (hold, resume) by re-INVITE."""
        if self.state is State.UP and direction != self._session.wanted:
            self._core.sip.reoffer(self.dialog, body=self._session.offer(direction))

    def indicate(self, state: RecordState | None, *, tone: bool) -> None:
        """The call is recorded so from now on: a far end that wants to know is told (RFC 7866 §6.3), or by a `tone`."""
        self._session.indication.change(state, tone=tone)
        self._tell_recording()

    def _tell_recording(self) -> None:
        if self.has_audio:
            self._session.sound()
        if self.is_up and self._session.indication.is_due:
            self._core.sip.reoffer(self.dialog, body=self._session.offer())

    def send_digits(self, digits: str) -> PlayId | None:
        """Keys to the far end, by the way it wants them. `Played` follows where a play is returned."""
        if not self.dtmf_by_info:
            return self.rtp.send_dtmf(digits)
        send_keys(self._core.sip, self.dialog, digits)
        return None

    def exchange_places(self, other: "Leg") -> None:
        """Each takes over the RTP leg of the other, with the forks, bridge and prompts on it; both
        far ends go on as before. `EngineError` where the core cannot."""
        ours, theirs = self.rtp, other.rtp
        ours.exchange(theirs)
        self.take_rtp(theirs)
        other.take_rtp(ours)

    def take_rtp(self, rtp: LegHandle) -> None:
        """The far end's audio is on that RTP leg from now on; see `exchange_places`."""
        self._session.rtp = rtp
        self._core.hear_leg(rtp.id, self._hear)

    def accept_referral(self, referral: Referral) -> None:
        """202: it is tried; `notify` tells how it goes."""
        self._referrals += 1
        headers: Headers = [] if referral.reports else [("Refer-Sub", "false")]  # RFC 4488 §4
        self._core.sip.respond(referral.request, status=202, headers=headers)
        self._refer_event = "refer" if self._referrals == 1 else f"refer;id={referral.cseq}"

    def refuse_referral(self, referral: Referral, status: int) -> None:
        self._core.sip.respond(referral.request, status=status)

    async def notify(self, *, state: str, fragment: str) -> None:
        """How the last accepted REFER goes (RFC 3515 §2.4.5). Returns when it was answered."""
        await self._core.request(
            method="NOTIFY",
            dialog=self.dialog,
            headers=[("Event", self._refer_event), ("Subscription-State", state)],
            body=fragment.encode(),
            content_type="message/sipfrag;version=2.0",
        )

    def close(self) -> None:
        """Close its audio: its forks end with `call-ended`. Twice is fine."""
        self._session.close()

    def _hear(self, event: LegEvent) -> None:
        """Its last word may come when nobody waits for its news any more: it goes straight to who asked."""
        if isinstance(event, LegClosed) and self.when_closed is not None:
            self.when_closed(event.stats)
        else:
            self._sink(self, event)

    # -- events --

    def handle(self, event: LegNews) -> list[Notice]:
        """What the core said; returns what it means for the call."""
        if self.state is State.ENDED:
            return []
        match event:
            case CallProgress():
                return self._progress(event)
            case CallAnswered():
                return self._answered(event)
            case CallAcked():
                self._acked(event)
                return []
            case CallEnded():
                self.state = advance(self.state, Step.END)
                return [Ended(cause=event.cause, status=event.status, reason=event.reason)]
            case ReofferReceived():
                return self._reoffer_received(event)
            case ReofferAnswered():
                return self._reoffer_answered(event)
            case ReofferOvertaken():
                self._session.overtaken()
                self._tell_recording()
                return []
            case RequestReceived(method="REFER") if self.is_up:
                return self._referred(event)
            case RequestReceived():
                digits = answer_in_dialog(self._core.sip, event)
                if not digits:
                    return []
                self._tell_key(digits)
                return [Pressed(digits=digits, relayed=False)]
            case DtmfPressed():
                return [Pressed(digits=event.digit, relayed=True)]
            case PlayEnded():
                return [Played(play=event.play, completed=event.completed)]
            case RtpTimedOut():
                return [Silent(silent_ms=event.silent_ms)]
            case LegClosed() | RecordEnded():
                return []

    def _referred(self, event: RequestReceived) -> list[Notice]:
        try:
            return [Referred(referral=Referral.read(event))]
        except InvalidInput as error:
            self._log.info("leg.refer_unusable", error=str(error))
            self._core.sip.respond(event.request, status=400)
            return []

    def _tell_key(self, key: str) -> None:
        """A key by INFO passes the core by: streams that are told of keys hear of it from us."""
        try:
            self._session.rtp.tell_key(key)
        except EngineError as error:
            self._log.warning("leg.key_untold", error=str(error))

    def _progress(self, event: CallProgress) -> list[Notice]:
        if self.state is State.UP or self._leaving:
            return []  # overtaken by the answer, or by our hanging up
        answer = session_description(event.content_type, event.body)
        if answer and self._session.accept(answer):
            first = self.state is not State.EARLY
            self.state = advance(self.state, Step.EARLY_MEDIA)
            return [EarlyMedia()] if first else []
        self.state = advance(self.state, Step.RING)
        return [Ringing(status=event.status)]

    def _answered(self, event: CallAnswered) -> list[Notice]:
        self._session.indication.learn(event.headers)
        body = session_description(event.content_type, event.body)
        self.state = advance(self.state, Step.ANSWER)
        if event.needs_ack:
            agreed = self._ack_offer(body)
        elif body:
            agreed = self._session.accept(body)
        else:  # the answer came in a reliable provisional response (RFC 6337 §3.1.1)
            agreed = self._session.is_agreed
        if agreed:
            self._tell_recording()
            return [Answered()]
        self._log.warning("leg.no_media", source=event.source)
        self.hang_up()  # a 2xx that cannot be used is acknowledged, then ended (RFC 3261 §13.2.2.4)
        return []

    def _ack_offer(self, offer: bytes) -> bool:
        try:
            body, agreed = self._session.prepare_answer(offer)
        except InvalidSdp as error:
            self._log.warning("leg.offer_unusable", error=str(error))
            self._core.sip.ack(self.dialog)
            return False
        self._core.sip.ack(self.dialog, body=body)
        self._session.configure(agreed)
        return True

    def _acked(self, event: CallAcked) -> None:
        awaited, self._awaits_answer_in_ack = self._awaits_answer_in_ack, False
        if awaited and (not event.body or not self._session.accept(event.body, in_="response")):
            self._log.warning("leg.no_media", error="the ACK holds no usable answer to our offer")
            self.hang_up()
        self._tell_recording()

    def _reoffer_received(self, event: ReofferReceived) -> list[Notice]:
        self._session.indication.learn(event.headers)
        self._session.sound()  # it may be told in words from now on
        offer = session_description(content_type(event.headers), event.body)
        if not offer and event.method != "INVITE":  # nobody would answer an offer in our 200 (RFC 3311 §5.2)
            self._core.sip.respond(event.request, status=415, headers=[("Accept", "application/sdp")])
            return []
        if not offer:  # they ask for our offer; their answer comes with the ACK
            self._awaits_answer_in_ack = True
            self._core.sip.respond(event.request, status=200, body=self._session.offer(in_="response"))
            return []
        before = self._session.theirs
        try:
            body, agreed = self._session.prepare_answer(offer)
        except InvalidSdp as error:
            self._log.info("leg.reoffer_refused", error=str(error))
            self._core.sip.respond(event.request, status=error.status)
            return []
        self._core.sip.respond(event.request, status=200, body=body)
        self._session.configure(agreed)
        return [Held(direction=self.direction)] if self.direction != before else []

    def _reoffer_answered(self, event: ReofferAnswered) -> list[Notice]:
        untold = None
        if not 200 <= event.status < 300 or not self._session.accept(event.body):
            untold = self._session.abandon_offer()
            self._log.info("leg.reoffer_failed", status=event.status)
            if event.status in GONE:
                self.hang_up()
        self._tell_recording()  # it may have changed meanwhile
        return [Untold(state=untold, status=event.status)] if untold is not None and self.is_up else []
