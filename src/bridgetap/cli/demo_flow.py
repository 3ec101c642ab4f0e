"""The demo's flow: the Fork Stream page's own call, from Trigger to the second Fork Stream."""

from typing import Any

STREAM_NAME = "AudioStream"
PARAMETERS = {"Custom1": "Bob", "caller": "{{trigger.call.From}}"}
STEPS = ("Trigger", "start_stream", "connect_agent", "stop_stream", "Ended")


def demo_flow(*, stream_url: str, to: str) -> dict[str, Any]:
    """Both tracks go to `stream_url` while the caller talks to `to`. `examples/fork-stream.json` is the
    same flow for any server."""
    start = {
        "stream_action": "start",
        "stream_name": STREAM_NAME,
        "stream_transport_type": "websocket",
        "stream_url": stream_url,
        "stream_track": "both_tracks",
        "stream_parameters": [{"key": key, "value": value} for key, value in PARAMETERS.items()],
    }
    connect = {"noun": "number", "to": to, "caller_id": "{{contact.channel.address}}", "timeout": 30}
    stop = {"stream_action": "stop", "stream_name": STREAM_NAME, "stream_transport_type": "websocket"}
    return {
        "description": "Fork both tracks of an incoming call to a WebSocket server while it is bridged.",
        "initial_state": "Trigger",
        "flags": {"allow_concurrent_calls": True},
        "states": [
            _state("Trigger", "trigger", {}, incomingCall="start_stream"),
            _state("start_stream", "fork-stream", start, next="connect_agent"),
            _state("connect_agent", "connect-call-to", connect, callCompleted="stop_stream", hangup=None),
            _state("stop_stream", "fork-stream", stop, next=None),
        ],
    }


def _state(name: str, kind: str, properties: dict[str, Any], **transitions: str | None) -> dict[str, Any]:
    return {
        "name": name,
        "type": kind,
        "transitions": [
            {"event": event} | ({"next": target} if target else {}) for event, target in transitions.items()
        ],
        "properties": properties,
    }
