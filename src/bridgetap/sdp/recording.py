"""The description of a recording session: one m-line a track, each with its label (RFC 7866 §7, RFC 4574).

We send, the recorder receives. Lines are matched by their place, never by label; a recorder that
answers fewer lines has refused the rest. A line that is gone keeps its place with port 0.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Literal, TypeAlias

from bridgetap.errors import InvalidSdp

from .codecs import STATIC, Codec, PayloadType, codec_attributes
from .crypto import SECURE, SUITE, Crypto, read_crypto
from .description import Attribute, Connection, Media, SessionDescription
from .parse import parse
from .remote import NOT_ACCEPTABLE, PLAIN, RemoteAudio, read_audio, refusal
from .versions import following

Wish: TypeAlias = Literal["sendonly", "inactive"]

LABEL = re.compile(r"[!#$%&'*+.^_`{|}~0-9A-Za-z-]+")  # a token of RFC 8866 §9


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingLine:
    """What we send of one track: from which port, and for SRTP under which key."""

    label: str
    port: int
    key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """Where one track goes. `flows` is false while either side wants nothing sent."""

    remote: str
    remote_rtcp: str  # "": the port above `remote`
    codec: Codec
    payload_type: PayloadType
    ptime_ms: int
    flows: bool
    key: bytes | None = field(default=None, repr=False)  # the recorder's own, for its SRTCP


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingAnswer:
    """Our answer to an offer of the recorder's, and what it means; None for a line that is switched off."""

    body: bytes
    sinks: tuple[Sink | None, ...]


