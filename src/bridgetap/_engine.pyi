"""The Rust core, as Python sees it. Written by hand; `stubtest` holds it to the binary.

Three objects: `Events` (one bounded queue up), `Sip` (the SIP thread) and `Media` (the media
threads). Commands return at once: what comes of them arrives as an event. A command on an id
that is already gone does nothing, because its end is already on its way up as an event.

Headers are lists of `(name, value)` in wire order. Bodies are bytes, never changed on the way.
Addresses are `"host:port"` (IPv6 in brackets). Times are milliseconds unless named otherwise.
"""

from typing import Literal, TypeAlias, final

__all__ = [
    "Admission",
    "CallAcked",
    "CallAnswered",
    "CallEnded",
    "CallProgress",
    "Credentials",
    "DtmfPressed",
    "EngineError",
    "Events",
    "FlowClosed",
    "ForkEnded",
    "ForkEndpoint",
    "ForkLagging",
    "ForkOpened",
    "ForkReconnecting",
    "ForkResumed",
    "ForkTarget",
    "ForkWarned",
    "IncomingCall",
    "Leg",
    "LegClosed",
    "LegMedia",
    "LegStats",
    "Media",
    "MediaConfig",
    "PlayEnded",
    "RecordEnded",
    "RegisterReceived",
    "ReofferAnswered",
    "ReofferOvertaken",
    "ReofferReceived",
    "RequestReceived",
    "Response",
    "RtpTimedOut",
    "Sip",
    "SipConfig",
    "SipNotice",
    "User",
]

_Headers: TypeAlias = list[tuple[str, str]]
_Direction: TypeAlias = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
_Codec: TypeAlias = Literal["PCMU", "PCMA", "G722"]
_Track: TypeAlias = Literal["inbound", "outbound"]

class EngineError(Exception):
    """What the core refused, with the place, the value and the rule in its text."""

# --- events up -----------------------------------------------------------------------------

@final
class Events:
    """The queue from the core to Python. Terminal events have a place reserved; nothing is lost."""

    def __new__(cls) -> Events: ...
    def fileno(self) -> int:
        """Readable while there is news: `loop.add_reader(events.fileno(), drain)`."""

    def take(self, limit: int = 512) -> list[_Event]:
        """At most `limit` events, oldest first, in order per dialog, leg and fork."""

    def oldest_ms(self) -> int:
        """How long the oldest waiting event has waited. Over 200 ms the SIP gate answers 503."""

# --- SIP -----------------------------------------------------------------------------------

@final
class SipConfig:
    def __new__(
        cls,
        *,
        listen: list[str],
        tls_certificate: str | None = None,
        tls_key: str | None = None,
        trusted_ca: str | None = None,
        client_ca: str | None = None,
        external_address: str | None = None,
        local_networks: list[str] | None = None,
        user_agent: str = "Bridgetap",
        realm: str = "bridgetap",
        max_dialogs: int = 10_000,
        calls_per_second: int = 500,
        session_expires_s: int = 1800,
        min_se_s: int = 90,
        name_servers: list[str] = ...,
        trace: str | None = None,
    ) -> SipConfig:
        """`listen`: `"udp://127.0.0.1:5060"`, `tcp`, `tls`; port 0 takes a free one.

        `trusted_ca`: a PEM file added to the system roots for outgoing TLS. `client_ca`: a PEM file of
        authorities; whoever connects over TLS must show a certificate of theirs. `external_address`
        is written into Via and Contact toward peers outside `local_networks` (CIDR).
        `trace`: every SIP message, as a pcap file. `name_servers`: instead of the system's.
        """

@final
class Admission:
    """One network from which calls are admitted without a challenge (a trunk)."""

    def __new__(cls, *, network: str, trunk: str) -> Admission: ...

@final
class User:
    """One phone that may register and call. `ha1` is MD5(user:realm:password), lower-case hex;
    with `ha1_sha256` the user is challenged with SHA-256 (RFC 8760) first."""

    def __new__(cls, *, username: str, ha1: str | None = None, ha1_sha256: str | None = None) -> User: ...

@final
class Credentials:
    """How to answer a 401 or 407 (RFC 3261 §22; MD5, SHA-256)."""

    def __new__(cls, *, username: str, password: str) -> Credentials: ...

