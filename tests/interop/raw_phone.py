"""A phone made of two sockets, for what a well-behaved phone would never do: odd SDP, odd packets, odd timing.

It speaks just enough SIP over UDP to call and to be called; every message and packet can be handed in as bytes.
"""

import asyncio
import itertools
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from . import tones

_ids = itertools.count(1)

AUDIO = "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n"


@dataclass(frozen=True, slots=True)
class Message:
    """One received SIP message."""

    start: str
    headers: tuple[tuple[str, str], ...]
    body: str
    raw: bytes = b""

    @classmethod
    def parse(cls, data: bytes) -> "Message":
        head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        lines = head.split("\r\n")
        pairs = tuple((k.strip(), v.strip()) for k, _, v in (line.partition(":") for line in lines[1:]))
        return cls(lines[0], pairs, body, data)

    @property
    def status(self) -> int:
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0") else 0

    @property
    def method(self) -> str:
        return self.start.split()[0] if not self.status else self.get("CSeq").split()[-1]

    def get(self, name: str) -> str:
        return next((v for k, v in self.headers if k.lower() == name.lower()), "")

    def all(self, name: str) -> list[str]:
        return [v for k, v in self.headers if k.lower() == name.lower()]

    def rtp_port(self) -> int:
        found = re.search(r"^m=audio (\d+)", self.body, re.MULTILINE)
        assert found, self.body
        return int(found[1])


@dataclass
class Packet:
    """One received RTP packet."""

    at: float
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


@dataclass
class RawPhone:
    """Make one with `raw_phone`."""

    server: tuple[str, int]
    sip_port: int = 0
    rtp_port: int = 0
    sip: asyncio.DatagramTransport | None = None
    rtp: asyncio.DatagramTransport | None = None
    messages: asyncio.Queue[Message] = field(default_factory=lambda: asyncio.Queue(1000))
    packets: list[Packet] = field(default_factory=list)
    call_id: str = ""
    cseq: int = 0
    dialog_to: str = ""
    dialog_from: str = ""
    target: str = ""
    tag: str = ""
    number: str = "+15551230000"

    def sdp(
        self, *, port: int | None = None, audio: str = AUDIO, formats: str = "0 101", extra: str = "a=sendrecv\r\n"
    ) -> str:
        return (
            f"v=0\r\no=raw 1 {int(time.time())} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port or self.rtp_port} RTP/AVP {formats}\r\n{audio}{extra}"
        )

    def send(self, data: str | bytes) -> None:
        assert self.sip is not None
        self.sip.sendto(data.encode() if isinstance(data, str) else data, self.server)

    def request(
        self, method: str, *, body: str = "", cseq: int | None = None, headers: str = "", branch: str = ""
    ) -> str:
        """A request of this dialog, or the first INVITE of a new one."""
        if not self.call_id:
            self.call_id, self.tag = f"raw-{next(_ids)}-{time.time_ns()}", f"t{next(_ids)}"
        if cseq is None:
            self.cseq += method not in {"ACK", "CANCEL"}
            cseq = self.cseq
        host, port = self.server
        branch = branch or f"z9hG4bK{next(_ids)}x{time.time_ns()}"
        uri = self.target or f"sip:{self.number}@{host}:{port}"
        content = (
            f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n" if body else "Content-Length: 0\r\n"
        )
        return (
            f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.sip_port};branch={branch};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: {self.dialog_from or f'<sip:+15557770001@127.0.0.1>;tag={self.tag}'}\r\n"
            f"To: {self.dialog_to or f'<sip:{self.number}@{host}>'}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:raw@127.0.0.1:{self.sip_port}>\r\n"
            f"{headers}{content}\r\n{body}"
        )

    async def receive(self, *, within_s: float = 10) -> Message:
        async with asyncio.timeout(within_s):
            return await self.messages.get()

    async def final(self, *, within_s: float = 15) -> Message:
        """The next final response; provisional ones are passed over."""
        async with asyncio.timeout(within_s):
            while True:
                message = await self.messages.get()
                if message.status >= 200:
                    return message

    async def call(self, *, body: str | None = None, headers: str = "") -> Message:
        """INVITE and ACK; returns the final response."""
        branch = f"z9hG4bKinv{next(_ids)}x{time.time_ns()}"
        self.send(self.request("INVITE", body=self.sdp() if body is None else body, headers=headers, branch=branch))
        answer = await self.final()
        self.dialog_to = answer.get("To")
        if answer.status < 300:
            self.target = answer.get("Contact").split("<", 1)[-1].split(">", 1)[0]
            branch = ""
        self.send(self.request("ACK", cseq=self.cseq, branch=branch))
        if answer.status >= 300:
            self.dialog_to = ""
        return answer

    async def reinvite(self, body: str) -> Message:
        """A re-INVITE in the dialog and its ACK."""
        self.send(self.request("INVITE", body=body))
        answer = await self.final()
        self.send(self.request("ACK", cseq=self.cseq))
        return answer

    async def answer(self, *, body: str | None = None, status: str = "200 OK", within_s: float = 15) -> Message:
        """Wait for an INVITE and answer it."""
        async with asyncio.timeout(within_s):
            while True:
                invite = await self.messages.get()
                if invite.method == "INVITE" and not invite.status:
                    break
        self.tag = f"r{next(_ids)}"
        self.reply(invite, status, body=self.sdp() if body is None else body)
        return invite

    def hang_up(self, invite: Message) -> None:
        """BYE from the called side."""
        self.call_id, self.cseq = invite.get("Call-ID"), 1
        self.dialog_from, self.dialog_to = f"{invite.get('To')};tag={self.tag}", invite.get("From")
        self.target = invite.get("Contact").split("<", 1)[-1].split(">", 1)[0]
        self.send(self.request("BYE"))

    def reply(self, request: Message, status: str, *, body: str = "") -> None:
        to = request.get("To")
        content = (
            f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n" if body else "Content-Length: 0\r\n"
        )
        self.send(
            f"SIP/2.0 {status}\r\n"
            + "".join(f"Via: {via}\r\n" for via in request.all("Via"))
            + "".join(f"Record-Route: {route}\r\n" for route in request.all("Record-Route"))
            + f"From: {request.get('From')}\r\nTo: {to}{'' if ';tag=' in to else f';tag={self.tag}'}\r\n"
            f"Call-ID: {request.get('Call-ID')}\r\nCSeq: {request.get('CSeq')}\r\n"
            f"Contact: <sip:raw@127.0.0.1:{self.sip_port}>\r\n{content}\r\n{body}"
        )

    async def speak(
        self, to_port: int, samples: list[int], *, ptime_ms: int = 20, ssrc: int = 0x1234, sequence: int = 100
    ) -> int:
        """Send µ-law audio at its own pace; returns how many packets."""
        assert self.rtp is not None
        audio = tones.ulaw(samples)
        size = 8 * ptime_ms
        started = asyncio.get_running_loop().time()
        count = 0
        for at in range(0, len(audio) - size + 1, size):
            header = bytes([0x80, 0]) + ((sequence + count) & 0xFFFF).to_bytes(2) + at.to_bytes(4) + ssrc.to_bytes(4)
            self.rtp.sendto(header + audio[at : at + size], ("127.0.0.1", to_port))
            count += 1
            pause = started + count * ptime_ms / 1000 - asyncio.get_running_loop().time()
            if pause > 0:
                await asyncio.sleep(pause)
        return count

    def missing(self) -> int:
        """Sequence numbers not heard between the first and the last packet of each SSRC."""
        total = 0
        for ssrc in {packet.ssrc for packet in self.packets}:
            seen = [packet.sequence for packet in self.packets if packet.ssrc == ssrc]
            steps = ((b - a) & 0xFFFF for a, b in itertools.pairwise(seen))
            total += sum(step - 1 for step in steps if 0 < step < 0x8000)
        return total


