"""What one stream does beyond Twilio's wire. Every extension is off until an option turns it on.

An option has one name and three spellings: `max_lag_ms` in a widget and in the configuration, `maxLagMs`
in TwiML, `MaxLagMs` in a REST form. To add one: a field here, a line in `option_readers.READERS`, a row in
docs/streams.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self, TypeAlias

from bridgetap.errors import InvalidStream

from .option_readers import READERS, SECRET, Headers, with_header
from .stream_url import StreamUrl, shown_url

Overflow: TypeAlias = Literal["skip-to-live", "drop-oldest", "close"]
CaptureFrom: TypeAlias = Literal["open", "create"]
Format: TypeAlias = Literal["mulaw", "alaw", "l16-8000", "l16-16000", "l16-24000"]
Channels: TypeAlias = Literal["separate", "stereo", "mixed"]
Framing: TypeAlias = Literal["json", "binary"]
StreamEvent: TypeAlias = Literal["dtmf", "hold", "participant"]

TWILIO_MAX_LAG_MS = 5000  # our figure: Twilio's is not documented
HIDDEN = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """The options of one stream. `given` names those that were asked for; the rest may be set elsewhere."""

    resume: bool = False  # connect again when the connection breaks
    resume_overlap_ms: int = 2000  # sent again to a server that does not say what it kept
    ring_ms: int = 30_000  # kept while there is no connection
    max_lag_ms: int | None = None  # None: 5000, in resume mode `ring_ms`
    overflow: Overflow | None = None  # None: skip-to-live, in resume mode drop-oldest
    capture_from: CaptureFrom = "open"
    fallback_urls: tuple[StreamUrl, ...] = ()  # tried in order when the first cannot be reached
    headers: Headers = field(default=(), repr=False)  # more of the handshake
    bearer_token: str = field(default="", repr=False)
    certificate_pins: tuple[bytes, ...] = ()  # SHA-256 of the public keys its certificate may have
    format: Format = "mulaw"
    channels: Channels = "separate"  # the others need both tracks
    framing: Framing = "json"
    frame_ms: int = 20
    wall_clock: bool = False  # in every frame
    events: tuple[StreamEvent, ...] = ()  # told between the audio
    given: frozenset[str] = field(default=frozenset(), compare=False, repr=False)

    @classmethod
    def of(cls, **values: Any) -> Self:
        """These options, and all of them asked for."""
        return cls(**values, given=frozenset(values))

    def over(self, defaults: Self) -> Self:
        """These where they were asked for, else those. Headers of both go out; ours win."""
        changes = {name: getattr(self, name) for name in self.given}
        if "headers" in self.given:
            ours = {name.lower() for name, _ in self.headers}
            if "authorization" in ours:
                changes.setdefault("bearer_token", "")
            changes["headers"] = (*(pair for pair in defaults.headers if pair[0].lower() not in ours), *self.headers)
        return replace(defaults, **changes, given=self.given | defaults.given)

    def without_extensions(self) -> Self:
        """The same connection, with nothing on the wire that Twilio does not have."""
        changes = {name: getattr(TWILIO, name) for name in ON_THE_WIRE}
        return replace(self, **changes)

    @property
    def lag_bound_ms(self) -> int:
        """How far the far end may be behind."""
        if self.max_lag_ms is not None:
            return self.max_lag_ms
        return max(self.ring_ms, self.resume_overlap_ms) if self.resume else TWILIO_MAX_LAG_MS

    @property
    def gives_way(self) -> Overflow:
        """What is dropped beyond that."""
        return self.overflow or ("drop-oldest" if self.resume else "skip-to-live")


TWILIO = StreamOptions()  # nothing of ours
ON_THE_WIRE = ("format", "channels", "framing", "frame_ms", "wall_clock", "events")
NAMES: tuple[str, ...] = tuple(f.name for f in fields(StreamOptions) if f.name in READERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option as written. `value` None is not known yet (a template, at validation); "" is not given."""

    name: str
    value: str | None
    place: str
    key: str = ""  # one entry of an option that is an object: the name of a header


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionsRead:
    """The options, or why not. `options` is None when anything is wrong, or unknown still."""

    options: StreamOptions | None
    problems: Sequence[InvalidStream] = ()


def read_options(written: Sequence[Option]) -> OptionsRead:
    """Parse every option; every problem is told with its place."""
    values: dict[str, Any] = {}
    problems: list[InvalidStream] = []
    unknown = False
    for option in written:
        if option.value is None:
            unknown = True
            continue
        text = option.value.strip()
        if not text:
            continue
        try:
            if option.key:
                values["headers"] = with_header(values.get("headers", ()), option.key, text)
            else:
                values[option.name] = READERS[option.name](text)
        except ValueError as error:
            problems.append(InvalidStream(option.place, _shown(option, text), str(error), code=_code(error)))
    if values.get("bearer_token") and any(name.lower() == "authorization" for name, _ in values.get("headers", ())):
        place = next(option.place for option in written if option.name == "bearer_token")
        problems.append(InvalidStream(place, HIDDEN, "the headers have an Authorization already"))
    options = None if problems or unknown else StreamOptions.of(**values)
    return OptionsRead(options=options, problems=problems)


def _shown(option: Option, text: str) -> str:
    if option.name in SECRET:
        return HIDDEN
    return " ".join(map(shown_url, text.split())) if option.name == "fallback_urls" else text


def _code(error: ValueError) -> int | None:
    return getattr(error, "code", None)


# --- the three spellings ---------------------------------------------------------------------


def camel(name: str) -> str:
    """`max_lag_ms` as TwiML writes it: `maxLagMs`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def pascal(name: str) -> str:
    """`max_lag_ms` as a REST form writes it: `MaxLagMs`."""
    return "".join(word.capitalize() for word in name.split("_"))


TWIML_NAMES: Mapping[str, str] = {camel(name): name for name in NAMES}
FORM_NAMES: Mapping[str, str] = {pascal(name): name for name in NAMES}


def from_attributes(attributes: Mapping[str, str], place: str) -> tuple[Option, ...]:
    """Those among the attributes of a TwiML noun; the rest is not for us."""
    return tuple(
        Option(name=name, value=attributes[written], place=f"{place}/@{written}")
        for written, name in TWIML_NAMES.items()
        if written in attributes
    )


def from_form(form: Mapping[str, str]) -> tuple[Option, ...]:
    """Those among the fields of a REST form; the rest is not for us."""
    return tuple(
        Option(name=name, value=form[written], place=written) for written, name in FORM_NAMES.items() if written in form
    )


def from_values(values: Mapping[str, str], place: str) -> tuple[Option, ...]:
    """By their own names, as in the configuration."""
    return tuple(Option(name=name, value=values[name], place=f"{place}.{name}") for name in NAMES if name in values)
