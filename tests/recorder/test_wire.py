"""Our recording client seen byte by byte, by a recorder that is two sockets a line and shares no code with it."""

import asyncio
import email
import re
import ssl
from dataclasses import replace
from email.utils import parsedate_to_datetime
from itertools import pairwise
from pathlib import Path

import pytest

from bridgetap.siprec import NameId
from bridgetap.siprec.happenings import Changed, PauseWanted, ResumeWanted
from bridgetap.siprec.orders import Over, PassedOver, Started
from tests.interop.certificates import Authority
from tests.interop.raw_phone import Message
from tests.siprec.calls import ALICE, CALL

from .stage import Caller, Running, speaking, until
from .wire import Wire, wire

HELD = CALL.with_party(replace(ALICE, sends=()))
EXOTIC = CALL.with_party(replace(ALICE, names=(NameId(aor="tel:+15551230001", name="Zoë <Ünïcödé> & 😀"),)))


async def begun(caller: Caller, there: Wire, **changes: object) -> tuple[Running, Message]:
    running = caller.record(there.uri, **changes)  # type: ignore[arg-type]
    invite = await there.take()
    await until(lambda: any(isinstance(told, Started) for told in caller.told))
    return running, invite


def apart_s(there: Wire) -> float:
    """How far the two tracks are from each other on the clock that their latest reports name."""
    begins = []
    for line in there.lines:
        report = next(report for report in reversed(line.reports) if report.ntp_s)
        since = (report.timestamp - line.packets[0].timestamp) & 0xFFFFFFFF
        begins.append(report.ntp_s - since / 8000)
    return abs(begins[0] - begins[1])


# -- the message --


