"""Which of our addresses carries a leg's RTP, and which one its peer is told."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from bridgetap.settings import Address, Network

DISCARD_PORT = 9  # connecting a UDP socket sends nothing; any port will do
RESOLVE_S = 2.0
# Nobody's addresses (RFC 5737, RFC 3849), reached by the default route like any other outside.
OUTSIDE: dict[int, Address] = {4: IPv4Address("192.0.2.1"), 6: IPv6Address("2001:db8::1")}


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaAddress:
    """`bind` is for the core, `advertised` for SDP."""

    bind: str
    advertised: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaAddresses:
    """Chooses by the settings and the machine's routes."""

    fixed: Address | None = None  # media.address
    external: Address | None = None  # sip.external_address
    local_networks: Sequence[Network] = ()

    def between(self, *, local: str, remote: str) -> MediaAddress:
        """For a call that came in: `local` and `remote` as `host:port`."""
        ours, theirs = _host(local), _host(remote)
        return self._towards(self.fixed or ours, theirs)

    async def towards(self, host: str) -> MediaAddress:
        """For a call that goes out to a host name or address."""
        theirs = await _resolve(host)
        ours = self.fixed or _route(theirs)
        return self._towards(ours, theirs)

    def default(self, *, version: int) -> str:
        """The address that the world at large sees packets from, before any NAT."""
        return str(self.fixed or _route(OUTSIDE[version]))

    def _towards(self, ours: Address, theirs: Address) -> MediaAddress:
        external = self.external
        if external is None or external.version != ours.version or self._is_local(theirs):
            return MediaAddress(bind=str(ours), advertised=str(ours))
        return MediaAddress(bind=str(ours), advertised=str(external))

    def _is_local(self, address: Address) -> bool:
        return address.is_loopback or any(
            address.version == network.version and address in network for network in self.local_networks
        )


async def _resolve(host: str) -> Address:
    """The peer's address; one outside where it has no name yet: then the default route is as good."""
    bare = host.removeprefix("[").removesuffix("]")
    try:
        return _unmapped(ip_address(bare))
    except ValueError:
        pass
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await asyncio.get_running_loop().getaddrinfo(bare, None, type=socket.SOCK_DGRAM)
        return _unmapped(ip_address(found[0][4][0]))
    except (OSError, TimeoutError, ValueError):
        return OUTSIDE[4]


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
