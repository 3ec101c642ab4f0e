"""A REFER, read: whom the other party shall talk to instead (RFC 3515, RFC 3892, RFC 4488)."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from bridgetap.engine import Headers, RequestId, RequestReceived
from bridgetap.errors import InvalidInput

from .addresses import NameAddr, SipUri

COMPACT = {"refer-to": "r", "referred-by": "b"}
SAFE = re.compile(r"[\x20-\x7E]{1,512}")  # what may be passed on in a header


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """One REFER that waits for its answer."""

    request: RequestId
    cseq: int  # names it among several of one dialog (RFC 3515 §2.4.6)
    target: SipUri  # headers in it are dropped, like everywhere
    replaces: bool  # the target shall leave another dialog for this one (RFC 3891)
    referred_by: str  # as it came, to be passed on; "" where there is none
    reports: bool  # whether they want to be told how it goes

    @classmethod
    def read(cls, event: RequestReceived) -> "Referral":
        """`InvalidInput` where it does not say whom (RFC 3515 §2.4.2)."""
        targets = _values(event.headers, "refer-to")
        if len(targets) != 1:
            raise InvalidInput("Refer-To", f"{len(targets)} of them", "must be there exactly once")
        address = NameAddr.parse(targets[0], place="Refer-To")
        uri = address.uri
        if uri.parameters.get("method", "INVITE").upper() != "INVITE":
            raise InvalidInput("Refer-To", uri.parameters["method"], "only an INVITE can be asked for")
        parameters = {name: value for name, value in uri.parameters.items() if name != "method"}
        by = next(iter(_values(event.headers, "referred-by")), "")
        return cls(
            request=event.request,
            cseq=_cseq(event.headers),
            target=SipUri(scheme=uri.scheme, user=uri.user, host=uri.host, port=uri.port, parameters=parameters),
            replaces=_asks_for(targets[0], "replaces"),
            referred_by=by if SAFE.fullmatch(by) else "",
            reports="false" not in (value.strip().lower() for value in _values(event.headers, "refer-sub")),
        )


def _values(headers: Headers, name: str) -> list[str]:
    names = {name, COMPACT.get(name, name)}
    return [value.strip() for key, value in headers if key.lower() in names]


def _cseq(headers: Headers) -> int:
    number = next(iter(_values(headers, "cseq")), "0").split(maxsplit=1)[0]
    return int(number) if number.isdigit() else 0


def _asks_for(refer_to: str, name: str) -> bool:
    """Whether the URI in it carries a header of that name (RFC 3261 §19.1.1)."""
    _, _, headers = refer_to.partition("<")[2].partition(">")[0].partition("?")
    return any(unquote(header.partition("=")[0]).strip().lower() == name for header in headers.split("&"))