async def test_the_invite_to_the_byte() -> None:
    """1, 2, 3, 4, 5, 6, 7, 8, 11, 14, 26: with names that are longer in UTF-8 than in characters."""
    async with wire() as there, speaking() as caller:
        running, invite = await begun(caller, there, call=EXOTIC)
        head, _, body = invite.raw.partition(b"\r\n\r\n")
        assert invite.all("Require") == ["siprec"]
        assert re.fullmatch(r"<sip:bridgetap@127\.0\.0\.1:\d+[^>]*>;\+sip\.src", invite.get("Contact"))
        assert {"application/sdp", "application/rs-metadata+xml"} <= set(re.split(r",\s*", invite.get("Accept")))
        assert "timer" in re.split(r",\s*", invite.get("Supported"))
        assert "UPDATE" in re.split(r",\s*", invite.get("Allow"))
        assert parsedate_to_datetime(invite.get("Date")).tzinfo is not None
        assert re.fullmatch(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", invite.get("Date"))
        assert int(invite.get("Content-Length")) == len(body)
        assert body.decode() != body.decode("latin-1")
        assert re.search(rb"[^\r]\n|\r[^\n]", invite.raw) is None
        boundary = invite.get("Content-Type").partition("boundary=")[2].encode()
        assert body.count(b"--" + boundary) == 3
        assert body.endswith(b"--" + boundary + b"--\r\n")
        message = email.message_from_bytes(b"Content-Type: " + invite.get("Content-Type").encode() + b"\r\n\r\n" + body)
        kinds = [part.get_content_type() for part in message.walk()][1:]
        assert kinds == ["application/sdp", "application/rs-metadata+xml"]
        assert b"telephone-event" not in body
        assert b"rtcp-mux" not in body
        assert b"100rel" not in b"".join(line for line in head.split(b"\r\n") if line.startswith(b"Require"))
        await running.stop()


async def test_what_names_a_session_is_never_used_twice() -> None:
    """13: Call-ID, From tag and Via branch, over 10 000 INVITEs and the attempts of a failover."""
    count, together = 10_000, 100
    seen: dict[str, tuple[str, str]] = {}
    async with wire() as there, speaking() as caller:
        sip, to = caller.core.sip, f"<{there.uri}>"
        while len(seen) < count:
            dialogs = [
                sip.invite(target=there.uri, from_="<sip:a@127.0.0.1>", to=to, body=b"", reliable="off")
                for _ in range(together)
            ]
            enough = len(seen) + together
            while len(seen) < enough:
                invite = await there.request("INVITE")
                branch = re.search(r"branch=([^;]+)", invite.get("Via"))
                tag = re.search(r"tag=([^;]+)", invite.get("From"))
                assert branch is not None
                assert tag is not None
                names = (branch[1], tag[1])
                assert seen.setdefault(invite.get("Call-ID"), names) == names, "a repetition is the same to the letter"
                if len(there.phone.tag) == 0:
                    there.phone.tag = "recorder"
                there.answer(invite, "486 Busy Here")
            for dialog in dialogs:
                sip.hang_up(dialog)
    assert len({branch for branch, _ in seen.values()}) == count
    assert len({tag for _, tag in seen.values()}) == count


async def test_each_attempt_of_a_failover_is_a_session_of_its_own() -> None:
    """13, 31: other names on the wire, the same ids in the document."""
    async with wire() as there, wire() as elsewhere, speaking() as caller:
        running = caller.record(there.uri, elsewhere.uri)
        first = await there.request("INVITE")
        there.answer(first, "503 Service Unavailable")
        second = await elsewhere.take()
        for name in ("Call-ID", "From", "Via"):
            assert first.get(name) != second.get(name)
        ids = [re.findall(r'_id="([^"]+)"', message.body) for message in (first, second)]
        assert ids[0] == ids[1] != []
        await running.stop()


# -- media --


async def test_the_media_as_the_recorder_gets_it() -> None:
    """20, 42, 44, 45, 46, 57, 59: nothing before the 200, then every packet, from the offered ports; a pause is a gap
    in time and not in numbers; at the end goodbye in RTCP and in SIP."""
    async with wire() as there, speaking() as caller:
        running = caller.record(there.uri)
        invite = await there.request("INVITE")
        await asyncio.sleep(0.3)
        assert [line.packets for line in there.lines] == [[], []]
        there.answer(invite)
        await there.request("ACK")
        await until(lambda: all(line.reports and len(line.packets) >= 50 for line in there.lines))
        await until(lambda: apart_s(there) <= 0.02)  # 46; a machine that is busy may be late with one report
        running.recording.tell(PauseWanted())
        masked = await there.request("INVITE")
        counts = [len(line.packets) for line in there.lines]
        there.answer(masked, way="inactive")
        await asyncio.sleep(0.5)
        assert [len(line.packets) for line in there.lines] == counts, "57: from before the re-INVITE on"
        assert masked.body.count("a=inactive") == 2
        running.recording.tell(ResumeWanted())
        resumed = await there.request("INVITE")
        assert resumed.body.count("a=sendonly") == 2
        there.answer(resumed)
        wanted = [count + 25 for count in counts]
        await until(lambda: all(len(line.packets) >= n for line, n in zip(there.lines, wanted, strict=True)))
        stopping = asyncio.create_task(running.stop())
        await there.request("BYE")
        await stopping
        await until(lambda: all(line.reports[-1].goodbye for line in there.lines))

    offered = [int(port) for port in re.findall(r"m=audio (\d+) ", invite.body)]
    reported = [int(port) for port in re.findall(r"a=rtcp:(\d+)", invite.body)]
    for line, port, rtcp, paused_at in zip(there.lines, offered, reported, counts, strict=True):
        assert {packet.source for packet in line.packets} == {port}, "20"
        assert {report.source for report in line.reports} == {rtcp}, "20"
        assert len({packet.ssrc for packet in line.packets}) == 1
        steps = [(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(line.packets)]
        assert set(steps) == {1}
        jumps = [(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(line.packets)]
        assert [n for n, jump in enumerate(jumps, 1) if jump != 160] == [paused_at]
        assert jumps[paused_at - 1] >= 160 * 20, "45: by the time that has passed"
        assert [n for n, packet in enumerate(line.packets) if packet.marker] == [0, paused_at]
    one, other = there.lines
    assert one.packets[0].ssrc != other.packets[0].ssrc
    cnames = [{report.cname for report in line.reports if report.cname} for line in there.lines]
    assert [len(names) for names in cnames] == [1, 1]
    assert cnames[0].isdisjoint(cnames[1]), "44"


# -- the dialog --


async def test_every_repetition_of_the_answer_is_acknowledged() -> None:
    """49."""
    async with wire() as there, speaking() as caller:
        running, invite = await begun(caller, there)
        for _ in range(3):
            there.answer(invite)
            ack = await there.request("ACK")
            assert ack.get("CSeq") == "1 ACK"
        await running.stop()


async def test_what_a_recorder_may_ask_in_the_dialog() -> None:
    """2, 65: OPTIONS; a required extension nobody knows; a method that is not for recordings."""
    async with wire() as there, speaking() as caller:
        running, _ = await begun(caller, there)
        there.phone.send(there.phone.request("OPTIONS"))
        assert (await there.final()).status == 200
        there.phone.send(there.phone.request("INVITE", body=there.sdp(), headers="Require: telepathy\r\n"))
        refused = await there.final()
        assert (refused.status, refused.get("Unsupported")) == (420, "telepathy")
        there.phone.send(there.phone.request("INFO", body="x", headers="X-A: b\r\n"))
        unknown = await there.final()
        assert unknown.status in (405, 501)
        assert "INVITE" in unknown.get("Allow")
        there.phone.send(there.phone.request("INVITE", body=there.sdp("inactive")))
        held = await there.final()
        assert (held.status, held.body.count("a=inactive")) == (200, 2)
        assert held.get("Contact").endswith(">;+sip.src")
        await running.stop()


async def test_a_recording_that_is_stopped_before_its_answer_is_cancelled() -> None:
    """59: CANCEL while nobody has answered; where a 200 crosses it, ACK and BYE."""
    async with wire() as there, speaking() as caller:
        running = caller.record(there.uri)
        invite = await there.request("INVITE")
        there.phone.tag = "recorder"
        there.answer(invite, "180 Ringing")
        await until(lambda: True)
        stopping = asyncio.create_task(running.stop())
        await there.request("CANCEL")
        there.answer(invite)
        await there.request("ACK")
        await there.request("BYE")
        await stopping
    assert [type(told) for told in caller.told] == [Over]


async def test_a_session_that_is_too_short_is_asked_for_again() -> None:
    """60: 422: the same Call-ID, the next CSeq, no less than what was asked for."""
    async with wire() as there, speaking() as caller:
        running = caller.record(there.uri)
        first = await there.request("INVITE")
        there.answer(first, "422 Session Interval Too Small\r\nMin-SE: 3600")
        second = await there.request("INVITE")
        there.answer(second)
        await there.request("ACK")
        assert int(first.get("Session-Expires").split(";")[0]) == 1800
        assert int(second.get("Session-Expires").split(";")[0]) >= 3600
        assert (second.get("Call-ID"), second.get("CSeq")) == (first.get("Call-ID"), "2 INVITE")
        await running.stop()


async def test_a_session_has_a_timer_that_outlives_no_client() -> None:
    """70: a recorder that hears nothing for so long ends the session itself (RFC 4028)."""
    async with wire() as there, speaking(session_expires_s=90, min_se_s=90) as caller:
        running, invite = await begun(caller, there)
        assert (invite.get("Session-Expires").split(";")[0], invite.get("Min-SE")) == ("90", "90")
        await running.stop()


@pytest.mark.parametrize("header", ["WWW-Authenticate", "Proxy-Authenticate"])
async def test_a_challenge_is_answered_once(header: str) -> None:
    """62."""
    status = "401 Unauthorized" if header.startswith("W") else "407 Proxy Authentication Required"
    challenge = f'{status}\r\n{header}: Digest realm="srs", nonce="%s", algorithm=MD5'
    async with wire() as there, speaking() as caller:
        running = caller.record(there.uri, username="rec", password="pw")
        first = await there.request("INVITE")
        there.answer(first, challenge % "one")
        second = await there.request("INVITE")
        assert (second.get("Call-ID"), second.get("CSeq")) == (first.get("Call-ID"), "2 INVITE")
        answered = second.get("Authorization") or second.get("Proxy-Authorization")
        assert 'username="rec"' in answered
        there.answer(second, challenge % "two")
        await running.over()
    over = caller.told[-1]
    assert isinstance(over, Over)
    assert over.status in (401, 407)
    assert "pw" not in repr(caller.told)


@pytest.mark.parametrize("status", ["415 Unsupported", "420 Bad Extension", "488 Not Acceptable Here", "603 Decline"])
async def test_a_refusal_is_told_with_its_status_and_words(status: str) -> None:
    """63."""
    async with wire() as there, speaking() as caller:
        running = caller.record(there.uri)
        there.answer(await there.request("INVITE"), status)
        await running.over()
    passed, over = caller.told
    assert isinstance(passed, PassedOver)
    assert status in passed.reason
    assert isinstance(over, Over)
    assert (over.reason, over.status) == ("failed", int(status[:3]))


async def test_two_that_ask_at_once_ask_again_one_after_the_other() -> None:
    """55, 56: 491, then the same once more; while it waits nothing else is asked. Always a re-INVITE, never an
    UPDATE, so there is none that could be refused."""
    async with wire() as there, speaking() as caller:
        running, _ = await begun(caller, there)
        running.recording.tell(Changed(call=HELD))
        first = await there.request("INVITE")
        running.recording.tell(Changed(call=CALL))
        there.answer(first, "491 Request Pending")
        second = await there.request("INVITE")
        assert int(second.get("CSeq").split()[0]) > int(first.get("CSeq").split()[0])
        there.answer(second)
        third = await there.request("INVITE")
        there.answer(third)
        documents = [message.body.partition("<datamode>")[2][:7] for message in (second, third)]
        assert documents == ["partial", "partial"]
        assert third.get("CSeq") != second.get("CSeq")
        await running.stop()


async def test_what_waits_while_the_recorder_asks_itself_is_written_anew() -> None:
    """22, 55: our answer to the recorder's own re-INVITE comes between: what follows is newer than that, and says it
    all the same."""
    async with wire() as there, speaking() as caller:
        running, _ = await begun(caller, there)
        running.recording.tell(Changed(call=HELD))
        first = await there.request("INVITE")
        there.answer(first, "491 Request Pending")
        answer = await there.phone.reinvite(there.sdp())
        second = await there.request("INVITE")
        there.answer(second)
        versions = [int(one[1]) for m in (first, answer, second) if (one := re.search(r"o=\S+ \d+ (\d+)", m.body))]
        assert versions == sorted(set(versions)), versions
        assert len(versions) == 3
        assert second.body.partition("<datamode>")[2][:7] == "partial"
        assert second.body.count("<send>") == first.body.count("<send>"), "the hold is told"
        await running.stop()


# -- TLS --


async def test_a_certificate_that_is_not_the_recorders_gets_no_invite(tmp_path: Path) -> None:
    """68: by an authority nobody trusts, or for another host; the third is taken."""
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(100))
        writer.close()

    authorities = []
    for name in ("known", "unknown"):
        (tmp_path / name).mkdir()
        authorities.append(Authority.make(tmp_path / name))
    known, unknown = authorities
    cases = [
        (unknown.issue(tmp_path, "unknown-leaf"), 0),
        (known.issue(tmp_path, "other-host", names=("srs.example",)), 0),
        (known.issue(tmp_path, "leaf"), 1),
    ]
    for (certificate, key), told in cases:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
        async with server, speaking(trusted_ca=str(known.path)) as caller:
            port = server.sockets[0].getsockname()[1]
            await caller.record(f"sip:rec@127.0.0.1:{port};transport=tls", answer_s=2.0).over()
        assert sum(data.startswith(b"INVITE ") for data in heard) == told
