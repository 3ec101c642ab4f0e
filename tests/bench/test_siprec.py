"""`python -m bench siprec`: what its figures mean, and what it says to rtpengine."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.copies import Copies, Window
from bench.ng import Value, decode, encode
from bench.sip_words import body, call_id, tag, with_body
from bench.siprec import verdict


def windows(*ms: tuple[float, float], copied: int = 20_000) -> tuple[Window, ...]:
    """Windows of a second in which the recorded and the plain server used so much."""
    return tuple(
        Window(seconds=1, recorded_ms=recorded, plain_ms=plain, copied=copied, tracks=400) for recorded, plain in ms
    )


OURS = Copies(
    target="bridgetap",
    calls=200,
    windows=windows((160, 100), (160, 100)),
    numbers_missing=0,
    disordered=0,
    audio_gaps=0,
    overflowed=0,
    copy_p99_ms=0,
    rtp_missing=0,
    load_late_p99_ms=0,
    load_late_max_ms=0,
    failed=0,
)
THEIRS = replace(OURS, target="rtpengine", windows=windows((200, 100), (200, 100)))
SRTP = replace(OURS, target="bridgetap, SRTP", audio_gaps=None)


@pytest.mark.parametrize(
    ("seen", "us"),
    [
        (windows((160, 100), (160, 100)), [3.0]),
        # One of the two servers is dearer by 20 ms, in either part.
        (windows((180, 100), (160, 120)), [3.0]),
        # The machine became slower meanwhile.
        (windows((160, 100), (160, 100), (240, 150), (240, 150)), [3.0, 4.5]),
        (windows((320, 200), (320, 200), copied=40_000), [3.0]),
        (windows((160, 100), (160, 100), (999, 1)), [3.0]),
    ],
)
def test_a_copy_costs_what_the_server_that_is_recorded_uses_more_in_either_part(
    seen: tuple[Window, ...], us: list[float]
) -> None:
    assert replace(OURS, windows=seen).costs_us() == pytest.approx(us)


def test_a_window_without_copies_has_no_cost() -> None:
    with pytest.raises(ValueError, match=r"no packet was copied in 1 s"):
        replace(OURS, windows=windows((160, 100), (160, 100), copied=0)).costs_us()


def test_the_ratio_is_that_of_the_medians_of_all_passes() -> None:
    more = replace(OURS, windows=windows((140, 100), (140, 100), (600, 100), (600, 100)))
    said = verdict([OURS, THEIRS, more, SRTP])
    assert said[0] == "CPU per copied packet: 3.00 (half of 3: 2.50 to 14.00) us (target 3.5)"
    assert said[1] == "with SRTP: 3.00 us"
    assert said[2] == "rtpengine: 5.00 us; ratio of the medians 0.60 (target 0.6)"


def test_without_rtpengine_there_is_no_ratio_and_the_package_is_named() -> None:
    said = [line for line in verdict([OURS, SRTP]) if "rtpengine" in line]
    assert said == ["rtpengine is not installed (Debian: rtpengine-daemon): no ratio"]


def test_an_rtpengine_whose_forks_cost_nothing_gives_no_ratio() -> None:
    free = replace(THEIRS, windows=windows((100, 100), (90, 100)))
    assert "ratio of the medians none" in verdict([OURS, free, SRTP])[2]


def test_what_is_missing_is_summed_and_a_doubtful_pass_is_named() -> None:
    few = replace(OURS.windows[0], tracks=390)
    bad = replace(
        OURS, windows=(few, few), numbers_missing=3, audio_gaps=5, failed=2, overflowed=7, load_late_max_ms=90
    )
    said = verdict([OURS, THEIRS, bad, SRTP])
    assert "bridgetap: missing at the recorder 3, places in the audio 5, out of order 0, of 80000 copies" in said
    assert "bridgetap, SRTP: missing at the recorder 0, out of order 0, of 40000 copies" in said
    assert said[-1] == (
        "[yellow]bridgetap[/yellow]: 2 calls failed, 390 tracks of 400 had begun, the load itself was up to 90 ms late,"
        " and audio that late is given up, the recorder was too late for 7 packets"
    )
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
