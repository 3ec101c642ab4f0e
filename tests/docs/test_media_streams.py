"""docs/media-streams.asyncapi.yaml and the JSON Schema it leans on: they resolve, agree, and refuse what is wrong."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from bridgetap.receiver import json_schema
from tests.published import faults
from tests.receiver.frames import connected, media, start, stop

PAGE = Path(__file__).parents[2] / "docs" / "media-streams.asyncapi.yaml"
API: dict[str, Any] = yaml.safe_load(PAGE.read_text(encoding="utf-8"))


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "$ref":
                yield str(inner)
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolve(reference: str) -> Any:
    """What a reference in the page means; a file in it lies beside the page."""
    file, _, pointer = reference.partition("#/")
    value: Any = json.loads((PAGE.parent / file).read_text(encoding="utf-8")) if file else API
    for step in pointer.split("/"):
        value = value[step]
    return value


def test_the_schema_is_one() -> None:
    Draft7Validator.check_schema(json_schema())


@pytest.mark.parametrize("reference", sorted(set(references(API))))
def test_every_reference_leads_somewhere(reference: str) -> None:
    assert resolve(reference)


def test_the_page_has_every_message_of_the_schema_and_no_other() -> None:
    schema = json_schema()
    named = {str(one["$ref"]).rpartition("/")[2] for one in schema["oneOf"]}
    events = {key for key, value in schema["definitions"].items() if "event" in value.get("properties", {})}
    in_page = {
        str(message["payload"]["schema"]["$ref"]).rpartition("/")[2]
        for message in API["components"]["messages"].values()
        if "schema" in message["payload"]
    }
    assert in_page == events
    assert named < events


@pytest.mark.parametrize("message", API["components"]["messages"].values(), ids=API["components"]["messages"])
def test_every_example_fits(message: dict[str, Any]) -> None:
    examples = message.get("examples", [])
    assert examples or "schema" not in message["payload"]
    for example in examples:
        reference = "#" + str(message["payload"]["schema"]["$ref"]).partition("#")[2]
        schema = {"$ref": reference, "definitions": json_schema()["definitions"]}
        assert list(Draft7Validator(schema).iter_errors(example["payload"])) == []


@pytest.mark.parametrize("frame", [connected(), start("inbound", "outbound"), media(2, "inbound", 1), stop(3)])
def test_twilios_own_messages_fit(frame: str) -> None:
    assert faults(frame) == []


@pytest.mark.parametrize(
    ("frame", "place"),
    [
        (media(2, "inbound", 1).replace('"2"', "2"), "$.sequenceNumber"),
        (media(2, "left", 1), "$.media.track"),
        (media(2, "inbound", 1).replace("/w=", "/w*"), "$.media.payload"),
        (media(2, "inbound", 1).replace('"chunk"', '"piece"'), "$.media"),
        (start("inbound").replace("8000", "16000"), "$.start.mediaFormat.sampleRate"),
        (stop(2).replace('"stop", "seq', '"end", "seq'), "$"),
        ("[]", "$"),
    ],
)
def test_what_is_wrong_does_not(frame: str, place: str) -> None:
    assert faults(frame)[0].partition(":")[0] == place
