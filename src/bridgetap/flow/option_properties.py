"""Reads the `stream_options` of a widget: an object of our own keys, their values Liquid."""

from dataclasses import dataclass

from .option_readers import MAY_HOLD_SECRETS
from .properties import Properties
from .stream_options import NAMES, Option
from .template import Template

KEY = "stream_options"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionTemplate:
    """One option as written, or one header of it."""

    name: str
    value: Template
    place: str
    key: str = ""

    @property
    def secret(self) -> bool:
        """Whether its text is kept out of what is said of it."""
        return self.name in MAY_HOLD_SECRETS

    def option(self, value: str | None) -> Option:
        """It, rendered; None where that is not known yet."""
        return Option(name=self.name, value=value, place=self.place, key=self.key)


def option_templates(properties: Properties) -> tuple[OptionTemplate, ...]:
    """`{"resume": true, "headers": {"X-Tenant": "{{flow.variables.tenant}}"}}`."""
    section = properties.section(KEY, secret=True)
    if section is None:
        return ()
    found: list[OptionTemplate] = []
    for name in NAMES:
        if name == "headers" and (headers := section.section(name, or_text=True)) is not None:
            for key in headers.raw:
                place = headers.at(key)
                found.append(
                    OptionTemplate(name=name, key=key, value=headers.scalar(key, secret=True), place=place),
                )
            headers.finish()
        elif section.has(name):
            value = section.scalar(name, secret=name in MAY_HOLD_SECRETS)
            found.append(OptionTemplate(name=name, value=value, place=section.at(name)))
    section.finish()
    return tuple(found)
