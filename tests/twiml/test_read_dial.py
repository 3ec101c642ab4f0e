"""Dial and the parties in it, as read."""

from typing import Any

import pytest

from bridgetap.twiml import Document
from bridgetap.twiml.verbs import Client, Dial, Number, Parameter, PartyOptions, Sip, Verb

ONE = Number(number="+15551230002")


def read(inner: str) -> tuple[Verb, list[tuple[int, str]]]:
    document = Document.parse_text(f"<Response>{inner}</Response>")
    (verb,) = document.verbs
    return verb, [(problem.code, problem.place.removeprefix("Response/Dial")) for problem in document.warnings]


@pytest.mark.parametrize(
    ("inner", "dial"),
    [
        ("<Dial>+15551230002</Dial>", Dial(targets=(ONE,))),
        ("<Dial>\n  +15551230002\n</Dial>", Dial(targets=(ONE,))),
        ("<Dial>sip:a@b.test</Dial>", Dial(targets=(Sip(uri="sip:a@b.test"),))),
        ("<Dial>client:alice</Dial>", Dial(targets=(Client(identity="alice"),))),
        ("<Dial><Number> +15551230002 </Number></Dial>", Dial(targets=(ONE,))),
        (
            "<Dial>1<Number>2</Number><Client>c</Client></Dial>",
            Dial(targets=(Number(number="1"), Number(number="2"), Client(identity="c"))),
        ),
        ("<Dial><Number sendDigits='ww1'>2</Number></Dial>", Dial(targets=(Number(number="2", send_digits="ww1"),))),
        ("<Dial><Sip>alice@b.test</Sip></Dial>", Dial(targets=(Sip(uri="sip:alice@b.test"),))),
        (
            "<Dial><Sip username='u' password=' p '>SIPS:a@b.test;transport=tls?X-A=1&amp;X-B=2</Sip></Dial>",
            Dial(targets=(Sip(uri="SIPS:a@b.test;transport=tls?X-A=1&X-B=2", username="u", password=" p "),)),
        ),
        (
            "<Dial><Client><Identity>alice</Identity><Parameter name='k' value='v'/></Client></Dial>",
            Dial(targets=(Client(identity="alice", parameters=(Parameter(name="k", value="v"),)),)),
        ),
        ("<Dial action=''>+15551230002</Dial>", Dial(targets=(ONE,), action="")),
        (
            """<Dial action='/done' method='get' timeout='12' timeLimit='60' callerId=' +1555 '
            record='record-from-answer'
            hangupOnStar='true' answerOnBridge='True' sequential='true' ringTone='us'>+15551230002</Dial>""",
            Dial(
                targets=(ONE,),
                action="/done",
                method="GET",
                timeout_s=12,
                time_limit_s=60,
                caller_id="+1555",
                record=True,
                hangup_on_star=True,
                answer_on_bridge=True,
                sequential=True,
                ring_tone="us",
            ),
        ),
        (
            """<Dial><Number url='/w' method='GET' statusCallback='/s' statusCallbackMethod='GET'
            statusCallbackEvent='answered initiated'>2</Number></Dial>""",
            Dial(
                targets=(
                    Number(
                        number="2",
                        options=PartyOptions(
                            url="/w",
                            method="GET",
                            status_callback="/s",
                            status_callback_method="GET",
                            status_callback_events=("initiated", "answered"),
                        ),
                    ),
                )
            ),
        ),
        *[
            (f"<Dial record='{word}'>+15551230002</Dial>", Dial(targets=(ONE,), record=meaning))
            for word, meaning in {
                "true": True,
                "false": False,
                "do-not-record": False,
                "record-from-ringing-dual": True,
            }.items()
        ],
    ],
)
def test_good(inner: str, dial: Dial) -> None:
    assert read(inner) == (dial, [])


@pytest.mark.parametrize(
    ("inner", "dial", "problems"),
    [
        ("<Dial/>", Dial(), [(12200, "")]),
        ("<Dial><Number/></Dial>", Dial(), [(12200, "/Number"), (12200, "")]),
        ("<Dial><Client/>1</Dial>", Dial(targets=(Number(number="1"),)), [(12200, "/Client")]),
        ("<Dial><Sip>a b@c</Sip></Dial>", Dial(), [(12200, "/Sip"), (12200, "")]),
        ("<Dial><Conference>room</Conference></Dial>", Dial(), [(0, "/Conference"), (12200, "")]),
        (
            "<Dial><Number>1</Number><Number byoc='BY1'>2</Number></Dial>",
            Dial(targets=(Number(number="1"), Number(number="2"))),
            [(0, "/Number[2]/@byoc")],
        ),
        ("<Dial><Numbr>1</Numbr></Dial>", Dial(), [(12200, "/Numbr"), (12200, "")]),
        ("<Dial><Sip>a@b<Uri>sip:c@d</Uri></Sip></Dial>", Dial(targets=(Sip(uri="sip:a@b"),)), [(0, "/Sip/Uri")]),
        ("<Dial timeout='soon'>1</Dial>", Dial(targets=(Number(number="1"),)), [(12200, "/@timeout")]),
        ("<Dial timeout='0'>1</Dial>", Dial(targets=(Number(number="1"),), timeout_s=1), [(12200, "/@timeout")]),
        ("<Dial timeout='9999'>1</Dial>", Dial(targets=(Number(number="1"),), timeout_s=600), [(12200, "/@timeout")]),
        ("<Dial timelimit='60'>1</Dial>", Dial(targets=(Number(number="1"),)), [(12200, "/@timelimit")]),
        ("<Dial record='yes'>1</Dial>", Dial(targets=(Number(number="1"),)), [(12200, "/@record")]),
        ("<Dial referUrl='/r'>1</Dial>", Dial(targets=(Number(number="1"),)), [(0, "/@referUrl")]),
        (
            "<Dial><Number statusCallbackEvent='done'>1</Number></Dial>",
            Dial(targets=(Number(number="1"),)),
            [(12200, "/Number/@statusCallbackEvent")],
        ),
    ],
)
def test_bad(inner: str, dial: Dial, problems: list[Any]) -> None:
    assert read(inner) == (dial, problems)


def test_ten_are_called_at_most() -> None:
    dial, problems = read("<Dial>" + "".join(f"<Number>{n}</Number>" for n in range(12)) + "</Dial>")
    assert isinstance(dial, Dial)
    assert [target.number for target in dial.targets if isinstance(target, Number)] == [str(n) for n in range(10)]
    assert problems == [(12200, "")]


def test_a_password_is_never_shown() -> None:
    document = Document.parse_text("<Response><Dial><Sip username='u' password='s3cret'>a@b</Sip></Dial></Response>")
    assert "s3cret" not in repr(document)
