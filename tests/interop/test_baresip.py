"""Two baresip softphones: registered by digest over UDP, TCP and TLS, calling each other through the server."""

import struct
import time
import wave
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from .baresip import Baresip, baresip
from .programs import peers_of
from .server import Server, connect_flow, serve
from .tones import CALLEE_HZ, CALLER_HZ, heard, longest

USERS = """
[[users]]
username = "alice"
password = "wonderland"
[[users]]
username = "bob"
password = "builder"
"""
TALK_S = 3
SLICES = TALK_S * 10  # of 100 ms, as `heard` gives them


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_registered_phones_call_each_other(
    tmp_path: Path, localhost: tuple[Path, Path], tone_files: Path, transport: str
) -> None:
    with serve(tmp_path / "server", flow=connect_flow("client:bob"), settings=USERS, certificate=localhost) as server:
        with (
            _phone(tmp_path, server, "bob", "builder", transport, tone_files / "callee.wav") as bob,
            _phone(tmp_path, server, "alice", "wonderland", transport, tone_files / "caller.wav") as alice,
        ):
            for phone in (alice, bob):
                phone.wait_for_log(f"{{0/{transport.upper()}/v4}} 200 OK")
            # What is written down may be a moment behind what was answered.
            server.program.wait_for(lambda: len(server.rows("registrations")) == 2, "two phones", within_s=5)
            registered = {row["username"]: row for row in server.rows("registrations")}
            assert {name: row["transport"] for name, row in registered.items()} == {
                "alice": transport,
                "bob": transport,
            }
            connected_before = _sip_connections(bob)

            alice.command("dial", "+15551230000")
            for phone in (alice, bob):
                phone.wait_for_log("Call established")
            # RFC 5626 section 5.3: Bob is called where he registered from, not where his Contact listens.
            assert f" --> {registered['bob']['source']}\n" in bob.log_line("sipsess connect via")
            assert _sip_connections(bob) == connected_before
            assert len(connected_before) == (0 if transport == "udp" else 1)

            time.sleep(TALK_S)  # real phones talk in real time
            bob.command("hangup")
            for phone in (alice, bob):
                phone.wait_for_log(" terminated ")
            for phone, theirs, others in ((alice, CALLEE_HZ, CALLER_HZ), (bob, CALLER_HZ, CALLEE_HZ)):
                samples = _samples(phone.recording())
                name = phone.folder.name
                assert longest(heard(samples, theirs)) >= SLICES - 5, (
                    f"{name} heard too little: {heard(samples, theirs)}"
                )
                assert not any(heard(samples, others)), f"{name} heard itself"
            server.program.wait_for(
                lambda: all(call["end_time"] for call in server.calls()), "end of both calls", within_s=5
            )
            calls = {call["direction"]: call for call in server.calls()}
            assert {direction: call["status"] for direction, call in calls.items()} == {
                "inbound": "completed",
                "outbound-dial": "completed",
            }
            assert calls["outbound-dial"]["to"] == "client:bob"
            assert calls["outbound-dial"]["parent_call_sid"] == calls["inbound"]["sid"]
            assert all(int(call["duration"]) >= TALK_S for call in calls.values()), calls
        server.program.wait_for(lambda: not server.rows("registrations"), "both phones signed off", within_s=5)


def test_a_wrong_password_is_refused(tmp_path: Path, tone_files: Path) -> None:
    with (
        serve(tmp_path / "server", flow=connect_flow("client:bob"), settings=USERS) as server,
        _phone(tmp_path, server, "alice", "guess", "udp", tone_files / "caller.wav") as alice,
    ):
        alice.wait_for_log("403 Forbidden")
        assert "200 OK" not in alice.program.text()
        assert server.rows("registrations") == []
        alice.command("dial", "+15551230000")
        alice.wait_for_log("session closed: 403 Forbidden")
        assert server.calls() == []
        # This phone asks again at once for as long as it is challenged; its neighbours must not pay for it.
        with _phone(tmp_path, server, "bob", "builder", "udp", tone_files / "callee.wav") as bob:
            bob.wait_for_log("200 OK")


def _phone(
    tmp_path: Path, server: Server, user: str, password: str, transport: str, audio: Path
) -> AbstractContextManager[Baresip]:
    port = server.tls_port if transport == "tls" else server.sip_port
    uri = f"sip:{user}@{server.host}:{port};transport={transport}"
    return baresip(
        tmp_path / user,
        account=f"<{uri}>;auth_user={user};auth_pass={password};regint=60",
        audio=audio,
        answer=user == "bob",
    )


def _sip_connections(phone: Baresip) -> set[tuple[str, str]]:
    """Its TCP connections, those of the control port aside."""
    control = f"127.0.0.1:{phone.control_port}"
    return {pair for pair in peers_of(phone.program.process.pid) if control not in pair}


def _samples(path: Path) -> list[int]:
    with wave.open(str(path)) as audio:
        frames = audio.readframes(audio.getnframes())
        assert audio.getframerate() == 8000
    return list(struct.unpack(f"<{len(frames) // 2}h", frames))
