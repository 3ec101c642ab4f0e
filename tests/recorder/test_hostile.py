"""Recorders that mean harm, all at one call: it loses no packet, each recording has one end, nothing stays open."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeAlias

from bridgetap.siprec.happenings import PauseWanted, ResumeWanted, StopWanted
from bridgetap.siprec.orders import Over
from tests.interop.raw_phone import Message, RawPhone, raw_phone

from .stage import Caller, assert_unhurt, speaking, until

HEAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
SNAPSHOT = '<requestsnapshot xmlns="urn:ietf:params:xml:ns:recording:1"/>'
BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">]><requestsnapshot>&b;&b;</requestsnapshot>'
MANY = 60

Script: TypeAlias = Callable[[RawPhone, Message, Caller], Awaitable[None]]


def sdp(*ports: int, address: str = "127.0.0.1", way: str = "recvonly") -> str:
    return HEAD.format(address=address) + "".join(f"m=audio {port} RTP/AVP 0\r\na={way}\r\n" for port in ports)


def body(text: str) -> Script:
    """200 with that."""

    async def script(phone: RawPhone, invite: Message, caller: Caller) -> None:
        phone.reply(invite, "200 OK", body=text)

    return script


def refusals(status: str, headers: str = "") -> Script:
    """That, to every INVITE, for as long as there are any."""

    async def script(phone: RawPhone, invite: Message, caller: Caller) -> None:
        for _ in range(MANY):
            phone.reply(invite, f"{status}\r\n{headers.format(port=phone.sip_port, nonce=time.time_ns())}".rstrip())
            invite = await request(phone, "INVITE")

    return script


async def request(phone: RawPhone, method: str) -> Message:
    while True:
        message = await phone.messages.get()
        if not message.status and message.method == method:
            return message


async def take(phone: RawPhone, invite: Message, *, headers: str = "") -> None:
    """200, and be able to ask things of the client in the dialog."""
    phone.reply(invite, f"200 OK{headers}", body=sdp(phone.rtp_port, phone.rtp_port))
    await request(phone, "ACK")
    phone.call_id, phone.cseq = invite.get("Call-ID"), 1
    phone.dialog_from, phone.dialog_to = f"{invite.get('To')};tag={phone.tag}", invite.get("From")
    phone.target = invite.get("Contact").split("<", 1)[-1].split(">", 1)[0]


async def reinvites(phone: RawPhone, invite: Message, caller: Caller) -> None:
    """Offers without waiting for an answer: other ports, other ways, more lines, fewer, none at all."""
    await take(phone, invite)
    for number in range(MANY):
        ports = [phone.rtp_port] * (number % 5)
        phone.send(phone.request("INVITE", body=sdp(*ports, way=("recvonly", "inactive", "sendrecv")[number % 3])))
        phone.send(phone.request("UPDATE", body=sdp(*ports)))


async def offerless(phone: RawPhone, invite: Message, caller: Caller) -> None:
    """Asks for an offer, and answers it with nonsense."""
    await take(phone, invite)
    for _ in range(3):
        phone.send(phone.request("INVITE"))
        await phone.final()
        phone.send(phone.request("ACK", cseq=phone.cseq, body="v=0\r\nnonsense"))


async def snapshots(phone: RawPhone, invite: Message, caller: Caller) -> None:
    """Asks for everything, again and again, and hears nothing of it."""
    await take(phone, invite)
    for number in range(MANY):
        update = phone.request("UPDATE", body=BOMB if number % 2 else SNAPSHOT)
        phone.send(update.replace("application/sdp", "application/rs-metadata+xml"))


async def strange_requests(phone: RawPhone, invite: Message, caller: Caller) -> None:
    await take(phone, invite)
    for number in range(MANY):
        method = ("INFO", "REFER", "NOTIFY", "MESSAGE", "SUBSCRIBE", "NONSENSE")[number % 6]
        phone.send(
            phone.request(method, body="x" * 3000, headers="Require: nothing\r\nRefer-To: <sip:you@127.0.0.1>\r\n")
        )


async def answers_many_times(phone: RawPhone, invite: Message, caller: Caller) -> None:
    """As if the INVITE had been forked to many, some of whom refuse behind their 200."""
    for number in range(MANY):
        phone.tag = f"fork{number}"
        phone.reply(invite, "183 Session Progress", body=sdp(phone.rtp_port))
        phone.reply(invite, "200 OK", body=sdp(*[phone.rtp_port] * (number % 4)))
        phone.reply(invite, "503 Busy")


async def leaves_and_leaves(phone: RawPhone, invite: Message, caller: Caller) -> None:
    await take(phone, invite)
    for _ in range(MANY):
        phone.send(phone.request("BYE", headers='Reason: SIP;cause=99999999999999999999;text="\x00"\r\n'))


async def answers_at_the_end(phone: RawPhone, invite: Message, caller: Caller) -> None:
    """200 behind the CANCEL."""
    phone.reply(invite, "180 Ringing")
    await request(phone, "CANCEL")
    phone.reply(invite, "200 OK", body=sdp(phone.rtp_port, phone.rtp_port))


async def floods(phone: RawPhone, invite: Message, caller: Caller) -> None:
    """Audio and rubbish to where ours comes from, RTP and RTCP."""
    await take(phone, invite)
    dice = random.Random(7)
    ports = [int(line.split()[1]) for line in invite.body.splitlines() if line.startswith("m=audio")]
    assert phone.rtp is not None
    for _ in range(1000):
        for port in ports:
            phone.rtp.sendto(bytes([0x80, 0]) + dice.randbytes(170), ("127.0.0.1", port))
            phone.rtp.sendto(bytes([0x80, 200 + dice.randrange(8)]) + dice.randbytes(60), ("127.0.0.1", port + 1))
        await asyncio.sleep(0)


async def points_at_the_call(phone: RawPhone, invite: Message, caller: Caller) -> None:
    """Wants the copies sent to where the caller's own audio comes in."""
    phone.reply(invite, "200 OK", body=sdp(caller.leg.rtp_port, caller.leg.rtp_port))


