"""Two baresip softphones: registered by digest over UDP, TCP and TLS, calling each other through the server."""

import struct
import time
import wave
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from .baresip import Baresip, baresip
from .certificates import Authority
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


def _account(server: Server, user: str, password: str, transport: str) -> str:
    port = server.tls_port if transport == "tls" else server.sip_port
    return f"<sip:{user}@{server.host}:{port};transport={transport}>;auth_user={user};auth_pass={password};regint=60"


def _samples(path: Path) -> list[int]:
    with wave.open(str(path)) as audio:
        frames = audio.readframes(audio.getnframes())
        assert audio.getframerate() == 8000
    return list(struct.unpack(f"<{len(frames) // 2}h", frames))


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_registered_phones_call_each_other(
    tmp_path: Path, authority: Authority, localhost: tuple[Path, Path], tone_files: Path, transport: str
) -> None:
    with serve(tmp_path / "server", flow=connect_flow("client:bob"), settings=USERS, certificate=localhost) as server:
        with (
            _phone(tmp_path, server, authority, "bob", "builder", transport, tone_files / "callee.wav") as bob,
            _phone(tmp_path, server, authority, "alice", "wonderland", transport, tone_files / "caller.wav") as alice,
        ):
            for phone in (alice, bob):
                phone.wait_for_log("200 OK")
            assert alice.command("dial", "+15551230000")["ok"]
            alice.wait_for_log("Call established")
            bob.wait_for_log("Call established")
            _let_them_talk(3)
            bob.command("hangup")
            alice.wait_for_log("terminated")
            for phone, theirs, others in ((alice, CALLEE_HZ, CALLER_HZ), (bob, CALLER_HZ, CALLEE_HZ)):
                audio = heard(_samples(phone.recording()), theirs)
                assert longest(audio) >= 20, f"{phone.folder.name} heard too little of the other: {audio}"
                assert not any(heard(_samples(phone.recording()), others))
        statuses = sorted((call["direction"], call["status"]) for call in server.calls())
        assert statuses == [("inbound", "completed"), ("outbound-dial", "completed")]


def test_a_wrong_password_is_refused(tmp_path: Path, authority: Authority, tone_files: Path) -> None:
    with (
        serve(tmp_path / "server", flow=connect_flow("client:bob"), settings=USERS) as server,
        _phone(tmp_path, server, authority, "alice", "guess", "udp", tone_files / "caller.wav") as alice,
    ):
        alice.wait_for_log("40")
        assert "200 OK" not in alice.program.text()


def _phone(
    tmp_path: Path, server: Server, authority: Authority, user: str, password: str, transport: str, audio: Path
) -> AbstractContextManager[Baresip]:
    return baresip(
        tmp_path / user,
        account=_account(server, user, password, transport),
        audio=audio,
        answer=user == "bob",
        ca=authority.path,
    )


def _let_them_talk(seconds: float) -> None:
    """Real phones talk in real time."""
    time.sleep(seconds)
