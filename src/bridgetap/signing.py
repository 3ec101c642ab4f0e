"""X-Twilio-Signature, as sender and as receiver (spec/twilio §6.1): pure, no request objects.

The signed text is the URL as called and, for a form body, its parameters: sorted by name, each
distinct value in order, names and values without anything between. HMAC-SHA1, base64.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit, urlunsplit

HEADER = "X-Twilio-Signature"
BODY_HASH = "bodySHA256"

# What stands behind a host anyway. A validator tries the URL with and without it, but for wss it
# adds port 80: only the URL without a port validates everywhere.
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def sign_form(token: str, url: str, parameters: Iterable[tuple[str, str]] = ()) -> str:
    """The signature of a webhook: GET without parameters, POST with those of its form."""
    return _sign(token, without_default_port(url), parameters)


def sign_body(token: str, url: str, body: bytes) -> tuple[str, str]:
    """The URL to call (it gets `bodySHA256`) and its signature, for a body that is no form."""
    parts = urlsplit(without_default_port(url))
    digest = f"{BODY_HASH}={body_sha256(body)}"
    signed = urlunsplit(parts._replace(query=f"{parts.query}&{digest}" if parts.query else digest))
    return signed, _sign(token, signed, ())


def sign_stream(token: str, url: str, *, sign_empty_path: bool = False) -> str:
    """The signature of a `wss://` handshake.

    A URL without a path is requested as `/`. `sign_empty_path` signs it as written, `wss://host`;
    otherwise the signature is over what the far end sees, `wss://host/`.
    """
    parts = urlsplit(without_default_port(url))
    if not parts.path and not sign_empty_path:
        parts = parts._replace(path="/")
    return _sign(token, urlunsplit(parts), ())


def validate(
    token: str,
    signature: str,
    url: str,
    *,
    parameters: Iterable[tuple[str, str]] = (),
    body: bytes | None = None,
) -> bool:
    """Whether a signature is good. `url` as the request line, `Host` and the outside scheme give it.

    With `bodySHA256` in the URL, `body` must have that hash. The URL is tried with and without its
    port, and a bare host with and without its `/`: which of them was signed the request cannot tell.
    """
    pairs = list(parameters)
    wanted = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)).get(BODY_HASH)
    if wanted is not None:
        if body is None or not hmac.compare_digest(wanted.lower().encode(), body_sha256(body).encode()):
            return False
        pairs = []
    # Every form is tried, so that the time taken says nothing of which was near.
    matches = [hmac.compare_digest(_sign(token, form, pairs).encode(), signature.encode()) for form in _forms(url)]
    return any(matches)


def body_sha256(body: bytes) -> str:
    """The hash that `bodySHA256` carries: lower-case hex."""
    return hashlib.sha256(body).hexdigest()


def without_default_port(url: str) -> str:
    """The URL without a port that its scheme implies; any other stays."""
    parts = urlsplit(url)
    if parts.port is None or parts.port != _DEFAULT_PORTS.get(parts.scheme):
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition(":")[0]))


def _forms(url: str) -> list[str]:
    parts = urlsplit(url)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    bare = parts.netloc.rpartition(":")[0] if parts.port is not None else parts.netloc
    hosts = {bare, f"{bare}:{port}"}
    if parts.scheme in {"ws", "wss"}:
        hosts.add(f"{bare}:80")  # what some senders and validators take for the default (§6.1)
    paths = {parts.path, ""} if parts.path == "/" else {parts.path, parts.path or "/"}
    return [urlunsplit(parts._replace(netloc=host, path=path)) for host in sorted(hosts) for path in sorted(paths)]


def _sign(token: str, url: str, parameters: Iterable[tuple[str, str]]) -> str:
    text = url + "".join(name + value for name, value in sorted(set(parameters)))
    digest = hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()
    return b64encode(digest).decode()
