"""What `bridgetap check` looks at: files, certificates, flows, and whether the limits fit together."""

import os
import resource
import shutil
import ssl
import stat
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from pydantic import SecretStr

from bridgetap.errors import ConfigurationError, InvalidDefinition
from bridgetap.flow import Definition
from bridgetap.settings import Settings, open_account
from bridgetap.widgets import WIDGETS

from .connectors import connectors_of, missing_connectors
from .stream_policy import stream_policy

LEGS_PER_CALL = 2  # caller and callee
SOCKETS_PER_LEG = 2  # RTP and RTCP
SOCKETS_OF_THE_SERVER = 128  # SIP connections, HTTP, database, logs, epoll
SOON = timedelta(days=14)
_SECRETS = {"password", "auth_token", "ha1", "ha1_sha256", "bearer_token", "credentials"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to know: an error keeps the server from working as configured."""

    place: str
    rule: str
    error: bool

    def __str__(self) -> str:
        return f"{'error' if self.error else 'warning'}: {self.place}: {self.rule}"


def look_over(settings: Settings, *, file: Path | None, now: datetime) -> Iterator[Finding]:
    """Everything that can be told without starting."""
    yield from _certificates(settings, now)
    yield from _authorities(settings)
    yield from _streams(settings)
    yield from _flows(settings)
    yield from _documents(settings)
    yield from _account(settings)
    yield from _connectors(settings)
    yield from _store(settings)
    yield from _voice(settings)
    yield from _limits(settings, descriptors=resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    yield from _reachability(settings)
    if file is not None and _is_open_to_others(file) and _holds_secrets(file):
        yield _warning(str(file), "holds secrets and is readable by others: chmod 600, or use ${file:…}")


def _error(place: str, rule: str) -> Finding:
    return Finding(place=place, rule=rule, error=True)


def _warning(place: str, rule: str) -> Finding:
    return Finding(place=place, rule=rule, error=False)


def _certificates(settings: Settings, now: datetime) -> Iterator[Finding]:
    certificate, key = settings.sip.tls_certificate, settings.sip.tls_key
    if certificate is None or key is None:
        return
    unreadable = [*_unreadable("sip.tls_certificate", certificate), *_unreadable("sip.tls_key", key)]
    yield from unreadable
    if unreadable:
        return
    try:
        chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    except ValueError:
        yield _error("sip.tls_certificate", f"{certificate} holds no PEM certificate")
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: b"")
    except ssl.SSLError as error:
        if "MISMATCH" in (error.reason or ""):
            yield _error("sip.tls_key", f"{key} does not belong to {certificate}")
        else:
            yield _error("sip.tls_key", f"{key} cannot be used: it must be a PEM key without a password")
    leaf = chain[0]
    if leaf.not_valid_after_utc <= now:
        yield _error("sip.tls_certificate", f"ran out on {leaf.not_valid_after_utc:%Y-%m-%d}")
    elif leaf.not_valid_after_utc - now < SOON:
        yield _warning("sip.tls_certificate", f"runs out on {leaf.not_valid_after_utc:%Y-%m-%d}")
    if leaf.not_valid_before_utc > now:
        yield _error("sip.tls_certificate", f"is not valid before {leaf.not_valid_before_utc:%Y-%m-%d}")
    try:
        leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        yield _warning("sip.tls_certificate", "names no host as subjectAltName; phones will refuse it")
    if _is_open_to_others(key):
        yield _warning("sip.tls_key", f"{key} is readable by others: chmod 600")


def _authorities(settings: Settings) -> Iterator[Finding]:
    for place, path in (
        ("sip.trusted_ca", settings.sip.trusted_ca),
        ("streams.trusted_ca", settings.streams.trusted_ca),
        ("webhooks.trusted_ca", settings.webhooks.trusted_ca),
    ):
        if path is None:
            continue
        if unreadable := list(_unreadable(place, path)):
            yield from unreadable
            continue
        try:
            x509.load_pem_x509_certificates(path.read_bytes())
        except ValueError:
            yield _error(place, f"{path} holds no PEM certificate")
    roots = ssl.get_default_verify_paths()
    if not settings.streams.system_roots and settings.streams.trusted_ca is None:
        yield _error("streams.trusted_ca", "required, because streams.system_roots is false: nothing would be trusted")
    elif settings.streams.system_roots and not any(p and Path(p).exists() for p in (roots.cafile, roots.capath)):
        yield _warning("streams.system_roots", "this system has no certificate authorities: install ca-certificates")


def _streams(settings: Settings) -> Iterator[Finding]:
    """What streams are made by, made as the server makes it."""
    try:
        stream_policy(settings)
    except ConfigurationError as error:
        yield _error(error.place, error.rule)
    for index, entry in enumerate(settings.stream_options):
        if entry.client_key is not None and _is_open_to_others(entry.client_key):
            yield _warning(
                f"stream_options[{index}].client_key", f"{entry.client_key} is readable by others: chmod 600"
            )


def _flows(settings: Settings) -> Iterator[Finding]:
    for index, entry in enumerate(settings.numbers):
        place = f"numbers[{index}].flow"
        if entry.flow is None:
            continue
        if unreadable := list(_unreadable(place, entry.flow)):
            yield from unreadable
            continue
        try:
            definition = Definition.parse(entry.flow.read_bytes(), widgets=WIDGETS)
        except InvalidDefinition as invalid:
            problems = invalid.problems
        else:
            problems = list(definition.warnings)
            for missing in missing_connectors(definition, connectors_of(settings)):
                yield _warning(place, f"{entry.flow}: {missing} ({missing.code})")
        for problem in problems:
            told = _warning if problem.warning else _error
            yield told(place, f"{entry.flow}: {problem}")


def _documents(settings: Settings) -> Iterator[Finding]:
    """A call's parties are told to these servers."""
    for index, entry in enumerate(settings.numbers):
        for key in ("voice_url", "voice_fallback_url", "status_callback"):
            secret: SecretStr | None = getattr(entry, key)
            parts = urlsplit(secret.get_secret_value() if secret else "")
            if parts.scheme.lower() == "http" and not _is_local(parts.hostname or ""):
                yield _warning(f"numbers[{index}].{key}", "is http: who calls whom crosses the network in clear")


def _is_local(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_private


def _account(settings: Settings) -> Iterator[Finding]:
    path = settings.account.token_file
    if settings.account.auth_token is not None:
        return
    if not path.exists():
        if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
            yield _error("account.token_file", f"{path} cannot be made: {path.parent} is no folder we can write to")
        return
    try:
        open_account(settings.account, create=False)
    except ConfigurationError as error:
        yield _error(error.place, error.rule)
    if _is_open_to_others(path):
        yield _warning("account.token_file", f"{path} is readable by others: chmod 600")


def _connectors(settings: Settings) -> Iterator[Finding]:
    for index, connector in enumerate(connectors_of(settings)):
        place = f"connectors[{index}]"
        for rule in connector.broken:
            yield _error(place, f"{connector.name}: {rule}")
        for number, recorder in enumerate(connector.recorders):
            for note in recorder.notes:
                yield _warning(f"{place}.recorders[{number}]", note)
            if all(address.transport != recorder.transport for address in settings.sip.listen):
                rule = f"is {recorder.transport}, and sip.listen has none: what the recorder asks for cannot reach us"
                yield _warning(f"{place}.recorders[{number}]", rule)
            if recorder.transport == "udp":
                rule = "is UDP: an INVITE of two tracks is about 4 KB, which few recorders take in one datagram"
                yield _warning(f"{place}.recorders[{number}]", rule)
        if connector.header is not None and any(recorder.transport != "tls" for recorder in connector.recorders):
            yield _warning(f"{place}.credentials", "cross the network in clear: use TLS")
        key = settings.connectors[index].client_key
        if key is not None and _is_open_to_others(key):
            yield _warning(f"{place}.client_key", f"{key} is readable by others: chmod 600")


def _store(settings: Settings) -> Iterator[Finding]:
    scheme, _, rest = settings.store.url.get_secret_value().partition("://")
    if not scheme.startswith("sqlite") or not rest:
        return
    path = Path(rest.removeprefix("/").partition("?")[0])
    above = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if path.is_dir():
        yield _error("store.url", f"{path} is a folder")
    elif not os.access(above, os.W_OK):
        yield _error("store.url", f"{above} is not writable")


def _voice(settings: Settings) -> Iterator[Finding]:
    voice = settings.voice
    if voice.provider == "command" and shutil.which(voice.command[0]) is None:
        yield _error("voice.command", f"{voice.command[0]} is not installed")
    if voice.provider == "espeak" and shutil.which("espeak-ng") is None:
        yield _error("voice.provider", "espeak-ng is not installed: apt install espeak-ng")
    if voice.provider == "auto" and shutil.which("espeak-ng") is None:
        yield _warning(
            "voice.provider", "espeak-ng is not installed: flows that speak will fail (apt install espeak-ng)"
        )
    if voice.audio_folder is not None and not voice.audio_folder.is_dir():
        yield _error("voice.audio_folder", f"{voice.audio_folder} is no folder")


def _limits(settings: Settings, *, descriptors: int) -> Iterator[Finding]:
    calls = settings.calls.max_calls
    legs = calls * LEGS_PER_CALL
    first, last = settings.media.ports
    if settings.media.legs < legs:
        rule = (
            f"{first} to {last} carry {settings.media.legs} legs; calls.max_calls = {calls} may need {legs}"
            f" ({LEGS_PER_CALL} a call): widen the range or lower max_calls to {settings.media.legs // LEGS_PER_CALL}"
        )
        yield _warning("media.ports", rule)
    per_call = LEGS_PER_CALL * SOCKETS_PER_LEG + settings.streams.max_tracks_per_call
    needed = calls * per_call + SOCKETS_OF_THE_SERVER
    if descriptors != resource.RLIM_INFINITY and descriptors < needed:
        fits = max(0, (descriptors - SOCKETS_OF_THE_SERVER) // per_call)
        rule = (
            f"{calls} calls may need {needed} open files and the limit is {descriptors}:"
            f" raise it (ulimit -n, LimitNOFILE=) or lower max_calls to {fits}"
        )
        yield _warning("calls.max_calls", rule)
    together = sum(trunk.max_calls or 0 for trunk in settings.trunks)
    if settings.trunks and all(trunk.max_calls for trunk in settings.trunks) and together > calls:
        yield _warning("calls.max_calls", f"is {calls}; the trunks' own limits add up to {together}")


def _reachability(settings: Settings) -> Iterator[Finding]:
    """What is allowed and will surprise."""
    if not settings.numbers:
        yield _warning("numbers", "none: no incoming call is answered")
    if not settings.users and not any(trunk.allow_from for trunk in settings.trunks):
        yield _warning("users", "none, and no trunk has allow_from: every incoming call gets 403")
    for index, trunk in enumerate(settings.trunks):
        if not trunk.match and not trunk.allow_from and not trunk.register_:
            yield _warning(f"trunks[{index}]", "has neither match nor allow_from nor register: no call uses it")
    outside = [address for address in settings.sip.listen if not address.address.is_loopback]
    if outside and settings.sip.external_address is None and all(address.address.is_private for address in outside):
        rule = "absent, and sip.listen is on private addresses: peers outside cannot send audio back"
        if not all(address.is_wildcard for address in outside):
            yield _warning("sip.external_address", rule)


def _unreadable(place: str, path: Path) -> Iterator[Finding]:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        yield _error(place, f"{path} cannot be read: {error.strerror}")


def _is_open_to_others(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False


def _holds_secrets(path: Path) -> bool:
    """Whether a secret stands there itself, not as a reference."""
    return any(_is_secret(*written) for written in _texts(tomllib.loads(path.read_text(encoding="utf-8"))))


def _texts(value: object, table: str = "", key: str = "") -> Iterator[tuple[str, str, str]]:
    """Every text of a file with the names of its key and of the table around it."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _texts(below, key, name)
    elif isinstance(value, list):
        for below in value:
            yield from _texts(below, table, key)
    elif isinstance(value, str):
        yield table, key, value


def _is_secret(table: str, key: str, text: str) -> bool:
    if not text or "${" in text:
        return False
    if key in _SECRETS or table == "headers":
        return True
    try:
        url = urlsplit(text) if "://" in text else urlsplit("")
    except ValueError:
        return False
    return url.password is not None or (url.query != "" and url.scheme in {"http", "https"})


def utc_now() -> datetime:
    return datetime.now(UTC)
