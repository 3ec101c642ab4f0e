"""Samples: coding, levels, gapless audio, WAV files."""

import struct
import wave
from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.errors import InvalidInput
from bridgetap.ids import StreamSid
from bridgetap.receiver import (
    Media,
    MediaFormat,
    StereoWav,
    Track,
    TrackWavs,
    decode_alaw,
    decode_ulaw,
    encode_ulaw,
    level_dbfs,
    resample_double,
)
from bridgetap.receiver.audio import AudioFrames

# ITU-T G.711 table 2a: the ends of every segment, positive half, on the 16-bit scale.
G711 = {0xFF: 0, 0xF0: 120, 0xEF: 132, 0xE0: 372, 0xDF: 396, 0xD0: 876, 0xCF: 924, 0xC0: 1884, 0xBF: 1980}
G711 |= {0xB0: 3900, 0xAF: 4092, 0xA0: 7932, 0x9F: 8316, 0x90: 15996, 0x8F: 16764, 0x80: 32124}


@pytest.mark.parametrize(("byte", "sample"), G711.items())
def test_ulaw_by_the_standard(byte: int, sample: int) -> None:
    assert array("h", decode_ulaw(bytes([byte]))).tolist() == [sample]
    assert array("h", decode_ulaw(bytes([byte & 0x7F]))).tolist() == [-sample]


def test_ulaw_grows_with_the_code() -> None:
    samples = array("h", decode_ulaw(bytes(range(0xFF, 0x7F, -1)))).tolist()
    assert samples == sorted(set(samples))


@given(st.integers(-32768, 32767))
def test_ulaw_back_is_the_nearest_code(sample: int) -> None:
    (code,) = encode_ulaw(sample.to_bytes(2, "little", signed=True))
    found = array("h", decode_ulaw(bytes([code])))[0]
    segment = max(4, (abs(sample) + 0x84).bit_length() - 5)
    assert abs(found - max(-32124, min(32124, sample))) <= 1 << segment - 1


def test_every_ulaw_code_is_its_own_nearest() -> None:
    assert encode_ulaw(decode_ulaw(bytes(range(256)))) == bytes(0xFF if code == 0x7F else code for code in range(256))


# ITU-T G.711 table 1a: the ends of some segments, on the 16-bit scale.
ALAW = {0xD5: 8, 0xC5: 264, 0xF5: 528, 0xE5: 1056, 0x95: 2112, 0x85: 4224, 0xB5: 8448, 0xA5: 16896, 0xAA: 32256}


@pytest.mark.parametrize(("byte", "sample"), ALAW.items())
def test_alaw_by_the_standard(byte: int, sample: int) -> None:
    assert array("h", decode_alaw(bytes([byte, byte & 0x7F]))).tolist() == [sample, -sample]


def test_twice_the_rate_is_half_way_between() -> None:
    first, second = array("h", [100, 300]).tobytes(), array("h", [-100]).tobytes()
    assert array("h", resample_double(first)).tolist() == [50, 100, 200, 300]
    assert array("h", resample_double(second, last=300)).tolist() == [100, -100]
    assert resample_double(b"") == b""


def frames(*messages: Media, media_format: MediaFormat | None = None, track: Track | None = None) -> list[object]:
    """Track, place and whether it is silence made up, of each piece of audio."""

    async def none() -> None: ...

    audio = AudioFrames(
        none, media_format or MediaFormat(encoding="audio/x-mulaw", sample_rate=8000, channels=1), track
    )  # type: ignore[arg-type]
    return [
        (one.track, one.at_s, len(one.values), one.missing, one.values[0])
        for message in messages
        for one in audio.take(message)
    ]


def test_samples_come_without_gaps() -> None:
    got = frames(media("inbound", 1, 0x80), media("inbound", 4, 0x80), media("inbound", 2, 0x80))
    assert got == [
        ("inbound", 0.0, 160, False, 32124),
        ("inbound", 0.02, 320, True, 0),
        ("inbound", 0.06, 160, False, 32124),
    ]


