"""Liquid as flows use it, and what a template cannot do."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.flow.context import Context
from bridgetap.flow.events import CallStarted
from bridgetap.flow.liquid_date import RenderClock
from bridgetap.flow.template import MAX_RESULT, MAX_SOURCE, Rendered, Template
from bridgetap.ids import ExecutionSid, FlowSid

CLOCK = RenderClock(now_ns=1_767_323_045_000_000_000, zone=ZoneInfo("America/Los_Angeles"))


def context(**variables: object) -> Context:
    call = {"From": "+15551230001", "To": "+15551230000", "FromCity": "SAN JOSE"}
    found = Context.start(
        CallStarted(call=call), execution_sid=ExecutionSid("FN" + "1" * 32), flow_sid=FlowSid("FW" + "2" * 32)
    )
    found = found.with_widget("split-customer", {"Digits": "42"})
    found = found.with_widget(
        "http 1", {"parsed": {"open": True, "names": ["Ann", "Bob"], "n": 5, "nothing": None, "ü": "é"}}
    )
    for key, value in variables.items():
        found = found.with_variable(key, value)
    return found


def render(source: str, **variables: object) -> Rendered:
    return Template.parse(source).render(context(**variables), CLOCK)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain text, 100%", "plain text, 100%"),
        ("{{trigger.call.From}}", "+15551230001"),
        ("{{ trigger.call.FromCity | downcase }}", "san jose"),
        ("{{contact.channel.address}} {{flow.channel.address}}", "+15551230001 +15551230000"),
        ("{{flow.sid}} {{flow.flow_sid}}", f"FN{'1' * 32} FW{'2' * 32}"),
        # A hyphen belongs to the name; a name that is no identifier goes in brackets.
        ("{{widgets.split-customer.Digits}}", "42"),
        ('{{widgets["http 1"].parsed.names[1]}}', "Bob"),
        ('{{widgets["http 1"].parsed.ü}}', "é"),
        # What is not there is empty, at any depth, bare names included.
        ("[{{Digits}}{{widgets.nobody.Digits}}{{trigger.call.a.b.c}}]", "[]"),
        ("{{ widgets.nobody.Digits | default: 'none' }}", "none"),
        ("{% if trigger.call.City %}{% else %}no city{% endif %}", "no city"),
        ("{% if nothing == nil %}nil{% endif %}{% unless nothing %}, unless{% endunless %}", "nil, unless"),
        ("{% assign n = widgets.split-customer.Digits | plus: 0 %}{% if n > 9 %}more{% endif %}", "more"),
        ("{% raw %}{{ not liquid{% endraw %}", "{{ not liquid"),
        ('{% if trigger.call.FromCity contains "JOSE" %}J{% else %}-{% endif %}', "J"),
        (
            '{{ widgets["http 1"].parsed | to_json }}',
            '{"open":true,"names":["Ann","Bob"],"n":5,"nothing":null,"ü":"é"}',
        ),
        ("{{ 'say \"hi\"' | to_json }}", '"say \\"hi\\""'),
        ("{{ nothing.at.all | to_json }}", "null"),
        ("{{ 'now' | date: '%Y-%m-%d %H:%M' }}", "2026-01-01 19:04"),
        ("{{ nothing | date: '%Y' }}", ""),
        ("{% for name in widgets['http 1'].parsed.names %}{{name}};{% endfor %}", "Ann;Bob;"),
        ("{% assign a = 'x' %}{{ a | append: 'y' }}{% case a %}{% when 'x' %}!{% endcase %}", "xy!"),
        ("{{ 'a,b' | split: ',' | join: '+' }}{{ 'aXa' | replace: 'a', 'b' }}{{ '<b>x</b>' | strip_html }}", "a+bbXbx"),
        # Blank lines of a block stay: authors add strip.
        ("{% if true %}\n  \n{% endif %}x", "\n  \nx"),
    ],
)
def test_flows_render(source: str, text: str) -> None:
    assert render(source) == Rendered(text)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ flow.variables.n | plus: 1 }}", "8"),
        ("{{ flow.variables.n }}", "7"),
        ("{{ flow.variables.zip }} {{ flow.variables.zip | plus: 1 }}", "007 8"),
        ("{{ flow.variables.price | times: 2 }}", "5.0"),
        ("{% if flow.variables.n > 6 %}more{% endif %}", "more"),
        ("{% if flow.variables.n == 7 %}number{% endif %}", "number"),
        ('{% if flow.variables.n == "7" %}text{% endif %}', "text"),
        ('{% if flow.variables.n contains "7" %}holds{% endif %}', "holds"),
        ('{% if flow.variables.phone == "+1555" %}phone{% endif %}', "phone"),
        ("{{ flow.variables.n | upcase }}{{ flow.variables.n | append: '!' }}", "77!"),
        ('{% case flow.variables.n %}{% when "7" %}seven{% endcase %}', "seven"),
    ],
)
def test_a_variable_that_looks_like_a_number_is_one_for_maths(source: str, text: str) -> None:
    assert render(source, n="7", zip="007", price="2.5", phone="+1555") == Rendered(text)


@pytest.mark.parametrize(
    "source",
    [
        "{{ trigger.call.From",
        "{% if x %}never closed",
        "{{ 1 | no_such_filter }}",
        "{% no_such_tag %}",
        "{{ 10 | divided_by: 0 }}",
        "{% include 'secrets' %}",
        "{% render 'secrets' %}",
        "{% for i in (1..16) %}x{% endfor %}",
        "{% for i in (1..4) %}{% for j in (1..4) %}x{% endfor %}{% endfor %}",
        "{% for i in (1..99999999999999999999999) %}x{% endfor %}",
        "{{ 'x' | ljust }}",
        "{% if 'a' < 1 %}x{% endif %}",
        "x" * (MAX_RESULT + 1),
        "é" * (MAX_RESULT // 2 + 1),
        "{{ 'x' }}" + "x" * MAX_RESULT,
        "{{ 'x' }}" + " " * MAX_SOURCE,
        "\ud800",
    ],
)
def test_a_failed_template_is_empty_and_says_why(source: str) -> None:
    rendered = render(source)
    assert rendered.text == ""
    assert rendered.error
    assert "\n" not in rendered.error


BOMBS = [
    "{% assign a = 'xxxxxxxxxx' %}" + "{% assign a = a | append: a %}" * 40 + "{{ a }}",
    "{% assign a = 'xxxxxxxxxx' %}" + "{% assign a = a | replace: '', a %}" * 9 + "{{ a | size }}",
    "{{ 9 " + "| times: 99999999999999 " * 500 + "}}",
    "{% assign a = 99999 %}" + "{% assign a = a | times: a %}" * 40 + "{{ a }}",
    "{{ (1..999999999999) | join: 'xxxx' }}",
    "{{ (1..999999999) | reverse | first }}",
    "{% assign a = 'x,x,x,x,x,x,x,x' | split: ',' %}" + "{% assign a = a | concat: a %}" * 40 + "{{ a | size }}",
    "{{ 'now' | date: '%999999999Y' | append: '%s' " + "| append: 'x' " * 2000 + "}}",
    "{{ '" + "<" * 60_000 + "' | strip_html | size }}",
    "{% capture a %}" + "x" * 9000 + "{% endcapture %}{{ a }}{{ a }}",
    "{% tablerow i in (1..1000000) %}x{% endtablerow %}",
    "{%" * 20_000,
    "{{" * 20_000,
    "{{" + " " * 60_000 + "}}",
    "{{" + " " * 60_000,
    "{% " + "a" * 60_000 + " ",
    "{%" + " " * 60_000 + "if a %}{% endif %}",
    "{% raw %}" * 7000,
    "{{ " + "(" * 60_000 + " }}",
    "{{ a" + "[a" * 5000 + "]" * 5000 + " }}",
    "{% if a %}" * 2000 + "{% endif %}" * 2000,
    "{{ " + "a | " * 10_000 + "a }}",
    "{% increment a %}" * 3000,
]


@pytest.mark.parametrize("source", BOMBS, ids=range(len(BOMBS)))
def test_no_template_eats_the_server(source: str) -> None:
    """Each of these once took gigabytes, minutes or the interpreter's stack."""
    assert len(render(source).text.encode()) <= MAX_RESULT


LIQUID = st.text(alphabet="{%}|:.,'\"[]()<>= \nabif0129-", max_size=60).map(lambda text: "{{" + text)
WORDS = ["{{", "}}", "{%", "%}", "a", "if", "endif", "for", "x", "in", "endfor", "assign", "=", "|", "date:", "'%s'"]
PIECES = st.lists(st.sampled_from(WORDS), max_size=20).map(" ".join)


@given(LIQUID | PIECES | st.text())
def test_no_text_makes_a_template_raise(source: str) -> None:
    rendered = render(source)
    assert isinstance(rendered.text, str)
    assert not (rendered.text and rendered.error)


def test_the_clock_cannot_be_seen_by_templates() -> None:
    assert render('{{ ["render clock"] }}').text == ""
