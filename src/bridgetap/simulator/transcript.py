"""What a simulated call did, line by line."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["step", "effect", "event", "note", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line: when, at which widget, what."""

    at_s: float
    kind: Kind
    widget: str
    text: str
    code: int = 0

    def __str__(self) -> str:
        mark = f"{self.kind} {self.code}: " if self.code else f"{self.kind}: "
        marked = self.kind in ("note", "warning", "error")
        return f"{self.at_s:8.2f}  {self.widget:<24} {mark if marked else ''}{self.text}"

    def to_json(self) -> dict[str, object]:
        code = {"code": self.code} if self.code else {}
        return {"at_s": round(self.at_s, 3), "kind": self.kind, "widget": self.widget, "text": self.text, **code}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """The whole call. `ok`: it ended, and nothing on the way was an error."""

    entries: Sequence[Entry]
    path: Sequence[str]
    reason: str
    duration_s: float
    context: dict[str, object] = field(repr=False)

    @property
    def ok(self) -> bool:
        return all(entry.kind != "error" for entry in self.entries)

    def to_json(self) -> dict[str, object]:
        return {
            "ok": self.ok,
            "path": list(self.path),
            "reason": self.reason,
            "duration_s": round(self.duration_s, 3),
            "entries": [entry.to_json() for entry in self.entries],
            "context": self.context,
        }