def test_one_track_may_be_asked_for() -> None:
    got = frames(media("inbound", 1, 0x80), media("outbound", 1, 0x80), track="outbound")
    assert got == [("outbound", 0.0, 160, False, 32124)]


def test_samples_of_another_format_are_what_the_start_said() -> None:
    wide = MediaFormat(encoding="audio/x-l16", sample_rate=16000, channels=2)
    payload = array("h", [1000, -2000] * 320).tobytes()
    message = Media(
        sequence_number=2, stream_sid=StreamSid("MZ"), track="inbound", chunk=1, timestamp_ms=0, payload=payload
    )
    assert frames(message, media_format=wide) == [
        ("inbound", 0.0, 320, False, 1000),
        ("outbound", 0.0, 320, False, -2000),
    ]


def test_a_format_that_is_unknown_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"start\.mediaFormat\.encoding: 'audio/opus': must be one of audio/x-mulaw"):
        frames(media_format=MediaFormat(encoding="audio/opus", sample_rate=48000, channels=1))


def test_levels() -> None:
    assert level_dbfs(b"") == -96.0
    assert level_dbfs(bytes(320)) == -96.0
    assert level_dbfs(array("h", [-32768] * 100).tobytes()) == pytest.approx(0.0)
    assert level_dbfs(array("h", [3277, -3277] * 50).tobytes()) == pytest.approx(-20.0, abs=0.01)


def media(track: Track, chunk: int, byte: int, *, timestamp_ms: int | None = None) -> Media:
    return Media(
        sequence_number=1,
        stream_sid=StreamSid("MZ" + "0" * 32),
        track=track,
        chunk=chunk,
        timestamp_ms=20 * chunk if timestamp_ms is None else timestamp_ms,
        payload=bytes([byte]) * 160,
    )


def read(path: Path) -> tuple[int, list[list[int]]]:
    """The channels of a file, one value for every 20 ms."""
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getsampwidth()) == (8000, 2)
        channels = file.getnchannels()
        samples = array("h", file.readframes(file.getnframes()))
    return channels, [samples[n::channels][::160].tolist() for n in range(channels)]


@pytest.fixture
def killed() -> Iterator[list[StereoWav]]:
    """Files that nobody closes while the test runs."""
    files: list[StereoWav] = []
    yield files
    for file in files:
        file.close()


def test_one_file_a_track_with_silence_for_what_never_came(tmp_path: Path) -> None:
    with TrackWavs(tmp_path, "CA1") as wavs:
        for chunk in (1, 2, 5):
            wavs.write(media("inbound", chunk, 0x80))
        wavs.write(media("outbound", 1, 0x00))
    assert wavs.paths == {"inbound": tmp_path / "CA1-inbound.wav", "outbound": tmp_path / "CA1-outbound.wav"}
    assert read(tmp_path / "CA1-inbound.wav") == (1, [[32124, 32124, 0, 0, 32124]])
    assert read(tmp_path / "CA1-outbound.wav") == (1, [[-32124]])


def test_a_chunk_that_comes_late_still_gets_its_place_and_twice_changes_nothing(tmp_path: Path) -> None:
    with TrackWavs(tmp_path, "x") as wavs:
        for chunk in (1, 3, 2, 3, 4):
            wavs.write(media("inbound", chunk, 0x80))
    assert read(tmp_path / "x-inbound.wav") == (1, [[32124] * 4])


def test_both_tracks_in_one_file_left_and_right(tmp_path: Path) -> None:
    with StereoWav(tmp_path / "x.wav") as wav:
        for chunk in range(1, 4):
            wav.write(media("inbound", chunk, 0x80))
            wav.write(media("outbound", chunk, 0x00))
    assert read(tmp_path / "x.wav") == (2, [[32124] * 3, [-32124] * 3])


