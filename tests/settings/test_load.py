"""Loading: files, environment, references, real types, and every problem at once."""

from ipaddress import IPv4Address, ip_network
from pathlib import Path

import pytest

from bridgetap.settings import HostPort, InvalidSettings, ListenAddress, Settings

WHOLE = """
[sip]
listen = ["udp://0.0.0.0:5060", "tcp://0.0.0.0:5060", "tls://0.0.0.0:5061", "udp://[::]:5060"]
tls_certificate = "sip.pem"
tls_key = "keys/sip.key"
external_address = "203.0.113.7"
local_networks = ["10.0.0.0/8"]
[media]
ports = [16384, 32767]
threads = 0
[http]
listen = "127.0.0.1:8080"
public_url = "https://voice.example.com/"
[store]
url = "sqlite:///bridgetap.db"
[account]
sid = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
auth_token = "${file:secret}"
[streams]
trusted_ca = "ca.pem"
[[numbers]]
number = "+1 (555) 123-0000"
flow = "flows/support.json"
[[numbers]]
number = "*"
flow = "/flows/other.json"
answer = "on-bridge"
[[trunks]]
name = "carrier"
uri = "sip:carrier.example;transport=tcp"
match = ["+"]
priority = 1
username = "u"
password = "${env:CARRIER}"
register = true
from_user = "f"
allow_from = ["198.51.100.0/24", "192.0.2.1"]
number_from = "request-uri"
codecs = ["PCMU", "PCMA"]
dtmf = "rfc4733"
max_calls = 100
[[users]]
username = "alice"
password = "p"
[[users]]
username = "bob"
ha1 = "0123456789abcdef0123456789ABCDEF"
"""


