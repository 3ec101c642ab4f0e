"""A bad network for RTP: a UDP relay that loses, delays, reorders and repeats packets, the same way for the same seed.

The kernel here has no netem, so the relay stands between a phone and the server: the phone puts the relay's port in its SDP.
"""

import asyncio
import random
from collections.abc import AsyncIterator
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
    for side in ("server_side", "phone_side"):
        hand_over = relay.from_server if side == "server_side" else relay.from_phone
        transport, _ = await loop.create_datagram_endpoint(
            lambda hand_over=hand_over: _Side(hand_over), local_addr=("127.0.0.1", 0)
        )
        setattr(relay, side, transport)
    try:
        yield relay
    finally:
        for transport in (relay.server_side, relay.phone_side):
            if transport is not None:
                transport.close()


class _Side(asyncio.DatagramProtocol):
    def __init__(self, hand_over: object) -> None:
        self._hand_over = hand_over

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert callable(self._hand_over)
        self._hand_over(data, addr)


def _port(transport: asyncio.DatagramTransport | None) -> int:
    assert transport is not None
    port: int = transport.get_extra_info("sockname")[1]
    return port