def test_a_track_that_begins_later_begins_later_in_the_file(tmp_path: Path) -> None:
    with StereoWav(tmp_path / "x.wav") as wav:
        for chunk in range(1, 6):
            wav.write(media("inbound", chunk, 0x80))
        wav.write(media("outbound", 1, 0x00, timestamp_ms=80))
    assert read(tmp_path / "x.wav") == (2, [[32124] * 5, [0, 0, 0, -32124, 0]])


def test_a_track_that_never_comes_is_silent_and_holds_nothing_up(tmp_path: Path) -> None:
    wav = StereoWav(tmp_path / "x.wav")
    for chunk in range(1, 1001):
        wav.write(media("inbound", chunk, 0x80))
    assert (tmp_path / "x.wav").stat().st_size > 14 * 8000 * 4  # written as it came, not kept
    wav.close()
    wav.close()
    assert read(tmp_path / "x.wav") == (2, [[32124] * 1000, [0] * 1000])


def test_a_track_that_stalls_and_catches_up_stays_in_time(tmp_path: Path) -> None:
    with StereoWav(tmp_path / "x.wav") as wav:
        for chunk in range(1, 401):
            wav.write(media("inbound", chunk, 0x80))
        for chunk in range(1, 401):
            wav.write(media("outbound", chunk, 0x00))
    assert read(tmp_path / "x.wav") == (2, [[32124] * 400, [-32124] * 400])


def test_a_program_that_was_killed_goes_on_with_its_file(tmp_path: Path, killed: list[StereoWav]) -> None:
    before = StereoWav(tmp_path / "x.wav")
    killed.append(before)
    for chunk in range(1, 101):
        before.write(media("inbound", chunk, 0x80, timestamp_ms=40 + 20 * chunk))
        before.write(media("outbound", chunk, 0x00, timestamp_ms=100 + 20 * chunk))
    assert read(tmp_path / "x.wav")[1][0][:99] == [32124] * 99  # not closed: a second may be missing
    with StereoWav(tmp_path / "x.wav", resume=True) as after:
        for chunk in (*range(90, 150), 160):  # ten come again, ten never
            after.write(media("outbound", chunk, 0x00, timestamp_ms=100 + 20 * chunk))
            after.write(media("inbound", chunk, 0x80, timestamp_ms=40 + 20 * chunk))
    channels, (left, right) = read(tmp_path / "x.wav")
    assert channels == 2
    assert left == [32124] * 149 + [0] * 10 + [32124] + [0] * 3
    assert right == [0] * 3 + [-32124] * 149 + [0] * 10 + [-32124]


def test_each_track_s_file_can_be_gone_on_with_too(tmp_path: Path) -> None:
    for chunks in (range(1, 11), range(6, 21)):
        with TrackWavs(tmp_path, "x", resume=True) as wavs:
            for chunk in chunks:
                wavs.write(media("inbound", chunk, 0x80))
    assert read(tmp_path / "x-inbound.wav") == (1, [[32124] * 20])


SIX_MINUTES = 18_000  # chunks; more than a sender may jump ahead by


