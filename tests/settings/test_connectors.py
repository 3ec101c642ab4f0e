"""`[[connectors]]`: what is refused at the start, what makes one broken, and that secrets stay hidden."""

import json
from pathlib import Path

import pytest

from bridgetap.cli.connectors import connectors_of
from bridgetap.cli.findings import look_over, utc_now
from bridgetap.engine import TlsIdentity
from bridgetap.errors import InvalidStream
from bridgetap.settings import InvalidSettings, Settings
from tests.interop.certificates import Authority


def load(folder: Path, text: str) -> Settings:
    file = folder / "bridgetap.toml"
    file.write_text(text)
    return Settings.load(file, {"TOKEN": "s3cret", "PASSWORD": "pa55word"})


NO_TLS = "is tls, and sip.listen has none: what the recorder asks for cannot reach us"
UDP = "is UDP: an INVITE of two tracks is about 4 KB, which few recorders take in one datagram"
WHOLE = """
[[connectors]]
name = "srs"
recorders = ["sip:rec@one.example:5060;secure=false&edge=ashburn", "sip:rec@two.example;transport=tls"]
transport = "udp"
credentials_header = "X-Auth-Token"
credentials = "${env:TOKEN}"
username = "me"
password = "${env:PASSWORD}"
parameters_as = "headers"
metadata_content_type = "legacy"
label_order = "outbound-first"
answer_timeout_s = 2.5
ping_s = 5
mandatory = true
tone = true
mirrors = ["copy"]

[[connectors]]
name = "copy"
recorders = ["sip:copy.example"]
"""


def test_an_entry_becomes_what_recordings_are_made_by(tmp_path: Path) -> None:
    settings = load(tmp_path, WHOLE)
    srs, copy = connectors_of(settings).chains("srs")
    assert [str(uri) for uri in srs.recorders] == [
        "sip:rec@one.example:5060;transport=udp",
        "sip:rec@two.example;transport=tls",
    ]
    assert (srs.header, srs.username, srs.password) == (("X-Auth-Token", "s3cret"), "me", "pa55word")
    assert (srs.parameters_as, srs.metadata_type, srs.outbound_first) == ("headers", "legacy", True)
    assert (srs.answer_s, srs.ping_s, srs.mandatory, srs.mirrors) == (2.5, 5.0, True, ("copy",))
    assert (srs.patient, copy.patient) == (False, True)
    assert (srs.tone, copy.tone) == (True, False)
    assert [str(uri) for uri in copy.recorders] == ["sip:copy.example;transport=tcp"]
    assert (copy.parameters_as, copy.metadata_type, copy.outbound_first) == ("both", "standard", False)
    for shown in (repr(settings), repr(srs)):
        assert "s3cret" not in shown
        assert "pa55word" not in shown


def test_what_is_passed_over_and_what_travels_in_clear_is_said(tmp_path: Path) -> None:
    found = [str(finding) for finding in look_over(load(tmp_path, WHOLE), file=None, now=utc_now())]
    told = [finding for finding in found if "connectors[" in finding]
    assert told == [
        "warning: connectors[0].recorders[0]: edge=ashburn means nothing here and is passed over",
        f"warning: connectors[0].recorders[0]: {UDP}",
        f"warning: connectors[0].recorders[1]: {NO_TLS}",
        "warning: connectors[0].credentials: cross the network in clear: use TLS",
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('recorders = ["https://srs.example"]', "must be sip:USER@HOST:PORT"),
        ('recorders = ["sip:a.example", "sip:b.example;transport=sctp"]', "must be udp, tcp or tls"),
        ('recorders = ["sip:a.example;secure=perhaps"]', "must be true or false"),
        ('recorders = ["sip:a.example;secure=true;transport=tcp"]', "needs transport=tls, not tcp"),
        ('recorders = ["sip:a.example;transport=udp"]\nsecure = true', "needs transport=tls, not udp"),
        ('recorders = ["sip:a.example"]\ncredentials_header = "Contact"\ncredentials = "x"', "not SIP's own"),
        ('recorders = ["sip:a.example"]\ncredentials_header = "X A"\ncredentials = "x"', "not SIP's own"),
        ('recorders = ["sip:a.example"]\ncredentials_header = "X-A"\ncredentials = "s3cret\\nTo: b"', "one line"),
    ],
)
def test_a_broken_connector_is_31942_and_an_error_of_check_and_no_other_suffers(
    tmp_path: Path, line: str, why: str
) -> None:
    text = f'[[connectors]]\nname = "bad"\n{line}\n[[connectors]]\nname = "good"\nrecorders = ["sip:good.example"]\n'
    settings = load(tmp_path, text)
    connectors = connectors_of(settings)
    with pytest.raises(InvalidStream, match=why) as refused:
        connectors.find("bad")
    assert refused.value.code == 31942
    assert "s3cret" not in str(refused.value)
    assert connectors.find("good").name == "good"
    errors = [f for f in look_over(settings, file=None, now=utc_now()) if f.error and f.place == "connectors[0]"]
    assert any(why in error.rule for error in errors)


