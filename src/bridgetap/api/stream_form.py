"""A stream as a client asks for it: `Url` or `ConnectorName`, `Name`, `Track`, `Parameter1.Name` …"""

import re
from dataclasses import dataclass

from bridgetap.flow.effects import StartStream, Transport
from bridgetap.flow.stream_options import FORM_NAMES, from_form
from bridgetap.flow.stream_rules import Parameter, Places, StreamFields, judge
from bridgetap.streams import StreamRequest

from .callback_form import read_status_callback
from .errors import invalid
from .form import Parameters

MOST_PARAMETERS = 99
PLACES = Places(url="Url", connector="ConnectorName", track="Track")

_PARAMETER = re.compile(r"Parameter([1-9][0-9]{0,3})\.(Name|Value)")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamForm:
    """What is asked for, and what should be said of it in the log."""

    request: StreamRequest
    remarks: tuple[str, ...] = ()

    @classmethod
    def read(cls, form: Parameters, *, transport: Transport, allow_query: bool) -> "StreamForm":
        """By the rules that hold for widget and TwiML too; the first that is broken is raised."""
        url = form.text("Url") if transport == "websocket" else ""
        if url is None:
            raise invalid("Url", "required")
        status = read_status_callback(form)
        fields = StreamFields(
            name=form.text("Name") or "",
            transport=transport,
            connector=(form.text("ConnectorName") or "") if transport == "siprec" else "",
            url=url.strip(),
            track=form.text("Track") or "",
            parameters=_parameters(form),
            options=from_form({name: form.text(name) or "" for name in FORM_NAMES}),
        )
        verdict = judge(fields, PLACES, allow_query=allow_query)
        if verdict.problems:
            raise verdict.problems[0]
        start = verdict.asked
        if not isinstance(start, StartStream):
            raise TypeError(f"a start was judged, {type(start).__name__} came out")
        request = StreamRequest(
            transport=start.transport,
            name=start.name,
            url=start.url,
            connector=start.connector,
            tracks=start.tracks,
            parameters=start.parameters,
            options=start.options,
            status=status,
        )
        return cls(request=request, remarks=tuple(f"stream over REST: {warning}" for warning in verdict.warnings))


def _parameters(form: Parameters) -> list[Parameter]:
    found: dict[int, dict[str, str]] = {}
    for name in form.names:
        if (match := _PARAMETER.fullmatch(name)) is not None:
            found.setdefault(int(match[1]), {})[match[2]] = form.text(name) or ""
    if found and max(found) > MOST_PARAMETERS:
        raise invalid(f"Parameter{max(found)}", f"at most {MOST_PARAMETERS} parameters are taken")
    return [
        Parameter(key=pair.get("Name", ""), value=pair.get("Value", ""), place=f"Parameter{number}")
        for number, pair in sorted(found.items())
    ]
