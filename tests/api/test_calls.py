"""Calls over REST: made, found, listed, ended, refused."""

from typing import Any
from urllib.parse import urlencode

import pytest

from bridgetap.calls import CallChange, NewCall, Voice
from bridgetap.settings import Settings
from bridgetap.twiml import DocumentAt, DocumentText
from bridgetap.twiml.effects import CallCallback

from .conftest import ACCOUNT, Served

FLOW = {"Flow": "flows/a.json"}


async def test_a_call_is_made(served: Served) -> None:
    response = await served.post("Calls.json", To="+1 (555) 000-2000", From="+14158675309", TimeLimit="60", **FLOW)
    assert response.status_code == 201
    assert served.calls.asked == [
        NewCall(to="+15550002000", from_="+14158675309", runs="flows/a.json", timeout_s=60, time_limit_s=60)
    ]
    call = response.json()
    assert (call["status"], call["direction"], call["to"]) == ("queued", "outbound-api", "+15550002000")
    assert (call["from"], call["from_formatted"]) == ("+14158675309", "(415) 867-5309")
    assert call["date_created"] == "Thu, 01 Jan 2026 00:00:01 +0000"
    assert call["uri"] == f"/2010-04-01/Accounts/{call['account_sid']}/Calls/{call['sid']}.json"
    assert (await served.get(f"Calls/{call['sid']}.json")).json() == call


@pytest.mark.parametrize("to", ["sip:bob@192.0.2.7:5070;transport=tcp", "client:alice", "100"])
async def test_who_can_be_called(served: Served, to: str) -> None:
    assert (await served.post("Calls.json", To=to, From="100", **FLOW)).status_code == 201
    assert served.calls.asked[0].to == to


async def test_a_flow_may_stand_in_the_url(served: Served) -> None:
    await served.post("Calls.json", To="client:alice", From="100", Url="flow:flows/b.json")
    assert served.calls.asked[0].runs == "flows/b.json"


