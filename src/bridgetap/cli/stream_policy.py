"""The `[streams]` and `[[stream_options]]` of the configuration as what streams are made by."""

from pydantic import SecretStr

from bridgetap.errors import BridgetapError, ConfigurationError
from bridgetap.flow.stream_options import NAMES, Option, StreamOptions, read_options
from bridgetap.settings import Settings
from bridgetap.settings.base import Section
from bridgetap.streams import StreamPolicy, StreamServer, UrlPattern
from bridgetap.webhooks import StatusCallback


def stream_policy(settings: Settings, *, status: StatusCallback | None = None) -> StreamPolicy:
    """`ConfigurationError` names what cannot be used."""
    return StreamPolicy(
        max_tracks_per_call=settings.streams.max_tracks_per_call,
        defaults=_options(settings.streams, "streams"),
        servers=tuple(
            StreamServer(
                pattern=_pattern(entry.url, f"stream_options[{index}].url"),
                options=_options(entry, f"stream_options[{index}]"),
                trusted_ca=_path(entry.trusted_ca),
                client_certificate=_path(entry.client_certificate),
                client_key=_path(entry.client_key),
            )
            for index, entry in enumerate(settings.stream_options)
        ),
        status=status,
        strict_messages=settings.streams.strict_messages,
    )


def _options(section: Section, place: str) -> StreamOptions:
    """The keys of a section that are options of a stream, read as those of every other door."""
    written: list[Option] = []
    for name in NAMES:
        value = getattr(section, name, None)
        where = f"{place}.{name}"
        if isinstance(value, dict):
            written += [
                Option(name=name, key=key, value=_text(item), place=f"{where}.{key}") for key, item in value.items()
            ]
        elif value is not None:
            written.append(Option(name=name, value=_text(value), place=where))
    read = read_options(written)
    if read.options is None:
        problem = read.problems[0]
        raise ConfigurationError(problem.place, problem.rule)
    return read.options


def _text(value: object) -> str:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case bool():
            return str(value).lower()
        case tuple():
            return " ".join(map(str, value))
        case _:
            return str(value)


def _pattern(text: str, place: str) -> UrlPattern:
    try:
        return UrlPattern.parse(text, place=place)
    except BridgetapError as error:
        raise ConfigurationError(place, str(error)) from None


def _path(path: object) -> str | None:
    return None if path is None else str(path)
