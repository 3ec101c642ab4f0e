"""The recorder's side of the offer/answer exchange: it takes each line, where and how its conduct says."""

from dataclasses import dataclass
from ipaddress import ip_address

from bridgetap.engine import LegMedia
from bridgetap.sdp import Attribute, Connection, Media, Origin, SessionDescription
from bridgetap.sdp.codecs import STATIC, read_payloads
from bridgetap.sdp.crypto import SECURE, Crypto, read_crypto
from bridgetap.sdp.remote import PLAIN, read_audio, refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One line of theirs that is recorded: the leg's media, and our line."""

    media: LegMedia
    line: Media


def take(
    offer: SessionDescription, place: int, *, address: str, port: int, key: bytes, active: bool, label: bool
) -> Taken | None:
    """Take one line, G.711 alone, plain or by SRTP with our own `key`; None where it cannot be."""
    theirs = offer.media[place]
    secure = theirs.protocol.upper() in SECURE
    protocols = SECURE if secure else PLAIN
    if theirs.kind != "audio" or refusal(offer, theirs, ip_address(address).version, protocols=protocols) is not None:
        return None
    crypto = read_crypto(theirs.values("crypto")) if secure else None
    if secure and crypto is None:
        return None
    audio = read_audio(offer, place, theirs)
    known = [(number, codec) for number, codec in read_payloads(theirs).codecs if codec != "G722"]
    if not known:
        return None
    number, codec = known[0]
    way = "recvonly" if active and audio.direction in ("sendonly", "sendrecv") else "inactive"
    line = Media(
        kind="audio",
        port=port,
        protocol=theirs.protocol,
        formats=(str(number),),
        attributes=(
            Attribute(name="rtpmap", value=f"{number} {codec}/8000"),
            *([Crypto(tag=crypto.tag, key=key).attribute] if crypto is not None else []),
            *(Attribute(name="label", value=value) for value in theirs.values("label") if label),
            Attribute(name=way),
        ),
    )
    media = LegMedia(
        remote=audio.address,
        remote_rtcp=audio.rtcp,
        codec=codec,
        payload_type=number,
        receive=((number, codec),),
        direction="recvonly" if way == "recvonly" else "inactive",
        symmetric=True,
        srtp_key=key if crypto is not None else None,
        srtp_peer_key=crypto.key if crypto is not None else None,
    )
    return Taken(media=media, line=line)


def describe(lines: list[Media], *, address: str, session_id: int, version: int) -> SessionDescription:
    """Our whole description."""
    ours = ip_address(address)
    origin = Origin(
        user="recorder",
        session_id=str(session_id),
        version=str(version),
        address_type=f"IP{ours.version}",
        address=address,
    )
    return SessionDescription(origin=origin, connection=Connection.of(ours), media=tuple(lines))


def refuse(theirs: Media) -> Media:
    """A line that is not recorded."""
    number = str(STATIC["PCMU"])
    return Media(kind=theirs.kind, port=0, protocol=theirs.protocol, formats=theirs.formats or (number,))
