"""Every verb and noun of a document, as read: what was written, checked, with the defaults filled in.

URLs stand here as written; the interpreter resolves them against the document's own. A stream's
fields are judged when it is started (`flow.stream_rules`), as a widget's are. `place` says where it
stood, and does not make two verbs differ.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bridgetap.flow.stream_options import Option

from .effects import CallEvent, Input, Method, RejectReason

# --- what the caller hears -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    text: str  # with markup in it, SSML
    voice: str = ""
    language: str = ""
    loop: int = 1  # 0: for ever
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """A file by `url`, or `digits`."""

    url: str = ""
    digits: str = ""
    loop: int = 1
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    length_s: int = 1
    place: str = field(default="", compare=False)


Prompt: TypeAlias = Say | Play | Pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Gather:
    input: tuple[Input, ...] = ("dtmf",)
    action: str = ""  # "": this document again
    method: Method = "POST"
    timeout_s: int = 5
    finish_on_key: str = "#"
    num_digits: int | None = None
    action_on_empty_result: bool = False
    speech_timeout: int | Literal["auto"] | None = None  # None: as `timeout_s`
    max_speech_s: int = 60
    language: str = "en-US"
    hints: tuple[str, ...] = ()
    speech_model: str = ""
    profanity_filter: bool = True
    barge_in: bool = True
    partial_result_callback: str = ""
    partial_result_callback_method: Method = "POST"
    prompts: tuple[Prompt, ...] = ()
    place: str = field(default="", compare=False)


# --- other parties ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyOptions:
    """What `Number`, `Sip` and `Client` have in common."""

    url: str = ""  # a document for the called party, before it is bridged
    method: Method = "POST"
    status_callback: str = ""
    status_callback_method: Method = "POST"
    status_callback_events: tuple[CallEvent, ...] = ("completed",)
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    number: str
    send_digits: str = ""
    options: PartyOptions = PartyOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sip:
    uri: str
    username: str = ""
    password: str = field(default="", repr=False)
    options: PartyOptions = PartyOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    name: str
    value: str
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    identity: str
    parameters: tuple[Parameter, ...] = ()
    options: PartyOptions = PartyOptions()


Target: TypeAlias = Number | Sip | Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """`targets` may be empty: then nobody is called, and `DialCallStatus` is `failed`."""

    targets: tuple[Target, ...] = ()
    action: str | None = None  # None: on with the next verb; "": this document again
    method: Method = "POST"
    timeout_s: int = 30
    time_limit_s: int = 14_400
    caller_id: str = ""
    record: bool = False
    hangup_on_star: bool = False
    answer_on_bridge: bool = False
    sequential: bool = False
    ring_tone: str = ""
    place: str = field(default="", compare=False)


# --- streams ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    url: str = ""
    name: str = ""
    track: str = ""
    status_callback: str = ""
    status_callback_method: Method = "POST"
    parameters: tuple[Parameter, ...] = ()
    options: tuple[Option, ...] = field(default=(), repr=False)  # some are secrets
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Siprec:
    name: str = ""
    connector_name: str = ""
    track: str = ""
    status_callback: str = ""
    status_callback_method: Method = "POST"
    parameters: tuple[Parameter, ...] = ()
    place: str = field(default="", compare=False)


StreamNoun: TypeAlias = Stream | Siprec


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    nouns: tuple[StreamNoun, ...] = ()
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    nouns: tuple[StreamNoun, ...] = ()
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """`stream` None: there is nothing in it that can be connected to, and the call goes on."""

    stream: Stream | None = None
    action: str | None = None
    method: Method = "POST"
    place: str = field(default="", compare=False)


# --- where the call goes ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    url: str = ""  # "": this document again
    method: Method = "POST"
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup:
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    reason: RejectReason = "rejected"
    place: str = field(default="", compare=False)


Verb: TypeAlias = Say | Play | Pause | Gather | Dial | Start | Stop | Connect | Redirect | Hangup | Reject
