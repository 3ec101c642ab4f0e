"""How one document is asked for, as its URL's fragment may say: `#ct=2000&rt=5000&rc=2&rp=5xx,rt` (spec/twilio §6.2).

The fragment is never sent. What in it cannot be used counts as if it were not there; a number out of
bounds as the nearest bound.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

MOST_RETRIES = 5
CONNECT_MS = (100, 10_000)
READ_MS = (100, 15_000)
POLICIES = frozenset({"4xx", "5xx", "ct", "rt", "all"})

NOT_CONNECTED = frozenset({11201, 11202, 11205, 11210, 11220, 11235, 11236, 11237})
NO_ANSWER_IN_TIME = 11203


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRules:
    """`retry_on`: after what it is asked for again, `ct` no connection, `rt` no answer in time."""

    connect_s: float | None = None  # None: as `webhooks.connect_timeout_s` says
    answer_s: float  # for one request
    total_s: float  # for all of them together
    retries: int = 0
    retry_on: frozenset[str] = frozenset({"ct"})

    @classmethod
    def of(cls, url: str, *, timeout_s: float) -> "FetchRules":
        """`timeout_s` bounds all of it, whatever the fragment says."""
        try:
            said = dict(parse_qsl(urlsplit(url).fragment))
        except ValueError:
            said = {}
        connect, read, total = _ms(said, "ct", CONNECT_MS), _ms(said, "rt", READ_MS), _ms(said, "tt", READ_MS)
        total_s = timeout_s if total is None else min(total, timeout_s)
        policy = frozenset(said.get("rp", "").split(",")) & POLICIES
        return cls(
            connect_s=connect,
            answer_s=total_s if read is None else min(read, total_s),
            total_s=total_s,
            retries=_number(said, "rc", (0, MOST_RETRIES)) or 0,
            retry_on=policy or frozenset({"ct"}),
        )

    def retries_after(self, *, status: int, code: int) -> bool:
        """Whether it is worth asking again: `status` of the answer, 0 and the code where there was none."""
        kind = f"{status // 100}xx" if status else ""
        if code in NOT_CONNECTED:
            kind = "ct"
        elif code == NO_ANSWER_IN_TIME:
            kind = "rt"
        return kind in self.retry_on or ("all" in self.retry_on and kind in POLICIES)


def _ms(said: Mapping[str, str], key: str, bounds: tuple[int, int]) -> float | None:
    number = _number(said, key, bounds)
    return None if number is None else number / 1000


def _number(said: Mapping[str, str], key: str, bounds: tuple[int, int]) -> int | None:
    text = said.get(key, "")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        return None
    return max(bounds[0], min(int(text), bounds[1]))
