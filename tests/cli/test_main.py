"""The command line as a whole: help, errors without tracebacks, nothing loaded that is not needed."""

import subprocess
import sys
from pathlib import Path

import pytest

from bridgetap.cli import main
from bridgetap.cli.app import COMMANDS

SOURCES = str(Path(__file__).parents[2] / "src")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(words)
    printed = capsys.readouterr()
    return int(caught.value.code or 0), printed.out, printed.err


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and no variable that would change anything."""
    monkeypatch.chdir(tmp_path)
    for name in ("BRIDGETAP_URL", "BRIDGETAP_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def test_help_names_every_command_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    for entry in COMMANDS:
        assert f"  {entry.name} " in out
        assert entry.summary in out
    assert "Exit codes" in out
    assert "BRIDGETAP_URL" in out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version")[:2] == (0, "bridgetap 0.1.0\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("cal",), "Did you mean 'call'"),
        (("call",), "Missing argument"),
        (("calls", "list", "--limit", "0"), "--limit"),
        (("check", "--nonsense"), "No such option"),
    ],
)
def test_wrong_use_is_exit_2(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert told in err


def test_an_error_of_ours_is_lines_not_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bridgetap.toml").write_text("[sip]\nlistn = []\n[http]\nlisten = 'x'\n")
    code, out, err = run(capsys, "calls", "list")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "bridgetap: bridgetap.toml: sip.listn: unknown key; did you mean sip.listen?",
        "bridgetap: bridgetap.toml: http.listen = 'x': must be an IP address and a port: 127.0.0.1:8080 or [::1]:8080",
    ]


def test_help_loads_no_command_and_no_library_of_one() -> None:
    """What `--help` imports decides how long it takes."""
    script = """
import sys
from bridgetap.cli import main
try:
    main(["--help"])
except SystemExit:
    heavy = {"bridgetap.cli.call", "bridgetap.flow", "bridgetap.store", "fastapi", "httpx", "pydantic", "sqlalchemy"}
    print(sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": SOURCES}, capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"
