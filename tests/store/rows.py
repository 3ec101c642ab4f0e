"""Rows to store."""

from dataclasses import replace

from bridgetap.ids import AccountSid, CallSid, ExecutionSid, FlowSid, StepSid, StreamSid
from bridgetap.store import CallbackRecord, CallRecord, DocumentRecord, ExecutionRecord, StepRecord, StreamRecord

ACCOUNT = AccountSid("AC" + "a" * 32)
FLOW = FlowSid("FW" + "f" * 32)
EXECUTION = ExecutionSid("FN" + "e" * 32)


def call(number: int = 1, **changes: object) -> CallRecord:
    record = CallRecord(
        sid=CallSid(f"CA{number:032x}"),
        account_sid=ACCOUNT,
        direction="inbound",
        from_="+15550001",
        to="+15550002",
        status="ringing",
        created_ns=number * 10**9,
        updated_ns=number * 10**9,
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def stream(number: int = 1) -> StreamRecord:
    return StreamRecord(
        sid=StreamSid(f"MZ{number:032x}"),
        account_sid=ACCOUNT,
        call_sid=call().sid,
        name="tap",
        transport="websocket",
        url="wss://a.test/",
        tracks=("inbound", "outbound"),
        parameter_names=("tenant",),
        created_ns=number,
        updated_ns=number,
    )


def step(number: int) -> StepRecord:
    return StepRecord(
        sid=StepSid(f"FT{number:032x}"),
        account_sid=ACCOUNT,
        flow_sid=FLOW,
        execution_sid=EXECUTION,
        index=number,
        name="next",
        transitioned_from="a",
        transitioned_to="b",
        widget_type="say-play",
        context={"widgets": {"a": {"Digits": "12"}}, "deep": [1, None, "é"]},
        created_ns=number,
    )


def execution() -> ExecutionRecord:
    return ExecutionRecord(
        sid=EXECUTION,
        account_sid=ACCOUNT,
        flow_sid=FLOW,
        flow_name="support",
        call_sid=call().sid,
        contact_channel_address="+15550001",
        context={"trigger": {"call": {"From": "+15550001"}}},
        created_ns=1,
        updated_ns=1,
    )


def document(index: int = 0, number: int = 1) -> DocumentRecord:
    return DocumentRecord(
        call_sid=call(number).sid,
        index=index,
        account_sid=ACCOUNT,
        url="https://app.example/voice",
        method="POST",
        status=200,
        verbs=3,
        took_ms=12,
        created_ns=1,
    )


def callback(place: int) -> CallbackRecord:
    line = stream().sid
    return CallbackRecord(
        id=f"{line}/{place}",
        line=line,
        place=place,
        token="once",
        sealed="…",
        account_sid=ACCOUNT,
        call_sid=call().sid,
        stream_sid=line,
        created_ns=7,
    )