@pytest.mark.parametrize(
    ("form", "code", "words"),
    [
        ({"From": "1", **FLOW}, 21201, "To"),
        ({"To": "1", **FLOW}, 21213, "From"),
        ({"To": "nobody at all", "From": "1", **FLOW}, 21211, "To: must be"),
        ({"To": "+0123", "From": "1", **FLOW}, 21211, "To: must be"),
        ({"To": "1", "From": "x" * 65, **FLOW}, 21212, "From: must be"),
        ({"To": "1", "From": "1", "Url": "ftp://a.test/twiml"}, 21205, "Url: must be"),
        ({"To": "1", "From": "1", "Url": "/twiml"}, 21205, "Url: must be"),
        ({"To": "1", "From": "1", "Url": "https://[a.test/"}, 21205, "Url: is no URL"),
        ({"To": "1", "From": "1", "Url": "https://a.test/", "Method": "PUT"}, 20001, "Method: must be GET or POST"),
        ({"To": "1", "From": "1", "Url": "https://a.test/", "FallbackUrl": "x"}, 21205, "FallbackUrl: must be"),
        ({"To": "1", "From": "1", "StatusCallback": "x", **FLOW}, 21205, "StatusCallback: must be"),
        ({"To": "1", "From": "1", "StatusCallbackEvent": "ended", **FLOW}, 20001, "StatusCallbackEvent: must be"),
        ({"To": "1", "From": "1", "SendDigits": "12a", **FLOW}, 20001, "SendDigits: must be"),
        ({"To": "1", "From": "1", "SendDigits": "1" * 33, **FLOW}, 20001, "SendDigits: must be"),
        ({"To": "1", "From": "1", "Twiml": "x" * 4001}, 32018, "4000"),
        ({"To": "1", "From": "1", "ApplicationSid": "AP1"}, 21218, "applications"),
        ({"To": "1", "From": "1", "Timeout": "601", **FLOW}, 20001, "Timeout: must be a whole number from 1 to 600"),
        ({"To": "1", "From": "1", "Timeout": "-5", **FLOW}, 20001, "Timeout"),
        ({"To": "1", "From": "1", "TimeLimit": "many", **FLOW}, 20001, "TimeLimit"),
        ({"To": "1", "From": "1", "Record": "true", "Trim": "x", **FLOW}, 20001, "Record, Trim: not supported yet"),
        ({"To": "1", "From": "1"}, 20001, "flow: the number has no flow"),
    ],
)
async def test_what_cannot_be_called_is_refused(served: Served, form: dict[str, str], code: int, words: str) -> None:
    response = await served.post("Calls.json", **form)
    body = response.json()
    assert (response.status_code, body["status"], body["code"]) == (400, 400, code)
    assert words in body["message"]
    assert body["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
    assert (await served.get("Calls.json")).json()["calls"] == []


class TestWithANumber:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings.model_validate({"numbers": [{"number": "*", "flow": "f"}, {"number": "+15557", "flow": "f"}]})

    async def test_our_own_number_calls_where_none_is_given(self, served: Served) -> None:
        assert (await served.post("Calls.json", To="client:alice", **FLOW)).status_code == 201
        assert served.calls.asked[0].from_ == "+15557"


async def test_a_full_server_says_so(served: Served) -> None:
    served.calls.accepting = False
    response = await served.post("Calls.json", To="1", From="1", **FLOW)
    assert (response.status_code, response.json()["code"]) == (503, 20503)


async def put(served: Served, *numbers: int, **changes: Any) -> None:
    for number in numbers:
        await served.store.commit_now(served.calls.call(number, **changes))


async def test_a_call_is_ended(served: Served) -> None:
    await put(served, 1, status="in-progress", started_ns=served.clock.now_ns(), answered_ns=served.clock.now_ns())
    served.clock.advance(75)
    sid = served.calls.call(1).sid
    response = await served.post(f"Calls/{sid}.json", Status="completed")
    assert response.status_code == 200
    call = response.json()
    assert (call["status"], call["duration"], call["end_time"]) == (
        "completed",
        "75",
        "Thu, 01 Jan 2026 00:01:15 +0000",
    )
    again = await served.post(f"Calls/{sid}.json", Status="completed")
    assert (again.status_code, again.json()["code"]) == (400, 21220)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, 20001),
        ({"Status": "ringing"}, 20001),
        ({"Status": "canceled"}, 21220),  # it has been answered
        ({"Twiml": "x" * 4001}, 32018),
        ({"Url": "a.test"}, 21205),
        ({"Url": "https://a.test/", "Status": "completed"}, 20001),
        ({"TimeLimit": "0"}, 20001),
    ],
)
async def test_an_update_that_cannot_be_is_refused(served: Served, form: dict[str, str], code: int) -> None:
    await put(served, 1, status="in-progress")
    response = await served.post(f"Calls/{served.calls.call(1).sid}.json", **form)
    assert (response.status_code, response.json()["code"]) == (400, code)


VOICE = Voice(
    source=DocumentAt(url="https://a.test/voice?k=v", method="GET"), fallback=DocumentAt(url="https://b.test")
)
ALL = ("initiated", "ringing", "answered", "completed")
STATUS = CallCallback(url="https://a.test/status", method="GET", events=("initiated", "completed"))


