"""The flows that calls run, by the path in the configuration. An edited file counts from the next call."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from bridgetap.errors import InvalidDefinition, InvalidInput, Problem
from bridgetap.flow import Definition
from bridgetap.ids import FlowSid
from bridgetap.widgets import WIDGETS

log = structlog.get_logger(__name__)

PARAMETER_INVALID = 20001


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A flow, ready to run."""

    flow_sid: FlowSid
    name: str
    version: int  # goes up with every change of the file that this process has seen
    definition: Definition


@dataclass(frozen=True, slots=True)
class _Read:
    stamp: tuple[int, int]
    program: Program


class FlowBook:
    """Reads each flow once, and again when its file has changed."""

    def __init__(self, *, folder: Path, known: Iterable[Path]) -> None:
        """`known`: the flows of `[[numbers]]`; `folder`: where others may be asked for by path."""
        self._folder = folder.resolve()
        self._known = {path.resolve() for path in known}
        self._read: dict[Path, _Read] = {}

    def load_all(self) -> list[Program]:
        """Every flow of `[[numbers]]`; `InvalidDefinition` or `InvalidInput` for the first that cannot run."""
        return [self.at(path) for path in sorted(self._known)]

    def at(self, path: Path) -> Program:
        """The flow of a file. When a new version of it cannot be used, the last good one runs on."""
        path = path.resolve()
        before = self._read.get(path)
        try:
            stat = path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            if before is not None and before.stamp == stamp:
                return before.program
            program = Program(
                flow_sid=flow_sid(path),
                name=path.stem,
                version=1 if before is None else before.program.version + 1,
                definition=Definition.parse(path.read_bytes(), widgets=WIDGETS),
            )
        except OSError as error:
            if before is None:
                raise InvalidInput(
                    "flow", str(path), f"cannot be read: {error.strerror}", code=PARAMETER_INVALID
                ) from None
            log.error("flow.unreadable", path=str(path), error=error.strerror)
            return before.program
        except InvalidDefinition as error:
            if before is None:
                raise InvalidDefinition([_at(path, problem) for problem in error.problems]) from None
            log.error("flow.invalid", path=str(path), problems=[str(problem) for problem in error.problems])
            return before.program
        self._read[path] = _Read(stamp, program)
        for warning in program.definition.warnings:
            log.warning("flow.warning", path=str(path), problem=str(warning))
        return program

    def named(self, text: str) -> Program:
        """A flow that REST or the command line asks for; `InvalidInput` for one outside the folder."""
        path = (self._folder / text).resolve()
        if path not in self._known and not path.is_relative_to(self._folder):
            rule = f"must be a flow of [[numbers]], or a file below {self._folder}"
            raise InvalidInput("flow", text, rule, code=PARAMETER_INVALID)
        return self.at(path)


def flow_sid(path: Path) -> FlowSid:
    """A flow's SID: the same in every process that reads it from there."""
    return FlowSid("FW" + hashlib.sha256(str(path).encode()).hexdigest()[:32])


def _at(path: Path, problem: Problem) -> Problem:
    place = f"{path}: {problem.place}" if problem.place else str(path)
    return Problem(place=place, value=problem.value, rule=problem.rule, warning=problem.warning)
