"""A recorder made of sockets: it sees every byte that our recording client sends, and says what it is told to."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.interop.raw_phone import Message, RawPhone, raw_phone

SENDER_REPORT, DESCRIPTION, GOODBYE = 200, 202, 203  # RFC 3550 §12.1


@dataclass(frozen=True)
class Rtp:
    """One packet, and the port it came from."""

    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    source: int


@dataclass(frozen=True)
class Report:
    """What one RTCP packet says of its sender."""

    source: int
    ssrc: int
    cname: str
    ntp_s: float
    timestamp: int
    goodbye: bool


@dataclass
class Line:
    """What came for one m-line."""

    port: int
    packets: list[Rtp] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)


@dataclass
class Wire:
    """SIP over UDP, two lines of media."""

    phone: RawPhone
    lines: list[Line]

    @property
    def uri(self) -> str:
        return f"sip:rec@127.0.0.1:{self.phone.sip_port};transport=udp"

    async def request(self, method: str) -> Message:
        """The next request of that method; what else comes is passed over, repetitions of one already seen too."""
        while True:
            message = await self.phone.receive(within_s=30)  # a busy machine takes its time
            if not message.status and message.method == method:
                return message

    def sdp(self, way: str = "recvonly") -> str:
        head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        return head + "".join(f"m=audio {line.port} RTP/AVP 0\r\na={way}\r\n" for line in self.lines)

    def answer(self, invite: Message, status: str = "200 OK", *, way: str = "recvonly") -> None:
        """Answer an INVITE; of a 200 the dialog is ours to ask things in."""
        phone = self.phone
        phone.server = ("127.0.0.1", int(invite.get("Via").split(";")[0].rsplit(":", 1)[-1]))
        if not phone.tag:
            phone.tag = "recorder"
        taken = status.startswith("200")
        phone.reply(invite, status, body=self.sdp(way) if taken else "")
        if taken:
            phone.call_id, phone.cseq = invite.get("Call-ID"), max(phone.cseq, 1)
            phone.dialog_from, phone.dialog_to = f"{_bare(invite.get('To'))};tag={phone.tag}", invite.get("From")
            phone.target = invite.get("Contact").split("<", 1)[-1].split(">", 1)[0]

    async def take(self) -> Message:
        """The next INVITE, answered with 200 and acknowledged."""
        invite = await self.request("INVITE")
        self.answer(invite)
        await self.request("ACK")
        return invite

    async def final(self) -> Message:
        return await self.phone.final()


def _bare(to: str) -> str:
    return to.split(";tag=")[0]


@asynccontextmanager
async def wire() -> AsyncIterator[Wire]:
    async with raw_phone() as phone:
        lines: list[Line] = []
        sockets: list[asyncio.DatagramTransport] = []
        loop = asyncio.get_running_loop()
        try:
            while len(lines) < 2:
                rtp, rtcp = _pair()
                line = Line(rtp.getsockname()[1])
                for one, takes in ((rtp, _rtp), (rtcp, _rtcp)):
                    transport, _ = await loop.create_datagram_endpoint(lambda t=takes, at=line: _Ear(at, t), sock=one)  # type: ignore[misc]
                    sockets.append(transport)
                lines.append(line)
            yield Wire(phone, lines)
        finally:
            for transport in sockets:
                transport.close()


def _pair() -> tuple[socket.socket, socket.socket]:
    """An even port for RTP and the next one for RTCP."""
    while True:
        rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        rtp.bind(("127.0.0.1", 0))
        port = rtp.getsockname()[1]
        rtcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            if port % 2 == 0:
                rtcp.bind(("127.0.0.1", port + 1))
                return rtp, rtcp
        except OSError:
            pass
        rtp.close()
        rtcp.close()


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, line: Line, takes: object) -> None:
        self._line = line
        self._takes = takes

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._takes is _rtp:
            self._line.packets.append(_rtp(data, addr[1]))
        else:
            self._line.reports += _rtcp(data, addr[1])


def _rtp(data: bytes, source: int) -> Rtp:
    number = int.from_bytes
    return Rtp(bool(data[1] & 0x80), number(data[2:4]), number(data[4:8]), number(data[8:12]), source)


def _rtcp(data: bytes, source: int) -> list[Report]:
    """One compound packet (RFC 3550 §6.1)."""
    ssrc, cname, ntp_s, timestamp, goodbye = 0, "", 0.0, 0, False
    while len(data) >= 8:
        kind, size = data[1], 4 * (int.from_bytes(data[2:4]) + 1)
        part, data = data[:size], data[size:]
        ssrc = int.from_bytes(part[4:8])
        if kind == SENDER_REPORT:
            ntp_s = int.from_bytes(part[8:12]) + int.from_bytes(part[12:16]) / 2**32
            timestamp = int.from_bytes(part[16:20])
        elif kind == DESCRIPTION and part[8] == 1:
            cname = part[10 : 10 + part[9]].decode()
        elif kind == GOODBYE:
            goodbye = True
    return [Report(source, ssrc, cname, ntp_s, timestamp, goodbye)]
