"""Our descriptions of one session follow each other: the version goes up by one when something changed, and
only then (RFC 3264 §8)."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from .description import Origin, SessionDescription


def following(
    before: SessionDescription | None,
    description: SessionDescription,
    *,
    session_id: int,
    address: IPv4Address | IPv6Address,
) -> SessionDescription:
    """That description with our `o=`, as the one that follows what we sent `before`."""
    version = 1 if before is None or before.origin is None else int(before.origin.version)
    origin = Origin(
        user="bridgetap",
        session_id=str(session_id),
        version=str(version),
        address_type=f"IP{address.version}",
        address=str(address),
    )
    same = replace(description, origin=origin)
    return same if before is None or before == same else replace(same, origin=replace(origin, version=str(version + 1)))
