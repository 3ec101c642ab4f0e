"""Two parties who talk, from the bridge to the end, through every transfer."""

import asyncio

import structlog

from bridgetap.engine import EngineError

from .bridge import Bridge
from .leg_states import Ended, Notice, Pressed
from .parties import Party
from .referral import Referral
from .talk_news import TalkNews
from .transfer import Transfer, TransferDesk, TransferRefused
from .waiting import Waiting

OK = 200
TERMINATED = 487
PENDING = 491
UNAVAILABLE = 503


class Conversation:
    """`caller` carries the call's streams. Whoever transfers leaves, and the new party takes that place:

    - the callee transfers: the caller talks to the new party;
    - the caller transfers: the new party becomes the caller, on the same RTP leg. The call's flow,
      SID and streams go on with it.
    """

    def __init__(
        self, *, caller: Party, callee: Party, bridge: Bridge | None, desk: TransferDesk, hang_up_key: str = ""
    ) -> None:
        """`bridge`: where early media has made one already. `hang_up_key`: the caller's, that ends it."""
        self.callee = callee
        self._caller = caller
        self._bridge: Bridge | None = bridge or Bridge(caller, callee)
        self._desk = desk
        self._hang_up_key = hang_up_key
        self._transferor: Party | None = None  # the one whose transfer is under way
        self._transfers: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()
        self._log = structlog.get_logger(__name__).bind(call_sid=caller.sid)

    async def run(self, *, limit_s: float) -> None:
        """Until one of the two is gone for good, or the time is up. Then they are parted."""
        self._connect()
        self._listen(self._caller)
        self._listen(self.callee)
        self._news = TalkNews(self._caller, self.callee)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                try:
                    async with asyncio.timeout(limit_s):
                        await self._over.wait()
                except TimeoutError:
                    self._log.info("dial.time_limit", time_limit_s=limit_s)
                finally:
                    self._over.set()  # whatever ended it: no transfer begins while the last one is told so
                for transfer in self._transfers:
                    transfer.cancel()
        finally:
            self._news.close()
            self._unlisten(self._caller)
            self._unlisten(self.callee)
            self._part()

    # -- who is there --

    def _listen(self, party: Party) -> None:
        party.watch(self._heard)
        party.on_referral = self._referred

    def _unlisten(self, party: Party) -> None:
        party.unwatch(self._heard)
        party.on_referral = None

    def _heard(self, party: Party, notice: Notice) -> None:
        match notice:
            case Ended() if party is not self._transferor:
                self._over.set()
            case Pressed() if self._hang_up_key and party is self._caller and self._hang_up_key in notice.digits:
                self._over.set()
            case _:
                pass

    def _connect(self) -> None:
        if self._bridge is None:
            self._bridge = Bridge(self._caller, self.callee)
        else:
            self._bridge.reflect()

    def _part(self) -> None:
        if self._bridge is not None:
            self._bridge.close()
            self._bridge = None

    # -- transfers --

    def _referred(self, party: Party, referral: Referral) -> None:
        """Runs while the leg is handled: decides at once, rings beside."""
        if self._transferor is not None or self._over.is_set():
            party.leg.refuse_referral(referral, PENDING)
            return
        try:
            transfer = self._desk.prepare(party, referral)
        except TransferRefused as error:
            self._log.warning("transfer.refused", status=error.status, reason=str(error))
            party.leg.refuse_referral(referral, error.status)
            return
        party.leg.accept_referral(referral)
        self._transferor = party
        if party is self._caller:
            party.keep_place()  # it may hang up at once: its place waits for the new party
        task = self._tasks.create_task(self._transfer(party, transfer))
        self._transfers.add(task)
        task.add_done_callback(lambda task: self._done(task, party, transfer))

    def _done(self, task: asyncio.Task[None], party: Party, transfer: Transfer) -> None:
        self._transfers.discard(task)
        if not transfer.begun:  # cancelled before that: nothing of it has run
            self._transferor = None
            transfer.close()
            party.free_place()

    async def _transfer(self, party: Party, transfer: Transfer) -> None:
        self._log.info("transfer.begun", by="caller" if party is self._caller else "callee")
        other = self.callee if party is self._caller else self._caller
        waiting = Waiting(other, begins=self._part)
        telling = self._tasks.create_task(transfer.progress.run())
        status, leaving = TERMINATED, None
        try:
            outcome = await transfer.run(waiting)
            if isinstance(outcome, Party):
                status, leaving = self._take_over(party, outcome, waiting)
            else:
                status = outcome
        finally:
            self._transferor = None
            waiting.stop()
            party.free_place()
            transfer.progress.say(status)
            self._log.info("transfer.over", status=status)
        if leaving is None:
            self._go_on(party)
        try:
            await telling
        finally:
            if leaving is not None:
                leaving.hang_up()

    def _take_over(self, party: Party, new: Party, waiting: Waiting) -> tuple[int, Party | None]:
        """Connect the new party in the place of `party`; the status to tell, and who leaves."""
        if new.is_over or self._over.is_set():
            new.hang_up()
            return UNAVAILABLE, None
        if party is self._caller:
            waiting.stop()
            self._part()
            try:
                leaving = self._desk.parties.replace(party, new)
            except EngineError as error:
                self._log.error("transfer.failed", error=str(error))
                new.hang_up()
                return UNAVAILABLE, None
            self._news.replaced(party)
        else:
            bridge = waiting.stop(new)
            self._part()
            self._bridge = bridge
            self._unlisten(party)
            self.callee, leaving = new, party
            self._listen(new)
            self._news.close()
            self._news = TalkNews(self._caller, new)
        self._connect()
        return OK, leaving

    def _go_on(self, party: Party) -> None:
        """Nobody came: the two have each other again, or the conversation is over."""
        if party.is_over:
            self._over.set()
        if not self._over.is_set():
            self._connect()