async def test_a_call_is_made_with_documents(served: Served) -> None:
    form = [
        ("To", "100"),
        ("From", "200"),
        ("Url", "https://a.test/voice?k=v"),
        ("Method", "get"),
        ("Twiml", "<Response/>"),  # Url outweighs it
        ("FallbackUrl", "https://b.test"),
        ("StatusCallback", "https://a.test/status"),
        ("StatusCallbackMethod", "GET"),
        ("StatusCallbackEvent", "initiated"),
        ("StatusCallbackEvent", "completed"),
        ("SendDigits", "ww1#"),
    ]
    response = await served.client.post(
        f"/2010-04-01/Accounts/{ACCOUNT.sid}/Calls.json",
        content=urlencode(form),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert response.status_code == 201
    assert served.calls.asked == [NewCall(to="100", from_="200", runs=VOICE, send_digits="ww1#", status=STATUS)]


async def test_a_document_may_come_as_a_text(served: Served) -> None:
    await served.post("Calls.json", To="100", From="200", Twiml="<Response/>", StatusCallback="https://a.test/s")
    text = Voice(source=DocumentText(text="<Response/>"))
    status = CallCallback(url="https://a.test/s")
    assert served.calls.asked == [NewCall(to="100", from_="200", runs=text, status=status)]


@pytest.mark.parametrize(
    ("form", "change"),
    [
        ({"Twiml": "<Response/>"}, CallChange(voice=Voice(source=DocumentText(text="<Response/>")))),
        (
            {"Url": "https://a.test/voice?k=v", "Method": "GET", "FallbackUrl": "https://b.test"},
            CallChange(voice=VOICE),
        ),
        ({"TimeLimit": "60"}, CallChange(time_limit_s=60)),
        (
            {"StatusCallback": "https://a.test/s", "StatusCallbackEvent": " ".join(ALL)},
            CallChange(status=CallCallback(url="https://a.test/s", events=ALL)),
        ),
    ],
)
async def test_a_live_call_is_changed(served: Served, form: dict[str, str], change: CallChange) -> None:
    await put(served, 1, status="in-progress")
    sid = served.calls.call(1).sid
    response = await served.post(f"Calls/{sid}.json", **form)
    assert (response.status_code, response.json()["sid"], response.json()["status"]) == (200, sid, "in-progress")
    assert served.calls.changed == [(sid, change)]


async def test_a_call_that_has_ended_is_not_changed(served: Served) -> None:
    await put(served, 1, status="completed", ended_ns=served.clock.now_ns())
    response = await served.post(f"Calls/{served.calls.call(1).sid}.json", Twiml="<Response/>")
    assert (response.status_code, response.json()["code"]) == (400, 21220)


async def test_a_call_is_forgotten_once_it_has_ended(served: Served) -> None:
    await put(served, 1, status="in-progress")
    await put(served, 2, status="completed", ended_ns=served.clock.now_ns())
    live, ended = (f"Calls/{served.calls.call(number).sid}.json" for number in (1, 2))
    refused = await served.client.delete(f"/2010-04-01/Accounts/{ACCOUNT.sid}/{live}")
    assert (refused.status_code, refused.json()["code"]) == (400, 21220)
    gone = await served.client.delete(f"/2010-04-01/Accounts/{ACCOUNT.sid}/{ended}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await served.get(ended)).status_code == 404
    assert (await served.get(live)).status_code == 200


@pytest.mark.parametrize("sid", ["CA" + "0" * 32, "CAnonsense", "x", "%00"])
async def test_no_such_call(served: Served, sid: str) -> None:
    for response in (await served.get(f"Calls/{sid}.json"), await served.post(f"Calls/{sid}.json", Status="completed")):
        assert (response.status_code, response.json()["code"]) == (404, 20404)


async def test_an_empty_list(served: Served) -> None:
    body = (await served.get("Calls.json")).json()
    path = "/2010-04-01/Accounts/AC" + "a" * 32 + "/Calls.json?PageSize=50&Page=0"
    assert body == {
        "calls": [],
        "first_page_uri": path,
        "next_page_uri": None,
        "previous_page_uri": None,
        "page": 0,
        "page_size": 50,
        "start": 0,
        "end": 0,
        "uri": path,
    }


async def test_pages_lead_to_each_other_and_keep_their_filters(served: Served) -> None:
    await put(served, *range(1, 6))
    await put(served, 9, to="+1999")
    seen, uri = [], f"/2010-04-01/Accounts/AC{'a' * 32}/Calls.json?PageSize=2&To=%2B15550002"
    before: list[str | None] = []
    while uri:
        body = (await served.client.get(uri)).json()
        seen.append([call["sid"][-1] for call in body["calls"]])
        before.append(body["previous_page_uri"])
        assert body["end"] - body["start"] + 1 == len(body["calls"])
        uri = body["next_page_uri"]
    assert seen == [["5", "4"], ["3", "2"], ["1"]]
    assert before[0] is None
    back = (await served.client.get(before[2] or "")).json()
    assert [call["sid"][-1] for call in back["calls"]] == ["3", "2"]
    assert back["page"] == 1
    assert [call["sid"][-1] for call in (await served.get("Calls.json", Page="1", PageSize="4")).json()["calls"]] == [
        "2",
        "1",
    ]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"To": "+1 555 0002"}, ["3", "2", "1"]),
        ({"From": "client:bob"}, ["2"]),
        ({"Status": "busy"}, ["3"]),
        ({"StartTime": "2026-01-01"}, ["1"]),
        ({"StartTime>": "2026-01-02"}, ["3", "2"]),
        ({"StartTime<": "2026-01-02"}, ["2", "1"]),
        ({"StartTime>": "2026-01-02T00:00:01Z"}, ["3"]),
        ({"StartTime>": "2026-01-02", "StartTime<": "2026-01-02"}, ["2"]),
        ({"EndTime>": "2026-01-01"}, []),
    ],
)
async def test_lists_are_filtered(served: Served, query: dict[str, str], found: list[str]) -> None:
    day = 86_400 * 10**9
    for number, changes in enumerate(({}, {"from_": "client:bob"}, {"status": "busy"}), start=1):
        await put(served, number, started_ns=served.clock.now_ns() + (number - 1) * day, **changes)
    body = (await served.get("Calls.json", **query)).json()
    assert [call["sid"][-1] for call in body["calls"]] == found


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"PageSize": "1001"}, 20007),
        ({"PageSize": "99999999999"}, 20007),
        ({"PageSize": "0"}, 20001),
        ({"Page": "-1"}, 20001),
        ({"PageToken": "PAnonsense"}, 20001),
        ({"Status": "lost"}, 20001),
        ({"StartTime": "yesterday"}, 20001),
        ({"EndTime<": "9999-12-31"}, 20001),
    ],
)
async def test_a_list_that_cannot_be_is_refused(served: Served, query: dict[str, str], code: int) -> None:
    response = await served.get("Calls.json", **query)
    assert (response.status_code, response.json()["code"]) == (400, code)


