"""From the settings to what the core is started with: sockets, ports, who may call."""

import hashlib
from pathlib import Path

from bridgetap.engine import Admission, MediaConfig, SipConfig, User
from bridgetap.settings import Settings, UserSettings

DIALOGS_PER_CALL = 11  # a caller and ten phones that ring at once


def sip_config(settings: Settings, *, trace: Path | None = None) -> SipConfig:
    sip = settings.sip
    return SipConfig(
        listen=[str(address) for address in sip.listen],
        tls_certificate=_text(sip.tls_certificate),
        tls_key=_text(sip.tls_key),
        trusted_ca=_text(sip.trusted_ca),
        external_address=_text(sip.external_address),
        local_networks=tuple(str(network) for network in sip.local_networks),
        user_agent=sip.user_agent,
        realm=sip.realm,
        max_dialogs=settings.calls.max_calls * DIALOGS_PER_CALL,
        calls_per_second=sip.calls_per_second,
        session_expires_s=sip.session_expires_s,
        min_se_s=sip.min_se_s,
        name_servers=tuple(str(server) for server in sip.name_servers),
        trace=_text(trace),
    )


def media_config(settings: Settings) -> MediaConfig:
    media, streams = settings.media, settings.streams
    return MediaConfig(
        ports=media.ports,
        threads=media.threads,
        trusted_ca=_text(streams.trusted_ca),
        system_roots=streams.system_roots,
        reorder_ms=media.reorder_ms,
        rtp_timeout_ms=media.rtp_timeout_ms,
        user_agent=settings.sip.user_agent,
        connect_timeout_ms=streams.connect_timeout_ms,
        handshakes_per_second=streams.handshakes_per_second,
        close_drain_ms=streams.close_drain_ms,
        coalesce_ms=streams.coalesce_ms,
        allow_networks=tuple(str(network) for network in streams.allow_networks),
        deny_networks=tuple(str(network) for network in streams.deny_networks),
    )


def admissions(settings: Settings) -> list[Admission]:
    """The networks from which trunks call."""
    return [
        Admission(network=str(network), trunk=trunk.name) for trunk in settings.trunks for network in trunk.allow_from
    ]


def users(settings: Settings) -> list[User]:
    """The phones, with the hashes that check their passwords."""
    return [_user(user, settings.sip.realm) for user in settings.users]


def _user(user: UserSettings, realm: str) -> User:
    ha1 = user.ha1.get_secret_value().lower() if user.ha1 is not None else None
    sha256 = user.ha1_sha256.get_secret_value().lower() if user.ha1_sha256 is not None else None
    if user.password is not None and ha1 is None:
        text = f"{user.username}:{realm}:{user.password.get_secret_value()}"
        ha1 = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()  # RFC 3261 §22.4
    return User(username=user.username, ha1=ha1, ha1_sha256=sha256)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
