"""The parties of one call: every leg, who listens to it, its row, and the one inbox for all their news."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import structlog

from bridgetap.engine import Core, Inbox, IncomingCall, LegStats
from bridgetap.ids import CallSid
from bridgetap.sdp import Policy, RecordState, RecordWish, ip_version, parse
from bridgetap.settings import Codec
from bridgetap.streams import Picture, StreamNews

from .bodies import session_description
from .indication import Indication
from .ledger import CallEntry, Ledger
from .leg import Leg
from .leg_states import Answered, EarlyMedia, Ended, LegNews, Notice, Referred, Ringing, Silent, State, Untold
from .media_address import MediaAddress, MediaAddresses
from .referral import Referral
from .routing import Destination
from .session import SessionParts
from .trunks import Trunk

RTP_TIMEOUT, UNTOLD, RECORD_WISH = 31953, 31954, 31955
DECLINED, UNAVAILABLE = 603, 503
UNRECORDED = '399 bridgetap "The call cannot be recorded"'  # RFC 3261 §20.43

Watcher: TypeAlias = Callable[["Party", Notice], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who is on a leg: the call's SID and the number or address."""

    call_sid: CallSid
    address: str


class Party:
    """One leg with its row and its place on a trunk, which it gives back at its end.

    `row` is the call's that it stands for, `entry` the same once it is sure that this leg is the call's.
    """

    def __init__(
        self,
        leg: Leg,
        *,
        row: CallEntry,
        entry: CallEntry | None,
        trunk: Trunk | None,
        user: str | None = None,
    ) -> None:
        """`user`: whose registered phone it is."""
        self.leg = leg
        self.row = row
        self.entry = entry
        self.user = user
        self.sid = leg.sid
        self.on_referral: Callable[[Party, Referral], None] | None = None
        self.picture = Picture()  # who talks on this leg now
        self.on_news: Callable[[StreamNews], None] = lambda _: None  # its streams, where it has any
        self.record_wish: RecordWish | None = None  # what it said last of wanting to be recorded
        self.settled: asyncio.Future[Answered | Ended] = asyncio.get_running_loop().create_future()
        self.trunk = trunk
        leg.when_closed = self._closed
        self._watchers: list[Watcher] = []
        self._successors: list[CallEntry] = []  # rows of those who took this place
        self._audio_of: CallEntry | None = None  # the row of one who has left its place to a successor
        self._keeps_place = False
        self._withheld: Ended | None = None
        self._answer_is_due = False
        self._recorded = asyncio.Event()  # no recorder that must have the call is waited for
        self._recorded.set()

    @property
    def is_over(self) -> bool:
        return self.leg.state is State.ENDED

    @property
    def identity(self) -> Identity:
        """Who is here now: after a transfer, the one who took the place."""
        record = (self._successors[-1] if self._successors else self.row).record
        address = record.from_ if record.direction == "inbound" else record.to
        return Identity(call_sid=record.sid, address=address)

    @property
    def trunk_may_transfer(self) -> bool:
        return self.trunk is not None and self.trunk.settings.transfer

    def tell_streams(self, news: StreamNews) -> None:
        """Something happened on the call that recorders and far ends are told of."""
        self.picture = self.picture.after(news)
        self.on_news(news)

    def watch(self, watcher: Watcher) -> None:
        """Hear what the leg says, after its row was brought up to date."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Watcher) -> None:
        self._watchers.remove(watcher)

    def answer(self) -> None:
        """Answer a caller, as soon as every recorder that must have the call has it. Once answered, refused or
        ended, nothing happens."""
        self._answer_is_due = True
        if self._recorded.is_set() and self.leg.is_unanswered:
            self.leg.answer()
            if self.entry is not None:
                self.entry.answered()

    def await_recorders(self, *, awaited: bool) -> None:
        """Whether a recorder that must have the call is waited for. Who was answered before that stays so."""
        if not self.leg.is_unanswered:
            return
        if awaited:
            self._recorded.clear()
            return
        self._recorded.set()
        if self._answer_is_due:
            self.answer()

    async def until_recorded(self) -> None:
        """Until no recorder has to be waited for, or it is over."""
        await self._recorded.wait()

    def refuse_unrecorded(self) -> None:
        """The call must be recorded and is not: it is refused, or hung up where it was answered."""
        if self.leg.is_unanswered:
            self._recorded.clear()  # whatever waits for it finds that it is over
            self.leg.reject(UNAVAILABLE, headers=[("Warning", UNRECORDED)])
        else:
            self.hang_up()

    def hang_up(self) -> None:
        """`Ended` follows. Twice is fine."""
        self.leg.hang_up()

    def keep_place(self) -> None:
        """Whatever the far end does now, audio, streams and row stay for who takes its place."""
        self._keeps_place = True

    def free_place(self) -> None:
        """Nobody is waited for any more: if the far end has left meanwhile, it says so now."""
        self._keeps_place = False
        if self._withheld is not None:
            withheld, self._withheld = self._withheld, None
            self.hear(withheld)

    def succeed(self, new: "Party") -> "Party":
        """`new`'s far end takes this place: watchers, row and RTP leg stay. The far end that was
        here goes on as the party returned. `EngineError` where the core cannot."""
        self.leg.exchange_places(new.leg)
        left = Party(self.leg, row=self.row, entry=None, trunk=self.trunk)
        left._audio_of = self._successors[-1] if self._successors else self.entry
        self.leg, self.user, self.trunk = new.leg, new.user, new.trunk
        if new.entry is not None:
            self._successors.append(new.entry)
        self._withheld = None
        return left

    def hear(self, notice: Notice) -> None:
        match notice:
            case Ended() if self._keeps_place:
                self._withheld = notice
                return
            case Ringing() | EarlyMedia():
                if self.entry is not None:
                    self.entry.ringing()
            case Answered():
                if self.entry is not None:
                    self.entry.answered()
                self._settle(notice)
            case Ended():
                self.release(notice)
                self._settle(notice)
            case _:
                pass
        for watcher in tuple(self._watchers):
            watcher(self, notice)

    def release(self, ended: Ended) -> None:
        """Close its audio, its row and its place on the trunk."""
        self._recorded.set()
        self.leg.close()
        if self.trunk is not None:
            self.trunk.give_back()
            self.trunk = None
        for entry in (self.entry, *self._successors):
            if entry is not None:
                entry.ended(ended)

    def _closed(self, stats: LegStats) -> None:
        entry = self._audio_of or self.entry
        if entry is not None:
            entry.audio(stats)

    def _settle(self, outcome: Answered | Ended) -> None:
        if not self.settled.done():
            self.settled.set_result(outcome)


class Parties:
    """All parties of one call."""

    def __init__(self, *, core: Core, ledger: Ledger, addresses: MediaAddresses, codecs: tuple[Codec, ...]) -> None:
        self._core = core
        self._ledger = ledger
        self._addresses = addresses
        self._codecs = codecs
        self._inbox: Inbox[tuple[Leg, LegNews]] = Inbox()
        self._live: dict[Leg, Party] = {}
        self._recorded: RecordState | None = None
        self._sounds = False
        self._empty = asyncio.Event()
        self._empty.set()
        self._log = structlog.get_logger(__name__).bind()

    def admit(self, call: IncomingCall, *, entry: CallEntry, trunk: Trunk | None) -> Party:
        """A caller. `InvalidSdp` or `EngineError` where it cannot be served."""
        offer = session_description(call.content_type, call.body)
        version = ip_version(parse(offer)) if offer else None
        address = self._addresses.between(local=call.local, remote=call.source, version=version)
        parts = self._parts(entry.record.sid, address, trunk)
        leg = Leg.incoming(call, core=self._core, parts=parts, sink=self._put)
        if trunk is not None:
            trunk.take()
        return self._add(leg, row=entry, entry=entry, trunk=trunk, user=call.user)

    async def dial(self, destination: Destination, *, row: CallEntry) -> Party:
        """Send an INVITE. `EngineError` where it cannot be sent."""
        trunk = destination.trunk
        if trunk is not None:
            trunk.take()  # before anything is waited for: nobody else may take the last place
        try:
            address = await self._addresses.towards(destination.peer_host)
            parts = self._parts(row.record.sid, address, trunk, aware=destination.record_aware)
            leg = Leg.outgoing(destination, core=self._core, parts=parts, sink=self._put)
        except BaseException:
            if trunk is not None:
                trunk.give_back()
            raise
        return self._add(leg, row=row, entry=None, trunk=trunk, user=destination.user)

    def replace(self, party: Party, new: Party) -> Party:
        """Put `new`'s far end in the place of `party`. Returns who has left it, to be hung up."""
        left = party.succeed(new)
        self._live[party.leg] = party
        if left.leg in self._live:
            self._live[left.leg] = left
        else:
            left.release(Ended(cause="bye", status=0, reason=""))  # gone already; its audio was kept
        return left

    async def pump(self) -> None:
        """Hand each leg its news, until cancelled. `InboxOverflow` where the call is stuck."""
        while True:
            leg, event = await self._inbox.get()
            party = self._live.get(leg)
            if party is None:
                continue  # it ended while this waited
            for notice in leg.handle(event):
                self._note(party, notice)
            self._note_wish(party)

    async def wait_until_empty(self) -> None:
        """Until every leg has ended. The core ends each one that was hung up."""
        await self._empty.wait()

    @property
    def recorded(self) -> RecordState | None:
        """Whether the call is recorded now; None while nothing of it ever was."""
        return self._recorded

    @property
    def sounds(self) -> bool:
        """Whether those who cannot be told so in words hear a tone now."""
        return self._sounds

    def tell_recorded(self, state: RecordState, *, tone: bool) -> None:
        """It is so from now on: everybody who wants to know is told, others by a `tone`, and whoever joins later."""
        self._recorded, self._sounds = state, tone
        self._log.info("call.recorded", state=state, tone=tone)
        for leg in list(self._live):
            leg.indicate(state, tone=tone)

    def find(self, sid: CallSid) -> list[Party]:
        """Who is live under that SID, its own or that of whose place it took; several where several phones
        of one party ring."""
        return [party for party in self._live.values() if sid in (party.sid, party.identity.call_sid)]

    def hang_up_all(self) -> None:
        for party in list(self._live.values()):
            party.hang_up()

    def abandon(self) -> None:
        """Leave nothing behind, whatever went wrong: rows closed, ports free, dialogs ended."""
        for leg, party in list(self._live.items()):
            party.hang_up()
            party.release(Ended(cause="hung-up", status=0, reason=""))
            self._forget(leg)

    def _note(self, party: Party, notice: Notice) -> None:
        self._log.debug("leg.notice", call_sid=party.sid, notice=type(notice).__name__)
        if isinstance(notice, Silent):
            message = f"no audio came for {notice.silent_ms} ms: the leg is ended"
            self._ledger.notify(level="warning", code=RTP_TIMEOUT, message=message, call_sid=party.sid)
            party.hang_up()
        if isinstance(notice, Untold):
            message = (
                f"to be told that recording is {notice.state} was answered {notice.status}: tell the party yourself"
            )
            self._ledger.notify(level="warning", code=UNTOLD, message=message, call_sid=party.sid)
        if isinstance(notice, Referred):
            if party.on_referral is None:
                party.leg.refuse_referral(notice.referral, DECLINED)  # only who talks to somebody may
            else:
                party.on_referral(party, notice.referral)
        if isinstance(notice, Ended):
            self._forget(party.leg)
        party.hear(notice)

    def _note_wish(self, party: Party) -> None:
        """It is written down and changes nothing: whether a call is recorded is for who runs the server to say."""
        wish = party.leg.record_wish
        if wish is not None and wish != party.record_wish:
            party.record_wish = wish
            message = f"the party wishes about recording: {wish}"
            self._ledger.notify(level="warning", code=RECORD_WISH, message=message, call_sid=party.sid)

    def _add(
        self, leg: Leg, *, row: CallEntry, entry: CallEntry | None, trunk: Trunk | None, user: str | None
    ) -> Party:
        leg.dtmf_by_info = trunk is not None and trunk.settings.dtmf == "info"
        party = Party(leg, row=row, entry=entry, trunk=trunk, user=user)
        self._live[leg] = party
        self._empty.clear()
        self._note_wish(party)
        return party

    def _forget(self, leg: Leg) -> None:
        self._live.pop(leg, None)
        if not self._live:
            self._empty.set()

    def _put(self, leg: Leg, event: LegNews) -> None:
        self._inbox.put((leg, event))

    def _parts(self, sid: CallSid, address: MediaAddress, trunk: Trunk | None, *, aware: bool = False) -> SessionParts:
        settings = trunk.settings if trunk is not None else None
        codecs = settings.codecs if settings is not None and settings.codecs else self._codecs
        policy = Policy(codecs=codecs, telephone_event=settings is None or settings.dtmf == "rfc4733")
        return SessionParts(
            sid=sid,
            address=address,
            policy=policy,
            session_id=self._ledger.session_id(),
            cname=f"{sid}@bridgetap",
            indication=Indication(aware=aware, state=self._recorded, tone=self._sounds),
        )
