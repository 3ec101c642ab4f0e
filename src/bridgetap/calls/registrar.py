"""The registrar: which phones are where (RFC 3261 §10.3), and over which connection (RFC 5626).

`Registrar.register` is the rule book: a REGISTER and the time in, the answer out. The core has
checked who sends it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from bridgetap.clock import Clock
from bridgetap.engine import Core, FlowClosed, FlowId, Headers, RegisterReceived, Transport
from bridgetap.errors import InvalidInput

from .addresses import NameAddr, SipUri
from .indication import is_record_aware

log = structlog.get_logger(__name__)

DEFAULT_EXPIRES_S = 3600
MIN_EXPIRES_S = 60
MAX_EXPIRES_S = 7200
MAX_PLACES = 64
MAX_BINDINGS = 10  # of one user; the one that would expire first makes room for a new one


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One phone of a user: where it said it is, and how it was reached."""

    user: str
    contact: str  # the URI as the phone wrote it: it becomes our request URI
    instance: str  # "+sip.instance" (RFC 5626 §4.1), "" where there is none
    q: float
    expires_ns: int
    call_id: str
    cseq: int
    transport: Transport
    source: str
    flow: FlowId | None  # None after a restart: the connection is gone
    record_aware: bool = False  # not kept over a restart: its answer to a call says it again

    def target(self) -> str:
        """The URI to call. Without its connection a UDP phone is called where it was last heard:
        the address in its Contact may be one behind a NAT."""
        uri = SipUri.parse(self.contact)
        if self.flow is None and self.transport == "udp" and uri.scheme == "sip":
            host, _, port = self.source.rpartition(":")
            uri = replace(uri, host=host, port=int(port))
        return str(uri)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a REGISTER is answered with."""

    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()


class BindingStore(Protocol):
    """Where bindings outlive the process."""

    async def load(self) -> Iterable[Binding]: ...

    def save(self, user: str, bindings: Iterable[Binding]) -> None:
        """Replace what is kept for `user`; returns at once."""


class Registrar:
    """Every binding, by user."""

    def __init__(self, *, core: Core, clock: Clock, store: BindingStore) -> None:
        self._core = core
        self._clock = clock
        self._store = store
        self._users: dict[str, tuple[Binding, ...]] = {}
        self.places: set[tuple[str, int | None]] = set()  # host and port by which the phones know us

    async def start(self) -> None:
        """Take up what the store remembers, and listen."""
        now = self._clock.now_ns()
        for binding in await self._store.load():
            if binding.expires_ns > now:
                self._users[binding.user] = (*self._users.get(binding.user, ()), binding)
        self._core.on(RegisterReceived, self._on_register)
        self._core.on(FlowClosed, self._on_flow_closed)

    def bindings(self, user: str) -> list[Binding]:
        """Where a user can be called now: highest q first, then the one heard last."""
        now = self._clock.now_ns()
        live = [binding for binding in self._users.get(user, ()) if binding.expires_ns > now]
        return sorted(live, key=lambda binding: (-binding.q, -binding.expires_ns))

    def users(self) -> dict[str, list[Binding]]:
        """Every user with a phone, for those who look."""
        return {user: live for user in self._users if (live := self.bindings(user))}

    def register(self, request: RegisterReceived) -> Answer:
        """Carry out one REGISTER, all of it or nothing."""
        now = self._clock.now_ns()
        try:
            address = NameAddr.parse(request.to, place="To").uri
            if address.user != request.user:
                return Answer(status=403, reason="Not your address")
            if len(self.places) < MAX_PLACES:
                self.places.add((address.host, address.port))
            asked = [part for value in request.contacts for part in _split(value)]
            kept = tuple(self.bindings(request.user))
            if asked == ["*"]:
                updated = _remove_all(kept, request)
            elif "*" in asked:
                raise InvalidInput("Contact", "*", "must stand alone")
            else:
                updated = kept
                for text in asked:
                    updated = _apply(updated, NameAddr.parse(text, place="Contact"), request, now)
        except InvalidInput as error:
            log.info("register.malformed", user=request.user, source=request.source, error=str(error))
            return Answer(status=400, reason="Malformed Contact")
        except _TooBrief:
            return Answer(status=423, reason="Interval Too Brief", headers=(("Min-Expires", str(MIN_EXPIRES_S)),))
        except _OutOfOrder:  # §10.3 step 7: the update is aborted and the request fails
            return Answer(status=500, reason="CSeq out of order")
        if asked:
            self._keep(request.user, updated)
            log.info("register.updated", user=request.user, phones=len(updated), source=request.source)
        return Answer(status=200, headers=tuple(_contact_headers(updated, now)))

    def _keep(self, user: str, bindings: tuple[Binding, ...]) -> None:
        if bindings:
            self._users[user] = bindings
        else:
            self._users.pop(user, None)
        self._store.save(user, bindings)

    def _on_register(self, request: RegisterReceived) -> None:
        answer = self.register(request)
        headers: Headers = list(answer.headers)
        self._core.sip.respond(request.request, status=answer.status, reason=answer.reason, headers=headers)

    def _on_flow_closed(self, event: FlowClosed) -> None:
        for user, bindings in list(self._users.items()):
            left = tuple(binding for binding in bindings if binding.flow != event.flow)
            if len(left) != len(bindings):
                self._keep(user, left)
                log.info("register.flow_closed", user=user, phones=len(left))


class _TooBrief(Exception):
    """423."""


class _OutOfOrder(Exception):
    """An older REGISTER than the one we have."""


def _apply(
    bindings: tuple[Binding, ...], contact: NameAddr, request: RegisterReceived, now: int
) -> tuple[Binding, ...]:
    expires_s = _expires_s(contact, request)
    instance = contact.parameters.get("+sip.instance", "")
    uri = str(contact.uri)
    same = next((b for b in bindings if _is_same(b, contact.uri, instance)), None)
    if same is not None:
        _check_order(same, request)
        bindings = tuple(b for b in bindings if b is not same)
    if expires_s == 0:
        return bindings
    if len(bindings) >= MAX_BINDINGS:
        oldest = min(bindings, key=lambda b: b.expires_ns)
        bindings = tuple(b for b in bindings if b is not oldest)
    new = Binding(
        user=request.user,
        contact=uri,
        instance=instance,
        q=_q(contact),
        expires_ns=now + expires_s * 1_000_000_000,
        call_id=request.call_id,
        cseq=request.cseq,
        transport=request.transport,
        source=request.source,
        flow=request.flow,
        record_aware=is_record_aware(request.headers),
    )
    return (*bindings, new)


def _remove_all(bindings: tuple[Binding, ...], request: RegisterReceived) -> tuple[Binding, ...]:
    if request.expires != 0:  # §10.2.2
        raise InvalidInput("Contact", "*", "needs Expires: 0")
    for binding in bindings:
        _check_order(binding, request)
    return ()


def _check_order(binding: Binding, request: RegisterReceived) -> None:
    if binding.call_id == request.call_id and request.cseq <= binding.cseq:
        raise _OutOfOrder


def _is_same(binding: Binding, uri: SipUri, instance: str) -> bool:
    """RFC 5626 §6: the same instance is the same phone wherever it is; else §19.1.4 on the URI."""
    if instance and binding.instance:
        return instance == binding.instance
    return _comparable(SipUri.parse(binding.contact)) == _comparable(uri)


def _comparable(uri: SipUri) -> tuple[object, ...]:
    """What must agree (§19.1.4): other parameters count only where both have them, and a phone
    that adds one on refresh is still that phone."""
    named = {name: uri.parameters.get(name, "").lower() for name in ("transport", "user", "maddr", "ttl", "method")}
    return (uri.scheme, uri.user, uri.host, uri.port, tuple(named.items()))


def _expires_s(contact: NameAddr, request: RegisterReceived) -> int:
    text = contact.parameters.get("expires")
    if text is not None and re.fullmatch(r"[0-9]{1,10}", text):
        asked = int(text)
    else:  # §10.2.1.1: a malformed value is as good as none
        asked = DEFAULT_EXPIRES_S if request.expires is None else request.expires
    if 0 < asked < MIN_EXPIRES_S:
        raise _TooBrief
    return min(asked, MAX_EXPIRES_S)


def _q(contact: NameAddr) -> float:
    text = contact.parameters.get("q", "1.0")
    return float(text) if re.fullmatch(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", text) else 1.0


def _contact_headers(bindings: Iterable[Binding], now: int) -> Iterable[tuple[str, str]]:
    for binding in bindings:
        left_s = max(0, round((binding.expires_ns - now) / 1e9))
        instance = f';+sip.instance="{binding.instance}"' if binding.instance else ""
        yield ("Contact", f"<{binding.contact}>;expires={left_s};q={binding.q:g}{instance}")


def _split(value: str) -> list[str]:
    """The parts between commas that stand neither in quotes nor in brackets."""
    parts, part, quoted, bracket = [], "", False, False
    for character in value:
        if character == '"':
            quoted = not quoted
        elif not quoted and character in "<>":
            bracket = character == "<"
        if character == "," and not quoted and not bracket:
            parts.append(part.strip())
            part = ""
        else:
            part += character
    parts.append(part.strip())
    return [part for part in parts if part]