@pytest.mark.parametrize("writer", ["one file", "a file a track"])
def test_a_recording_of_more_than_five_minutes_is_gone_on_with_behind_its_end(tmp_path: Path, writer: str) -> None:
    def again() -> StereoWav | TrackWavs:
        if writer == "one file":
            return StereoWav(tmp_path / "x-inbound.wav", resume=True)
        return TrackWavs(tmp_path, "x", resume=True)

    with again() as wav:
        for chunk in (1, SIX_MINUTES // 2, SIX_MINUTES - 1, SIX_MINUTES):
            wav.write(media("inbound", chunk, 0x80))
            wav.write(media("outbound", 1, 0x80))
    with again() as wav:
        wav.write(media("outbound", SIX_MINUTES + 1, 0x00))  # its own file, where it has one, is short
        wav.write(media("inbound", SIX_MINUTES + 1, 0x00))
    inbound = read(tmp_path / "x-inbound.wav")[1]
    assert [len(channel) for channel in inbound] == [SIX_MINUTES + 1] * len(inbound)
    assert inbound[0][-3:] == [32124, 32124, -32124]
    outbound = inbound[-1] if writer == "one file" else read(tmp_path / "x-outbound.wav")[1][0]
    assert (len(outbound), outbound[-1]) == (SIX_MINUTES + 1, -32124)


def test_files_that_were_made_and_never_written_take_the_time_of_their_neighbour(tmp_path: Path) -> None:
    with TrackWavs(tmp_path, "x") as wavs:
        wavs.write(media("outbound", 10, 0x00))
    head = bytearray((tmp_path / "x-outbound.wav").read_bytes()[:60])
    head[44:52] = struct.pack("<d", float("nan"))  # killed between making the file and knowing its time
    (tmp_path / "x-inbound.wav").write_bytes(head)
    for chunk in (12, 14):
        with TrackWavs(tmp_path, "x", resume=True) as wavs:
            wavs.write(media("inbound", chunk, 0x80))
    assert read(tmp_path / "x-inbound.wav") == (1, [[0, 0, 32124, 0, 32124]])


def test_what_the_sender_left_out_is_silence_though_its_chunks_are_numbered_on(tmp_path: Path) -> None:
    with StereoWav(tmp_path / "x.wav") as wav:
        for chunk in range(1, 11):
            left_out = 100 if chunk > 5 else 0  # it skipped to live: five chunks of time, none of numbers
            wav.write(media("inbound", chunk, 0x80, timestamp_ms=20 * chunk + left_out))
            wav.write(media("outbound", chunk, 0x00, timestamp_ms=20 * chunk + 7 * (chunk % 2) + left_out))
    assert read(tmp_path / "x.wav") == (2, [[32124] * 5 + [0] * 5 + [32124] * 5, [-32124] * 5 + [0] * 5 + [-32124] * 5])


def test_a_stereo_stream_of_16_khz_is_a_stereo_file(tmp_path: Path) -> None:
    wide = MediaFormat(encoding="audio/x-l16", sample_rate=16000, channels=2)
    payload = array("h", [1000, -2000] * 1600).tobytes()
    with StereoWav(tmp_path / "x.wav", media_format=wide) as wav:
        for chunk in (1, 3):
            wav.write(
                Media(
                    sequence_number=chunk,
                    stream_sid=StreamSid("MZ"),
                    track="stereo",
                    chunk=chunk,
                    timestamp_ms=100 * chunk,
                    payload=payload,
                )
            )
    with wave.open(str(tmp_path / "x.wav"), "rb") as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 16000, 4800)
        assert file.readframes(4800) == payload + bytes(len(payload)) + payload


def test_another_s_file_is_not_written_into(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(320))
    with pytest.raises(InvalidInput, match="is no file of ours with 2 channels at 8000 Hz"):
        StereoWav(tmp_path / "x.wav", resume=True)


@given(st.lists(st.tuples(st.sampled_from(["inbound", "outbound"]), st.integers(1, 10**9)), max_size=8))
def test_no_numbering_makes_a_file_without_end(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[tuple[Track, int]]
) -> None:
    path = tmp_path_factory.mktemp("wav") / "x.wav"
    with StereoWav(path) as wav:
        for track, chunk in chunks:
            wav.write(media(track, chunk, 0x80))
    assert path.stat().st_size <= 60 + len(chunks) * (300 * 8000 + 160) * 4  # and sparse


@pytest.mark.parametrize("frame_ms", [20, 200])
def test_a_killed_program_leaves_all_but_the_last_second_however_long_the_frames(
    tmp_path: Path, killed: list[StereoWav], frame_ms: int
) -> None:
    wav = StereoWav(tmp_path / "x.wav")
    killed.append(wav)
    for chunk in range(1, 6000 // frame_ms + 1):
        message = media("inbound", chunk, 0x80, timestamp_ms=frame_ms * chunk)
        wav.write(replace(message, payload=b"\x80" * (8 * frame_ms)))
    channels, (left, _) = read(tmp_path / "x.wav")
    assert channels == 2
    assert left[:250] == [32124] * 250  # five seconds of six
