"""`[calls]`, `[streams]`, `[webhooks]`, `[voice]`: what happens on a call."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, SecretStr, model_validator

from .base import Section, broken
from .values import CallbackUrl, Cidr, CommaList, FilePath, HttpUrl

Overflow: TypeAlias = Literal["skip-to-live", "drop-oldest", "close"]
CaptureFrom: TypeAlias = Literal["open", "create"]
Format: TypeAlias = Literal["mulaw", "alaw", "l16-8000", "l16-16000", "l16-24000"]
Channels: TypeAlias = Literal["separate", "stereo", "mixed"]
Framing: TypeAlias = Literal["json", "binary"]
Events: TypeAlias = Annotated[tuple[Literal["dtmf", "hold", "participant"], ...], CommaList]


class CallsSettings(Section):
    """Calls."""

    max_calls: int = Field(default=1000, ge=1, le=100_000, description="Calls at a time; the next INVITE gets 503.")
    time_limit_s: int = Field(
        default=14_400, ge=1, le=86_400, description="Longest call; a flow or a request may ask for less."
    )
    transfer_by: Literal["nobody", "users", "everybody"] = Field(
        default="users",
        description="Who may transfer calls (REFER): nobody, registered phones and trunks with `transfer`, everybody.",
    )
    transfer_to: Annotated[tuple[Literal["client", "number", "sip"], ...], CommaList] = Field(
        default=("client", "number"),
        description="What a call may be transferred to: registered phones, numbers by the trunks, any SIP address.",
    )
    drain_s: float = Field(
        default=30.0, ge=0, le=86_400, description="How long live calls may go on after SIGTERM before they are ended."
    )


class StreamsSettings(Section):
    """Forks of call audio to `wss://` servers."""

    trusted_ca: FilePath | None = Field(
        default=None, description="PEM file with authorities trusted beside the system's."
    )
    system_roots: bool = Field(default=True, description="Whether the system's authorities are trusted.")
    sign_empty_path: bool = Field(
        default=False,
        description="A URL without a path is signed as written (`wss://host`); otherwise as requested (`wss://host/`).",
    )
    allow_query: bool = Field(
        default=False, description="Keep a stream URL's query; otherwise it is dropped with a warning."
    )
    max_tracks_per_call: int = Field(default=4, ge=1, le=32, description="Tracks forked at a time from one call.")
    connect_timeout_ms: int = Field(
        default=5000, ge=100, le=60_000, description="DNS, TCP, TLS and upgrade together; then 31901."
    )
    handshakes_per_second: int = Field(default=200, ge=1, description="New connections a second; the rest wait.")
    close_drain_ms: int = Field(
        default=5000, ge=0, le=60_000, description="How long queued audio may still be sent after Stop or hang-up."
    )
    coalesce_ms: int = Field(
        default=0,
        ge=0,
        le=100,
        description="How long a frame may wait for that of the other track, so that both are one write; 0: not at all.",
    )
    max_lag_ms: int | None = Field(
        default=None,
        ge=200,
        le=300_000,
        description="How far a far end may be behind before audio gives way (31930). Absent: 5000, or `ring_ms`.",
    )
    overflow: Overflow | None = Field(
        default=None,
        description="What gives way: `skip-to-live`, `drop-oldest`, `close`. Absent: the first, or the second.",
    )
    resume: bool = Field(
        default=False, description="Connect again when a connection breaks, and send again what may be lost."
    )
    resume_overlap_ms: int = Field(
        default=2000, ge=0, le=60_000, description="What is sent again to a server that does not say what it kept."
    )
    ring_ms: int = Field(
        default=30_000, ge=1000, le=300_000, description="What is kept while there is no connection, in resume mode."
    )
    capture_from: CaptureFrom = Field(
        default="open", description="Fork audio from the opened connection on, or from the widget on (sent as a burst)."
    )
    format: Format = Field(
        default="mulaw", description="Coding of the audio: `mulaw`, `alaw`, `l16-8000`, `l16-16000`, `l16-24000`."
    )
    channels: Channels = Field(
        default="separate", description="Both tracks `separate`, or where both are asked for `stereo` or `mixed`."
    )
    framing: Framing = Field(default="json", description="Audio as `json`, or `binary` behind a header of 32 bytes.")
    frame_ms: int = Field(default=20, ge=20, le=200, multiple_of=20, description="Audio in each frame.")
    wall_clock: bool = Field(default=False, description="Stamp every frame and event with the time of day.")
    events: Events = Field(
        default=(), description="What streams are told between the audio: `dtmf`, `hold`, `participant`."
    )
    status_callback: CallbackUrl | None = Field(
        default=None, description="Where the life of streams that name no callback is told, such as a widget's."
    )
    status_callback_method: Literal["GET", "POST"] = Field(default="POST", description="How.")
    strict_messages: bool = Field(
        default=False,
        description="Warn (31951) where a far end's message on a bidirectional stream has a field too many.",
    )
    allow_networks: Annotated[tuple[Cidr, ...], CommaList] = Field(
        default=(), description="Networks that streams may always connect to."
    )
    deny_networks: Annotated[tuple[Cidr, ...], CommaList] = Field(
        default=(), description="Networks that streams may not connect to (31904)."
    )


class WebhooksSettings(Section):
    """Requests to your web servers: TwiML, status callbacks."""

    timeout_s: float = Field(
        default=15.0, gt=0, le=60, description="How long one request may take, redirects included (11203)."
    )
    connect_timeout_s: float = Field(
        default=5.0, gt=0, le=60, description="How long a connection and its TLS may take (11201)."
    )
    trusted_ca: FilePath | None = Field(
        default=None, description="PEM file with authorities trusted beside the usual ones."
    )
    user_agent: str = Field(default="TwilioProxy/1.1", min_length=1, description="`User-Agent` of every request.")
    max_age_s: float = Field(
        default=3600.0,
        ge=1,
        le=604_800,
        description="How long a status callback is tried before it is given up (15003).",
    )
    max_waiting: int = Field(
        default=10_000,
        ge=100,
        le=15_000,
        description="Status callbacks that may wait; beyond it the server with most waiting loses its oldest. "
        "What a killed server left takes half of them at most.",
    )
    at_once: int = Field(default=64, ge=1, le=1000, description="Status callbacks under way at a time.")
    per_host: int = Field(default=8, ge=1, le=1000, description="Of those, to one server.")
    drain_s: float = Field(
        default=5.0, ge=0, le=600, description="How long the last status callbacks may take when the server stops."
    )


class VoiceSettings(Section):
    """Text to speech."""

    provider: Literal["auto", "espeak", "http", "command", "none"] = Field(
        default="auto", description="Who speaks; `auto` is espeak-ng where installed, else none."
    )
    language: str = Field(
        default="en-US", pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]+)*$", description="Language of a voice that names none."
    )
    sex: Literal["female", "male"] = Field(default="female", description="Sex of a voice that names none.")
    url: HttpUrl | None = Field(default=None, description="Where the `http` provider posts the text.")
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="Headers of that request, such as the service's key."
    )
    command: Annotated[tuple[str, ...], CommaList] = Field(
        default=(), description="Program of the `command` provider and its arguments."
    )
    rate: Literal[8000, 16000] = Field(
        default=8000, description="Samples a second of prompts; 16000 is better on G.722 and takes twice the memory."
    )
    audio_folder: FilePath | None = Field(
        default=None, description="Folder of the audio files that flows play by path; none: they play by URL only."
    )
    ringback: str = Field(
        default="us", pattern=r"^[a-z]{2}$", description="Country whose ringing tone a caller hears while B rings."
    )
    timeout_s: float = Field(
        default=10.0, gt=0, le=120, description="How long speech or an audio file may take to come."
    )
    max_prompt_s: float = Field(default=3600.0, gt=0, description="Longest prompt, spoken or from a file.")
    max_prompt_bytes: int = Field(default=67_108_864, ge=1024, description="Largest audio file fetched for a prompt.")
    cache_bytes: int = Field(
        default=67_108_864, ge=0, description="Memory for prompts kept ready; least recently used go first."
    )

    @model_validator(mode="after")
    def _provider_is_whole(self) -> "VoiceSettings":
        if self.provider == "http" and self.url is None:
            raise broken("url", 'required, because provider is "http"')
        if self.provider == "command" and not self.command:
            raise broken("command", 'required, because provider is "command"')
        return self
