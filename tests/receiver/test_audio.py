"""µ-law, levels and WAV files."""

import wave
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.ids import StreamSid
from bridgetap.receiver import Media, StereoWav, Track, TrackWavs, decode_ulaw, level_dbfs

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


def test_one_file_a_track_with_silence_for_what_never_came(tmp_path: Path) -> None:
    with TrackWavs(tmp_path, "CA1") as wavs:
        for chunk in (1, 2, 5):
            wavs.write(media("inbound", chunk, 0x80))
        wavs.write(media("outbound", 1, 0x00))
    assert wavs.paths == {"inbound": tmp_path / "CA1-inbound.wav", "outbound": tmp_path / "CA1-outbound.wav"}
    assert read(tmp_path / "CA1-inbound.wav") == (1, [[32124, 32124, 0, 0, 32124]])
    assert read(tmp_path / "CA1-outbound.wav") == (1, [[-32124]])


def test_a_chunk_that_comes_late_or_twice_is_not_put_in_again(tmp_path: Path) -> None:
    with TrackWavs(tmp_path, "x") as wavs:
        for chunk in (1, 3, 2, 3, 4):
            wavs.write(media("inbound", chunk, 0x80))
    assert read(tmp_path / "x-inbound.wav") == (1, [[32124, 0, 32124, 32124]])


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
        wav.write(media("outbound", 1, 0x00, timestamp_ms=83))
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
    channels, (left, right) = read(tmp_path / "x.wav")
    assert (channels, left) == (2, [32124] * 400)
    assert right == [0] * right.count(0) + [-32124] * (400 - right.count(0))
    assert 250 <= right.count(0) < 300  # five seconds were given up as silence


@given(st.lists(st.tuples(st.sampled_from(["inbound", "outbound"]), st.integers(1, 10**9)), max_size=8))
def test_no_numbering_makes_a_file_without_end(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[tuple[Track, int]]
) -> None:
    path = tmp_path_factory.mktemp("wav") / "x.wav"
    with StereoWav(path) as wav:
        for track, chunk in chunks:
            wav.write(media(track, chunk, 0x80))
    assert path.stat().st_size <= 44 + len(chunks) * (30 * 8000 + 160) * 4
