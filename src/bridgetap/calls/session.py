"""One leg's audio: the RTP leg in the core and the offer/answer exchange that steers it (RFC 3264)."""

from dataclasses import dataclass, field, fields

import structlog

from bridgetap.engine import Core, Direction, EngineError, LegHandle, LegMedia
from bridgetap.errors import InvalidSdp
from bridgetap.ids import CallSid
from bridgetap.sdp import AgreedMedia, Negotiation, Policy, RecordState, RecordWish, record_wish

from .indication import Indication, OfferIn
from .media_address import MediaAddress

# Where a leg "sends" whose peer has named no place yet (c=0.0.0.0): nobody's addresses.
NOWHERE = {4: "192.0.2.1:9", 6: "[100::1]:9"}  # RFC 5737, RFC 6666

SENDS = frozenset({"sendrecv", "sendonly"})
RECEIVES = frozenset({"sendrecv", "recvonly"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionParts:
    """What a session is made of."""

    sid: CallSid
    address: MediaAddress
    policy: Policy
    session_id: int
    cname: str
    indication: Indication = field(default_factory=Indication)


class Session:
    """The audio of one leg. `rtp` is the handle that prompts, bridges and forks are put on."""

    def __init__(self, *, core: Core, parts: SessionParts) -> None:
        """Open the RTP leg; `EngineError` when no port is free."""
        self.rtp: LegHandle = core.media.open_leg(address=parts.address.bind, label=parts.sid)
        self.indication = parts.indication
        self._cname = parts.cname
        self._ip_version = 6 if ":" in parts.address.advertised else 4
        self._negotiation = Negotiation(
            address=parts.address.advertised,
            port=self.rtp.rtp_port,
            session_id=parts.session_id,
            policy=parts.policy,
        )
        self._first_offer = b""  # their INVITE's
        self._first_answer: tuple[bytes, AgreedMedia] | None = None
        self._wanted: Direction = "sendrecv"  # what we do if they let us
        self._theirs: Direction = "sendrecv"
        self._sounds = False  # the tone goes with the far end, whichever RTP leg it is on
        self._log = structlog.get_logger(__name__).bind(call_sid=parts.sid)

    @property
    def wanted(self) -> Direction:
        return self._wanted

    @property
    def theirs(self) -> Direction:
        """Which way the far end lets audio flow, as it says it."""
        return self._theirs

    @property
    def record_wish(self) -> RecordWish | None:
        """Whether the far end wants to be recorded, where it says so."""
        remote = self._negotiation.remote
        return record_wish(remote) if remote is not None else None

    @property
    def is_agreed(self) -> bool:
        return self._negotiation.media is not None

    def offer(self, direction: Direction | None = None, *, in_: OfferIn = "request") -> bytes:
        """An offer of ours; with `direction`, that is what we want from now on."""
        if direction is not None:
            self._wanted = direction
        self.indication.offered(in_)
        return self._negotiation.offer(direction=self._wanted, record=self.indication.word)

    def accept(self, body: bytes, *, in_: OfferIn = "request") -> bool:
        """Take their answer to our offer; False where it cannot be used, and then nothing changes."""
        try:
            agreed = self._negotiation.accept(body)
        except InvalidSdp as error:
            self._log.warning("leg.answer_unusable", error=str(error))
            return False
        self.indication.answered(taken=True, in_=in_)
        self.configure(agreed)
        return True

    def abandon_offer(self) -> RecordState | None:
        """They refused our offer: what was agreed before goes on. What it would have told them of a recording."""
        untold = self.indication.answered(taken=False)
        self._forget_offer()
        return untold

    def overtaken(self) -> None:
        """Our offer never went out: an answer of ours did meanwhile, with the same direction and word."""
        self.indication.overtaken()
        self._forget_offer()

    def _forget_offer(self) -> None:
        if not self.indication.is_offered:  # else another one is on its way already
            self._negotiation.abandon_offer()

    def take_first_offer(self, body: bytes) -> None:
        """Their INVITE's. `InvalidSdp` where it cannot be answered."""
        self._first_offer, self._first_answer = body, self.prepare_answer(body)

    def first_answer(self, *, said: bool) -> tuple[bytes, AgreedMedia] | None:
        """Our answer to that, None where there was none. Once it was `said`, in a 183, the 200 holds the same
        (RFC 6337 §3.1.1); before, it is made anew where a recording has begun."""
        if self._first_answer is not None and not said and self.indication.is_due:
            self._first_answer = self.prepare_answer(self._first_offer)
        return self._first_answer

    def prepare_answer(self, body: bytes) -> tuple[bytes, AgreedMedia]:
        """Our answer to their offer, not in force yet; `InvalidSdp` where it cannot be answered."""
        answer = self._negotiation.answer(body, direction=self._wanted, record=self.indication.word)
        self.indication.said()
        self._theirs = self._their_direction(answer.media)
        return answer.body, answer.media

    def configure(self, agreed: AgreedMedia) -> None:
        """Put what was agreed into force."""
        values = {field.name: getattr(agreed, field.name) for field in fields(AgreedMedia)}
        if not agreed.remote:
            values["remote"] = NOWHERE[self._ip_version]
        self.rtp.configure(LegMedia(**values, cname=self._cname))
        self._log.info("leg.media", codec=agreed.codec, direction=agreed.direction, ptime_ms=agreed.ptime_ms)

    def sound(self) -> None:
        """Let the far end hear the tone of who is recorded, or no more, as `indication` says."""
        wanted = self.indication.sounds
        if wanted == self._sounds:
            return
        if not wanted:
            self.rtp.end_beep()
        else:
            try:
                self.rtp.beep()
            except EngineError as error:
                self._log.warning("leg.tone_unheard", error=str(error))
                return  # with the next change it is tried again
        self._sounds = wanted

    def close(self) -> None:
        """Close the RTP leg: its forks end with `call-ended`. Twice is fine."""
        self.rtp.close()

    def _their_direction(self, agreed: AgreedMedia) -> Direction:
        """What their offer said. Where we ourselves forbid a way, what they said before stands."""
        sends = agreed.direction in RECEIVES if self._wanted in RECEIVES else self._theirs in SENDS
        receives = agreed.direction in SENDS if self._wanted in SENDS else self._theirs in RECEIVES
        if sends:
            return "sendrecv" if receives else "sendonly"
        return "recvonly" if receives else "inactive"