def with_files(folder: Path, *lines: str) -> str:
    """A connector whose files are there."""
    authority = Authority.make(folder)
    authority.issue(folder, "us")
    (folder / "bad.pem").write_text("nothing")
    keys = lines or ('trusted_ca = "ca.pem"', 'client_certificate = "us.pem"', 'client_key = "us.key"')
    return "\n".join(['[[connectors]]\nname = "srs"\nrecorders = ["sip:srs.example;transport=tls"]', *keys])


def test_a_connector_has_an_authority_and_a_certificate_of_its_own(tmp_path: Path) -> None:
    text = with_files(tmp_path)
    (tmp_path / "us.key").chmod(0o644)
    settings = load(tmp_path, text)
    srs = connectors_of(settings).find("srs")
    ca, pem, key = (str(tmp_path / name) for name in ("ca.pem", "us.pem", "us.key"))
    assert srs.identity(own=True) == TlsIdentity(trusted_ca=ca, client_certificate=pem, client_key=key)
    assert srs.identity(own=False) == TlsIdentity(trusted_ca=ca)
    found = [str(finding) for finding in look_over(settings, file=None, now=utc_now())]
    assert f"warning: connectors[0].client_key: {key} is readable by others: chmod 600" in found
    plain = load(tmp_path, text.replace("tls", "tcp"))
    with pytest.raises(InvalidStream, match="no recorder has transport=tls") as refused:
        connectors_of(plain).find("srs")
    assert refused.value.code == 31942


@pytest.mark.parametrize(
    ("lines", "key", "why"),
    [
        (('trusted_ca = "none.pem"',), "trusted_ca", "cannot be read"),
        (('trusted_ca = "bad.pem"',), "trusted_ca", "cannot be used"),
        (('client_certificate = "us.pem"',), "client_key", "go together"),
        (('client_key = "us.key"',), "client_certificate", "go together"),
        (('client_certificate = "us.pem"', 'client_key = "bad.pem"'), "client_certificate", "cannot be used"),
    ],
)
def test_tls_files_that_cannot_be_used_are_refused_at_the_start(
    tmp_path: Path, lines: tuple[str, ...], key: str, why: str
) -> None:
    with pytest.raises(InvalidSettings) as refused:
        load(tmp_path, with_files(tmp_path, *lines))
    (problem,) = refused.value.problems
    assert problem.key == f"connectors[0].{key}"
    assert why in str(problem)


@pytest.mark.parametrize("text", ["", '[[connectors]]\nname = "srs"\nrecorders = ["sip:a.example"]\n'])
def test_an_unknown_connector_is_31940(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidStream) as refused:
        connectors_of(load(tmp_path, text)).find("other")
    assert refused.value.code == 31940


def test_a_flow_that_names_a_connector_that_is_not_there_is_warned_of(tmp_path: Path) -> None:
    def start(name: str, then: str | None, **properties: str) -> dict[str, object]:
        transitions = [{"event": "next", "next": then} if then else {"event": "next"}]
        properties = {"stream_action": "start", "stream_transport_type": "siprec", **properties}
        return {"name": name, "type": "fork-stream", "transitions": transitions, "properties": properties}

    trigger = {"event": "incomingCall", "next": "a"}
    states = [
        {"name": "Trigger", "type": "trigger", "transitions": [trigger], "properties": {}},
        start("a", "b", stream_connector="copy"),
        start("b", "c", stream_connector="nobody"),
        start("c", None, stream_connector="{{flow.variables.which}}"),
    ]
    flow = {"description": "", "initial_state": "Trigger", "states": states}
    (tmp_path / "flow.json").write_text(json.dumps(flow))
    settings = load(tmp_path, WHOLE + '[[numbers]]\nnumber = "*"\nflow = "flow.json"\n')
    found = [f for f in look_over(settings, file=None, now=utc_now()) if f.place == "numbers[0].flow"]
    (warning,) = found
    assert "states[2].properties.stream_connector: 'nobody'" in warning.rule
    assert "there are: copy, srs (31940)" in warning.rule


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('name = ""\nrecorders = ["sip:a"]', "connectors[0].name"),
        ('name = "a"\nrecorders = []', "connectors[0].recorders"),
        (
            """name = "a"\nrecorders = ["sip:a"]\nmirrors = ["b", "b"]
            [[connectors]]\nname = "b"\nrecorders = ["sip:b"]""",
            "connectors[0].mirrors",
        ),
        ('name = "a"', "connectors[0].recorders"),
        ('name = "a"\nrecorders = ["sip:a"]\ncredentials = "x"', "connectors[0].credentials_header"),
        ('name = "a"\nrecorders = ["sip:a"]\ncredentials_header = "X"', "connectors[0].credentials"),
        ('name = "a"\nrecorders = ["sip:a"]\nusername = "me"', "connectors[0].password"),
        ('name = "a"\nrecorders = ["sip:a"]\nmirrors = ["a"]', "connectors[0].mirrors"),
        ('name = "a"\nrecorders = ["sip:a"]\nmirrors = ["b"]', "connectors[0].mirrors"),
        ('name = "a"\nrecorders = ["sip:a"]\nparameters_as = "xml"', "connectors[0].parameters_as"),
        ('name = "a"\nrecorders = ["sip:a"]\n[[connectors]]\nname = "a"\nrecorders = ["sip:b"]', "connectors[1].name"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_the_start(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        load(tmp_path, f"[[connectors]]\n{text}\n")
    assert [problem.key for problem in refused.value.problems] == [key]
