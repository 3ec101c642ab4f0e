"""Who calls, which number was dialled, and where an outgoing call goes. Decides; sends nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridgetap.engine import Codec, Credentials, FlowId, Headers, IncomingCall
from bridgetap.errors import InvalidInput, NotFound
from bridgetap.flow.effects import ClientTarget, DialTarget, NumberTarget, SipTarget
from bridgetap.settings import ANY, NumberSettings, TrunkSettings, normalise_number

from .addresses import NameAddr, SipUri
from .registrar import Registrar
from .trunks import Reachable, Trunk, Trunks

ANONYMOUS = "anonymous"
MOST_NAMES = 64  # host names by which callers know us


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An incoming call, read: who calls whom."""

    from_: str  # E.164, `sip:…`, or `anonymous`
    to: str
    display: str
    trunk: str | None
    user: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One INVITE that could be sent."""

    to_number: str  # as the call record shows it
    target: str
    from_: str
    to: str
    headers: Headers
    credentials: Credentials | None = None
    flow: FlowId | None = None
    trunk: Trunk | None = None
    user: str | None = None  # whose registered phone it is
    record_aware: bool = False  # it wants to be told of recordings, and said so before it was called
    codecs: tuple[Codec, ...] | None = None  # None: as `media.codecs` says
    peer_host: str = ""  # where it goes, to choose our own address toward it


Place = tuple[str, int | None]  # host and port of a URI
Branch = tuple[Destination, ...]  # tried one after the other


class Router:
    """The number table, the trunks and the phones."""

    def __init__(
        self,
        *,
        numbers: Sequence[NumberSettings],
        trunks: Trunks,
        registrar: Registrar,
        domain: str,
    ) -> None:
        self._numbers = {entry.number: entry for entry in numbers}
        self._trunks = trunks
        self._registrar = registrar
        self._domain = domain
        self._called_us: set[Place] = {(domain, None)}

    # -- in --

    def arrival(self, call: IncomingCall) -> Arrival:
        """Read an INVITE; `InvalidInput` where a header cannot be read."""
        trunk = self._trunks.get(call.trunk)
        caller = NameAddr.parse(call.from_, place="From")
        if trunk is not None and trunk.settings.number_from == "to":
            dialled = NameAddr.parse(call.to, place="To").uri
        else:
            dialled = SipUri.parse(call.request_uri, place="Request-URI")
        if len(self._called_us) < MOST_NAMES:
            self._called_us.add((dialled.host, dialled.port))
        return Arrival(
            from_=shown_party(caller.uri),
            to=shown_party(dialled),
            display=caller.display,
            trunk=call.trunk,
            user=call.user,
        )

    def number(self, dialled: str) -> NumberSettings:
        """The table's entry for a dialled number; `NotFound` where nobody answers it here."""
        user = SipUri.parse(dialled).user if dialled.startswith(("sip:", "sips:")) else dialled
        entry = self._numbers.get(normalise_number(user)) or self._numbers.get(ANY)
        if entry is None:
            raise NotFound("number", dialled)
        return entry

    # -- out --

    def branches(self, target: DialTarget, *, caller_id: str) -> list[Branch]:
        """Where to ring for one dialled party: branches ring at once, a branch is tried in order.

        `InvalidInput` where it cannot be dialled at all, `NotFound` where nobody is there.
        """
        match target:
            case NumberTarget():
                return [self._by_trunk(target.number, caller_id)]
            case SipTarget():
                return [(self._by_uri(target, caller_id),)]
            case ClientTarget():
                return self._by_registration(target.identity, caller_id)

    def parse_target(self, text: str) -> DialTarget:
        """`+1555…`, `sip:…`, `client:alice`: what REST and the command line hand in."""
        if text.startswith("client:"):
            return ClientTarget(identity=text.removeprefix("client:"))
        if text.startswith(("sip:", "sips:")):
            return SipTarget(uri=str(SipUri.parse(text, place="To")))
        return NumberTarget(number=text)

    def referred(self, uri: SipUri) -> DialTarget:
        """What a Refer-To means: at a host of ours a registered phone, else a number; at a trunk's
        host a number; elsewhere the address itself."""
        ours = uri.scheme == "tel" or self._is_ours((uri.host, uri.port))
        if ours and self._registrar.bindings(uri.user):
            return ClientTarget(identity=uri.user)
        trunks = {(trunk.uri.host, trunk.uri.port) for trunk in self._trunks.all()}
        if ours or ((uri.host, uri.port) in trunks and uri.user):
            return NumberTarget(number=uri.user)
        return SipTarget(uri=str(uri))

    def _is_ours(self, place: Place) -> bool:
        """Whether callers or phones know us by it; without a port, by its host alone."""
        known = self._called_us | self._registrar.places
        host, port = place
        return place in known or (port is None and any(host == name for name, _ in known))

    def _by_trunk(self, number: str, caller_id: str) -> Branch:
        dialled = normalise_number(number)
        if not dialled or any(c not in "+0123456789*#" for c in dialled):
            raise InvalidInput("to", number, "must be a telephone number", code=32101)
        fitting = [
            (-longest, trunk.settings.priority, index, trunk)
            for index, trunk in enumerate(self._trunks.all())
            if (longest := _longest_match(trunk.settings, dialled)) is not None
        ]
        ordered = [trunk for *_, trunk in sorted(fitting, key=lambda entry: entry[:3])]
        if not ordered:
            raise NotFound("trunk for", dialled)
        # One that is down is tried last instead of never: a ping that fails is no proof.
        ordered.sort(key=lambda trunk: trunk.reachable is Reachable.DOWN)
        return tuple(self._through(trunk, dialled, caller_id) for trunk in ordered)

    def _through(self, trunk: Trunk, number: str, caller_id: str) -> Destination:
        settings = trunk.settings
        caller = _user_of(caller_id)
        from_user = settings.from_user or caller or settings.username or ANONYMOUS
        headers: Headers = []
        if settings.from_user and caller and caller != settings.from_user:
            # The trunk knows us by From, the callee shall see the caller (RFC 3325 §9.1).
            headers.append(("P-Asserted-Identity", f"<{SipUri(user=caller, host=trunk.uri.host)}>"))
        target = trunk.uri.with_user(number)
        return Destination(
            to_number=number,
            target=str(target),
            from_=str(NameAddr(uri=SipUri(user=from_user, host=trunk.uri.host), display=caller)),
            to=str(NameAddr(uri=SipUri(user=number, host=trunk.uri.host))),
            headers=headers,
            credentials=trunk.credentials,
            trunk=trunk,
            codecs=settings.codecs,
            peer_host=trunk.uri.host,
        )

    def _by_uri(self, target: SipTarget, caller_id: str) -> Destination:
        uri = SipUri.parse(target.uri, place="to")
        if uri.scheme == "tel":
            raise InvalidInput("to", target.uri, "must be a sip: or sips: URI", code=32110)
        credentials = None
        if target.username:
            credentials = Credentials(username=target.username, password=target.password)
        return Destination(
            to_number=str(uri),
            target=str(uri),
            from_=self._own(caller_id),
            to=f"<{SipUri(scheme=uri.scheme, user=uri.user, host=uri.host, port=uri.port)}>",
            headers=[],
            credentials=credentials,
            peer_host=uri.host,
        )

    def _by_registration(self, identity: str, caller_id: str) -> list[Branch]:
        bindings = self._registrar.bindings(identity)
        if not bindings:
            raise NotFound("registered phone", identity)
        return [
            (
                Destination(
                    to_number=f"client:{identity}",
                    target=binding.target(),
                    from_=self._own(caller_id),
                    to=str(NameAddr(uri=SipUri(user=identity, host=self._domain))),
                    headers=[],
                    flow=binding.flow,
                    user=identity,
                    record_aware=binding.record_aware,
                    peer_host=binding.source.rpartition(":")[0],
                ),
            )
            for binding in bindings
        ]

    def _own(self, caller_id: str) -> str:
        if caller_id.startswith(("sip:", "sips:")):
            uri = SipUri.parse(caller_id, place="caller_id")
            return f"<{SipUri(scheme=uri.scheme, user=uri.user, host=uri.host, port=uri.port)}>"
        user = _user_of(caller_id) or ANONYMOUS
        return str(NameAddr(uri=SipUri(user=user, host=self._domain), display=user))


def shown_party(uri: SipUri) -> str:
    """How a party appears in From, To and records."""
    number = normalise_number(uri.user)
    if number and all(c in "+0123456789*#" for c in number):
        return number
    if uri.user.lower() == ANONYMOUS or uri.host == "anonymous.invalid":
        return ANONYMOUS
    return str(SipUri(scheme=uri.scheme, user=uri.user, host=uri.host, port=uri.port))


def _user_of(caller_id: str) -> str:
    """The user part that stands for a caller id: its number, its name, or "" for nobody."""
    if caller_id.startswith(("sip:", "sips:")):
        return SipUri.parse(caller_id, place="caller_id").user
    return normalise_number(caller_id.removeprefix("client:")) if caller_id else ""


def _longest_match(trunk: TrunkSettings, number: str) -> int | None:
    """How much of the number the trunk's best prefix covers; None where none does."""
    return max((len(prefix) for prefix in trunk.match if number.startswith(prefix)), default=None)