@final
class Sip:
    """The SIP thread: transports, transactions, dialogs, digest, timers."""

    def __new__(cls, config: SipConfig, events: Events) -> Sip:
        """Bind and start. Raises `EngineError` naming the address or file that failed."""

    def addresses(self) -> list[str]:
        """What was bound, with the real ports, in the order of `listen`."""

    def set_admission(self, *, trunks: list[Admission], users: list[User]) -> None:
        """Who may call. From a trunk's network: admitted. Otherwise INVITE and REGISTER are
        challenged if there is any user, else answered 403. Both lists empty: 403 to all."""

    def invite(
        self,
        *,
        target: str,
        from_: str,
        to: str,
        headers: _Headers = ...,
        body: bytes = ...,
        content_type: str = "application/sdp",
        credentials: Credentials | None = None,
        route: list[str] = ...,
        flow: int | None = None,
        reliable: Literal["supported", "required", "off"] = "supported",
        identity: int | None = None,
    ) -> int:
        """Call `target` (a SIP URI); returns the dialog id. `from_`, `to`: name-addr text without
        tags. `flow`: send over that connection (a registered phone's), not by RFC 3263.
        An empty body asks for a delayed offer: then `ack` answers the 2xx. `identity`: who we are over
        TLS from the INVITE to the BYE, over connections that are this identity's alone."""

    def identity(
        self,
        *,
        trusted_ca: str | None = None,
        client_certificate: str | None = None,
        client_key: str | None = None,
    ) -> int:
        """Read the TLS files (PEM) of one peer, for `invite`. `trusted_ca` has the only authorities
        trusted there; absent, those of the endpoint. The same content is the same number: read them
        before each call, so that a renewed certificate counts. Raises `EngineError` naming the file."""

    def progress(
        self,
        dialog: int,
        *,
        status: int,
        reason: str = "",
        headers: _Headers = ...,
        body: bytes = ...,
        reliable: bool = False,
    ) -> None:
        """Send a provisional response (101–199) to an incoming call; `reliable` asks for PRACK
        (RFC 3262) and is quietly plain where the caller does not support it."""

    def answer(
        self, dialog: int, *, body: bytes, content_type: str = "application/sdp", headers: _Headers = ...
    ) -> None:
        """200 to an incoming call, repeated until ACK; `CallAcked` follows, or `CallEnded` after 32 s."""

    def reject(self, dialog: int, *, status: int, reason: str = "", headers: _Headers = ...) -> None:
        """A final 3xx–6xx to an incoming call; `CallEnded` follows."""

    def ack(self, dialog: int, *, body: bytes = ..., content_type: str = "application/sdp") -> None:
        """Acknowledge a 2xx that carried an offer (`CallAnswered.needs_ack`). All others are
        acknowledged by the core."""

    def reoffer(
        self, dialog: int, *, method: Literal["INVITE", "UPDATE"] = "INVITE", body: bytes = ..., headers: _Headers = ...
    ) -> None:
        """Send a re-INVITE or UPDATE with an SDP offer; `ReofferAnswered` follows. 491 is retried
        inside (RFC 3261 §14.1). Waits its turn while another offer is open; if a 2xx of ours to an
        offer of theirs goes out meanwhile, it is dropped: `ReofferOvertaken`."""

    def request(
        self,
        *,
        method: str,
        dialog: int | None = None,
        target: str = "",
        from_: str = "",
        to: str = "",
        headers: _Headers = ...,
        body: bytes = ...,
        content_type: str = "",
        credentials: Credentials | None = None,
        flow: int | None = None,
        call_id: str = "",
        cseq: int = 0,
    ) -> int:
        """Any other request, inside `dialog` or on its own (REGISTER, OPTIONS, INFO, REFER,
        NOTIFY); returns the request id, `Response` follows once. `call_id` and `cseq` keep a
        registration's identity between refreshes."""

    def respond(
        self,
        request: int,
        *,
        status: int,
        reason: str = "",
        headers: _Headers = ...,
        body: bytes = ...,
        content_type: str = "application/sdp",
    ) -> None:
        """Answer `RegisterReceived`, `RequestReceived` or `ReofferReceived`."""

    def hang_up(self, dialog: int, *, headers: _Headers = ...) -> None:
        """End a dialog whatever its state: CANCEL, BYE, or 487/603 to an unanswered incoming call."""

    def refuse_new_calls(self) -> None:
        """503 with Retry-After to new INVITEs from now on; live dialogs go on."""

    def stats(self) -> dict[str, int]:
        """Counters: messages, retransmissions, malformed, challenges, refused, dialogs, transactions, flows."""

    def close(self) -> None:
        """Stop the thread and its sockets. May be called twice."""

