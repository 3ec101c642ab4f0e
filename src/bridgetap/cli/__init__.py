"""The `bridgetap` command: wiring, one file for each command. The only place that builds real things."""

import sys
from collections.abc import Sequence

from bridgetap.errors import BridgetapError

UNUSABLE = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit. An error of ours is told in its own words, without a traceback."""
    from .app import build_app

    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        build_app(words)(args=words, prog_name="bridgetap")
    except BridgetapError as error:
        for line in str(error).splitlines():
            print(f"bridgetap: {line}", file=sys.stderr)  # noqa: T201 - what a command line is for
        sys.exit(getattr(error, "exit_code", UNUSABLE))


__all__ = ["main"]
