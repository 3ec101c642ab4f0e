"""Connect Call To: whom it dials, and what it tells the flow afterwards."""

from collections.abc import Callable
from typing import Any

import pytest

from bridgetap.flow.effects import ClientTarget, Dial, EffectId, NumberTarget, SipTarget
from bridgetap.flow.events import CallerHungUp, DialEnded, DialResult, Digits
from bridgetap.flow.widget import Ask, Done
from bridgetap.ids import CallSid

Bench = Callable[..., Any]
NUMBER = {"noun": "number", "to": "+15551230002"}


def dialled(widget: Any) -> Dial:
    turn, logs = widget.enter()
    assert logs == []
    assert isinstance(turn, Ask)
    (dial,) = turn.effects
    assert isinstance(dial, Dial)
    return dial


def test_a_number_with_nothing_else_said(bench: Bench) -> None:
    connect = bench("connect-call-to", NUMBER)
    assert connect.problems == []
    assert dialled(connect) == Dial(
        targets=(NumberTarget(number="+15551230002"),),
        caller_id="+15551230001",
        timeout_s=30,
        time_limit_s=14_400,
        record=False,
    )


def test_everything_said(bench: Bench) -> None:
    properties = {
        **NUMBER,
        "to": "{{flow.variables.agent}}",
        "caller_id": "{{trigger.call.To}}",
        "timeout": 45,
        "time_limit": "600",
        "record": True,
    }
    assert dialled(bench("connect-call-to", properties, variables={"agent": " +1555 "})) == Dial(
        targets=(NumberTarget(number="+1555"),),
        caller_id="+15551230000",
        timeout_s=45,
        time_limit_s=600,
        record=True,
    )


@pytest.mark.parametrize(
    ("properties", "targets"),
    [
        ({"noun": "number-multi", "to": "+1, +2 ,,+3"}, [NumberTarget(number=n) for n in ("+1", "+2", "+3")]),
        ({"noun": "client", "to": "alice"}, [ClientTarget(identity="alice")]),
        ({"noun": "client", "to": "client:alice"}, [ClientTarget(identity="alice")]),
        ({"noun": "number", "to": "client:alice"}, [ClientTarget(identity="alice")]),
        ({"noun": "number", "to": "sip:a@b"}, [SipTarget(uri="sip:a@b")]),
        (
            {"noun": "sip", "sip_endpoint": "sips:a@b;transport=tls", "sip_username": "u", "sip_password": "p"},
            [SipTarget(uri="sips:a@b;transport=tls", username="u", password="p")],
        ),
        ({"noun": "sip", "sip_endpoint": "a@b"}, [SipTarget(uri="sip:a@b")]),
    ],
)
def test_nouns(bench: Bench, properties: dict[str, object], targets: list[object]) -> None:
    connect = bench("connect-call-to", properties)
    assert connect.problems == []
    assert list(dialled(connect).targets) == targets


def test_a_password_does_not_show_in_the_effect(bench: Bench) -> None:
    properties = {"noun": "sip", "sip_endpoint": "sip:a@b", "sip_username": "u", "sip_password": "s3cret"}
    assert "s3cret" not in repr(dialled(bench("connect-call-to", properties)))


@pytest.mark.parametrize("password", ["s3cret{{", "s3cret{{ 1 | divided_by: 0 }}", 3113, {"s3cret": 1}])
def test_a_password_that_is_no_good_is_told_of_without_it(bench: Bench, password: object) -> None:
    properties = {"noun": "sip", "sip_endpoint": "sip:a@b", "sip_password": password}
    connect = bench("connect-call-to", properties)
    _, logs = connect.enter()
    told = " ".join(map(str, [*connect.problems, *logs]))
    assert "sip_password" in told or "secret" in told
    assert "s3cret" not in told
    assert "3113" not in told


def test_of_more_than_ten_numbers_the_first_ten_are_called(bench: Bench) -> None:
    turn, (log,) = bench("connect-call-to", {"noun": "number-multi", "to": ",".join(map(str, range(12)))}).enter()
    assert [target.number for target in turn.effects[0].targets] == [str(number) for number in range(10)]
    assert log.level == "warning"


