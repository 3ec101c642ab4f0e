"""Far ends in languages and libraries of others, as programs that print what they hear (peers/README.md)."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.published import parsed

from .far_end import Heard
from .programs import PATH, Running, running

PEERS = Path(__file__).parent / "peers"
ROOT = Path(__file__).parents[2]


def node_ws() -> list[str]:
    """Node's `ws`; the test is skipped where it is not there."""
    node = shutil.which("node", path=PATH)
    if node is None or not (PEERS / "ws" / "node_modules" / "ws").is_dir():
        pytest.skip("Node's ws is not installed: run `make test-peers` (it needs node and npm)")
    return [node, str(PEERS / "ws" / "far_end.mjs")]


def peers_python(program: str) -> list[str]:
    """A program of `.venv-peers`; the test is skipped where that is not there."""
    python = ROOT / ".venv-peers" / "bin" / "python"
    if not python.exists():
        pytest.skip("there is no .venv-peers: run `make test-peers`")
    return [str(python), str(PEERS / program)]


def aiohttp() -> list[str]:
    return peers_python("aiohttp_far_end.py")


@dataclass
class ForeignFarEnd:
    """A running one."""

    program: Running

    @property
    def port(self) -> int:
        return int(next(line["port"] for line in self._lines() if "port" in line))

    @property
    def url(self) -> str:
        return f"wss://localhost:{self.port}/media"

    def ended(self) -> Heard:
        """The one stream, once its socket is closed."""
        self.program.wait_for(lambda: any("closed" in line for line in self._lines()), "the stream's end")
        lines = self._lines()
        (head,) = (line for line in lines if "path" in line)
        heard = Heard(head["path"], head["headers"], [parsed(json.dumps(line)) for line in lines if "event" in line])
        (heard.close_code,) = (line["closed"] for line in lines if "closed" in line)
        strange = [line for line in lines if not line.keys() & {"port", "path", "event", "closed", "did"}]
        assert not strange, strange
        return heard

    def did(self) -> list[str]:
        """What it says it has done."""
        return [line["did"] for line in self._lines() if "did" in line]

    def _lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.program.text().splitlines() if line.endswith("}")]


@contextmanager
def foreign_far_end(
    command: list[str], folder: Path, certificate: tuple[Path, Path], *arguments: str
) -> Iterator[ForeignFarEnd]:
    """Start one and wait for its port."""
    folder.mkdir(parents=True, exist_ok=True)
    with running([*command, *map(str, certificate), *arguments], folder / "far_end.log") as program:
        program.wait_for(lambda: '"port"' in program.text(), "the far end's port", within_s=60)
        yield ForeignFarEnd(program)