@final
class IncomingCall:
    """A new INVITE that admission let through. `trunk` or `user` says who it is."""

    dialog: int
    trunk: str | None
    user: str | None
    request_uri: str
    from_: str
    to: str
    contact: str
    call_id: str
    headers: _Headers
    content_type: str
    body: bytes
    transport: Literal["udp", "tcp", "tls"]
    source: str
    local: str
    flow: int

@final
class CallProgress:
    """A provisional response (101–199) to our INVITE; `early` tells several early dialogs apart."""

    dialog: int
    status: int
    reason: str
    headers: _Headers
    content_type: str
    body: bytes
    reliable: bool
    early: str

@final
class CallAnswered:
    """A 2xx to our INVITE. With `needs_ack` it carries an offer: answer with `Sip.ack`."""

    dialog: int
    headers: _Headers
    content_type: str
    body: bytes
    needs_ack: bool
    contact: str
    source: str

@final
class CallAcked:
    """Our 2xx was acknowledged; `body` is the answer to a delayed offer, else empty."""

    dialog: int
    body: bytes

@final
class CallEnded:
    """The one end of every dialog, calls that never were answered included.

    `cause`: `bye` (they hung up), `cancelled` (they gave up), `rejected` (a final 3xx–6xx from
    them), `hung-up` (we did), `timeout` (nothing heard, no ACK, session expired), `transport`
    (nothing could be sent). `status` is the SIP status where there is one, else 0. `trouble`: with
    `transport`, why, for the operator, where that is known; `tls_failed`: it was TLS that failed.
    """

    dialog: int
    cause: Literal["bye", "cancelled", "rejected", "hung-up", "timeout", "transport"]
    status: int
    reason: str
    headers: _Headers
    trouble: str
    tls_failed: bool

@final
class ReofferReceived:
    """A re-INVITE or UPDATE of theirs: answer with `Sip.respond(request, ...)`. Session
    refreshes without SDP are answered inside. An empty `body` asks us for an offer."""

    dialog: int
    request: int
    method: Literal["INVITE", "UPDATE"]
    headers: _Headers
    body: bytes

@final
class ReofferAnswered:
    """The final answer to `Sip.reoffer`; `status` 408 when nothing came."""

    dialog: int
    status: int
    reason: str
    body: bytes

@final
class ReofferOvertaken:
    """A `Sip.reoffer` that waited is dropped unsent: a description of ours has gone out since it was
    written, so its `o=` version would be older than that (RFC 3264 §8). One for each."""

    dialog: int

@final
class RegisterReceived:
    """An authenticated REGISTER. `contacts` are the Contact values as sent."""

    request: int
    user: str
    to: str
    contacts: list[str]
    expires: int | None
    call_id: str
    cseq: int
    headers: _Headers
    transport: Literal["udp", "tcp", "tls"]
    source: str
    flow: int

@final
class RequestReceived:
    """Any other request inside a dialog (INFO, REFER, NOTIFY, MESSAGE …). OPTIONS, BYE, PRACK
    and CANCEL are answered by the core."""

    dialog: int
    request: int
    method: str
    headers: _Headers
    content_type: str
    body: bytes

@final
class Response:
    """The final response to `Sip.request`; status 408 when nothing came, 503 when nothing could be sent."""

    request: int
    status: int
    reason: str
    headers: _Headers
    body: bytes
    flow: int
    local: str
    source: str

@final
class FlowClosed:
    """A connection is gone: registrations over it can no longer be called (RFC 5626)."""

    flow: int

@final
class SipNotice:
    """Something an operator should see, at most once per source and second."""

    kind: Literal["malformed", "auth-failed", "refused", "overload", "tls"]
    source: str
    detail: str
    count: int

# --- media ---------------------------------------------------------------------------------