async def test_bodies_that_are_no_form(served: Served) -> None:
    path = f"/2010-04-01/Accounts/AC{'a' * 32}/Calls.json"
    as_json = await served.client.post(path, json={"To": "1"})
    assert (as_json.status_code, as_json.json()["code"]) == (400, 20001)
    huge = await served.client.post(path, content=b"To=" + b"1" * 70_000)
    assert huge.status_code == 413
    many = await served.client.post(path, content=b"&".join(b"a=1" for _ in range(600)))
    assert (many.status_code, many.json()["code"]) == (400, 20001)
    odd = await served.client.post(path, content=b"To=%ff%00&From=%e9")
    assert (odd.status_code, odd.json()["code"]) == (400, 21211)


async def test_how_a_calls_audio_went(served: Served) -> None:
    figures = {"packets_received": 500, "packets_sent": 501, "packets_lost": 2, "jitter_ms": 1.25}
    live, ended = served.calls.call(1), served.calls.call(2, ended_ns=1, **figures)
    for call, expected in ((live, dict.fromkeys(figures)), (ended, figures)):
        await served.store.commit_now(call)
        body = (await served.get(f"Calls/{call.sid}/Audio.json")).json()
        assert {name: body[name] for name in figures} == expected
        assert body["call_sid"] == call.sid
    assert (await served.get(f"Calls/{served.calls.call(3).sid}/Audio.json")).status_code == 404
