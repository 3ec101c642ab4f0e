"""`--config`, the same for every command that takes it."""

import os
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from bridgetap.settings import Settings

DEFAULT = Path("bridgetap.toml")

ConfigOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="BRIDGETAP_CONFIG",
        metavar="FILE",
        help="The configuration; without it bridgetap.toml here, if there is one.",
    ),
]


def find_config(path: Path | None) -> Path | None:
    """The file that is meant: the one named, else `bridgetap.toml` here, else none."""
    if path is not None:
        return path
    return DEFAULT if DEFAULT.is_file() else None


def load_settings(path: Path | None) -> Settings:
    """The settings of that file and the environment. Raises `InvalidSettings` with every problem."""
    return Settings.load(find_config(path), os.environ)
