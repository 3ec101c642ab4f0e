"""`bridgetap check`: look a configuration over before a server runs on it."""

import json
from typing import Annotated

import typer

from bridgetap.settings import InvalidSettings

from .config import ConfigOption, find_config, load_settings
from .findings import Finding, look_over, utc_now

PROBLEMS_FOUND = 1


def check(
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
) -> None:
    """Look a configuration over: every problem, with its place, value and rule.

    First the file itself, with the environment's overrides: an unknown key is
    an error that names the nearest known one. Then what it points to: files,
    certificates and their keys, every flow, what streams are made by. Then
    whether the limits fit together: ports and open files against
    calls.max_calls.

    Nothing is started, bound, written or sent.

    \b
    Exit codes
      0  nothing wrong, warnings aside
      1  at least one error
      2  wrong use
    """
    file = find_config(config)
    try:
        settings = load_settings(config)
    except InvalidSettings as invalid:
        findings = [
            Finding(
                place=f"{problem.source}: {problem.key}" if problem.key else problem.source,
                rule=_told(problem.value, problem.rule),
                error=True,
            )
            for problem in invalid.problems
        ]
    else:
        findings = list(look_over(settings, file=file, now=utc_now()))
    errors = sum(finding.error for finding in findings)
    if as_json:
        rows = [{"severity": "error" if f.error else "warning", "place": f.place, "rule": f.rule} for f in findings]
        typer.echo(json.dumps({"ok": errors == 0, "file": None if file is None else str(file), "findings": rows}))
    else:
        for finding in findings:
            typer.echo(str(finding))
        typer.echo(_summary(str(file) if file is not None else "no file, defaults", errors, len(findings) - errors))
    if errors:
        raise typer.Exit(PROBLEMS_FOUND)


def _told(value: str | None, rule: str) -> str:
    return rule if value is None else f"{value}: {rule}"


def _summary(file: str, errors: int, warnings: int) -> str:
    parts = [
        f"{count} {name}{'s' * (count != 1)}" for count, name in ((errors, "error"), (warnings, "warning")) if count
    ]
    return f"{file}: {', '.join(parts) or 'good'}"
