"""What the doctor found: steps in their order, each with its findings and figures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Step(StrEnum):
    """What is looked at, in this order."""

    URL = "url"
    DNS = "dns"
    TCP = "tcp"
    TLS = "tls"
    UPGRADE = "upgrade"
    SIGNATURE = "signature"
    PINGS = "pings"
    PACE = "pace"
    SILENCE = "silence"
    STAYS = "stays"
    STOP = "stop"


TITLES = {
    Step.URL: "URL",
    Step.DNS: "DNS",
    Step.TCP: "TCP",
    Step.TLS: "TLS",
    Step.UPGRADE: "upgrade to WebSocket",
    Step.SIGNATURE: "signature",
    Step.PINGS: "pings",
    Step.PACE: "reading pace",
    Step.SILENCE: "sends nothing back",
    Step.STAYS: "stays connected",
    Step.STOP: "takes stop",
}


class Severity(StrEnum):
    """A fault costs audio or the whole stream; a warning will surprise somebody."""

    WARNING = "warning"
    FAULT = "fault"


class Verdict(StrEnum):
    """What became of a step."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong. `kind` is stable, for programs: the step, a dot, a name."""

    kind: str
    text: str
    change: str
    code: int | None = None  # Twilio's, as a stream to this server would end with
    severity: Severity = Severity.FAULT

    @property
    def step(self) -> Step:
        return Step(self.kind.partition(".")[0])

    def to_json(self) -> dict[str, object]:
        return {
            "kind": self.kind,
            "severity": str(self.severity),
            "code": self.code,
            "text": self.text,
            "change": self.change,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """A step that was looked at; `detail` is what was seen, in one line."""

    step: Step
    detail: str = ""
    findings: Sequence[Finding] = ()
    figures: Mapping[str, object] = field(default_factory=dict)
    skipped: bool = False

    @property
    def verdict(self) -> Verdict:
        if any(finding.severity is Severity.FAULT for finding in self.findings):
            return Verdict.FAULT
        if self.findings:
            return Verdict.WARNING
        return Verdict.SKIPPED if self.skipped else Verdict.OK

    def to_json(self) -> dict[str, object]:
        return {
            "step": str(self.step),
            "verdict": str(self.verdict),
            "detail": self.detail,
            "figures": dict(self.figures),
            "findings": [finding.to_json() for finding in self.findings],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole examination of one server."""

    url: str
    steps: Sequence[StepResult]

    def findings(self) -> Iterator[Finding]:
        for step in self.steps:
            yield from step.findings

    def step(self, step: Step) -> StepResult:
        """That step's result; one that was never come to is skipped."""
        return next((one for one in self.steps if one.step is step), StepResult(step=step, skipped=True))

    @property
    def faults(self) -> int:
        return sum(finding.severity is Severity.FAULT for finding in self.findings())

    @property
    def warnings(self) -> int:
        return sum(finding.severity is Severity.WARNING for finding in self.findings())

    def to_json(self) -> dict[str, object]:
        return {
            "ok": self.faults == 0,
            "url": self.url,
            "faults": self.faults,
            "warnings": self.warnings,
            "steps": [self.step(step).to_json() for step in Step],
        }


def fault(kind: str, text: str, change: str, code: int | None = None) -> Finding:
    return Finding(kind=kind, text=text, change=change, code=code)


def warning(kind: str, text: str, change: str, code: int | None = None) -> Finding:
    return Finding(kind=kind, text=text, change=change, code=code, severity=Severity.WARNING)


def plain(text: str, *, most: int = 120) -> str:
    """A peer's words for a report: no control characters, not at length."""
    shown = "".join(char if char.isprintable() else "?" for char in text[: most + 1])
    return shown if len(shown) <= most else shown[: most - 1] + "…"
