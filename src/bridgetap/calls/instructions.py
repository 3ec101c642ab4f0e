"""What a call shall do, as it was asked for: by a number of the configuration, or over REST."""

from dataclasses import dataclass, field
from typing import TypeAlias

from bridgetap.errors import ConfigurationError
from bridgetap.settings import NumberSettings
from bridgetap.twiml import DocumentAt, DocumentSource
from bridgetap.twiml.effects import CallCallback
from bridgetap.twiml.events import CallUpdated

from .flow_book import FlowBook, Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Documents: the first, and who is asked where one cannot be had or read."""

    source: DocumentSource
    fallback: DocumentAt | None = None


Instructions: TypeAlias = Program | Voice


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCall:
    """A call that is to be made. `runs`: documents, or a flow as `[[numbers]] flow` writes its path; None
    is what the number `from_` runs."""

    to: str
    from_: str
    runs: Voice | str | None = None
    timeout_s: int = 60
    time_limit_s: int | None = None
    send_digits: str = field(default="", repr=False)  # to who answers, before anything else
    status: CallCallback | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallChange:
    """What shall be different on a live call; None: as it is."""

    voice: Voice | None = None
    time_limit_s: int | None = None
    status: CallCallback | None = None

    @property
    def update(self) -> CallUpdated | None:
        """For who runs documents."""
        if self.voice is None:
            return None
        return CallUpdated(source=self.voice.source, fallback=self.voice.fallback)


def of_number(number: NumberSettings, flows: FlowBook) -> Instructions:
    """What runs on a call to a number. The error of a flow that cannot be read."""
    if number.flow is not None:
        return flows.at(number.flow)
    if number.voice_url is None:
        raise ConfigurationError(f"numbers.{number.number}", "has neither flow nor voice_url")
    fallback = number.voice_fallback_url
    return Voice(
        source=DocumentAt(url=number.voice_url.get_secret_value(), method=number.voice_method),
        fallback=None
        if fallback is None
        else DocumentAt(url=fallback.get_secret_value(), method=number.voice_fallback_method),
    )


def status_of_number(number: NumberSettings) -> CallCallback | None:
    """Who is told how the calls to a number go."""
    if number.status_callback is None:
        return None
    return CallCallback(
        url=number.status_callback.get_secret_value(),
        method=number.status_callback_method,
        events=number.status_callback_event,
    )
