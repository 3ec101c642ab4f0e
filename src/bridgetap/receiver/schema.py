"""The JSON Schema of every text message of a stream, as data: for validators and for code generators."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

SCHEMA_FILE = "media-streams.schema.json"  # beside this file


@cache
def json_schema() -> dict[str, Any]:
    """The schema (draft 07). Do not change what it returns; it is read once."""
    schema: dict[str, Any] = json.loads(files(__package__).joinpath(SCHEMA_FILE).read_text(encoding="utf-8"))
    return schema
