"""The demo's flow: the Fork Stream page's own call, from Trigger to the second Fork Stream, and a recording of it."""

from typing import Any

STREAM_NAME = "AudioStream"
PARAMETERS = {"Custom1": "Bob", "caller": "{{trigger.call.From}}"}
RECORDING_NAME, CONNECTOR = "Recording", "recorder"
STEPS = (
    "Trigger",
    "start_stream",
    "start_recording",
    "connect_agent",
    "stop_recording",
    "stop_stream",
    "Ended",
)


def demo_flow(*, stream_url: str, to: str, recorded: bool = True) -> dict[str, Any]:
    """Both tracks go to `stream_url` and to the recorder while the caller talks to `to`. Not `recorded`,
    `examples/fork-stream.json` is the same flow for any server."""
    parameters = [{"key": key, "value": value} for key, value in PARAMETERS.items()]
    start = {
        "stream_action": "start",
        "stream_name": STREAM_NAME,
        "stream_transport_type": "websocket",
        "stream_url": stream_url,
        "stream_track": "both_tracks",
        "stream_parameters": parameters,
    }
    connect = {"noun": "number", "to": to, "caller_id": "{{contact.channel.address}}", "timeout": 30}
    stop = {"stream_action": "stop", "stream_name": STREAM_NAME, "stream_transport_type": "websocket"}
    connected, over = ("start_recording", "stop_recording") if recorded else ("connect_agent", "stop_stream")
    return {
        "description": "Fork both tracks of an incoming call to a WebSocket server while it is bridged.",
        "initial_state": "Trigger",
        "flags": {"allow_concurrent_calls": True},
        "states": [
            _state("Trigger", "trigger", {}, incomingCall="start_stream"),
            _state("start_stream", "fork-stream", start, next=connected),
            _state("connect_agent", "connect-call-to", connect, callCompleted=over, hangup=None),
            _state("stop_stream", "fork-stream", stop, next=None),
            *(_recording(parameters) if recorded else ()),
        ],
    }


def _recording(parameters: list[dict[str, str]]) -> list[dict[str, Any]]:
    stop = {"stream_action": "stop", "stream_name": RECORDING_NAME, "stream_transport_type": "siprec"}
    start = {
        **stop,
        "stream_action": "start",
        "stream_connector": CONNECTOR,
        "stream_track": "both_tracks",
        "stream_parameters": parameters,
    }
    return [
        _state("start_recording", "fork-stream", start, next="connect_agent"),
        _state("stop_recording", "fork-stream", stop, next="stop_stream"),
    ]


def _state(name: str, kind: str, properties: dict[str, Any], **transitions: str | None) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "transitions": [
            {"event": event} | ({"next": target} if target else {}) for event, target in transitions.items()
        ],
        "properties": properties,
    }
