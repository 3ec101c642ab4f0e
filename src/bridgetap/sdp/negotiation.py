"""Offer and answer on one leg, from the first INVITE to the last re-INVITE (RFC 3264).

A step that fails changes nothing: what was agreed before goes on.
"""

from dataclasses import dataclass, replace
from ipaddress import ip_address

from bridgetap.errors import InvalidSdp

from .awareness import RecordState, record_attributes
from .codecs import DYNAMIC, STATIC, TELEPHONE_EVENT, Codec, PayloadType, codec_attributes
from .description import Attribute, Connection, Media, SessionDescription
from .parse import parse
from .policy import AgreedMedia, Direction, Policy, direction_of, receives, sends
from .remote import NOT_ACCEPTABLE, RemoteAudio, find_audio
from .versions import following


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to send back, and what it means for the leg."""

    body: bytes
    media: AgreedMedia


class Negotiation:
    """One leg's side of the offer/answer exchange."""

    def __init__(self, *, address: str, port: int, session_id: int, policy: Policy) -> None:
        """`address` is what peers see (behind a NAT the outside one), `port` the leg's RTP port,
        `session_id` any number that no other session of this host has."""
        self._address = ip_address(address)
        self._port = port
        self._session_id = session_id
        self._policy = policy
        self._sent: SessionDescription | None = None
        self._offered: _Offered | None = None
        self._telephone_event = TELEPHONE_EVENT
        self._media: AgreedMedia | None = None
        self._announced: tuple[tuple[PayloadType, Codec], ...] = ()  # what we said last that we receive
        self._remote: SessionDescription | None = None

    @property
    def media(self) -> AgreedMedia | None:
        """What is agreed now."""
        return self._media

    @property
    def remote(self) -> SessionDescription | None:
        """The peer's last description that led to an agreement."""
        return self._remote

    def offer(self, *, direction: Direction = "sendrecv", record: RecordState | None = None) -> bytes:
        """An offer of ours: first INVITE, re-INVITE, UPDATE, or the 200 to an INVITE without one. `record` is
        what the peer is told of its audio being recorded."""
        codecs = tuple((STATIC[codec], codec) for codec in self._policy.codecs)
        event = self._telephone_event if self._policy.telephone_event else None
        audio = self._audio("RTP/AVP", codecs, event, direction, record)
        media: tuple[Media, ...] = (audio,)
        index = 0
        if self._sent is not None:  # §8: as many lines as before, in the same order
            index = next((i for i, line in enumerate(self._sent.media) if line.port), 0)
            old = self._sent.media[index]
            mid = [attribute for attribute in old.attributes if attribute.name == "mid"]
            audio = replace(audio, protocol=old.protocol, attributes=(*mid, *audio.attributes))
            media = (*self._sent.media[:index], audio, *self._sent.media[index + 1 :])
        sent = self._describe(media, times=("t=0 0",))
        self._sent = sent
        self._offered = _Offered(codecs=codecs, telephone_event=event, direction=direction, index=index)
        return bytes(sent)

    def accept(self, body: bytes) -> AgreedMedia:
        """Take the peer's answer to our offer. A later one (200 after 183) replaces an earlier one."""
        if self._offered is None:
            raise InvalidSdp("sdp", "an answer", "there is no offer of ours that it could answer")
        offered = self._offered
        remote = parse(body)
        audio = find_audio(remote, version=self._address.version)
        ours = {codec for _, codec in offered.codecs}
        chosen = next(((number, codec) for number, codec in audio.payloads.codecs if codec in ours), None)
        if chosen is None:
            raise _no_codec(audio, tuple(ours))
        event = audio.payloads.telephone_event if offered.telephone_event is not None else None
        media = self._agree(
            audio,
            send=chosen,
            receive=offered.codecs,
            events=(event, offered.telephone_event if event is not None else None),
            direction=offered.direction,
        )
        self._media, self._remote = media, remote
        return media

    def abandon_offer(self) -> None:
        """Our offer was refused (488, 491): what was agreed before goes on."""
        self._offered = None

    def answer(self, body: bytes, *, direction: Direction = "sendrecv", record: RecordState | None = None) -> Answer:
        """Answer the peer's offer. `InvalidSdp.status` is the SIP response where that cannot be done.

        An offer of ours that still waits for its turn is not taken back by that (it may have met theirs:
        491); its answer is taken when it comes."""
        remote = parse(body)
        audio = find_audio(remote, version=self._address.version)
        chosen = self._choose(audio)
        event = audio.payloads.telephone_event if self._policy.telephone_event else None
        agreed = self._agree(audio, send=chosen, receive=(chosen,), events=(event, event), direction=direction)
        # The offerer's own numbers come back (§6.1), so both ways are the same.
        lines = [_refused(media) for media in remote.media]
        accepted = self._audio(audio.media.protocol, (chosen,), event, agreed.direction, record)
        lines[audio.index] = replace(accepted, attributes=(*_mid(audio.media), *accepted.attributes))
        sent = self._describe(tuple(lines), times=remote.times or ("t=0 0",))
        self._sent = sent
        self._telephone_event = event if event is not None else _free_number(audio)
        self._media, self._remote = agreed, remote
        return Answer(body=bytes(sent), media=agreed)

    # -- below --

    def _choose(self, audio: RemoteAudio) -> tuple[PayloadType, Codec]:
        """Our most wanted codec among theirs: one alone, so that it cannot change without a word."""
        for wanted in self._policy.codecs:
            for number, codec in audio.payloads.codecs:
                if codec == wanted:
                    return number, codec
        raise _no_codec(audio, self._policy.codecs)

    def _agree(
        self,
        audio: RemoteAudio,
        *,
        send: tuple[PayloadType, Codec],
        receive: tuple[tuple[PayloadType, Codec], ...],
        events: tuple[PayloadType | None, PayloadType | None],
        direction: Direction,
    ) -> AgreedMedia:
        number, codec = send
        before = self._media
        # What was agreed before is still under way, and sent on until the peer has seen the change
        # (§8.3.2): it is heard where its number has no new meaning.
        taken = {number for number, _ in receive} | {events[1]}
        announced, self._announced = self._announced, receive
        receive = (*receive, *(old for old in announced if old[0] not in taken))
        return AgreedMedia(
            remote=audio.address or (before.remote if before is not None else ""),
            remote_rtcp=audio.rtcp if audio.address else (before.remote_rtcp if before is not None else ""),
            codec=codec,
            payload_type=number,
            receive=receive,
            telephone_event=events[0],
            receive_telephone_event=events[1],
            direction=direction_of(
                send=sends(direction) and receives(audio.direction),
                receive=receives(direction) and sends(audio.direction),
            ),
            ptime_ms=audio.ptime_ms or self._policy.ptime_ms,
            inband_dtmf=events[0] is None and self._policy.detect_inband,
        )

    def _audio(
        self,
        protocol: str,
        codecs: tuple[tuple[PayloadType, Codec], ...],
        telephone_event: PayloadType | None,
        direction: Direction,
        record: RecordState | None,
    ) -> Media:
        numbers = [number for number, _ in codecs]
        if telephone_event is not None:
            numbers.append(telephone_event)
        return Media(
            kind="audio",
            port=self._port,
            protocol=protocol,
            formats=tuple(str(number) for number in numbers),
            attributes=(
                *codec_attributes(codecs, telephone_event),
                Attribute(name="ptime", value=str(self._policy.ptime_ms)),
                Attribute(name=direction),
                *record_attributes(record),
            ),
        )

    def _describe(self, media: tuple[Media, ...], *, times: tuple[str, ...]) -> SessionDescription:
        """The next description to send."""
        description = SessionDescription(
            name="Bridgetap", connection=Connection.of(self._address), times=times, media=media
        )
        return following(self._sent, description, session_id=self._session_id, address=self._address)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offered:
    codecs: tuple[tuple[PayloadType, Codec], ...]
    telephone_event: PayloadType | None
    direction: Direction
    index: int


def _refused(media: Media) -> Media:
    """The answer to a line we do not take: the same with port 0 (§6)."""
    return Media(
        kind=media.kind, port=0, protocol=media.protocol, formats=media.formats or ("0",), attributes=_mid(media)
    )


def _mid(media: Media) -> tuple[Attribute, ...]:
    """A line's identification goes back with it, groups do not (RFC 5888 §9.2)."""
    return tuple(attribute for attribute in media.attributes if attribute.name == "mid")


def _free_number(audio: RemoteAudio) -> PayloadType:
    """A number for telephone-event that means nothing else in this session (§8.3.2)."""
    return next((n for n in (TELEPHONE_EVENT, *DYNAMIC) if n not in audio.payloads.numbers), TELEPHONE_EVENT)


def _no_codec(audio: RemoteAudio, ours: tuple[Codec, ...]) -> InvalidSdp:
    return InvalidSdp(
        f"sdp m[{audio.index}]",
        ", ".join(audio.payloads.names) or "no format",
        f"must hold one of {', '.join(sorted(ours))}",
        status=NOT_ACCEPTABLE,
    )
