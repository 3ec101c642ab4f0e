"""A bad network for RTP: a UDP relay that loses, delays, reorders and repeats packets, the same way for the same seed.

It stands between a phone and the server: the phone puts the relay's port in its SDP. (Not every kernel has netem.)
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Shares of all packets, 0 to 1; delays in seconds."""

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0
    jitter: float = 0.0


@dataclass
class Counts:
    """What happened, for a test to compare with what the server says it saw."""

    passed: int = 0
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0


@dataclass
class FaultyRelay:
    """Between the phone (which sends from and hears on `phone`) and the server."""

    faults: Faults
    dice: random.Random
    server_side: asyncio.DatagramTransport | None = None
    phone_side: asyncio.DatagramTransport | None = None
    phone: tuple[str, int] | None = None
    server: tuple[str, int] | None = None
    to_server: Counts = field(default_factory=Counts)
    to_phone: Counts = field(default_factory=Counts)

    @property
    def public_port(self) -> int:
        """Where the server sends to: the port for the phone's SDP."""
        return _port(self.server_side)

    @property
    def phone_port(self) -> int:
        """Where the phone sends to."""
        return _port(self.phone_side)

    def from_phone(self, data: bytes, source: tuple[str, int]) -> None:
        self.phone = source
        if self.server is not None and self.server_side is not None:
            self._pass(self.server_side, data, self.server, self.to_server)

    def from_server(self, data: bytes, source: tuple[str, int]) -> None:
        if self.phone is not None and self.phone_side is not None:
            self._pass(self.phone_side, data, self.phone, self.to_phone)

    def _pass(self, out: asyncio.DatagramTransport, data: bytes, to: tuple[str, int], counts: Counts) -> None:
        if self.dice.random() < self.faults.loss:
            counts.lost += 1
            return
        delay = self.faults.delay + self.dice.random() * self.faults.jitter
        if self.dice.random() < self.faults.reorder:
            counts.reordered += 1
            delay += 0.025  # one packet time and a little: the next one overtakes it
        copies = 1
        if self.dice.random() < self.faults.duplicate:
            counts.duplicated += 1
            copies = 2
        counts.passed += 1
        for _ in range(copies):
            if delay > 0:
                asyncio.get_running_loop().call_later(delay, out.sendto, data, to)
            else:
                out.sendto(data, to)


@asynccontextmanager
async def faulty_relay(faults: Faults, *, seed: int) -> AsyncIterator[FaultyRelay]:
    """Two ports of loopback and the bad network between them. Set `server` once the server's SDP is known."""
    relay = FaultyRelay(faults, random.Random(seed))
    loop = asyncio.get_running_loop()
    relay.server_side, _ = await loop.create_datagram_endpoint(
        lambda: _Side(relay.from_server), local_addr=("127.0.0.1", 0)
    )
    relay.phone_side, _ = await loop.create_datagram_endpoint(
        lambda: _Side(relay.from_phone), local_addr=("127.0.0.1", 0)
    )
    try:
        yield relay
    finally:
        relay.server_side.close()
        relay.phone_side.close()


class _Side(asyncio.DatagramProtocol):
    def __init__(self, hand_over: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._hand_over = hand_over

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._hand_over(data, addr)


def _port(transport: asyncio.DatagramTransport | None) -> int:
    assert transport is not None
    port: int = transport.get_extra_info("sockname")[1]
    return port
