"""Signatures, against the published vectors and Twilio's own validator."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from bridgetap.signing import body_sha256, sign_body, sign_form, sign_stream, validate, without_default_port

TOKEN = "12345"
HOOK = "https://mycompany.com/myapp.php?foo=1&bar=2"
CALL = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
    ("Caller", "+14158675309"),
]
REPEATED = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")]
BODY = b'{"property": "value", "boolean": true}'
BODY_HASH = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        ("wss://mycompany.com/media", "okykUWKkAOgQseVjzERZh4soLeU="),
        ("wss://mycompany.com:443/media", "okykUWKkAOgQseVjzERZh4soLeU="),
        ("wss://mycompany.com:8443/media", "pJ+rhGOSmh4SNpEPyt1HFJHaJWQ="),
    ],
)
def test_stream_vectors(url: str, signature: str) -> None:
    assert sign_stream(TOKEN, url) == signature
    assert validate(TOKEN, signature, url)
    assert RequestValidator(TOKEN).validate(url, {}, signature) or ":443" in url


@pytest.mark.parametrize(
    ("parameters", "signature"),
    [(CALL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="), (REPEATED, "IK+Dwps556ElfBT0I3Rgjkr1wJU=")],
)
def test_form_vectors(parameters: list[tuple[str, str]], signature: str) -> None:
    assert sign_form(TOKEN, HOOK, parameters) == signature
    assert validate(TOKEN, signature, HOOK, parameters=reversed(parameters))
    assert not validate(TOKEN, signature, HOOK, parameters=parameters[:-3])


def test_body_vector() -> None:
    url, signature = sign_body(TOKEN, HOOK, BODY)
    assert url == f"{HOOK}&bodySHA256={BODY_HASH}"
    assert signature == "a9nBmqA0ju/hNViExpshrM61xv4="
    assert RequestValidator(TOKEN).validate(url, BODY.decode(), signature)
    assert validate(TOKEN, signature, url, body=BODY)
    assert not validate(TOKEN, signature, url, body=BODY + b" ")
    assert not validate(TOKEN, signature, url)


def test_a_body_gets_its_hash_where_there_was_no_query() -> None:
    url, signature = sign_body(TOKEN, "https://a.test/hook", b"{}")
    assert url == f"https://a.test/hook?bodySHA256={body_sha256(b'{}')}"
    assert RequestValidator(TOKEN).validate(url, "{}", signature)


def test_a_url_without_a_path_is_signed_as_configured() -> None:
    as_requested, as_written = (sign_stream(TOKEN, "wss://a.test", sign_empty_path=empty) for empty in (False, True))
    validator = RequestValidator(TOKEN)
    assert validator.validate("wss://a.test/", {}, as_requested)
    assert validator.validate("wss://a.test", {}, as_written)
    assert as_requested != as_written
    # The request line says "/" either way, so our receiver takes both.
    assert validate(TOKEN, as_requested, "wss://a.test/")
    assert validate(TOKEN, as_written, "wss://a.test/")


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("https://a.test:443/x", "https://a.test/x"),
        ("http://a.test:80/x", "http://a.test/x"),
        ("wss://a.test:443", "wss://a.test"),
        ("wss://[::1]:443/x", "wss://[::1]/x"),
        ("https://user:443@a.test/x", "https://user:443@a.test/x"),
        ("https://a.test:80/x", "https://a.test:80/x"),
        ("wss://a.test:80/x", "wss://a.test:80/x"),
    ],
)
def test_only_the_schemes_own_port_is_dropped(url: str, bare: str) -> None:
    assert without_default_port(url) == bare


@pytest.mark.parametrize("signature", ["", "x", "okykUWKkAOgQseVjzERZh4soLeU", "Ökyk"])
def test_a_wrong_signature_is_no(signature: str) -> None:
    assert not validate(TOKEN, signature, "wss://mycompany.com/media")


def test_another_token_is_no() -> None:
    assert not validate("54321", sign_stream(TOKEN, "wss://a.test/x"), "wss://a.test/x")


texts = st.text(max_size=20)
forms = st.lists(st.tuples(st.text(min_size=1, max_size=10), texts), max_size=8)
urls = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["https", "http", "wss"]),
    st.sampled_from(["a.test", "a.test:8443", "a.test:443", "a.test:80"]),
    st.sampled_from(["/", "/x", "/x/y%20z"]),
    st.sampled_from(["", "?a=1", "?a=1&b=%C3%A9"]),
)


class Form(dict[str, list[str]]):
    """What the validator reads repeated values from."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


@given(urls, forms)
def test_twilios_validator_takes_all_we_sign(url: str, parameters: list[tuple[str, str]]) -> None:
    form = Form()
    for name, value in parameters:
        form.setdefault(name, []).append(value)
    signature = sign_form(TOKEN, url, parameters)
    # The validator knows 443 for https only; a port that we dropped it must be given without.
    assert RequestValidator(TOKEN).validate(without_default_port(url), form, signature)
    assert validate(TOKEN, signature, url, parameters=parameters)


@given(urls, forms)
def test_we_take_all_that_twilio_signs(url: str, parameters: list[tuple[str, str]]) -> None:
    form = Form()
    for name, value in parameters:
        form.setdefault(name, []).append(value)
    assert validate(TOKEN, RequestValidator(TOKEN).compute_signature(url, form), url, parameters=parameters)
