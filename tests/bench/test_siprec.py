"""`python -m bench siprec`: what its figures mean, and what it says to rtpengine."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.copies import Copies, Window
from bench.ng import Value, decode, encode
from bench.sip_words import body, call_id, tag, with_body
from bench.siprec import verdict


def windows(*ms_per_s: float, copied: int = 20_000) -> tuple[Window, ...]:
    """Windows of a second; every other one has copies."""
    return tuple(Window(seconds=1, cpu_ms=ms, copied=copied if number % 2 else 0) for number, ms in enumerate(ms_per_s))


OURS = Copies(
    target="bridgetap",
    calls=200,
    windows=windows(100, 160, 100),
    tracks=400,
    numbers_missing=0,
    disordered=0,
    audio_gaps=0,
    overflowed=0,
    copy_p99_ms=0,
    rtp_missing=0,
    load_late_p99_ms=0,
    failed=0,
)
THEIRS = replace(OURS, target="rtpengine", windows=windows(100, 200, 100))
SRTP = replace(OURS, target="bridgetap, SRTP", audio_gaps=None)


@pytest.mark.parametrize(
    ("seen", "us"),
    [
        (windows(100, 160, 100), [3.0]),
        (windows(100, 160, 108), [2.8]),
        (windows(100, 160, 100, 120, 100), [3.0, 1.0]),
        (windows(200, 320, 200, copied=40_000), [3.0]),
        (windows(100, 160, 120), []),  # the machine became slower meanwhile
        (windows(100, 160, 120, 180, 120), [3.0]),
    ],
)
def test_a_copy_costs_what_the_same_calls_cost_more_than_right_before_and_after(
    seen: tuple[Window, ...], us: list[float]
) -> None:
    assert replace(OURS, windows=seen).costs_us() == pytest.approx(us)


def test_windows_of_different_length_compare() -> None:
    long = Window(seconds=2, cpu_ms=320, copied=40_000)
    plain, _, after = OURS.windows
    assert replace(OURS, windows=(plain, long, after)).costs_us() == pytest.approx([3.0])


def test_a_window_without_copies_has_no_cost_and_says_whose() -> None:
    with pytest.raises(ValueError, match=r"bridgetap: no packet was copied in 1 s"):
        replace(OURS, windows=windows(100, 160, 100, copied=0)).costs_us()


def test_the_ratio_is_that_of_the_medians_of_all_windows() -> None:
    more = replace(OURS, windows=windows(100, 140, 100, 600, 100))
    said = verdict([OURS, THEIRS, more, SRTP])
    assert said[0] == "CPU per copied packet: 3.00 (2.50 to 14.00, 3 of 3 windows) us (target 3.5)"
    assert said[1] == "with SRTP: 3.00 (1 of 1 windows) us"
    assert said[2] == "rtpengine: 5.00 (1 of 1 windows) us; ratio of the medians 0.60 (target 0.6)"


def test_without_rtpengine_there_is_no_ratio_and_the_package_is_named() -> None:
    assert "rtpengine is not installed (Debian: rtpengine-daemon): no ratio" in verdict([OURS, SRTP])


@pytest.mark.parametrize("seen", [windows(100, 90, 100), windows(100, 90, 200)])
def test_an_rtpengine_whose_forks_cost_nothing_or_cannot_be_told_gives_no_ratio(seen: tuple[Window, ...]) -> None:
    assert "ratio of the medians none" in verdict([OURS, replace(THEIRS, windows=seen), SRTP])[2]


def test_what_is_missing_is_summed_and_a_doubtful_pass_is_named() -> None:
    bad = replace(OURS, numbers_missing=3, audio_gaps=5, failed=2, tracks=390, overflowed=7)
    said = verdict([OURS, THEIRS, bad, SRTP])
    assert "bridgetap: missing at the recorder 3, places in the audio 5, out of order 0, of 40000 copies" in said
    assert "bridgetap, SRTP: missing at the recorder 0, out of order 0, of 20000 copies" in said
    doubt = "2 calls failed, 390 tracks of 400 had begun, the recorder was too late for 7 packets"
    assert said[-1] == f"[yellow]bridgetap[/yellow]: {doubt}"
    assert len(said) == len(verdict([OURS, THEIRS, SRTP])) + 1


VALUES: st.SearchStrategy[Value] = st.recursive(
    st.binary() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(VALUES)
def test_bencode_comes_back_as_it_went(value: Value) -> None:
    assert decode(encode(value)) == value


def test_bencode_is_what_rtpengine_reads() -> None:
    assert encode({"command": "ping"}) == b"d7:command4:pinge"
    assert encode({"b": ["origin"], "a": 1}) == b"d1:ai1e1:bl6:originee"


@given(st.binary())
def test_other_bytes_are_refused(data: bytes) -> None:
    try:
        value = decode(data)
    except ValueError:
        return
    assert decode(encode(value)) == value


MESSAGE = (
    "SIP/2.0 200 OK\r\nFrom: <sip:a@h;tag=no>;tag=a1\r\nTo: <sip:b@h>\r\nCall-ID: load-1\r\n"
    "Content-Length: 5\r\n\r\nv=0\r\n"
)


def test_an_sdp_is_put_in_place_of_another() -> None:
    assert (call_id(MESSAGE), body(MESSAGE)) == ("load-1", "v=0\r\n")
    other = with_body(MESSAGE, "s=é\r\n")
    assert body(other) == "s=é\r\n"
    assert "\r\nContent-Length: 6\r\n" in other
    assert call_id(other) == "load-1"


def test_the_tag_is_the_header_s_not_the_address_s() -> None:
    assert (tag(MESSAGE, "From"), tag(MESSAGE, "To")) == ("a1", "")