@pytest.mark.parametrize(
    ("properties", "word"),
    [
        ({"noun": "conference", "to": "room"}, "'conference' is not supported"),
        ({"noun": "sim", "to": "DE1"}, "'sim' is not supported"),
        ({"noun": "number", "to": "{{flow.variables.nobody}}"}, "properties.to: renders empty"),
        ({"noun": "number-multi", "to": " , ,"}, "properties.to: holds no number"),
        ({"noun": "sip", "sip_endpoint": "{{nobody}}"}, "properties.sip_endpoint: renders empty"),
        ({"noun": "sip", "sip_endpoint": "sip:a@b\r\nX: y"}, "without spaces"),
    ],
)
def test_nobody_to_call_is_a_failed_dial_and_the_flow_goes_on(
    bench: Bench, properties: dict[str, object], word: str
) -> None:
    turn, (log,) = bench("connect-call-to", properties).enter()
    assert isinstance(turn, Done)
    assert turn.event == "callCompleted"
    assert turn.variables["DialCallStatus"] == "failed"
    assert (log.level, log.code) == ("error", 81008)
    assert word in log.message
    assert log.message.startswith("states[1].properties.")


@pytest.mark.parametrize("status", ["completed", "busy", "no-answer", "failed", "canceled"])
def test_every_end_that_leaves_the_caller_is_call_completed(bench: Bench, status: str) -> None:
    connect = bench("connect-call-to", NUMBER)
    turn, logs = connect.handle(DialEnded(effect=EffectId(1), result=DialResult(status=status)))
    assert turn.event == "callCompleted"
    assert turn.variables["DialCallStatus"] == status
    assert [log.level for log in logs] == (["error"] if status == "failed" else [])


def test_the_variables_are_the_calls_own_and_the_dials(bench: Bench) -> None:
    result = DialResult(status="completed", call_sid=CallSid("CA2"), duration_s=12, recording_url="https://r/1")
    turn, _ = bench("connect-call-to", NUMBER).handle(DialEnded(effect=EffectId(1), result=result))
    assert turn.variables == {
        "From": "+15551230001",
        "To": "+15551230000",
        "CallSid": "CA1",
        "FromCity": "SAN JOSE",
        "DialCallStatus": "completed",
        "DialCallSid": "CA2",
        "DialCallDuration": "12",
        "RecordingUrl": "https://r/1",
    }


def test_the_caller_leaving_is_hangup(bench: Bench) -> None:
    connect = bench("connect-call-to", NUMBER)
    turn, _ = connect.handle(CallerHungUp(dial=DialResult(status="completed", duration_s=3)))
    assert (turn.event, turn.variables["DialCallDuration"]) == ("hangup", "3")
    turn, _ = connect.handle(CallerHungUp())
    assert (turn.event, turn.variables["DialCallStatus"]) == ("hangup", "canceled")


def test_keys_are_not_its_own(bench: Bench) -> None:
    assert bench("connect-call-to", NUMBER).handle(Digits(digits="1")) == (None, [])


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"noun": None}, "noun"),
        ({"noun": "fax"}, "noun"),
        ({"to": ""}, "to"),
        ({"noun": "sip"}, "sip_endpoint"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "30"}, "timeout"),
        ({"timeout": 601}, "timeout"),
        ({"time_limit": 600}, "time_limit"),
        ({"time_limit": "soon"}, "time_limit"),
        ({"time_limit": "14401"}, "time_limit"),
        ({"record": "record-from-answer"}, "record"),
    ],
)
def test_validation(bench: Bench, change: dict[str, object], place: str) -> None:
    connect = bench("connect-call-to", {**NUMBER, **change})
    assert [problem.place for problem in connect.errors] == [f"states[1].properties.{place}"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"timeout": "45"}, ("timeout_s", 45)),
        ({"timeout": 0}, ("timeout_s", 1)),
        ({"timeout": 9000}, ("timeout_s", 600)),
        ({"timeout": "soon"}, ("timeout_s", 30)),
        ({"time_limit": 600}, ("time_limit_s", 600)),
        ({"record": "record-from-answer"}, ("record", True)),
        ({"record": "do-not-record"}, ("record", False)),
        ({"record": "true"}, ("record", True)),
        ({"record": "maybe"}, ("record", False)),
    ],
)
def test_lenient_parsing_takes_what_is_meant(
    bench: Bench, change: dict[str, object], expected: tuple[str, object]
) -> None:
    connect = bench("connect-call-to", {**NUMBER, **change}, strict=False)
    assert connect.errors == []
    assert len(connect.warnings) == 1
    assert getattr(dialled(connect), expected[0]) == expected[1]


def test_a_time_limit_that_renders_to_nonsense_is_the_default_one(bench: Bench) -> None:
    turn, (log,) = bench("connect-call-to", {**NUMBER, "time_limit": "{{trigger.call.From}}"}).enter()
    assert turn.effects[0].time_limit_s == 14_400
    assert "time_limit" in log.message
