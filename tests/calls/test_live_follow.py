"""A stream goes on through everything that can happen to its call: every frame there, on time, of the right party."""

import asyncio
from array import array
from collections import defaultdict
from itertools import pairwise
from math import cos, pi
from pathlib import Path

import pytest

from bridgetap.receiver import Faults, Media, Receiver, Stream, Track, decode_ulaw, level_dbfs
from bridgetap.receiver.authority import make_authority

from .live import AUDIBLE, TOKEN, LiveCall, live, until
from .stage import connect, fork, stop_fork

pytest.importorskip("bridgetap._engine", reason="the compiled core was not built")

ALICE, BOB, CAROL, DAVE, ERIN = 500, 900, 1300, 1700, 2100  # the tone each of them says, Hz
SETTLED = 15  # frames in a row
FRAME_MS = 20
TRANSFERS = 'transfer_by = "everybody"\ntransfer_to = ["sip"]'


class Ear:
    """Every frame of both tracks: its timestamp, and whose tone it is (0: nobody's)."""

    def __init__(self) -> None:
        self.frames: defaultdict[Track, list[tuple[int, int]]] = defaultdict(list)
        self.faults: Faults | None = None

    async def __call__(self, stream: Stream) -> None:
        async for message in stream:
            if isinstance(message, Media):
                self.frames[message.track].append((message.timestamp_ms, whose(decode_ulaw(message.payload))))
        self.faults = sum((figures.faults for figures in stream.tracks.values()), stream.faults)

    async def hears(self, inbound: int, outbound: int) -> None:
        """Until both tracks have carried that for a while."""
        begun = {track: len(frames) for track, frames in self.frames.items()}

        def settled() -> bool:
            return all(
                [tone for _, tone in self.frames[track][begun.get(track, 0) :][-SETTLED:]] == [expected] * SETTLED
                for track, expected in (("inbound", inbound), ("outbound", outbound))
            )

        try:
            await until(settled, f"inbound {inbound} Hz, outbound {outbound} Hz")
        except AssertionError as error:
            latest = {track: [tone for _, tone in frames[-30:]] for track, frames in self.frames.items()}
            raise AssertionError(f"{error}; but {latest}") from None

    def others(self, track: Track, tone: int, since: int) -> int:
        """How many frames since then carry anything else than that tone alone."""
        return sum(heard != tone for _, heard in self.frames[track][since:])


def whose(pcm: bytes) -> int:
    """The tone that makes up most of a frame (s16le)."""
    if level_dbfs(pcm) < AUDIBLE:
        return 0
    samples = array("h", pcm)
    energy = sum(sample * sample for sample in samples)
    for hertz in (ALICE, BOB, CAROL, DAVE, ERIN):
        factor = 2 * cos(2 * pi * hertz / 8000)
        before = last = 0.0
        for sample in samples:
            before, last = last, sample + factor * last - before
        power = last * last + before * before - factor * last * before
        if 2 * power / (len(samples) * energy) > 0.8:
            return hertz
    return -1


async def test_a_stream_follows_its_call(tmp_path: Path) -> None:
    authority, ear = make_authority(tmp_path), Ear()
    async with (
        Receiver.serve(ear, ssl=authority.server_context(), auth_token=TOKEN, exact=True) as receiver,
        live(
            tmp_path,
            lambda uris: [
                fork(then="two", stream_url=f"wss://127.0.0.1:{receiver.port}/media"),
                connect("two", noun="sip", sip_endpoint=uris[0], then="three"),
                connect("three", noun="sip", sip_endpoint=uris[1], then="stop"),
                stop_fork(),
            ],
            callees=4,
            calls=TRANSFERS,
        ) as stage,
    ):
        alice = await stage.call()
        alice.play(ALICE)
        bob = await stage.callees[0].next_call()
        bob.progress(183, early_media=True)
        bob.play(BOB)
        await ear.hears(ALICE, BOB)  # early media
        bob.answer()
        await ear.hears(ALICE, BOB)

        for holder, other in ((bob, alice), (alice, bob)):
            await change(holder, other, "inactive")
            await ear.hears(0, 0)
            await change(holder, other, "sendrecv")
            await ear.hears(ALICE, BOB)

        since = len(ear.frames["inbound"])
        assert (await alice.reoffer(codecs=("PCMA",))).codec == "PCMA"
        await ear.hears(ALICE, BOB)
        assert ear.others("inbound", ALICE, since) <= 1, "another codec costs one packet time at most"
        await alice.move()
        await ear.hears(ALICE, BOB)
        await bob.move()
        await ear.hears(ALICE, BOB)

        bob.hang_up()
        carol = await stage.callees[1].next_call()  # the flow's second Connect Call To
        carol.answer()
        carol.play(CAROL)
        await ear.hears(ALICE, CAROL)

        referring = asyncio.ensure_future(carol.refer(stage.callees[2].uri))
        dave = await stage.callees[2].next_call()
        dave.answer()
        dave.play(DAVE)
        assert (await referring)[-1] == "SIP/2.0 200 OK"
        await carol.ended()
        await ear.hears(ALICE, DAVE)

        since = len(ear.frames["outbound"])
        referring = asyncio.ensure_future(alice.refer(stage.callees[3].uri))
        erin = await stage.callees[3].next_call()
        erin.play(ERIN)
        erin.answer()
        assert (await referring)[-1] == "SIP/2.0 200 OK"
        await alice.ended()
        await ear.hears(ERIN, DAVE)  # the stream is where it was, Erin is at its leg
        assert ear.others("outbound", DAVE, since) <= 1, "the transfer costs one packet time at most"
        await asyncio.gather(erin.hears_a_tone(), dave.hears_a_tone())

        dave.hang_up()
        assert (await erin.ended()).cause == "bye", "the flow went on to its end with Erin"
        (row,) = await stage.streams()
        assert (row.end_reason, row.ms_dropped, row.code) == ("stopped", 0, None)
        await until(lambda: ear.faults is not None, "stop has come")
        assert ear.faults == Faults(), "no number is missing"
        assert row.frames_sent == sum(len(frames) for frames in ear.frames.values())
        for track in ("inbound", "outbound"):
            stamps = [stamp for stamp, _ in ear.frames[track]]
            assert all(after - before == FRAME_MS for before, after in pairwise(stamps)), f"{track} has a gap"
        assert abs(len(ear.frames["inbound"]) - len(ear.frames["outbound"])) <= 1
        assert all(row.status == "completed" for row in await stage.over())


async def change(holder: LiveCall, other: LiveCall, direction: str) -> None:
    """One side's re-INVITE, which the other side is told by ours."""
    told = asyncio.ensure_future(other.answer_reoffer())
    await holder.reoffer(direction=direction)  # type: ignore[arg-type]
    await told
