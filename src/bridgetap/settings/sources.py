"""Where values come from: the TOML file, the environment over it, `${file:…}` and `${env:…}` inside both."""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from .problems import HIDDEN, SettingProblem

PREFIX = "BRIDGETAP__"
ENVIRONMENT = "environment"
MAX_SECRET_BYTES = 65_536

Location: TypeAlias = tuple[str | int, ...]

_REFERENCE = re.compile(r"\$\{(?P<kind>file|env):(?P<name>[^}]+)\}")
_ANY_REFERENCE = re.compile(r"\$\{(?!(?:file|env):[^}]+\})[^}]*\}?")


@dataclass(kw_only=True)
class Tree:
    """Raw values with the place each came from, and what was wrong on the way."""

    file: str
    values: dict[str, Any] = field(default_factory=dict)
    from_environment: dict[Location, str] = field(default_factory=dict)  # place: variable
    references: set[Location] = field(default_factory=set)  # places whose text came out of ${…}
    problems: list[SettingProblem] = field(default_factory=list)

    def source(self, location: Location) -> str:
        """The file or the variable that a value came from."""
        for length in range(len(location), 0, -1):
            if variable := self.from_environment.get(location[:length]):
                return f"{ENVIRONMENT} {variable}"
        return self.file

    def refuse(self, location: Location, value: str | None, rule: str) -> None:
        self.problems.append(SettingProblem(source=self.source(location), key=dotted(location), value=value, rule=rule))


def read(path: Path | None, environ: Mapping[str, str]) -> Tree:
    """The file and the environment as one tree, references resolved."""
    tree = Tree(file=str(path) if path is not None else "no file")
    if path is not None:
        _read_file(path, tree)
    _overlay(environ, tree)
    folder = path.parent if path is not None else Path()
    tree.values = _resolve(tree.values, (), folder, environ, tree)
    return tree


def dotted(location: Location) -> str:
    """`trunks[1].uri`"""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text


def _read_file(path: Path, tree: Tree) -> None:
    try:
        tree.values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        tree.refuse((), None, f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        tree.refuse((), None, f"is not UTF-8 at byte {error.start}")
    except tomllib.TOMLDecodeError as error:
        tree.refuse((), None, f"is not valid TOML: {error}")


def _overlay(environ: Mapping[str, str], tree: Tree) -> None:
    """`BRIDGETAP__SIP__LISTEN`: two underscores between the section and the key."""
    for variable in sorted(environ):
        if not variable.startswith(PREFIX):
            continue
        location = tuple(variable.removeprefix(PREFIX).lower().split("__"))
        text = environ[variable]
        value: Any = text
        tree.from_environment[location] = variable
        if text.lstrip().startswith(("[", "{")):
            try:
                value = json.loads(text)
            except json.JSONDecodeError as error:
                tree.refuse(location, None, f"starts like JSON and is not: {error}")
                continue
        table = tree.values
        for part in location[:-1]:
            below = table.setdefault(part, {})
            if not isinstance(below, dict):
                tree.refuse(location, None, f"{part} is a list; give it whole, as JSON, in {PREFIX}{part.upper()}")
                break
            table = below
        else:
            table[location[-1]] = value


def _resolve(value: Any, location: Location, folder: Path, environ: Mapping[str, str], tree: Tree) -> Any:
    if isinstance(value, dict):
        return {key: _resolve(below, (*location, key), folder, environ, tree) for key, below in value.items()}
    if isinstance(value, list):
        return [_resolve(below, (*location, index), folder, environ, tree) for index, below in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    tree.references.add(location)
    if match := _ANY_REFERENCE.search(value):
        tree.refuse(location, HIDDEN, f"{match[0]} is no reference: ${{file:PATH}} and ${{env:NAME}} are known")
        return value

    def fetch(match: re.Match[str]) -> str:
        name = match["name"]
        if match["kind"] == "env":
            if name in environ:
                return environ[name]
            tree.refuse(location, match[0], f"the environment has no {name}")
            return match[0]
        try:
            return _secret_file(folder / Path(name).expanduser())
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            tree.refuse(location, match[0], f"the file cannot be read: {reason}")
            return match[0]

    return _REFERENCE.sub(fetch, value)


def _secret_file(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(MAX_SECRET_BYTES + 1)
    if len(data) > MAX_SECRET_BYTES:
        raise ValueError(f"it is larger than {MAX_SECRET_BYTES} bytes")
    return data.decode("utf-8").strip()