LISTEN_RULE = "must be udp://, tcp:// or tls:// with an IP address and a port: udp://127.0.0.1:5060"
SAME_NETWORK = """
streams.deny_networks = ["10.0.0.0/8"]
streams.allow_networks = ["10.0.0.0/8"]
"""
SAME_NUMBER = """
numbers = [
    {number = "+1 555 1", flow = "a"}, {number = "0015551", flow = "b"}, {number = "+1 (5551)", flow = "c"},
]
"""
SAME_SOURCE = """
trunks = [
    {name = "a", uri = "sip:a", allow_from = ["192.0.2.0/24"]},
    {name = "b", uri = "sip:b", allow_from = ["192.0.2.9/24"]},
]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "bridgetap.toml"
    path.write_text(text)
    return path


def problems(folder: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    """Every problem, without the folder's own name."""
    with pytest.raises(InvalidSettings) as caught:
        Settings.load(write(folder, text), environ or {})
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_the_whole_file_becomes_real_types(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret-token\n")
    settings = Settings.load(write(tmp_path, WHOLE), {"CARRIER": "c4rrier"})
    assert settings.sip.listen[0] == ListenAddress(transport="udp", address=IPv4Address("0.0.0.0"), port=5060)
    assert str(settings.sip.listen[3]) == "udp://[::]:5060"
    assert settings.sip.tls_key == tmp_path / "keys/sip.key"
    assert settings.sip.external_address == IPv4Address("203.0.113.7")
    assert settings.media.ports == (16384, 32767)
    assert settings.media.legs == 8192
    assert settings.http.listen == HostPort(address=IPv4Address("127.0.0.1"), port=8080)
    assert settings.http.public_url == "https://voice.example.com"
    assert settings.store.url.get_secret_value() == f"sqlite+aiosqlite:///{tmp_path}/bridgetap.db"
    assert settings.account.auth_token is not None
    assert settings.account.auth_token.get_secret_value() == "s3cret-token"
    assert [entry.number for entry in settings.numbers] == ["+15551230000", "*"]
    assert [entry.flow for entry in settings.numbers] == [tmp_path / "flows/support.json", Path("/flows/other.json")]
    (trunk,) = settings.trunks
    assert trunk.password is not None
    assert trunk.password.get_secret_value() == "c4rrier"
    assert trunk.allow_from == (ip_network("198.51.100.0/24"), ip_network("192.0.2.1"))
    assert (trunk.register_, trunk.codecs) == (True, ("PCMU", "PCMA"))


def test_secrets_are_never_printed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret-token\n")
    text = WHOLE.replace('"sqlite:///bridgetap.db"', '"postgresql://u:pgpass@h/d"')
    settings = Settings.load(write(tmp_path, text), {"CARRIER": "c4rrier"})
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    for secret in ("s3cret-token", "c4rrier", "pgpass", "0123456789abcdef"):
        assert secret not in shown


def test_defaults_listen_on_loopback_only() -> None:
    settings = Settings.load(None, {})
    assert all(address.address.is_loopback for address in settings.sip.listen)
    assert settings.http.listen.address.is_loopback
    assert settings.numbers == settings.trunks == settings.users == ()


@pytest.mark.parametrize(
    ("variable", "value", "read"),
    [
        ("SIP__LISTEN", "udp://127.0.0.1:5070, tcp://[::1]:5070", lambda s: [str(a) for a in s.sip.listen]),
        ("SIP__LISTEN", '["udp://127.0.0.1:5070", "tcp://[::1]:5070"]', lambda s: [str(a) for a in s.sip.listen]),
    ],
)
def test_the_environment_overrides_a_list(variable: str, value: str, read: object) -> None:
    settings = Settings.load(None, {f"BRIDGETAP__{variable}": value})
    assert callable(read)
    assert read(settings) == ["udp://127.0.0.1:5070", "tcp://[::1]:5070"]


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    environ = {
        "BRIDGETAP__MEDIA__PORTS": "20000,20100",
        "BRIDGETAP__CALLS__MAX_CALLS": "7",
        "BRIDGETAP__STREAMS__ALLOW_QUERY": "true",
        "BRIDGETAP__NUMBERS": '[{"number": "*", "flow": "a.json"}]',
        "BRIDGETAP__ACCOUNT__AUTH_TOKEN": "${env:TOKEN}",
        "TOKEN": "from-the-env",
        "BRIDGETAP_URL": "http://elsewhere",
        "UNRELATED": "x",
    }
    settings = Settings.load(write(tmp_path, "[media]\nports = [1024, 2048]\nthreads = 3\n"), environ)
    assert (settings.media.ports, settings.media.threads, settings.calls.max_calls) == ((20000, 20100), 3, 7)
    assert settings.streams.allow_query
    assert [entry.flow for entry in settings.numbers] == [tmp_path / "a.json"]
    assert settings.account.auth_token is not None
    assert settings.account.auth_token.get_secret_value() == "from-the-env"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[sip]\nlistn = []\n", "bridgetap.toml: sip.listn: unknown key; did you mean sip.listen?"),
        ("[spi]\nlisten = []\n", "bridgetap.toml: spi: unknown key; did you mean sip?"),
        ("[http]\ntrusted_ca = 'x'\n", "bridgetap.toml: http.trusted_ca: unknown key; did you mean sip.trusted_ca?"),
        ("threads = 2\n", "bridgetap.toml: threads: unknown key; it belongs under media.threads"),
        (
            "[[trunks]]\nname = 'a'\nuri = 'sip:a'\nregistr = true\n",
            "bridgetap.toml: trunks[0].registr: unknown key; did you mean trunks[0].register?",
        ),
        (
            "[log]\nzzz = 1\n",
            "bridgetap.toml: log.zzz: unknown key; did you mean log.level? known here: format, level",
        ),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(tmp_path: Path, text: str, expected: str) -> None:
    assert problems(tmp_path, text) == [expected]


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    text = """
    [sip]
    listen = ["udp://127.0.0.1:5060", "http://127.0.0.1"]
    [media]
    threads = "many"
    [account]
    auth_token = "short"
    [[numbers]]
    flow = "a.json"
    [[trunks]]
    name = "a b"
    uri = "tel:1"
    """
    found = problems(tmp_path, text, {"BRIDGETAP__LOG__LEVEL": "loud", "BRIDGETAP__LOG__COLOR": "1"})
    assert found == [
        f"bridgetap.toml: sip.listen[1] = 'http://127.0.0.1': {LISTEN_RULE}",
        "bridgetap.toml: media.threads = 'many': must be a whole number",
        "bridgetap.toml: account.auth_token = ***: must have at least 8",
        "environment BRIDGETAP__LOG__LEVEL: log.level = 'loud': must be 'debug', 'info', 'warning' or 'error'",
        "environment BRIDGETAP__LOG__COLOR: log.color: unknown key; did you mean log.format? known here: format, level",
        "bridgetap.toml: numbers[0].number: required",
        "bridgetap.toml: trunks[0].name = 'a b': must match ^[A-Za-z0-9_.-]{1,64}$",
        "bridgetap.toml: trunks[0].uri = 'tel:1': must be a SIP URI such as sip:carrier.example;transport=tcp",
    ]


@pytest.mark.parametrize(
    ("text", "key", "rule"),
    [
        ('sip.listen = ["tls://127.0.0.1:5061"]', "sip.tls_certificate", "required, because"),
        ('sip.tls_certificate = "a"', "sip.tls_key", "required beside"),
        ('sip.tls_key = "a"', "sip.tls_certificate", "required beside"),
        ("sip.min_se_s = 1900", "sip.min_se_s", "above session_expires_s"),
        ("sip.listen = []", "sip.listen", "at least 1"),
        ('sip.listen = ["udp://host.example:5060"]', "sip.listen[0]", "no IP address"),
        ('sip.listen = ["udp://127.0.0.1:70000"]', "sip.listen[0]", "0 (any free one) to 65535"),
        ('sip.listen = ["udp://127.0.0.1:20000"]', "sip.listen[0]", "inside media.ports"),
        ('sip.listen = ["udp://127.0.0.1:5060", "udp://0.0.0.0:5060"]', "sip.listen[1]", "taken by an earlier"),
        ('sip.listen = ["tcp://0.0.0.0:8080"]', "http.listen", "taken by sip.listen"),
        ('sip.external_address = "example.com"', "sip.external_address", "no IP address"),
        ('sip.local_networks = ["10.0.0.0/99"]', "sip.local_networks[0]", "a network such as"),
        ("media.ports = [2000, 1000]", "media.ports", "first < last"),
        ("media.ports = [80, 1000]", "media.ports", "1024"),
        ("media.ports = [2000]", "media.ports[1]", "required"),
        ('media.codecs = ["opus"]', "media.codecs[0]", "'PCMU', 'PCMA' or 'G722'"),
        ('http.listen = "8080"', "http.listen", "an IP address and a port"),
        ('http.public_url = "ftp://x"', "http.public_url", "http:// or https://"),
        ('http.public_url = "https://u:p@x/"', "http.public_url", "user information"),
        ('store.url = "mysql://a/b"', "store.url", "sqlite:///FILE or postgresql://"),
        ('store.url = "sqlite://relative.db"', "store.url", "three slashes"),
        ('account.sid = "ACx"', "account.sid", "must match"),
        ('voice.provider = "http"', "voice.url", "required, because"),
        ('voice.provider = "command"', "voice.command", "required, because"),
        (
            SAME_NETWORK,
            "streams.deny_networks",
            "too",
        ),
        ('numbers = [{number = "+0", flow = "a"}]', "numbers[0].number", "E.164"),
        ('numbers = [{number = "", flow = "a"}]', "numbers[0].number", "a telephone number"),
        (SAME_NUMBER, "numbers[2].number", "stands there twice"),
        ('numbers = [{number = "*"}]', "numbers[0].flow", "voice_url for TwiML"),
        ('numbers = [{number = "*", flow = "a", voice_url = "https://a.b"}]', "numbers[0].voice_url", "exclude"),
        ('numbers = [{number = "*", voice_url = "a.b/voice"}]', "numbers[0].voice_url", "http:// or https://"),
        (
            'numbers = [{number = "*", flow = "a", voice_fallback_url = "https://a.b"}]',
            "numbers[0].voice_fallback_url",
            "goes with voice_url",
        ),
        (
            'numbers = [{number = "*", voice_url = "https://a.b", status_callback_event = ["ended"]}]',
            "numbers[0].status_callback_event[0]",
            "initiated",
        ),
        ('trunks = [{name = "a", uri = "sip:a", username = "u"}]', "trunks[0].password", "go together"),
        ('trunks = [{name = "a", uri = "sip:a", register = true}]', "trunks[0].username", "because register"),
        ('trunks = [{name = "a", uri = "sip:a"}, {name = "a", uri = "sip:b"}]', "trunks[1].name", "twice"),
        (SAME_SOURCE, "trunks[1].allow_from", "belongs to trunk a"),
        ('users = [{username = "a"}]', "users[0].password", "one of password, ha1"),
        ('users = [{username = "a", ha1 = "xyz"}]', "users[0].ha1", "32 hex digits"),
        ('users = [{username = "a@b", password = "x"}]', "users[0].username", "must match"),
        ('users = [{username = "a", password = "x"}, {username = "a", password = "y"}]', "users[1].username", "twice"),
        ('account.auth_token = "${file:missing}"', "account.auth_token", "cannot be read"),
        ('account.auth_token = "${env:MISSING}"', "account.auth_token", "no MISSING"),
        ('account.auth_token = "${vault:x}"', "account.auth_token", "no reference"),
    ],
)
def test_each_rule_names_its_key(tmp_path: Path, text: str, key: str, rule: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        Settings.load(write(tmp_path, text), {})
    (problem,) = caught.value.problems
    assert problem.key == key
    assert rule in problem.rule
    assert problem.source == str(tmp_path / "bridgetap.toml")


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"[sip\n", "is not valid TOML"),
        (b"a = \xff\n", "is not UTF-8 at byte 4"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, rule: str) -> None:
    path = tmp_path / "bridgetap.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidSettings, match=rule) as caught:
        Settings.load(path, {})
    assert str(path) in str(caught.value)


def test_a_variable_that_starts_like_json_and_is_none(tmp_path: Path) -> None:
    found = problems(tmp_path, "", {"BRIDGETAP__SIP__LISTEN": "[oops"})
    rule = "starts like JSON and is not: Expecting value: line 1 column 2 (char 1)"
    assert found == [f"environment BRIDGETAP__SIP__LISTEN: sip.listen: {rule}"]


def test_a_variable_cannot_reach_into_a_list(tmp_path: Path) -> None:
    text = "[[trunks]]\nname = 'a'\nuri = 'sip:a'\n"
    found = problems(tmp_path, text, {"BRIDGETAP__TRUNKS__NAME": "b"})
    assert "trunks is a list; give it whole, as JSON, in BRIDGETAP__TRUNKS" in found[0]


def test_a_secret_file_too_large_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "huge").write_bytes(b"x" * 70_000)
    assert "larger than 65536 bytes" in problems(tmp_path, 'account.auth_token = "${file:huge}"')[0]


def test_the_number_that_answers() -> None:
    entries = [{"number": "+15551230000", "flow": "a"}, {"number": "100", "flow": "b"}, {"number": "*", "flow": "c"}]
    settings = Settings.model_validate({"numbers": entries})
    answering = {dialled: settings.number(dialled) for dialled in ("001 555 123 0000", "100", "nobody")}
    assert [entry and entry.flow.name for entry in answering.values()] == ["a", "b", "c"]
    assert Settings().number("100") is None


def test_a_numbers_urls_are_secrets(tmp_path: Path) -> None:
    """They may hold a password: neither a repr nor an error shows them."""
    text = 'numbers = [{number = "*", voice_url = "https://me:s3cret@a.test/voice?k=s3cret", voice_method = "GET"}]'
    settings = Settings.load(write(tmp_path, text), {})
    (number,) = settings.numbers
    assert number.voice_url is not None
    assert number.voice_url.get_secret_value().startswith("https://me:")
    assert "s3cret" not in repr(settings)
    with pytest.raises(InvalidSettings) as caught:
        Settings.load(write(tmp_path, text.replace("https", "ftp")), {})
    assert "s3cret" not in str(caught.value)
