"""What the peer's `m=audio` says: where to send, which way audio flows, how it wants its packets."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import cast

from bridgetap.errors import InvalidSdp

from .codecs import Payloads, read_payloads
from .description import Connection, Media, SessionDescription
from .policy import Direction, direction_of, sends

NOT_ACCEPTABLE = 488
PLAIN = {"RTP/AVP", "RTP/AVPF"}
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
PTIMES_MS = (10, 20, 30, 40, 50, 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteAudio:
    """The one audio line that is used."""

    index: int
    media: Media
    payloads: Payloads
    address: str  # "" on a hold of the old kind (c=0.0.0.0)
    rtcp: str
    direction: Direction  # as the peer does it
    ptime_ms: int | None


def find_audio(session: SessionDescription, *, version: int) -> RemoteAudio:
    """The first `m=audio` we can use, or `InvalidSdp` (488) that says why none is.

    `version` is that of our own address: 4 or 6.
    """
    refusals = []
    for index, media in enumerate(session.media):
        if media.kind != "audio":
            continue
        if why := refusal(session, media, version):
            refusals.append((index, media, why))
            continue
        return read_audio(session, index, media)
    if not refusals:
        kinds = ", ".join(media.kind for media in session.media) or "no media"
        raise InvalidSdp("sdp", kinds, "must offer audio", status=NOT_ACCEPTABLE)
    index, media, why = refusals[0]
    shown = f"{media.kind} {media.port} {media.protocol}"
    raise InvalidSdp(f"sdp m[{index}]", shown, why, status=NOT_ACCEPTABLE)


def ip_version(session: SessionDescription) -> int | None:
    """4 or 6, by the first audio line that names an address: what our own side must bind."""
    for media in session.media:
        if media.kind == "audio" and (connection := _connection(session, media)) is not None:
            address = _ip(connection)
            if address is not None:
                return address.version
    return None


def refusal(
    session: SessionDescription, media: Media, version: int, *, protocols: Collection[str] = PLAIN
) -> str | None:
    """Why a line cannot be used, or None."""
    if media.port == 0:
        return "the audio is switched off (port 0)"
    if media.protocol.upper() not in protocols:
        told = "; encrypted media is not supported" if protocols is PLAIN else f", not {media.protocol}"
        return f"the protocol must be {min(protocols)}{told}"
    if media.attribute("rtcp-mux-only") is not None:
        return "RTCP on the port of RTP alone is not supported"  # RFC 8858
    connection = _connection(session, media)
    if connection is None:
        return "no c= line names an address"
    address = _ip(connection)
    if address is None:
        return f"the address must be an IP address, not {connection.address!r}"
    if address.is_multicast:
        return f"the address must not be multicast ({connection.address})"
    if address.version != version and not address.is_unspecified:  # 0.0.0.0 is a hold, whatever the leg speaks
        return f"the address must be IPv{version}, as ours is ({connection.address})"
    return None


def read_audio(session: SessionDescription, index: int, media: Media) -> RemoteAudio:
    """A line that `refusal` has nothing against."""
    connection = cast("Connection", _connection(session, media))
    address = cast("IPv4Address | IPv6Address", _ip(connection))
    direction = _direction(session, media)
    on_hold = address.is_unspecified  # RFC 3264 §8.4: how RFC 2543 peers hold
    if on_hold:
        direction = direction_of(send=sends(direction), receive=False)
    return RemoteAudio(
        index=index,
        media=media,
        payloads=read_payloads(media),
        address="" if on_hold else join_host_port(address, media.port),
        rtcp="" if on_hold else _rtcp(media, address),
        direction=direction,
        ptime_ms=_ptime(session, media),
    )


def _connection(session: SessionDescription, media: Media) -> Connection | None:
    return media.connections[0] if media.connections else session.connection


def _ip(connection: Connection) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(connection.address.split("/")[0])
    except ValueError:
        return None


def _direction(session: SessionDescription, media: Media) -> Direction:
    for attributes in (media.attributes, session.attributes):
        for attribute in attributes:
            if attribute.name in DIRECTIONS:
                return cast("Direction", attribute.name)
    return "sendrecv"


def _rtcp(media: Media, address: IPv4Address | IPv6Address) -> str:
    """`a=rtcp:53020` or `a=rtcp:53020 IN IP4 126.16.64.4` (RFC 3605); one that cannot be read is none."""
    for value in media.values("rtcp"):
        parts = value.split()
        if not parts or not parts[0].isascii() or not parts[0].isdigit() or not 0 < int(parts[0]) <= 65535:
            continue
        port = int(parts[0])
        if len(parts) != 4:
            return "" if port == media.port + 1 else join_host_port(address, port)
        try:
            other = ip_address(parts[3])
        except ValueError:
            continue
        if other.version == address.version and not other.is_unspecified:
            return "" if (other, port) == (address, media.port + 1) else join_host_port(other, port)
    return ""


def _ptime(session: SessionDescription, media: Media) -> int | None:
    """How long a packet the peer asks for, where that is one we cut."""
    wanted = next(_milliseconds(session, media, "ptime"), None)
    longest = next(_milliseconds(session, media, "maxptime"), None)
    fitting = [ms for ms in PTIMES_MS if longest is None or ms <= longest]
    if wanted in fitting:
        return wanted
    if longest is not None and longest < 20:
        return max(fitting, default=None)
    return None


def _milliseconds(session: SessionDescription, media: Media, name: str) -> Iterator[int]:
    for attributes in (media.attributes, session.attributes):
        for attribute in attributes:
            text = (attribute.value or "").split(".")[0]
            if attribute.name == name and text.isascii() and text.isdigit() and len(text) < 5:
                yield int(text)


def join_host_port(address: IPv4Address | IPv6Address, port: int) -> str:
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
