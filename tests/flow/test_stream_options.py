"""Stream options: what each door may write, what it means, and what is said of what it may not."""

import base64
import json

import pytest

from bridgetap.flow.stream_options import (
    FORM_NAMES,
    NAMES,
    TWILIO,
    TWIML_NAMES,
    Option,
    StreamOptions,
    from_attributes,
    from_form,
    from_values,
    read_options,
)
from bridgetap.flow.stream_url import StreamUrl

PIN = bytes(range(32))
PIN_TEXT = "sha256/" + base64.b64encode(PIN).decode()

GOOD = [
    ("resume", "true", True),
    ("resume", " FALSE ", False),
    ("resume_overlap_ms", "0", 0),
    ("ring_ms", "60000", 60_000),
    ("max_lag_ms", "200", 200),
    ("overflow", "close", "close"),
    ("capture_from", "create", "create"),
    (
        "fallback_urls",
        "wss://b.test/in  wss://c.test:8443",
        (StreamUrl(host="b.test", path="/in"), StreamUrl(host="c.test", port=8443)),
    ),
    ("headers", '{"X-Tenant": "42", "X-B": ""}', (("X-Tenant", "42"), ("X-B", ""))),
    ("bearer_token", "abc.DEF-1_2~+/==", "abc.DEF-1_2~+/=="),
    ("certificate_pins", f"{PIN_TEXT} {PIN_TEXT[7:]}", (PIN, PIN)),
    ("format", "l16-24000", "l16-24000"),
    ("channels", "mixed", "mixed"),
    ("framing", "binary", "binary"),
    ("frame_ms", "200", 200),
    ("wall_clock", "true", True),
    ("events", "hold dtmf hold", ("hold", "dtmf")),
]

BAD = [
    ("resume", "yes", "must be true or false"),
    ("ring_ms", "10", "must be a whole number from 1000 to 300000"),
    ("ring_ms", "1e4", "must be a whole number"),
    ("ring_ms", "٣٠٠٠", "must be a whole number"),
    ("overflow", "drop", "must be one of skip-to-live, drop-oldest, close"),
    ("fallback_urls", "ws://b.test", "the only supported scheme is wss"),
    ("fallback_urls", " ".join(["wss://b.test"] * 5), "at most 4"),
    ("headers", "X-Tenant: 42", "must be a JSON object of texts"),
    ("headers", '{"X": 1}', "must be a JSON object of texts"),
    ("headers", '{"X Y": "1"}', "must be a token"),
    ("headers", '{"X": "a\\r\\nB: c"}', "must be printable ASCII"),
    ("headers", '{"Sec-WebSocket-Key": "1"}', "belongs to the handshake itself"),
    ("headers", '{"host": "evil.test"}', "belongs to the handshake itself"),
    ("headers", '{"X-Twilio-Signature": "1"}', "belongs to the handshake itself"),
    ("bearer_token", "two words", "must be a bearer token"),
    ("certificate_pins", "sha256/short", "a pin must be"),
    ("format", "opus", "must be one of mulaw, alaw, l16-8000, l16-16000, l16-24000"),
    ("channels", "left", "must be one of separate, stereo, mixed"),
    ("frame_ms", "30", "must be 20 to 200 in steps of 20"),
    ("frame_ms", "0", "must be 20 to 200 in steps of 20"),
    ("frame_ms", "-20", "must be 20 to 200"),
    ("frame_ms", "220", "must be 20 to 200"),
    ("events", "dtmf ring", "must be some of dtmf, hold, participant"),
]


def option(name: str, value: str | None, key: str = "") -> Option:
    return Option(name=name, value=value, place=f"at.{name}", key=key)


@pytest.mark.parametrize(("name", "text", "value"), GOOD)
def test_a_good_option(name: str, text: str, value: object) -> None:
    read = read_options([option(name, text)])
    assert read.problems == []
    assert read.options is not None
    assert getattr(read.options, name) == value
    assert read.options.given == {name}


@pytest.mark.parametrize(("name", "text", "rule"), BAD)
def test_a_bad_option_is_named_with_its_place(name: str, text: str, rule: str) -> None:
    read = read_options([option(name, text), option("resume_overlap_ms", "10")])
    assert read.options is None
    (problem,) = read.problems
    assert problem.place == f"at.{name}"
    assert rule in problem.rule


