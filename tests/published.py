"""What we publish of the wire, held against what is really sent: the JSON Schema, one validator an event.

The receiver kit is watched in every test (conftest.py); a test's own server reads its frames by `parsed`.
"""

import json
from functools import cache
from typing import Any

from jsonschema import Draft7Validator

from bridgetap.receiver import json_schema

noted: list[str] = []  # what was wrong in the test that runs


def parsed(text: str | bytes) -> dict[str, Any]:
    """A message from a Bridgetap, as JSON; where it is not as the schema says, the test fails at its end."""
    noted.extend(faults(text))
    message: dict[str, Any] = json.loads(text)
    return message


def faults(text: str | bytes) -> list[str]:
    """Where a message is not what the schema says."""
    message = json.loads(text)
    event = message.get("event") if isinstance(message, dict) else None
    return [
        f"{error.json_path}: {error.message}"
        for error in _validator(event if isinstance(event, str) else None).iter_errors(message)
    ]


@cache
def _validator(event: object) -> Draft7Validator:
    """By event, so that an error names what is wrong and not that no message fits."""
    schema = json_schema()
    if {"$ref": f"#/definitions/{event}"} not in schema["oneOf"]:
        return Draft7Validator(schema)
    return Draft7Validator({"$ref": f"#/definitions/{event}", "definitions": schema["definitions"]})