@final
class MediaConfig:
    def __new__(
        cls,
        *,
        ports: tuple[int, int] = ...,
        threads: int = 0,
        trusted_ca: str | None = None,
        system_roots: bool = True,
        reorder_ms: int = 40,
        tolerance_ms: int = 20,
        rtp_timeout_ms: int = 0,
        user_agent: str = "Bridgetap",
        connect_timeout_ms: int = 5000,
        handshakes_per_second: int = 200,
        close_drain_ms: int = 5000,
        coalesce_ms: int = 0,
        allow_networks: list[str] = ...,
        deny_networks: list[str] = ...,
    ) -> MediaConfig:
        """`ports`: first and last, 16384 to 32767 unless told. `threads` 0: cores − 1, at least 1.

        `reorder_ms`: how long a missing packet is waited for. `tolerance_ms`: how far a source may run from the
        call's clock before it is put right by a chunk of 20 ms.

        `allow_networks` and `deny_networks` (CIDR) bound where streams may connect (31904); an
        address in `allow_networks` is always allowed.
        """

@final
class Media:
    """The media threads, the connector thread and the file thread."""

    def __new__(cls, config: MediaConfig, events: Events) -> Media: ...
    def open_leg(self, *, address: str, label: str = "") -> Leg:
        """Bind an even RTP port and the odd RTCP port above it on `address`; nothing flows yet.

        Raises `EngineError` when no port is free. `label` names the leg in logs (a Call SID).
        """

    def load_prompt(self, pcm: bytes, *, rate: int) -> int:
        """Keep mono s16le audio (8000 or 16000 Hz) for `Leg.play`; returns the prompt id."""

    def drop_prompt(self, prompt: int) -> None: ...
    def stats(self) -> dict[str, int]:
        """Counters over all threads: packets, drops by reason, legs, forks, threads."""

    def close(self) -> None: ...

@final
class LegMedia:
    """What SDP agreed for one leg: which payload types carry what, and where to send."""

    def __new__(
        cls,
        *,
        remote: str,
        remote_rtcp: str = "",
        codec: _Codec,
        payload_type: int,
        receive: list[tuple[int, _Codec]] = ...,
        telephone_event: int | None = None,
        receive_telephone_event: int | None = None,
        comfort_noise: int | None = None,
        direction: _Direction = "sendrecv",
        ptime_ms: int = 20,
        symmetric: bool = True,
        inband_dtmf: bool = False,
        cname: str = "",
        srtp_key: bytes | None = None,
        srtp_peer_key: bytes | None = None,
    ) -> LegMedia:
        """`payload_type` is what we send; `receive` maps every payload type we announced.
        `symmetric`: lock onto the first source heard and answer there (NAT). With `srtp_key` (16 bytes of
        AES_CM_128_HMAC_SHA1_80, 14 of salt: RFC 4568) everything sent is SRTP and SRTCP, and only what
        the peer sealed with `srtp_peer_key` is taken."""

@final
class ForkEndpoint:
    """One server that a fork may be sent to. Strings go onto the wire as given."""

    def __new__(
        cls,
        *,
        host: str,
        port: int,
        path: str,
        headers: list[tuple[str, str]] = ...,
        trusted_ca: str | None = None,
        client_certificate: str | None = None,
        client_key: str | None = None,
        pins: list[bytes] = ...,
    ) -> ForkEndpoint:
        """`headers` join the handshake (X-Twilio-Signature). `trusted_ca` is a PEM file of the only
        authorities trusted there, the client's certificate and key are PEM files too; `pins` are SHA-256
        digests of the public keys (SubjectPublicKeyInfo) its certificate may have."""

