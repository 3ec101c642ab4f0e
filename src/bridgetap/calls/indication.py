"""What one far end is told of being recorded, and what it has heard of that already (RFC 7866 §6.1.2, §6.3)."""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bridgetap.engine import Headers
from bridgetap.sdp import RecordState

RECORD_AWARE = "record-aware"
OfferIn: TypeAlias = Literal["request", "response"]  # a request of ours; our 2xx to an INVITE without an offer


def is_record_aware(headers: Headers) -> bool:
    """Whether who sends these wants to be told in its session description."""
    supported = (value for name, value in headers if name.lower() in ("supported", "k"))
    return any(tag.strip().lower() == RECORD_AWARE for value in supported for tag in value.split(","))


@dataclass(slots=True)
class Indication:
    """Follows what goes out: what an offer says is heard once it is answered, what an answer says at once.

    Whoever was aware once stays so: the tag belongs to the beginning of a dialog (§6.3), and one who was told
    that a recording began must hear of its end.
    """

    aware: bool = False
    state: RecordState | None = None  # as it is; None: nothing of this call was ever recorded
    tone: bool = False  # who is not aware is to hear one now
    known: bool = False  # it has spoken of itself: who is called does so with its answer
    _told: RecordState | None = None
    _refused: RecordState | None = None
    _offered: dict[OfferIn, deque[RecordState | None]] = field(
        default_factory=lambda: {"request": deque(), "response": deque()}
    )

    @property
    def word(self) -> RecordState | None:
        """What our next description says to this far end; None: not a word."""
        return self.state if self.aware else None

    @property
    def sounds(self) -> bool:
        """It cannot be told in words, and hears a tone instead (RFC 7866 §6.1.2)."""
        return self.tone and self.known and not self.aware

    @property
    def is_offered(self) -> bool:
        """An offer of ours is open."""
        return any(self._offered.values())

    @property
    def is_due(self) -> bool:
        """It does not know, is not just being told something, and has not refused to hear this."""
        return not self.is_offered and self.word not in (None, self._told, self._refused)

    def learn(self, headers: Headers) -> None:
        """A message of the far end's."""
        self.known = True
        self.aware = self.aware or is_record_aware(headers)

    def change(self, state: RecordState | None, *, tone: bool) -> None:
        if state != self.state:
            self.state, self._refused = state, None
        self.tone = tone

    def offered(self, in_: OfferIn = "request") -> None:
        """An offer goes out; `answered` follows."""
        self._offered[in_].append(self.word)

    def answered(self, *, taken: bool, in_: OfferIn = "request") -> RecordState | None:
        """The oldest open offer of those was answered. What the far end now does not know, though it was to be told."""
        said = self._offered[in_].popleft() if self._offered[in_] else self._told
        if taken:
            self._told = said
        elif said != self._told:
            self._refused = said
            return said
        return None

    def overtaken(self) -> None:
        """The oldest open request of ours is dropped: an answer of ours that went out meanwhile has said it all."""
        if self._offered["request"]:
            self._offered["request"].popleft()

    def said(self) -> None:
        """An answer of ours goes out."""
        self._told = self.word
