"""The address of a webhook: http or https, parsed once, and what of it may be shown, signed and sent."""

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote, unquote, urlencode, urlsplit, urlunsplit

from bridgetap.errors import BAD_URL, InvalidInput

MAX_LENGTH = 4096
_KEPT = "!$&'()*+,;=:@/?-._~%[]"  # RFC 3986 §3.3, §3.4; what else is no letter or digit gets percent-encoded


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookUrl:
    """`http(s)://[user:password@]host[:port][/path][?query]`. A fragment is never sent and is dropped."""

    called: str = field(repr=False)  # what is requested and signed: user and password are a header instead
    shown: str  # what logs and errors may say: without the query too
    host: str  # "host:port", lower case: servers are told apart by it
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str, *, place: str = "url") -> Self:
        """Raise `InvalidInput` (11100), whose text repeats neither password nor query."""

        def bad(rule: str, shown: str = "") -> InvalidInput:
            return InvalidInput(place, shown, rule, code=BAD_URL)

        if len(text) > MAX_LENGTH:
            raise bad(f"must be at most {MAX_LENGTH} characters")
        if not text.isprintable() or " " in text:
            raise bad("must hold no spaces and no control characters")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise bad("is no URL: its host or port cannot be read") from None
        scheme = parts.scheme.lower()
        if scheme not in {"http", "https"} or not parts.hostname:
            raise bad("must be an absolute http:// or https:// URL", f"{parts.scheme}:…" if parts.scheme else "")
        netloc = parts.netloc.rpartition("@")[2]
        if port == 0 or netloc.endswith(":"):
            raise bad("the port must be 1 to 65535", f"{scheme}://{netloc}")
        path = quote(parts.path, safe=_KEPT) or "/"
        default = 443 if scheme == "https" else 80
        user = None if parts.username is None else unquote(parts.username)
        return cls(
            called=urlunsplit((scheme, netloc, path, quote(parts.query, safe=_KEPT), "")),
            shown=urlunsplit((scheme, netloc, path, "", "")),
            host=f"{parts.hostname}:{port or default}",
            user=user,
            password=unquote(parts.password or ""),
        )

    def with_query(self, parameters: tuple[tuple[str, str], ...]) -> str:
        """What a GET with these parameters requests and signs."""
        if not parameters:
            return self.called
        return self.called + ("&" if "?" in self.called else "?") + urlencode(parameters)

    def __str__(self) -> str:
        """The whole of it again, secrets included: for what is sealed, never for a log."""
        if self.user is None:
            return self.called
        scheme, _, rest = self.called.partition("://")
        return f"{scheme}://{quote(self.user, safe='')}:{quote(self.password, safe='')}@{rest}"