@final
class ForkTarget:
    """Where and how to send a copy of a leg's audio."""

    def __new__(
        cls,
        *,
        stream_sid: str,
        call_sid: str,
        account_sid: str,
        endpoints: list[ForkEndpoint],
        tracks: list[_Track],
        parameters: list[tuple[str, str]] = ...,
        max_lag_ms: int = 5000,
        overflow: Literal["skip-to-live", "drop-oldest", "close"] = "skip-to-live",
        capture_from: Literal["open", "create"] = "open",
        bidirectional: bool = False,
        strict_messages: bool = False,
        events: list[Literal["dtmf", "hold", "participant"]] = ...,
        format: Literal["mulaw", "alaw", "l16-8000", "l16-16000", "l16-24000"] = "mulaw",
        channels: Literal["separate", "stereo", "mixed"] = "separate",
        framing: Literal["json", "binary"] = "json",
        frame_ms: int = 20,
        wall_clock: bool = False,
        resume: bool = False,
        resume_overlap_ms: int = 2000,
        ring_ms: int = 30000,
    ) -> ForkTarget:
        """Media Streams JSON, µ-law 8 kHz. `endpoints` are tried in order. `overflow` says which audio
        gives way beyond `max_lag_ms`.

        `bidirectional`: the far end hears `inbound` alone and speaks: until the fork ends, what the
        leg sends is what the far end said, else silence, and prompts wait. One at a time on a leg.
        `strict_messages`: warn of fields too many in what it sends.
        `events`: what is told between the audio; keys the core sees itself, the rest comes by `Leg.tell_fork`.
        `channels`: `stereo` and `mixed` need both tracks. `frame_ms`: 20–200 in steps of 20. `wall_clock`:
        stamp all frames and events with it. A bidirectional fork has none of these.
        `resume`: connect again when the connection breaks, with what was kept of the last `ring_ms`; the last
        `resume_overlap_ms` are always kept.
        """

@final
class Leg:
    """A handle to one RTP leg; a media thread owns the leg itself."""

    @property
    def id(self) -> int: ...
    @property
    def rtp_port(self) -> int: ...
    @property
    def ssrc(self) -> int: ...
    def configure(self, media: LegMedia) -> None:
        """Set or change what SDP agreed; SSRC, sequence and timestamp go on without a break."""

    def play(self, prompts: list[int], *, loop: int = 1) -> int:
        """Play after what is already queued; `loop` 0 is for ever. `PlayEnded` follows once."""

    def stop_play(self) -> None:
        """End all that is queued; each `PlayEnded` says `completed=False`."""

    def bridge(self, other: Leg) -> None:
        """Relay audio and DTMF both ways with `other` until `unbridge` or the end of either."""

    def exchange(self, other: Leg) -> None:
        """Exchange far ends with `other`: each party's address, codec, port and numbers go over to
        the other handle, between two packets. Bridges, forks, recordings and prompts stay. `rtp_port`
        and `ssrc` go on to name what a handle was opened with."""

    def unbridge(self) -> None: ...
    def copy(self, track: _Track, to: Leg) -> None:
        """Let `to` send a track of this leg until `end_copy` or the end of either: a recorder's leg. `to`
        moves with this leg between threads; its bridge ends, and another is refused meanwhile."""

    def end_copy(self, to: Leg) -> None:
        """`to` sends nothing of this leg any more."""

    def beep(self) -> None:
        """Let the far end hear 1400 Hz for half a second now and every 15 seconds, added to whatever it hears: a party
        that is told so that it is recorded (RFC 7866 §6.1.2). No track has it. It goes with the far end in `exchange`.
        Twice is fine."""

    def end_beep(self) -> None:
        """No more of it, not even what was left of one."""

    def send_dtmf(self, digits: str, *, duration_ms: int = 100, gap_ms: int = 70) -> int:
        """RFC 4733 events (in-band tones where none was negotiated); `w` waits 500 ms. `PlayEnded` follows."""

    def fork(self, target: ForkTarget) -> int:
        """Start copying audio; returns the fork id at once. `ForkOpened`, later `ForkEnded`."""

    def stop_fork(self, fork: int) -> None:
        """Take no further audio; drain, send `stop`, close. `ForkEnded` follows."""

    def tell_fork(self, fork: int, event: str, body: str) -> None:
        """Send a message of that event between the audio. `body` is a JSON object on one line, at most 4096 bytes;
        `timestamp` is put before its members. A fork that takes no audio yet, or no more, tells nothing."""

    def tell_key(self, key: str) -> None:
        """A key of the party (one of `0-9*#A-D`) came by signalling, not as RTP or in the audio: the forks that
        are told of keys are told of it. No `DtmfPressed` comes of it."""

    def record(self, path: str, *, tracks: list[_Track]) -> int:
        """Write a WAV (s16le, one channel a track). `RecordEnded` follows `stop_record` or close."""

    def stop_record(self, record: int) -> None: ...
    def stats(self) -> LegStats | None:
        """The last figures the media thread published (each second and at the end)."""

    def close(self) -> None:
        """Stop the leg and its forks; forks may outlive it while they drain. Twice is fine."""

