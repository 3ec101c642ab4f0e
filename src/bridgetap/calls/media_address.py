"""Which of our addresses carries a leg's RTP, and which one its peer is told."""

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from bridgetap.clock import Clock
from bridgetap.settings import Address, Network

DISCARD_PORT = 9  # connecting a UDP socket sends nothing; any port will do
RESOLVE_S = 2.0
KEEP_S = 60.0
MOST_NAMES = 256
# Nobody's addresses (RFC 5737, RFC 3849), reached by the default route like any other outside.
OUTSIDE: dict[int, Address] = {4: IPv4Address("192.0.2.1"), 6: IPv6Address("2001:db8::1")}


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaAddress:
    """`bind` is for the core, `advertised` for SDP."""

    bind: str
    advertised: str


class MediaAddresses:
    """Chooses by the settings and the machine's routes."""

    def __init__(
        self,
        *,
        clock: Clock,
        fixed: Address | None = None,
        external: Address | None = None,
        local_networks: Sequence[Network] = (),
    ) -> None:
        """`fixed` is `media.address`, `external` is `sip.external_address`."""
        self._clock = clock
        self._fixed = fixed
        self._external = external
        self._local_networks = local_networks
        self._found: OrderedDict[str, tuple[float, Address]] = OrderedDict()

    def between(self, *, local: str, remote: str, version: int | None = None) -> MediaAddress:
        """For a call that came in: `local` and `remote` as `host:port`. `version` is that of the
        address in its session description, which need not be the one SIP came over."""
        ours, theirs = _host(local), _host(remote)
        if self._fixed is None and version not in (None, ours.version):
            return self._towards(_route(OUTSIDE[version or 4]), OUTSIDE[version or 4])
        return self._towards(self._fixed or ours, theirs)

    async def towards(self, host: str) -> MediaAddress:
        """For a call that goes out to a host name or address."""
        theirs = await self._resolve(host)
        return self._towards(self._fixed or _route(theirs), theirs)

    def default(self, *, version: int) -> str:
        """The address that the world at large sees packets from, before any NAT."""
        return str(self._fixed or _route(OUTSIDE[version]))

    def _towards(self, ours: Address, theirs: Address) -> MediaAddress:
        external = self._external
        if external is None or external.version != ours.version or self._is_local(theirs):
            return MediaAddress(bind=str(ours), advertised=str(ours))
        return MediaAddress(bind=str(ours), advertised=str(external))

    def _is_local(self, address: Address) -> bool:
        return address.is_loopback or any(
            address.version == network.version and address in network for network in self._local_networks
        )

    async def _resolve(self, host: str) -> Address:
        """The peer's address. One outside where it has no name yet (a trunk with SRV records alone):
        then the default route is as good. Kept for a while: a slow DNS must not slow down every call."""
        literal = _literal(host)
        if literal is not None:
            return literal
        now = self._clock.monotonic()
        until, found = self._found.pop(host, (now, OUTSIDE[4]))
        if until <= now:
            until, found = now + KEEP_S, await _look_up(host)
        self._found[host] = until, found
        if len(self._found) > MOST_NAMES:
            self._found.popitem(last=False)
        return found


async def _look_up(host: str) -> Address:
    try:
        async with asyncio.timeout(RESOLVE_S):
            answers = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        return _unmapped(ip_address(answers[0][4][0]))
    except (OSError, TimeoutError, ValueError):
        return OUTSIDE[4]


def _literal(host: str) -> Address | None:
    try:
        return _unmapped(ip_address(host.removeprefix("[").removesuffix("]")))
    except ValueError:
        return None


def _route(theirs: Address) -> Address:
    """The address the kernel would send from."""
    family = socket.AF_INET6 if theirs.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(theirs), DISCARD_PORT))
        except OSError:  # no route at all
            return IPv6Address("::1") if theirs.version == 6 else IPv4Address("127.0.0.1")
        return ip_address(probe.getsockname()[0])


def _host(host_port: str) -> Address:
    return _unmapped(ip_address(host_port.rpartition(":")[0].removeprefix("[").removesuffix("]")))


def _unmapped(address: Address) -> Address:
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if isinstance(mapped, IPv4Address) else address