class RecordingNegotiation:
    """Our side of a recording session's offer/answer exchange, from the first INVITE on."""

    def __init__(
        self,
        *,
        address: str,
        session_id: int,
        lines: tuple[RecordingLine, ...],
        codecs: tuple[Codec, ...] = ("PCMU", "PCMA"),
        ptime_ms: int = 20,
    ) -> None:
        """`lines` in the order of their labels; either all have a key or none has."""
        for line in lines:
            if not LABEL.fullmatch(line.label):
                raise InvalidSdp("label", line.label, "must be a token (RFC 4574 §4)")
        self._address = ip_address(address)
        self._session_id = session_id
        self._lines = lines
        self._codecs = tuple((STATIC[codec], codec) for codec in codecs)
        self._ptime_ms = ptime_ms
        self._wishes: dict[str, Wish] = {}
        self._off: set[int] = set()  # places that are switched off
        self._sent: SessionDescription | None = None

    @property
    def is_secure(self) -> bool:
        return any(line.key is not None for line in self._lines)

    def offer(self, wishes: Mapping[str, Wish] | None = None) -> bytes:
        """An offer with every line. `wishes` by label: what is not named is `sendonly`."""
        self._wishes = dict(wishes or {})
        return self._describe([self._media(place, self._wish(place)) for place in range(len(self._lines))])

    def accept(self, body: bytes) -> tuple[Sink | None, ...]:
        """The recorder's answer, by place; None for each line it refused or left out.

        `InvalidSdp` where it cannot be read, or takes nothing at all.
        """
        remote = parse(body)
        sinks: list[Sink | None] = []
        reasons: list[str] = []
        for place in range(len(self._lines)):
            if place >= len(remote.media):
                reasons.append("the answer has no line for it")
                sinks.append(None)
                continue
            if (why := self._refusal(remote, remote.media[place])) is not None:
                reasons.append(why)
                sinks.append(None)
                continue
            sinks.append(self._sink(read_audio(remote, place, remote.media[place]), self._wish(place)))
        if not any(sinks):
            raise InvalidSdp(
                "sdp", f"{len(remote.media)} lines", f"takes no track: {reasons[0]}", status=NOT_ACCEPTABLE
            )
        self._off = {place for place, sink in enumerate(sinks) if sink is None}
        return tuple(sinks)

    def answer(self, body: bytes) -> RecordingAnswer:
        """Answer a re-INVITE or UPDATE of the recorder's: it may pause, resume, move or switch off a line,
        and may add none (RFC 7866 §7.2)."""
        remote = parse(body)
        if len(remote.media) < len(self._lines):
            rule = f"must keep all {len(self._lines)} lines (RFC 3264 §8)"
            raise InvalidSdp("sdp", f"{len(remote.media)} lines", rule, status=NOT_ACCEPTABLE)
        media: list[Media] = []
        sinks: list[Sink | None] = []
        for place, theirs in enumerate(remote.media):
            if place >= len(self._lines):
                media.append(
                    Media(kind=theirs.kind, port=0, protocol=theirs.protocol, formats=theirs.formats or ("0",))
                )
                continue
            if self._refusal(remote, theirs) is not None:
                self._off.add(place)
                media.append(replace(self._media(place, "inactive"), port=0))
                sinks.append(None)
                continue
            self._off.discard(place)
            audio = read_audio(remote, place, theirs)
            sink = self._sink(audio, self._wish(place))
            sinks.append(sink)
            codec = (sink.payload_type, sink.codec)
            crypto = read_crypto(theirs.values("crypto"))
            way: Wish = "sendonly" if sink.flows else "inactive"
            media.append(self._media(place, way, codecs=(codec,), tag=crypto.tag if crypto is not None else 1))
        return RecordingAnswer(body=self._describe(media), sinks=tuple(sinks))

    # -- below --

    def _wish(self, place: int) -> Wish:
        return self._wishes.get(self._lines[place].label, "sendonly")

    def _refusal(self, remote: SessionDescription, media: Media) -> str | None:
        if media.kind != "audio":
            return f"answered with {media.kind}"
        protocols = SECURE if self.is_secure else PLAIN
        why = refusal(remote, media, self._address.version, protocols=protocols)
        if why is None and self._codec(media, remote) is None:
            return f"must hold one of {', '.join(codec for _, codec in self._codecs)}"
        if why is None and self.is_secure and read_crypto(media.values("crypto")) is None:
            return f"must have a key for {SUITE}"
        return why

    def _codec(self, media: Media, remote: SessionDescription) -> tuple[PayloadType, Codec] | None:
        ours = {codec for _, codec in self._codecs}
        found = read_audio(remote, 0, media).payloads.codecs
        return next(((number, codec) for number, codec in found if codec in ours), None)

    def _sink(self, audio: RemoteAudio, wish: Wish) -> Sink:
        ours = {codec for _, codec in self._codecs}
        number, codec = next((n, c) for n, c in audio.payloads.codecs if c in ours)
        crypto = read_crypto(audio.media.values("crypto")) if self.is_secure else None
        takes = audio.direction in ("recvonly", "sendrecv") and bool(audio.address)
        return Sink(
            remote=audio.address,
            remote_rtcp=audio.rtcp,
            codec=codec,
            payload_type=number,
            ptime_ms=audio.ptime_ms or self._ptime_ms,
            flows=takes and wish == "sendonly",
            key=crypto.key if crypto is not None else None,
        )

    def _media(
        self, place: int, wish: Wish, *, codecs: tuple[tuple[PayloadType, Codec], ...] | None = None, tag: int = 1
    ) -> Media:
        line, codecs = self._lines[place], codecs or self._codecs
        return Media(
            kind="audio",
            port=0 if place in self._off else line.port,
            protocol="RTP/SAVP" if line.key is not None else "RTP/AVP",
            formats=tuple(str(number) for number, _ in codecs),
            attributes=(
                *codec_attributes(codecs, None),
                Attribute(name="ptime", value=str(self._ptime_ms)),
                Attribute(name="label", value=line.label),
                Attribute(name="rtcp", value=str(line.port + 1)),
                *([Crypto(tag=tag, key=line.key).attribute] if line.key is not None else []),
                Attribute(name=wish),
            ),
        )

    def _describe(self, media: list[Media]) -> bytes:
        description = SessionDescription(connection=Connection.of(self._address), media=tuple(media))
        self._sent = following(self._sent, description, session_id=self._session_id, address=self._address)
        return bytes(self._sent)
