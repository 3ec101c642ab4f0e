"""The way to the server: its addresses, and TCP to the first that answers."""

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

from .order import Order
from .report import Finding, Step, StepResult, fault, warning

REFUSED, TIMEOUT, UNREACHABLE = 31902, 31901, 31904
SNDBUF = 32 * 1024  # as a stream's: the kernel must not hide lag

Address: TypeAlias = IPv4Address | IPv6Address


async def resolve(order: Order) -> tuple[StepResult, list[Address]]:
    """The addresses a stream would try, in order."""
    host = order.place.host
    try:
        async with asyncio.timeout(order.connect_timeout_s):
            names = await _look_up(host)
    except TimeoutError:
        text, change = f"no answer for {host} within {order.connect_timeout_s:g} s", "see the resolver of this machine"
        return StepResult(step=Step.DNS, findings=[fault("dns.timeout", text, change, TIMEOUT)]), []
    except (OSError, UnicodeError) as error:
        text = f"{host} has no address here ({getattr(error, 'strerror', None) or error})"
        change = "is the name spelt right, does its DNS record exist, and can this machine resolve public names?"
        return StepResult(step=Step.DNS, findings=[fault("dns.unknown-host", text, change, UNREACHABLE)]), []
    addresses = list(dict.fromkeys(map(_bare, names)))
    denied = [address for address in addresses if _denied(address, order)]
    allowed = [address for address in addresses if address not in denied]
    findings = []
    if denied:
        text = f"{', '.join(map(str, denied))} is in streams.deny_networks: streams may not go there"
        change = "add the network to streams.allow_networks if it is meant"
        told = warning if allowed else fault
        findings.append(told("dns.denied", text, change, UNREACHABLE))
    detail = ", ".join(map(str, addresses))
    figures = {"addresses": [str(address) for address in addresses]}
    return StepResult(step=Step.DNS, detail=detail, findings=findings, figures=figures), allowed


@dataclass(frozen=True, slots=True)
class Refusal:
    """An address that could not be connected to."""

    address: Address
    error: OSError | TimeoutError


async def reach(order: Order, addresses: Sequence[Address]) -> tuple[StepResult, Address | None]:
    """The first address that takes a TCP connection."""
    refusals: list[Refusal] = []
    loop = asyncio.get_running_loop()
    for address in addresses:
        began = loop.time()
        try:
            tcp = await connect(address, order.place.port, within_s=order.connect_timeout_s)
        except (OSError, TimeoutError) as error:
            refusals.append(Refusal(address, error))
            continue
        ms = (loop.time() - began) * 1000
        tcp.close()
        findings = []
        if refusals:
            text = f"{', '.join(str(refusal.address) for refusal in refusals)} takes no connection, {address} does"
            change = "remove the dead address from DNS, or listen there too: each call waits for it first"
            findings.append(warning("tcp.dead-address", text, change))
        detail = f"{address} port {order.place.port} in {ms:.0f} ms"
        return StepResult(step=Step.TCP, detail=detail, findings=findings, figures={"ms": round(ms, 1)}), address
    return StepResult(step=Step.TCP, findings=[_refused(refusals, order)]), None


async def connect(address: Address, port: int, *, within_s: float) -> socket.socket:
    """A TCP socket like a stream's. Raises `OSError`, `TimeoutError`."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    tcp = socket.socket(family, socket.SOCK_STREAM)
    try:
        tcp.setblocking(False)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SNDBUF)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with asyncio.timeout(within_s):
            await asyncio.get_running_loop().sock_connect(tcp, (str(address), port))
    except BaseException:
        tcp.close()
        raise
    return tcp


def _refused(refusals: Sequence[Refusal], order: Order) -> Finding:
    where = ", ".join(str(refusal.address) for refusal in refusals)
    port = order.place.port
    error = refusals[-1].error
    if isinstance(error, ConnectionRefusedError):
        text = f"{where} refuses port {port}: nothing listens there"
        change = (
            "is the server running, on this port, and bound to 0.0.0.0 or this address rather than 127.0.0.1 alone?"
        )
        return fault("tcp.refused", text, change, REFUSED)
    if isinstance(error, TimeoutError):
        text = f"{where} does not answer on port {port} within {order.connect_timeout_s:g} s"
        change = "a firewall or security group drops the packets: open the port for the server's address"
        return fault("tcp.timeout", text, change, TIMEOUT)
    text = f"{where} cannot be reached: {error.strerror or error}"
    return fault("tcp.unreachable", text, "is there a route from this machine to that network?", UNREACHABLE)


async def _look_up(host: str) -> list[str]:
    """Addresses as text; one that is written out needs no resolver."""
    try:
        return [str(ip_address(host))]
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return [str(info[4][0]) for info in found]


def _bare(text: str) -> Address:
    address = ip_address(text.partition("%")[0])
    # ::ffff:10.0.0.1 is 10.0.0.1 to the kernel.
    return getattr(address, "ipv4_mapped", None) or address


def _denied(address: Address, order: Order) -> bool:
    if any(address in network for network in order.allow_networks):
        return False
    return any(address in network for network in order.deny_networks)
