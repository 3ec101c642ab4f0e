"""One transfer: is it allowed, where does it lead, who answers there (RFC 3515, RFC 5589)."""

import asyncio
from dataclasses import dataclass, replace

import structlog

from bridgetap.errors import BridgetapError, ProviderError
from bridgetap.ids import CallSid
from bridgetap.store import StoreFull

from .exchange import Exchange
from .leg_states import EarlyMedia, Ended, Notice, Ringing
from .parties import Parties, Party
from .refer_progress import ReferProgress
from .referral import Referral
from .ringing import Ring
from .routing import Branch
from .waiting import Waiting

log = structlog.get_logger(__name__)

NOT_FOUND = 404
TIMEOUT = 408
UNAVAILABLE = 503
DECLINED = 603


class TransferRefused(BridgetapError):
    """A transfer that is not even tried; `status` is the answer to the REFER."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"the transfer is refused with {status}: {reason}")
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferDesk:
    """What every transfer of one conversation is made with."""

    parties: Parties
    exchange: Exchange
    caller_id: str  # what the new party sees
    ring_tone: str  # whose country's the waiting party hears; "" is the configured one
    timeout_s: float  # how long it may ring
    call_sid: CallSid  # of the call whose conversation this is

    def prepare(self, party: Party, referral: Referral) -> "Transfer":
        """`TransferRefused` where it is not allowed, leads nowhere, or cannot be written down."""
        policy, router, ledger = self.exchange.transfers, self.exchange.router, self.exchange.ledger
        if not policy.lets(user=party.user, trunk_may=party.trunk_may_transfer):
            raise TransferRefused(DECLINED, "this party may not transfer calls (calls.transfer_by)")
        if referral.replaces:
            raise TransferRefused(DECLINED, "attended transfer (Replaces) is not available")
        target = router.referred(referral.target)
        if not policy.leads_to(target):
            raise TransferRefused(DECLINED, "calls may not be transferred there (calls.transfer_to)")
        try:
            branches = router.branches(target, caller_id=self.caller_id)
        except BridgetapError as error:
            raise TransferRefused(NOT_FOUND, str(error)) from None
        entry = ledger.call(
            sid=CallSid(ledger.sid("CA")),
            direction="outbound-dial",
            from_=self.caller_id,
            to=branches[0][0].to_number,
            parent_call_sid=self.call_sid,
        )
        try:
            entry.save()
        except StoreFull as error:
            raise TransferRefused(UNAVAILABLE, str(error)) from None
        progress = ReferProgress(party.leg, wanted=referral.reports)
        branches = [_referred_by(branch, referral.referred_by) for branch in branches]
        ring = Ring(parties=self.parties, entry=entry, branches=branches)
        return Transfer(desk=self, ring=ring, progress=progress, alone=len(branches) == 1)


class Transfer:
    """One transfer that is tried."""

    def __init__(self, *, desk: TransferDesk, ring: Ring, progress: ReferProgress, alone: bool) -> None:
        self.progress = progress
        self.begun = False
        self._desk = desk
        self._ring = ring
        self._alone = alone

    async def run(self, waiting: Waiting) -> Party | int:
        """Ring the target while `waiting` says what the transferred party hears. The party that
        answered, or the status that says why none did. Cancelled, the target stops ringing."""
        self.begun = True
        try:
            return await self._ring_for(waiting)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """It is not wanted any more, whether it was tried or not."""
        self._ring.close()

    async def _ring_for(self, waiting: Waiting) -> Party | int:
        waiting.alone = self._alone
        try:
            waiting.tone = await self._desk.exchange.prompter.ringback(self._desk.ring_tone)
        except ProviderError as error:
            log.warning("transfer.no_ringback", error=str(error))

        def heard(party: Party, notice: Notice) -> None:
            if isinstance(notice, Ringing):
                self.progress.say(notice.status)
            elif isinstance(notice, EarlyMedia):
                self.progress.say(183)
            waiting.hear(party, notice)

        self._ring.watch(heard)
        async with asyncio.TaskGroup() as group:
            ringing = group.create_task(self._ring.run())
            done, _ = await asyncio.wait([ringing], timeout=self._desk.timeout_s)
            if not done:
                self._ring.give_up_as("no-answer")
                ringing.cancel()
        if ringing.cancelled():
            return TIMEOUT
        outcome = ringing.result()
        return (outcome.status or UNAVAILABLE) if isinstance(outcome, Ended) else outcome


def _referred_by(branch: Branch, by: str) -> Branch:
    """The same branch, saying whose wish it is (RFC 3892)."""
    if not by:
        return branch
    return tuple(replace(place, headers=[*place.headers, ("Referred-By", by)]) for place in branch)
