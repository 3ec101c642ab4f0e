"""Markup in spoken text."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.voice.ssml import is_ssml, plain_text, safe_ssml


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Hello", "Hello"),
        ("1 < 2 & 3 > 2", "1 < 2 & 3 > 2"),
        ("I <3 you", "I <3 you"),
        ("Hello <break time='1s'/>there", "Hello there"),
        ("<speak>Tom &amp; Jerry</speak>", "Tom & Jerry"),
        (
            '<p>The <sub alias="World Wide Web Consortium">W3C</sub> said &#65;</p>',
            "The World Wide Web Consortium said A",
        ),
        ("<prosody rate='slow'>slow</prosody>", "slow"),
        ("<unknown>kept</unknown>", "<unknown>kept</unknown>"),
    ],
)
def test_plain_text(text: str, spoken: str) -> None:
    assert plain_text(text) == spoken


def test_what_shapes_speech_goes_on_and_the_rest_is_escaped() -> None:
    text = '<speak>a & b <break time="200ms"/><audio src="/etc/passwd"/><voice name="x">c</voice> 1 < 2 &amp;</speak>'
    assert safe_ssml(text) == '<speak>a &amp; b <break time="200ms"/>c 1 &lt; 2 &amp;</speak>'


@given(st.text(alphabet="ab<>&/\"'= ;#x1", max_size=60))
def test_any_text_is_one_thing_or_the_other_and_never_an_unknown_element(text: str) -> None:
    if not is_ssml(text):
        assert plain_text(text) == text
    assert "<a" not in safe_ssml(text).replace("<audio", "<a")


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="<"), max_size=60))
def test_text_without_tags_becomes_well_formed_and_says_the_same(text: str) -> None:
    root = ET.fromstring(safe_ssml(text))
    plain = ET.fromstring(f"<s>{safe_ssml(text).removeprefix('<speak>').removesuffix('</speak>')}</s>")
    assert root.text == plain.text
