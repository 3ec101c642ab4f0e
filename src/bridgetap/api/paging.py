"""Lists as Twilio's 2010 API cuts them (spec/twilio §5.1)."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from bridgetap.ids import is_sid
from bridgetap.store import Cut

from .errors import PAGE_SIZE, invalid
from .form import Parameters

DEFAULT_SIZE = 50
MAX_SIZE = 1000
MAX_PAGE = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """Which page is asked for. `token` is `PA` + SID (what comes after it) or `PB` + SID (before it)."""

    size: int
    number: int
    token: str

    @classmethod
    def read(cls, parameters: Parameters, prefix: str) -> "Paging":
        """From PageSize, Page and PageToken; `prefix` is that of the listed SIDs."""
        size = parameters.text("PageSize")
        if size is not None and size.isascii() and size.isdigit() and int(size[:9]) > MAX_SIZE:
            raise invalid("PageSize", f"must be at most {MAX_SIZE}", code=PAGE_SIZE)
        token = parameters.text("PageToken") or ""
        if token and (token[:2] not in {"PA", "PB"} or not is_sid(token[2:], prefix)):
            raise invalid("PageToken", "must be one that a list gave")
        return cls(
            size=parameters.integer("PageSize", default=DEFAULT_SIZE, low=1, high=MAX_SIZE),
            number=parameters.integer("Page", default=0, low=0, high=MAX_PAGE),
            token=token,
        )

    def cut(self) -> Cut:
        """The same in the store's words."""
        if self.token.startswith("PA"):
            return Cut(size=self.size, after=self.token[2:])
        if self.token.startswith("PB"):
            return Cut(size=self.size, before=self.token[2:])
        return Cut(size=self.size, skip=self.number * self.size)

    def envelope(
        self,
        key: str,
        rows: list[dict[str, Any]],
        *,
        path: str,
        filters: dict[str, str],
        has_next: bool,
        has_previous: bool,
    ) -> dict[str, Any]:
        """The list's body. No other key may stand in it: clients take the one they do not know for the rows."""

        def uri(number: int, token: str = "") -> str:
            query = {**filters, "PageSize": str(self.size), "Page": str(number)}
            if token:
                query["PageToken"] = token
            return f"{path}?{urlencode(query)}"

        start = self.number * self.size
        after = uri(self.number + 1, f"PA{rows[-1]['sid']}") if has_next and rows else None
        before = uri(max(0, self.number - 1), f"PB{rows[0]['sid']}") if has_previous and rows else None
        return {
            key: rows,
            "first_page_uri": uri(0),
            "next_page_uri": after,
            "previous_page_uri": before,
            "page": self.number,
            "page_size": self.size,
            "start": start,
            "end": start + max(0, len(rows) - 1),
            "uri": uri(self.number, self.token),
        }