class _Sip(asyncio.DatagramProtocol):
    def __init__(self, phone: RawPhone) -> None:
        self._phone = phone

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = Message.parse(data)
        if not message.status and message.method in {"BYE", "OPTIONS", "CANCEL"}:
            self._phone.reply(message, "200 OK")
        self._phone.messages.put_nowait(message)


class _Rtp(asyncio.DatagramProtocol):
    def __init__(self, phone: RawPhone) -> None:
        self._phone = phone

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if len(data) >= 12:
            number = int.from_bytes
            self._phone.packets.append(
                Packet(
                    time.monotonic(),
                    data[1] & 0x7F,
                    number(data[2:4]),
                    number(data[4:8]),
                    number(data[8:12]),
                    data[12:],
                )
            )


@asynccontextmanager
async def raw_phone(server: tuple[str, int] = ("127.0.0.1", 9)) -> AsyncIterator[RawPhone]:
    """A phone on loopback that talks to `server`."""
    phone = RawPhone(server)
    loop = asyncio.get_running_loop()
    phone.sip, _ = await loop.create_datagram_endpoint(lambda: _Sip(phone), local_addr=("127.0.0.1", 0))
    phone.rtp, _ = await loop.create_datagram_endpoint(lambda: _Rtp(phone), local_addr=("127.0.0.1", 0))
    phone.sip_port = phone.sip.get_extra_info("sockname")[1]
    phone.rtp_port = phone.rtp.get_extra_info("sockname")[1]
    try:
        yield phone
    finally:
        phone.sip.close()
        phone.rtp.close()
