"""Answers to a flow's HTTP requests, from a file: a simulated call reaches no server.

    [{"method": "GET", "url": "https://api.example.com/hours", "status": 200, "body": {"open": true}},
     {"url": "https://api.example.com/*", "status": 503}]

The first entry that fits answers. A `body` that is no text is sent as JSON.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

from bridgetap.errors import InvalidInput
from bridgetap.flow.effects import HttpRequest
from bridgetap.flow.events import HttpEnded
from bridgetap.flow.json_text import parse_json

KEYS = ("method", "url", "status", "content_type", "body")


@dataclass(frozen=True, slots=True, kw_only=True)
class StubAnswer:
    """One entry; `url` may hold `*`."""

    method: str | None
    url: str
    status: int
    content_type: str
    body: str


@dataclass(frozen=True, slots=True)
class HttpStub:
    answers: tuple[StubAnswer, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise `InvalidInput` naming the entry and its key."""
        try:
            entries = parse_json(text)
        except json.JSONDecodeError as error:
            place = f"line {error.lineno} column {error.colno}"
            raise InvalidInput(place, text[error.pos : error.pos + 20], f"broken JSON: {error.msg}") from None
        except ValueError as error:
            raise InvalidInput("", text[:20], str(error)) from None
        if not isinstance(entries, list):
            raise InvalidInput("", type(entries).__name__, "must be a list of {method, url, status, body}")
        return cls(tuple(_entry(entry, f"[{index}]") for index, entry in enumerate(entries)))

    def answer(self, request: HttpRequest) -> HttpEnded:
        for answer in self.answers:
            if answer.method in (None, request.method) and fnmatchcase(request.url, answer.url):
                return HttpEnded(
                    effect=request.id, status=answer.status, content_type=answer.content_type, body=answer.body
                )
        return HttpEnded(effect=request.id, status=0, error=f"no stub answers {request.method} {request.url}")


def _entry(entry: object, place: str) -> StubAnswer:
    if not isinstance(entry, Mapping):
        raise InvalidInput(place, entry, "must be an object")
    for key in entry:
        if key not in KEYS:
            raise InvalidInput(f"{place}.{key}", entry[key], f"unknown key; there are {', '.join(KEYS)}")
    url, method = entry.get("url"), entry.get("method")
    if not isinstance(url, str) or not url:
        raise InvalidInput(f"{place}.url", url, "must be a URL, * allowed")
    if method not in (None, "GET", "POST"):
        raise InvalidInput(f"{place}.method", method, "must be GET or POST")
    status = entry.get("status", 200)
    if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 599:
        raise InvalidInput(f"{place}.status", status, "must be 100 to 599")
    body = entry.get("body", "")
    kind = entry.get("content_type", "text/plain" if isinstance(body, str) else "application/json")
    if not isinstance(kind, str):
        raise InvalidInput(f"{place}.content_type", kind, "must be a string")
    return StubAnswer(
        method=None if method is None else str(method),
        url=url,
        status=status,
        content_type=kind,
        body=body if isinstance(body, str) else json.dumps(body, ensure_ascii=False),
    )
