"""Every error of Bridgetap.

    BridgetapError
    ├── ConfigurationError      a setting: file, key, value, rule
    ├── InvalidInput            what a person or a peer handed us, with its place
    │   ├── InvalidDefinition   a flow definition (81022)
    │   ├── InvalidSdp          an SDP body (32102)
    │   ├── InvalidStream       a stream's start or stop (319xx)
    │   └── InvalidTwiml        a TwiML document, or a URL in it (11100, 11750, 11770, 121xx, 12300)
    ├── FlowError               an execution that cannot go on
    ├── NotFound                no such call, stream, flow (20404)
    ├── Conflict                the thing is not in a state for that (20409, 21220)
    └── ProviderError           a voice, store or HTTP provider that failed

An error carries facts as attributes; its text is made from them. `code` is Twilio's where one
exists (spec/twilio §3.6), else None.
"""

from dataclasses import dataclass

BAD_URL = 11100  # Twilio: a URL that nobody can be asked by, whatever it is of


class BridgetapError(Exception):
    """The root: catch it only at a task's root."""

    code: int | None = None


class ConfigurationError(BridgetapError):
    """A setting that cannot be used."""

    def __init__(self, place: str, rule: str) -> None:
        super().__init__(f"{place}: {rule}")
        self.place, self.rule = place, rule


class InvalidInput(BridgetapError):
    """A value from outside that breaks a rule; `place` says where it stood."""

    def __init__(self, place: str, value: object, rule: str, *, code: int | None = None) -> None:
        super().__init__(f"{place}: {value!r}: {rule}" if place else f"{value!r}: {rule}")
        self.place, self.value, self.rule, self.code = place, value, rule, code


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a flow definition: `states[3].properties.stream_url`, the value, the rule."""

    place: str
    value: object
    rule: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.place}: {self.value!r}: {self.rule}"


class InvalidDefinition(BridgetapError):
    """A flow definition that cannot be run; `problems` lists every one of them."""

    code = 81022

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


class InvalidSdp(InvalidInput):
    """A session description that cannot be used; `status` is the SIP answer to it."""

    def __init__(self, place: str, value: object, rule: str, *, status: int = 400) -> None:
        super().__init__(place, value, rule, code=32102)
        self.status = status


class InvalidStream(InvalidInput):
    """A stream that cannot be started or stopped as asked."""


class InvalidTwiml(InvalidInput):
    """A TwiML document that cannot be run, or a URL in it that leads nowhere."""


class FlowError(BridgetapError):
    """An execution that cannot go on."""


class NotFound(BridgetapError):
    """No such thing (REST 404)."""

    code = 20404

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"no {kind} {name!r}")
        self.kind, self.name = kind, name


class Conflict(BridgetapError):
    """The thing exists and is not in a state for what was asked (REST 409 or 400)."""

    def __init__(self, message: str, *, code: int = 20409) -> None:
        super().__init__(message)
        self.code = code


class ProviderError(BridgetapError):
    """A voice, store or HTTP provider that failed."""
