"""What the command line says about a simulated call."""

from collections.abc import Callable

import pytest

from bridgetap.errors import InvalidInput
from bridgetap.simulator import DialAnswer, HttpStub, KeyPress


def test_keys_are_put_in_order_of_time() -> None:
    assert KeyPress.parse_list("42#@7, 1@2.5,") == (
        KeyPress(digits="1", at_s=2.5),
        KeyPress(digits="42#", at_s=7.0),
    )
    assert KeyPress.parse_list("") == ()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("busy", DialAnswer(status="busy")),
        ("completed", DialAnswer(status="completed", talk_s=10.0)),
        ("completed:12.5", DialAnswer(status="completed", talk_s=12.5)),
    ],
)
def test_dial_answers(text: str, answer: DialAnswer) -> None:
    assert DialAnswer.parse(text) == answer


@pytest.mark.parametrize(
    ("parse", "text", "place"),
    [
        (KeyPress.parse_list, "1", "--digits"),
        (KeyPress.parse_list, "x@1", "--digits"),
        (KeyPress.parse_list, "1@-1", "--digits"),
        (KeyPress.parse_list, "1@1e9", "--digits"),
        (DialAnswer.parse, "engaged", "--dial"),
        (DialAnswer.parse, "busy:3", "--dial"),
        (DialAnswer.parse, "completed:soon", "--dial"),
        (HttpStub.parse, "[", "line 1 column 2"),
        (HttpStub.parse, "{}", ""),
        (HttpStub.parse, "[NaN]", ""),
        (HttpStub.parse, "[5]", "[0]"),
        (HttpStub.parse, '[{"url": "*"}, {}]', "[1].url"),
        (HttpStub.parse, '[{"url": "*", "verb": "GET"}]', "[0].verb"),
        (HttpStub.parse, '[{"url": "*", "method": "PUT"}]', "[0].method"),
        (HttpStub.parse, '[{"url": "*", "status": 99}]', "[0].status"),
        (HttpStub.parse, '[{"url": "*", "status": true}]', "[0].status"),
        (HttpStub.parse, '[{"url": "*", "content_type": 5}]', "[0].content_type"),
    ],
)
def test_what_is_wrong_names_its_place(parse: Callable[[str], object], text: str, place: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text)
    assert caught.value.place == place
