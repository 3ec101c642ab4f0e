"""Where a recorder's 3xx may lead (RFC 3261 §8.1.3.4), and who may hear what only the connector's own hosts may."""

from collections.abc import Container, Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from bridgetap.errors import InvalidInput
from bridgetap.siprec.recorder_uri import RecorderUri, parse_recorder

from .recording_words import host_of

STRENGTH = {"udp": 0, "tcp": 1, "tls": 2}


def permitted(
    contacts: Iterable[str], *, by: RecorderUri, asked: Container[str]
) -> tuple[tuple[RecorderUri, ...], list[str]]:
    """The contacts that may be followed, and why each other one may not. `by` is who redirects, `asked` those
    that were asked on the way: never to one of them again, never over a weaker transport, and to an address
    that means something on this machine or network alone only by one that is there too."""
    followed: list[RecorderUri] = []
    refused: list[str] = []
    for contact in contacts:
        try:
            uri = parse_recorder(contact, place="Contact", transport=by.transport, secure=by.secure)
        except InvalidInput as error:
            refused.append(error.rule)
            continue
        if uri.uri in asked:
            refused.append("leads back")
        elif STRENGTH[uri.transport] < STRENGTH[by.transport] or (by.secure and not uri.secure):
            refused.append(f"{uri.transport} is weaker than {by.transport}")
        elif _is_nearer(uri, by):
            refused.append("is an address of this machine or network")
        else:
            followed.append(replace(uri, secure=by.secure))
    return tuple(followed), refused


def is_own(target: RecorderUri, recorders: Iterable[RecorderUri]) -> bool:
    """Whether a target is a host of the connector's: only such one is shown its credentials."""
    return host_of(target.uri).lower() in {host_of(one.uri).lower() for one in recorders}


_OUTSIDE, _NETWORK, _LINK, _MACHINE, _NOWHERE = range(5)


def _is_nearer(uri: RecorderUri, by: RecorderUri) -> bool:
    nearness = _nearness(uri)
    return nearness > _nearness(by) or nearness == _NOWHERE


def _nearness(uri: RecorderUri) -> int:
    host = host_of(uri.uri).strip("[]").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return _MACHINE
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        return _NETWORK  # a name may well be one inside
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_unspecified or address.is_multicast:
        return _NOWHERE
    if address.is_loopback:
        return _MACHINE
    if address.is_link_local:
        return _LINK
    return _NETWORK if address.is_private else _OUTSIDE