@final
class LegStats:
    leg: int
    packets_received: int
    packets_sent: int
    bytes_received: int
    lost: int
    late: int
    duplicated: int
    reordered: int
    slips: int
    filled_ms: int
    jitter_ms: float
    refused_source: int
    malformed: int
    remote: str
    level_in: float
    level_out: float

@final
class DtmfPressed:
    """One key, once. `digit` is of `0-9*#A-D`."""

    leg: int
    digit: str
    duration_ms: int
    inband: bool

@final
class PlayEnded:
    leg: int
    play: int
    completed: bool

@final
class RtpTimedOut:
    """No packet for `rtp_timeout_ms` while one was expected (not on hold)."""

    leg: int
    silent_ms: int

@final
class LegClosed:
    """The last word of a leg, with its figures."""

    leg: int
    stats: LegStats

@final
class ForkOpened:
    """The far server answered 101 and `connected` and `start` were handed to its socket."""

    leg: int
    fork: int
    connect_ms: float

@final
class ForkReconnecting:
    """There is no connection, or no more; endpoint number `endpoint` is dialled in `wait_ms`.

    `code`, `detail`, `close_code`: why there is none, as in `ForkEnded`. This one and `ForkResumed` take
    each other's place while unread: what counts is whether there is a connection now.
    """

    leg: int
    fork: int
    endpoint: int
    wait_ms: int
    code: int
    detail: str
    close_code: int

@final
class ForkResumed:
    """A new connection took the place of one that broke.

    `knows`: the server said what it had kept. `frames_replayed` messages are sent again; `gap_ms` of
    audio fell out meanwhile and are told as a gap.
    """

    leg: int
    fork: int
    endpoint: int
    down_ms: int
    knows: bool
    frames_replayed: int
    gap_ms: int

@final
class ForkLagging:
    """The far end is behind: 30, 60 or 90 per cent of `max_lag_ms`, or audio was dropped (31930)."""

    leg: int
    fork: int
    lag_ms: int
    percent: int
    dropped_ms: int

@final
class ForkWarned:
    """The far end of a bidirectional fork did what it should not; each code comes once a fork.

    31931: its queue is full (10 minutes), what came was discarded. 31950: a binary message.
    31951: a text that is no message of the protocol; `detail` says what is wrong with it.
    """

    leg: int
    fork: int
    code: Literal[31931, 31950, 31951]
    detail: str

@final
class ForkEnded:
    """The one end of every fork.

    `reason`: `stopped`, `call-ended`, `remote-closed`, `failed`. `code` is Twilio's (31901 …) or 0.
    `close_code` is the WebSocket close code received, else 0. `ms_played`: of a bidirectional fork.
    """

    leg: int
    fork: int
    reason: Literal["stopped", "call-ended", "remote-closed", "failed"]
    code: int
    detail: str
    close_code: int
    frames_sent: int
    ms_sent: int
    ms_dropped: int
    ms_repaired: int
    lag_max_ms: int
    reconnects: int
    ms_replayed: int
    ms_missing: int
    latency_p50_us: int
    latency_p99_us: int
    ms_played: int

@final
class RecordEnded:
    leg: int
    record: int
    path: str
    duration_ms: int
    ms_dropped: int
    error: str

_SipEvent: TypeAlias = (
    IncomingCall
    | CallProgress
    | CallAnswered
    | CallAcked
    | CallEnded
    | ReofferReceived
    | ReofferAnswered
    | ReofferOvertaken
    | RegisterReceived
    | RequestReceived
    | Response
    | FlowClosed
    | SipNotice
)
_MediaEvent: TypeAlias = (
    DtmfPressed
    | PlayEnded
    | RtpTimedOut
    | LegClosed
    | ForkOpened
    | ForkReconnecting
    | ForkResumed
    | ForkLagging
    | ForkWarned
    | ForkEnded
    | RecordEnded
)
_Event: TypeAlias = _SipEvent | _MediaEvent
