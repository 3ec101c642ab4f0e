"""`Streams` over REST: what is asked for, what is answered, and every way to be refused."""

from urllib.parse import quote

import httpx
import pytest

from bridgetap.errors import Conflict, InvalidStream
from bridgetap.store import CallRecord

from .conftest import ACCOUNT, MEMBERS, Served, refusal

URL = "wss://media.example/in"


async def start(served: Served, call: CallRecord, **form: str) -> httpx.Response:
    return await served.post(f"Calls/{call.sid}/Streams.json", **{"Url": URL, **form})


async def test_the_smallest_start(served: Served, call: CallRecord) -> None:
    answer = await start(served, call)
    body = answer.json()
    assert answer.status_code == 200
    assert list(body) == MEMBERS
    below = f"/2010-04-01/Accounts/{ACCOUNT.sid}/Calls/{call.sid}/Streams/{body['sid']}.json"
    assert (body["name"], body["status"], body["call_sid"], body["uri"]) == (None, "in-progress", call.sid, below)
    ((request, remarks),) = served.calls.started
    assert (str(request.url), request.tracks, request.name, request.status, remarks) == (
        URL,
        ("inbound",),
        "",
        None,
        [],
    )


async def test_everything_that_can_be_asked_for(served: Served, call: CallRecord) -> None:
    form = {"Name": "tap", "Track": "both_tracks", "StatusCallback": "https://a.example/cb?x=1"}
    pairs = {"Parameter2.Name": "b", "Parameter2.Value": "2", "Parameter1.Name": "a", "Parameter1.Value": "1"}
    answer = await start(served, call, **form, **pairs, StatusCallbackMethod="GET")
    assert answer.json()["name"] == "tap"
    ((request, _),) = served.calls.started
    assert (request.name, request.tracks, request.parameters) == (
        "tap",
        ("inbound", "outbound"),
        (("a", "1"), ("b", "2")),
    )
    assert request.status is not None
    assert (request.status.url.called, request.status.method) == ("https://a.example/cb?x=1", "GET")


async def test_a_query_is_dropped_and_said(served: Served, call: CallRecord) -> None:
    await start(served, call, Url=f"{URL}?token=secret")
    ((request, remarks),) = served.calls.started
    assert str(request.url) == URL
    assert len(remarks) == 1
    assert "secret" not in remarks[0]


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"Url": ""}, 20001),
        ({"Url": "ws://media.example/"}, 31922),
        ({"Url": "https://media.example/"}, 31922),
        ({"Url": "/relative"}, 31923),
        ({"Url": "wss://"}, 31923),
        ({"Url": "wss://user:secret@media.example/"}, 31923),
        ({"Track": "all"}, 31941),
        ({"StatusCallback": "ftp://a.example/"}, 21205),
        ({"StatusCallbackMethod": "PUT"}, 20001),
        ({"Parameter1.Name": "a"}, 20001),
        ({"Parameter1.Value": "1"}, 20001),
        ({"Parameter1.Name": "a", "Parameter1.Value": "v" * 499}, 20001),
        ({"Parameter100.Name": "a", "Parameter100.Value": "1"}, 20001),
    ],
)
async def test_what_cannot_be_asked_for(served: Served, call: CallRecord, form: dict[str, str], code: int) -> None:
    answer = await start(served, call, **form)
    assert refusal(answer) == (400, code)
    assert "secret" not in answer.text
    assert served.calls.started == []


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Conflict("a stream named 'tap' is running on this call"), 409, 20409),
        (InvalidStream("tracks", "inbound", "4 of 4 tracks of this call are in use", code=31941), 400, 31941),
        (Conflict("Call is not in-progress", code=21220), 400, 21220),
    ],
)
async def test_what_the_call_refuses(
    served: Served, call: CallRecord, error: Exception, status: int, code: int
) -> None:
    served.calls.refusal = error
    assert refusal(await start(served, call)) == (status, code)


async def test_a_call_that_is_not_there_or_over(served: Served) -> None:
    ended = served.calls.call(2, status="completed", ended_ns=1)
    await served.store.commit_now(ended)
    assert refusal(await start(served, ended)) == (400, 21220)
    assert refusal(await start(served, served.calls.call(3))) == (404, 20404)
    assert refusal(await served.post("Calls/tap/Streams.json", Url=URL)) == (404, 20404)
    assert refusal(await served.get(f"Calls/{served.calls.call(3).sid}/Streams.json")) == (404, 20404)


@pytest.mark.parametrize("name", ["tap", "my tap", "a/b", "ä.json", "100%"])
@pytest.mark.parametrize("by_sid", [True, False])
async def test_a_stream_is_stopped_by_name_or_sid(served: Served, call: CallRecord, name: str, *, by_sid: bool) -> None:
    sid = (await start(served, call, Name=name)).json()["sid"]
    path = f"Calls/{call.sid}/Streams/{sid if by_sid else quote(name, safe='')}.json"
    answer = await served.post(path, Status="stopped")
    body = answer.json()
    assert (answer.status_code, list(body)) == (200, MEMBERS)
    assert (body["sid"], body["name"], body["status"]) == (sid, name, "stopped")
    assert refusal(await served.post(path, Status="stopped")) == (404, 20404)


@pytest.mark.parametrize("form", [{}, {"Status": ""}, {"Status": "in-progress"}])
async def test_a_stream_can_only_be_stopped(served: Served, call: CallRecord, form: dict[str, str]) -> None:
    await start(served, call, Name="tap")
    assert refusal(await served.post(f"Calls/{call.sid}/Streams/tap.json", **form)) == (400, 20001)
    assert len(served.calls.running) == 1


async def test_the_list_and_one_of_it_tell_what_became_of_each(served: Served, call: CallRecord) -> None:
    for name in ("a", "b", "c"):
        await start(served, call, Name=name)
    await served.post(f"Calls/{call.sid}/Streams/b.json", Status="stopped")
    body = (await served.get(f"Calls/{call.sid}/Streams.json", PageSize="2")).json()
    assert [(row["name"], row["status"]) for row in body["streams"]] == [("c", "in-progress"), ("b", "stopped")]
    rest = (await served.client.get(body["next_page_uri"])).json()
    assert [row["name"] for row in rest["streams"]] == ["a"]
    assert rest["next_page_uri"] is None
    one = (await served.get(f"Calls/{call.sid}/Streams/b.json")).json()
    assert list(one)[:7] == MEMBERS
    assert (one["url"], one["tracks"], one["end_reason"], one["frames_sent"]) == (URL, ["inbound"], None, 0)
    assert refusal(await served.get(f"Calls/{call.sid}/Streams/d.json")) == (404, 20404)
