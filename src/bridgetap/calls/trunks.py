"""Trunks: registered where they want it, pinged with OPTIONS, counted against `max_calls`.

One task a trunk and duty. What it knows is in `Trunk.registration` and `Trunk.reachable`.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

import structlog

from bridgetap.engine import Core, Credentials, EngineError, FlowId, RequestId, Response
from bridgetap.settings import TrunkSettings

from .addresses import SipUri, header

log = structlog.get_logger(__name__)

RETRY_FIRST_S = 2.0
RETRY_MAX_S = 300.0
_EXPIRES = re.compile(r";\s*expires\s*=\s*([0-9]{1,9})", re.IGNORECASE)

PINGS_UNTIL_DOWN = 2  # one lost answer is no outage
DOWN = frozenset({408, 503})  # also what the core says when nothing came, or nothing could be sent


NOT_SENT = Response(
    request=RequestId(0), status=503, reason="", headers=[], body=b"", flow=FlowId(0), local="", source=""
)
GOODBYE_S = 1.0


class Registration(Enum):
    OFF = "off"  # not wanted
    TRYING = "trying"
    REGISTERED = "registered"
    FAILED = "failed"  # and tried again later


class Reachable(Enum):
    UNKNOWN = "unknown"  # not pinged, or not yet
    UP = "up"
    DOWN = "down"


@dataclass(slots=True)
class Trunk:
    """One trunk and how it is."""

    settings: TrunkSettings
    registration: Registration = Registration.OFF
    reachable: Reachable = Reachable.UNKNOWN
    calls: int = 0
    last_status: int = 0
    uri: SipUri = field(init=False)

    def __post_init__(self) -> None:
        self.uri = SipUri.parse(self.settings.uri, place=f"trunks.{self.settings.name}.uri")

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def credentials(self) -> Credentials | None:
        username, password = self.settings.username, self.settings.password
        if username is None or password is None:
            return None
        return Credentials(username=username, password=password.get_secret_value())

    @property
    def is_full(self) -> bool:
        return self.settings.max_calls is not None and self.calls >= self.settings.max_calls

    def take(self) -> None:
        """One more call goes through it."""
        self.calls += 1

    def give_back(self) -> None:
        self.calls -= 1

    @property
    def registrar(self) -> str:
        """The request URI of a REGISTER: the place without a user (RFC 3261 §10.2)."""
        return str(self.uri.with_user(""))

    @property
    def own_address(self) -> str:
        """Who we are there: the address that is registered."""
        user = self.settings.from_user or self.settings.username or ""
        return str(SipUri(scheme="sip", user=user, host=self.uri.host))


class Trunks:
    """All trunks, by name."""

    def __init__(self, *, core: Core, settings: Sequence[TrunkSettings], dice: Callable[[], float]) -> None:
        self._core = core
        self._dice = dice
        self._trunks = {trunk.name: Trunk(settings=trunk) for trunk in settings}

    def __getitem__(self, name: str) -> Trunk:
        return self._trunks[name]

    def get(self, name: str | None) -> Trunk | None:
        return None if name is None else self._trunks.get(name)

    def all(self) -> list[Trunk]:
        return list(self._trunks.values())

    async def run(self) -> None:
        """Register and ping until cancelled; then take the registrations back."""
        registered = [trunk for trunk in self.all() if trunk.settings.register_]
        pinged = [trunk for trunk in self.all() if trunk.settings.ping_s]
        async with asyncio.TaskGroup() as tasks:
            for trunk in registered:
                tasks.create_task(Registrant(core=self._core, trunk=trunk, dice=self._dice).run())
            for trunk in pinged:
                tasks.create_task(self._ping(trunk))

    async def _ping(self, trunk: Trunk) -> None:
        missed = 0
        while True:
            status = await self._options(trunk)
            missed = missed + 1 if status in DOWN else 0
            reachable = Reachable.UP
            if missed:
                reachable = Reachable.DOWN if missed >= PINGS_UNTIL_DOWN else trunk.reachable
            if reachable is not trunk.reachable:
                trunk.reachable = reachable
                log.info("trunk.reachable", trunk=trunk.name, state=reachable.value, status=status)
            await asyncio.sleep(trunk.settings.ping_s)

    async def _options(self, trunk: Trunk) -> int:
        try:
            response = await self._core.request(
                method="OPTIONS",
                target=str(trunk.uri),
                from_=f"<{trunk.own_address}>",
                to=f"<{trunk.uri}>",
                credentials=trunk.credentials,
            )
        except EngineError as error:
            log.warning("trunk.not_sent", trunk=trunk.name, error=str(error))
            return 503
        return response.status


class Registrant:
    """Keeps one trunk's registration alive (RFC 3261 §10.2): same Call-ID, CSeq by one."""

    def __init__(self, *, core: Core, trunk: Trunk, dice: Callable[[], float]) -> None:
        self._core = core
        self._trunk = trunk
        self._dice = dice
        self._call_id = f"{int(dice() * 2**62):016x}@{trunk.uri.host.strip('[]')}"
        self._cseq = 0
        self._expires_s = trunk.settings.register_expires_s

    async def run(self) -> None:
        failures = 0
        self._trunk.registration = Registration.TRYING
        try:
            while True:
                response = await self._register(self._expires_s)
                if 200 <= response.status < 300:
                    failures = 0
                    granted_s = granted(response, asked_s=self._expires_s)
                    self._note(Registration.REGISTERED, response)
                    await asyncio.sleep(granted_s / 2)
                elif response.status == 423 and (minimum := _number(header(response.headers, "Min-Expires"))):
                    self._expires_s = max(self._expires_s + 1, minimum)  # §10.2.8; +1: never the same again
                else:
                    failures += 1
                    self._note(Registration.FAILED, response)
                    await asyncio.sleep(back_off_s(failures, self._dice()))
        finally:
            if self._trunk.registration is Registration.REGISTERED:
                await self._take_back()

    async def _take_back(self) -> None:
        """Unregister; the process is ending and does not wait long for the answer."""
        self._trunk.registration = Registration.OFF
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._register(0)

    async def _register(self, expires_s: int) -> Response:
        """One REGISTER and its final answer; one that cannot be sent is as good as a 503."""
        self._cseq += 1
        trunk = self._trunk
        try:
            return await self._core.request(
                method="REGISTER",
                target=trunk.registrar,
                from_=f"<{trunk.own_address}>",
                to=f"<{trunk.own_address}>",
                headers=[("Expires", str(expires_s))],
                credentials=trunk.credentials,
                call_id=self._call_id,
                cseq=self._cseq,
            )
        except EngineError as error:
            log.warning("trunk.not_sent", trunk=trunk.name, error=str(error))
            return NOT_SENT

    def _note(self, state: Registration, response: Response) -> None:
        trunk = self._trunk
        if state is not trunk.registration or response.status != trunk.last_status:
            log.info("trunk.registration", trunk=trunk.name, state=state.value, status=response.status)
        trunk.registration, trunk.last_status = state, response.status


def granted(response: Response, *, asked_s: int) -> int:
    """How long the registration lasts: the binding's `expires`, else Expires, else what was asked.

    Of several bindings the shortest counts: a refresh that comes early does no harm.
    """
    contacts = [value for name, value in response.headers if name.lower() in ("contact", "m")]
    expires = [int(text) for value in contacts for text in _EXPIRES.findall(value) if int(text)]
    return min(expires, default=_number(header(response.headers, "Expires")) or asked_s)


def back_off_s(failures: int, dice: float) -> float:
    """Doubling from 2 s to 5 min, each a random half longer or shorter, so that many servers do
    not come back at the same moment."""
    whole = min(RETRY_FIRST_S * 2.0 ** (failures - 1), RETRY_MAX_S)
    return whole * (0.5 + dice)


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else 0