SCRIPTS: dict[str, Script] = {
    "no SDP": body(""),
    "nonsense": body("v=0\r\nnonsense"),
    "binary": body("\x00\xff" * 500),
    "as large as a datagram": body(sdp(4000) + "a=x:" + "y" * 40_000),
    "many lines": body(sdp(*range(4000, 4030))),
    "no line": body(sdp()),
    "every line refused": body(sdp(0, 0)),
    "ports that there are not": body(sdp(70000, 99999999999999999999)),
    "nowhere": body(sdp(4000, 4000, address="0.0.0.0")),
    "everybody": body(sdp(4000, 4000, address="255.255.255.255")),
    "a multicast group": body(sdp(4000, 4000, address="224.0.0.1")),
    "no address": body(sdp(4000, 4000, address="999.1.1.1")),
    "wants to speak": body(sdp(4000, 4002, way="sendrecv")),
    "points at the call": points_at_the_call,
    "redirects to itself": refusals("302 Moved", "Contact: <sip:you@127.0.0.1:{port}>, <tel:+1>, <sip:x>, <"),
    "challenges for ever": refusals("401 Who", 'WWW-Authenticate: Digest realm="r", nonce="{nonce}", qop="auth"'),
    "never long enough": refusals("422 Small", "Min-SE: 99999999999999999999"),
    "busy for ever": refusals("503 Busy", "Retry-After: -1"),
    "a session of no time": lambda phone, invite, _: take(
        phone, invite, headers="\r\nSession-Expires: 0;refresher=uas"
    ),
    "re-INVITEs": reinvites,
    "offerless": offerless,
    "snapshots": snapshots,
    "strange requests": strange_requests,
    "answers many times": answers_many_times,
    "leaves and leaves": leaves_and_leaves,
    "answers at the end": answers_at_the_end,
    "floods": floods,
}


async def play(script: Script, phone: RawPhone, caller: Caller) -> None:
    await script(phone, await request(phone, "INVITE"), caller)


async def test_no_hostile_recorder_costs_the_call_anything() -> None:
    """48."""
    async with speaking() as caller, AsyncExitStack() as stack:
        server = ("127.0.0.1", int(caller.core.sip.addresses()[0].rpartition(":")[2]))
        recordings, scripts = {}, {}
        for name, script in SCRIPTS.items():
            phone = await stack.enter_async_context(raw_phone(server))
            scripts[name] = asyncio.create_task(play(script, phone, caller))
            uri = f"sip:recorder@127.0.0.1:{phone.sip_port};transport=udp"
            recordings[name] = caller.record(uri, answer_s=1.5, username="us", password="s3cret")
        enough = len(caller.heard) + 150
        await until(lambda: len(caller.heard) >= enough)
        for running in recordings.values():
            running.recording.tell(PauseWanted())
            running.recording.tell(ResumeWanted())
        for running in recordings.values():
            running.recording.tell(StopWanted())
        for name, running in recordings.items():
            await running.over()
            assert running.task.exception() is None, name
        for name, task in scripts.items():
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled() or task.exception() is None, name
        assert sum(isinstance(told, Over) for told in caller.told) == len(SCRIPTS)
        await until(lambda: caller.core.media.stats()["legs"] == 1)
        stats = caller.leg.stats()
        assert stats is not None
        assert stats.refused_source > 0, "the copies that were pointed at the call never came"
        assert (stats.lost, stats.malformed, stats.duplicated) == (0, 0, 0)
        enough = len(caller.heard) + 25
        await until(lambda: len(caller.heard) >= enough)
        assert_unhurt(caller)