def test_secrets_stay_out_of_problems_and_reprs() -> None:
    read = read_options([option("bearer_token", "not a token"), option("headers", "hunter2")])
    assert not any(secret in str(problem) for problem in read.problems for secret in ("not a token", "hunter2"))
    assert "s3cret" not in repr(StreamOptions.of(bearer_token="s3cret", headers=(("X", "s3cret"),)))


def test_a_fallback_with_the_wrong_scheme_has_twilios_code() -> None:
    written = "wss://a.test/?key=s3cret ws://bob:s3cret@b.test/?key=s3cret"
    (problem,) = read_options([option("fallback_urls", written)]).problems
    assert problem.code == 31922
    assert "ws://***@b.test/" in str(problem)
    assert "s3cret" not in str(problem)


@pytest.mark.parametrize("way", ["object", "one by one"])
@pytest.mark.parametrize(
    ("headers", "rule"),
    [
        ({f"X-{number}": "1" for number in range(21)}, "at most 20 headers"),
        ({"X-Tenant": "1", "x-tenant": "2"}, "the header x-tenant stands twice"),
    ],
)
def test_headers_are_counted_and_told_apart_whichever_way_they_come(
    way: str, headers: dict[str, str], rule: str
) -> None:
    if way == "object":
        written = [option("headers", json.dumps(headers))]
    else:
        written = [option("headers", value, name) for name, value in headers.items()]
    read = read_options(written)
    assert read.options is None
    (problem,) = read.problems
    assert rule in problem.rule


def test_what_is_empty_is_not_given_and_what_is_unknown_is_not_judged() -> None:
    assert read_options([option("resume", " ")]).options == TWILIO
    assert read_options([option("resume", None)]).options is None
    assert read_options([option("resume", None)]).problems == []


def test_headers_may_come_one_by_one() -> None:
    read = read_options([option("headers", "42", "X-Tenant"), option("headers", "b", "X-B")])
    assert read.options is not None
    assert read.options.headers == (("X-Tenant", "42"), ("X-B", "b"))


def test_a_token_and_an_authorization_header_exclude_each_other() -> None:
    read = read_options([option("bearer_token", "abc"), option("headers", "Basic x", "authorization")])
    assert [problem.place for problem in read.problems] == ["at.bearer_token"]


def test_every_option_has_its_three_spellings() -> None:
    assert TWIML_NAMES["resumeOverlapMs"] == FORM_NAMES["ResumeOverlapMs"] == "resume_overlap_ms"
    assert set(TWIML_NAMES.values()) == set(FORM_NAMES.values()) == set(NAMES)
    values = {"resume": "true", "max_lag_ms": "700", "tenant": "x"}
    by_door = [
        from_values(values, "streams"),
        from_attributes({"resume": "true", "maxLagMs": "700", "url": "x"}, "Response/Start/Stream"),
        from_form({"Resume": "true", "MaxLagMs": "700", "Url": "x"}),
    ]
    for written in by_door:
        assert read_options(written).options == StreamOptions(resume=True, max_lag_ms=700)
    assert [written[1].place for written in by_door] == [
        "streams.max_lag_ms",
        "Response/Start/Stream/@maxLagMs",
        "MaxLagMs",
    ]


def test_what_was_asked_for_counts_over_the_defaults() -> None:
    defaults = StreamOptions.of(resume=True, ring_ms=9000, headers=(("X-A", "1"), ("X-B", "1")))
    merged = StreamOptions.of(resume=False, headers=(("x-b", "2"),)).over(defaults)
    assert merged == StreamOptions(resume=False, ring_ms=9000, headers=(("X-A", "1"), ("x-b", "2")))
    assert (
        StreamOptions.of(headers=(("Authorization", "x"),)).over(StreamOptions.of(bearer_token="t")).bearer_token == ""
    )


@pytest.mark.parametrize(
    ("options", "bound", "gives_way"),
    [
        (StreamOptions(), 5000, "skip-to-live"),
        (StreamOptions(resume=True), 30_000, "drop-oldest"),
        (StreamOptions(resume=True, ring_ms=1000), 2000, "drop-oldest"),
        (StreamOptions(resume=True, max_lag_ms=700, overflow="close"), 700, "close"),
    ],
)
def test_how_far_behind_a_far_end_may_be(options: StreamOptions, bound: int, gives_way: str) -> None:
    assert (options.lag_bound_ms, options.gives_way) == (bound, gives_way)
