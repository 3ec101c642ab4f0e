"""`Siprec` over REST: Twilio's shapes, what is refused, and pausing, which is ours."""

from typing import Any

import httpx
import pytest

from bridgetap.errors import InvalidStream
from bridgetap.store import CallRecord

from .conftest import ACCOUNT, MEMBERS, Served, refusal
from .test_twilio_sdk import check, schemas  # noqa: F401 - a fixture


async def start(served: Served, call: CallRecord, **form: str) -> httpx.Response:
    return await served.post(f"Calls/{call.sid}/Siprec.json", **{"ConnectorName": "my_srs", **form})


async def test_a_recording_is_asked_for_with_all_that_twilio_takes(served: Served, call: CallRecord) -> None:
    pairs = {"Parameter1.Name": "tenant", "Parameter1.Value": "42"}
    answer = await start(served, call, Name="rec", Track="both_tracks", StatusCallback="https://a.example/cb", **pairs)
    body = answer.json()
    assert (answer.status_code, list(body)) == (200, MEMBERS)
    assert body["sid"].startswith("SR")
    below = f"/2010-04-01/Accounts/{ACCOUNT.sid}/Calls/{call.sid}/Siprec/{body['sid']}.json"
    assert (body["name"], body["status"], body["call_sid"], body["uri"]) == ("rec", "in-progress", call.sid, below)
    ((request, _),) = served.calls.started
    assert (request.transport, request.connector, request.url) == ("siprec", "my_srs", None)
    assert (request.tracks, request.parameters) == (("inbound", "outbound"), (("tenant", "42"),))
    assert request.status is not None


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"ConnectorName": ""}, 31940),
        ({"Track": "all"}, 31941),
        ({"StatusCallback": "ftp://a.example/"}, 21205),
        ({"Parameter1.Name": "a"}, 20001),
        ({"Format": "l16-16000"}, 20001),
    ],
)
async def test_what_cannot_be_asked_for(served: Served, call: CallRecord, form: dict[str, str], code: int) -> None:
    assert refusal(await start(served, call, **form)) == (400, code)
    assert served.calls.started == []


@pytest.mark.parametrize("code", [31940, 31942, 32113])
async def test_what_the_connector_refuses_is_said_with_its_code(served: Served, call: CallRecord, code: int) -> None:
    served.calls.refusal = InvalidStream("connector", "my_srs", "no", code=code)
    assert refusal(await start(served, call)) == (400, code)


async def test_it_is_stopped_by_name_or_sid_and_is_no_websocket(served: Served, call: CallRecord) -> None:
    sid = (await start(served, call, Name="rec")).json()["sid"]
    for name in ("rec", sid):
        assert refusal(await served.post(f"Calls/{call.sid}/Streams/{name}.json", Status="stopped")) == (404, 20404)
        assert (await served.get(f"Calls/{call.sid}/Streams/{name}.json")).status_code == 404
    body = (await served.post(f"Calls/{call.sid}/Siprec/rec.json", Status="stopped")).json()
    assert (body["sid"], body["status"]) == (sid, "stopped")
    assert refusal(await served.post(f"Calls/{call.sid}/Siprec/{sid}.json", Status="stopped")) == (404, 20404)


async def test_it_is_paused_and_goes_on(served: Served, call: CallRecord) -> None:
    path = f"Calls/{call.sid}/Siprec/{(await start(served, call)).json()['sid']}.json"
    assert (await served.post(path, Status="paused")).json()["status"] == "paused"
    assert (await served.get(path)).json()["status"] == "paused"
    assert (await served.post(path, Status="in-progress")).json()["status"] == "in-progress"
    assert refusal(await served.post(path, Status="held")) == (400, 20001)
    stream = (await served.post(f"Calls/{call.sid}/Streams.json", Url="wss://a.example/")).json()["sid"]
    assert refusal(await served.post(f"Calls/{call.sid}/Streams/{stream}.json", Status="paused")) == (400, 20001)


async def test_each_collection_lists_its_own(served: Served, call: CallRecord) -> None:
    await start(served, call, Name="rec")
    await served.post(f"Calls/{call.sid}/Streams.json", Url="wss://a.example/", Name="tap")
    recordings = (await served.get(f"Calls/{call.sid}/Siprec.json")).json()
    assert [(row["name"], row["connector"]) for row in recordings["siprec"]] == [("rec", "my_srs")]
    streams = (await served.get(f"Calls/{call.sid}/Streams.json")).json()
    assert [row["name"] for row in streams["streams"]] == ["tap"]


async def test_answers_are_what_the_schema_says(
    served: Served,
    call: CallRecord,
    schemas: dict[str, Any],  # noqa: F811
) -> None:
    made = (await start(served, call, Name="rec")).json()
    check(made, schemas["api.v2010.account.call.siprec"], schemas, "create")
    stopped = (await served.post(f"Calls/{call.sid}/Siprec/rec.json", Status="stopped")).json()
    check(stopped, schemas["api.v2010.account.call.siprec"], schemas, "update")
