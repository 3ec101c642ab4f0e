"""The official client over real HTTP, and the published schema."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
import uvicorn
from twilio.base.exceptions import TwilioRestException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client
from twilio.twiml.voice_response import VoiceResponse

from bridgetap.calls import Voice
from bridgetap.twiml import DocumentText
from bridgetap.twiml.effects import CallCallback

from .conftest import ACCOUNT, Served

SCHEMA = Path("/work/shared/spec/twilio-oai/twilio_api_v2010.json")
T = TypeVar("T")


class Redirected(HttpClient):  # type: ignore[misc]
    """The SDK has no base URL: its requests go to ours instead."""

    def __init__(self, base: str) -> None:
        super().__init__(logging.getLogger("twilio.test"), is_async=False)
        self._base = urlsplit(base)

    def request(
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        ours = urlunsplit(urlsplit(url)._replace(scheme=self._base.scheme, netloc=self._base.netloc))
        content: dict[str, Any] = {"params": params} if params else {}
        with httpx.Client(trust_env=False, timeout=timeout or 10, follow_redirects=allow_redirects) as client:
            answer = client.request(method, ours, data=data, headers=headers, auth=auth, **content)
        return Response(answer.status_code, answer.text)


@pytest.fixture
async def base(served: Served) -> AsyncIterator[str]:
    """The API behind a real HTTP server."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(served.app, log_config=None, lifespan="off"))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True


@pytest.fixture
def client(base: str) -> Client:
    return Client(ACCOUNT.sid, ACCOUNT.auth_token, http_client=Redirected(base))


async def ask(function: Callable[[], T]) -> T:
    """The SDK blocks, and the server it talks to runs here."""
    return await asyncio.to_thread(function)


async def test_a_call_from_its_making_to_its_end(served: Served, client: Client) -> None:
    made = await ask(lambda: client.calls.create(to="+15550002000", from_="+14158675309", url="flow:a.json"))
    assert (made.status, made.to, made.direction) == ("queued", "+15550002000", "outbound-api")
    assert made.date_created == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    fetched = await ask(lambda: client.calls(made.sid).fetch())
    assert (fetched.sid, fetched.duration, fetched.end_time) == (made.sid, None, None)
    ended = await ask(lambda: client.calls(made.sid).update(status="completed"))
    assert (ended.status, ended.end_time) == ("completed", datetime(2026, 1, 1, tzinfo=UTC))


async def test_a_call_is_redirected_and_forgotten(served: Served, client: Client) -> None:
    made = await ask(
        lambda: client.calls.create(
            to="+15550002000",
            from_="+14158675309",
            url="https://a.test/voice",
            fallback_url="https://b.test/voice",
            status_callback="https://a.test/status",
            status_callback_event=["initiated", "answered"],
            send_digits="1",
        )
    )
    (asked,) = served.calls.asked
    assert asked.status == CallCallback(url="https://a.test/status", events=("initiated", "answered"))
    hello = VoiceResponse()
    hello.say("hello")
    changed = await ask(lambda: client.calls(made.sid).update(twiml=hello))
    assert changed.sid == made.sid
    (_, change), *_ = served.calls.changed
    assert change.voice == Voice(source=DocumentText(text=str(hello)))
    await ask(lambda: client.calls(made.sid).update(status="completed"))
    assert await ask(lambda: client.calls(made.sid).delete())


async def test_a_list_over_many_pages(served: Served, client: Client) -> None:
    for number in range(1, 8):
        await served.store.commit_now(served.calls.call(number, started_ns=served.clock.now_ns()))
    listed = await ask(lambda: client.calls.list(page_size=3))
    assert [call.sid[-1] for call in listed] == ["7", "6", "5", "4", "3", "2", "1"]
    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert len(await ask(lambda: client.calls.list(start_time_after=since, status="ringing"))) == 7
    assert await ask(lambda: client.calls.list(start_time_before=datetime(2025, 12, 31, tzinfo=UTC))) == []


async def test_refusals_come_out_with_their_codes(client: Client) -> None:
    for code, status, action in (
        (20404, 404, lambda: client.calls("CA" + "0" * 32).fetch()),
        (21211, 400, lambda: client.calls.create(to="x y", from_="1", url="flow:a")),
        (21205, 400, lambda: client.calls.create(to="1", from_="1", url="a.test")),
    ):
        with pytest.raises(TwilioRestException) as caught:
            await ask(action)
        assert (caught.value.code, caught.value.status) == (code, status)


