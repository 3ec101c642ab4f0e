"""`python -m bench siprec`: what its figures mean, and what it says to rtpengine."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.copies import Copies, cost_us
from bench.ng import Value, decode, encode
from bench.sip_words import body, call_id, tag, with_body
from bench.siprec import verdict

PLAIN = Copies(
    target="relay",
    calls=200,
    cpu_ms=2000,
    copied=0,
    tracks=0,
    numbers_missing=0,
    disordered=0,
    audio_missing=None,
    overflowed=0,
    copy_p99_ms=0,
    rtp_missing=0,
    steal_percent=0,
    load_late_p99_ms=0,
    failed=0,
)
FORKED = replace(PLAIN, target="forks", cpu_ms=2600, copied=200_000, tracks=400, audio_missing=0)


@pytest.mark.parametrize(
    ("plain", "forked", "us"),
    [
        (PLAIN, FORKED, 3.0),
        (replace(PLAIN, cpu_ms=2600), FORKED, 0.0),
        # Half the calls came up: half of what calls cost without forks is taken away.
        (PLAIN, replace(FORKED, calls=100, copied=100_000, cpu_ms=1300), 3.0),
    ],
)
def test_a_copy_costs_what_the_same_calls_cost_more(plain: Copies, forked: Copies, us: float) -> None:
    assert cost_us(forked, plain) == pytest.approx(us)


def test_a_pass_without_copies_has_no_cost_and_says_whose() -> None:
    with pytest.raises(ValueError, match="forks: 0 packets copied"):
        cost_us(replace(FORKED, copied=0), PLAIN)


def _rounds(*ms: tuple[float, float]) -> list[dict[str, tuple[Copies, Copies]]]:
    return [
        {
            "bridgetap": (PLAIN, replace(FORKED, cpu_ms=2000 + ours)),
            "rtpengine": (PLAIN, replace(FORKED, cpu_ms=2000 + theirs)),
            "SRTP": (PLAIN, replace(FORKED, audio_missing=None)),
        }
        for ours, theirs in ms
    ]


def test_the_ratio_is_that_of_the_medians() -> None:
    said = verdict(_rounds((400, 800), (600, 1000), (5000, 1200)))
    assert said[0].startswith("CPU per copied packet: 2.00, 3.00, 25.00; median 3.00 us")
    assert "median 5.00 us; ratio of the medians 0.60" in said[2]


def test_without_rtpengine_there_is_no_ratio_and_the_package_is_named() -> None:
    rounds = _rounds((400, 800))
    del rounds[0]["rtpengine"]
    assert "rtpengine is not installed (Debian: rtpengine-daemon): no ratio" in verdict(rounds)


def test_an_rtpengine_whose_forks_cost_nothing_gives_no_ratio() -> None:
    assert "ratio of the medians none" in verdict(_rounds((400, -10)))[2]


def test_what_is_missing_is_summed_and_a_doubtful_pass_is_named() -> None:
    rounds = _rounds((400, 800), (400, 800))
    plain, forked = rounds[1]["bridgetap"]
    bad = replace(forked, numbers_missing=3, audio_missing=5, failed=2, tracks=390, overflowed=7)
    rounds[1]["bridgetap"] = plain, bad
    said = verdict(rounds)
    assert "bridgetap: missing at the recorder 3, of audio 5, out of order 0, of 400000 copies" in said
    assert "SRTP: missing at the recorder 0, out of order 0, of 400000 copies" in said
    doubt = "2 calls failed, 390 tracks of 400 had begun, the recorder was too late for 7 packets"
    assert said[-1] == f"[yellow]forks[/yellow]: {doubt}"
    assert len(said) == len(verdict(_rounds((400, 800)))) + 1


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