async def test_a_wrong_token(base: str) -> None:
    client = Client(ACCOUNT.sid, "wrong", http_client=Redirected(base))
    with pytest.raises(TwilioRestException) as caught:
        await ask(lambda: client.calls("CA" + "0" * 32).fetch())
    assert (caught.value.code, caught.value.status) == (20003, 401)


@pytest.fixture(scope="session")
def schemas() -> dict[str, Any]:
    if not SCHEMA.exists():
        pytest.skip(f"{SCHEMA} is not here: the published schema cannot be compared")
    document = json.loads(SCHEMA.read_text())
    found: dict[str, Any] = document["components"]["schemas"]
    calls = document["paths"]["/2010-04-01/Accounts/{AccountSid}/Calls.json"]
    found["list"] = calls["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    found["create"] = calls["post"]
    return found


def check(value: Any, schema: dict[str, Any], schemas: dict[str, Any], place: str) -> None:
    """Types, enums, patterns and keys, as far as the schema says them."""
    import re

    if "$ref" in schema:
        return check(value, schemas[schema["$ref"].rpartition("/")[2]], schemas, place)
    if value is None:
        assert schema.get("nullable"), place
        return None
    types = {"string": str, "integer": int, "object": dict, "array": list, "boolean": bool}
    assert isinstance(value, types[schema["type"]]), place
    if "enum" in schema:
        assert value in schema["enum"], place
    if "pattern" in schema:
        assert re.search(schema["pattern"], value), place
    if schema.get("format") == "date-time-rfc-2822":
        assert datetime.strptime(value, "%a, %d %b %Y %H:%M:%S %z"), place
    if "properties" in schema:
        assert set(value) == set(schema["properties"]), place
        for name, below in schema["properties"].items():
            check(value[name], below, schemas, f"{place}.{name}")
    if "items" in schema:
        for index, item in enumerate(value):
            check(item, schema["items"], schemas, f"{place}[{index}]")
    return None


async def test_answers_are_what_the_schema_says(served: Served, schemas: dict[str, Any]) -> None:
    now = served.clock.now_ns()
    await served.store.commit_now(served.calls.call(1))
    full = {"started_ns": now, "answered_ns": now, "ended_ns": now + 10**9, "caller_name": "A", "status": "completed"}
    await served.store.commit_now(served.calls.call(2, parent_call_sid=served.calls.call(1).sid, **full))
    body = (await served.get("Calls.json", PageSize="1")).json()
    check(body, schemas["list"], schemas, "list")
    for number in (1, 2):
        call = (await served.get(f"Calls/{served.calls.call(number).sid}.json")).json()
        check(call, schemas["api.v2010.account.call"], schemas, "call")
    links = call["subresource_uris"]
    assert set(links) == {
        "notifications",
        "recordings",
        "payments",
        "events",
        "siprec",
        "streams",
        "transcriptions",
        "user_defined_message_subscriptions",
        "user_defined_messages",
    }


async def test_every_parameter_of_the_schema_is_read_or_refused_or_known_to_be_harmless(
    schemas: dict[str, Any],
) -> None:
    """Each is read, or refused, or known to change nothing: a new one of Twilio's must be looked at."""
    from bridgetap.api.call_request import UNSUPPORTED_CREATE

    post = schemas["create"]
    named = set(post["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"])
    read = {
        "ApplicationSid",
        "FallbackMethod",
        "FallbackUrl",
        "From",
        "Method",
        "SendDigits",
        "StatusCallback",
        "StatusCallbackEvent",
        "StatusCallbackMethod",
        "TimeLimit",
        "Timeout",
        "To",
        "Twiml",
        "Url",
    }
    # These only say how something else is done, which is refused itself; or change nothing here.
    details = {
        "AsyncAmdStatusCallbackMethod",
        "CallReason",
        "CallToken",
        "MachineDetectionSilenceTimeout",
        "MachineDetectionSpeechEndThreshold",
        "MachineDetectionSpeechThreshold",
        "MachineDetectionTimeout",
        "RecordingChannels",
        "RecordingStatusCallbackEvent",
        "RecordingStatusCallbackMethod",
        "RecordingTrack",
    }
    assert named - read - UNSUPPORTED_CREATE - details == set()
