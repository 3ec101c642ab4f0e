"""Our event and handle classes are those of the contract, field for field."""

import ast
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest

import bridgetap
from bridgetap.engine import ForkEndpoint, ForkTarget, LegClosed, LegId, LegMedia, LegStats, MediaConfig, SipConfig
from bridgetap.engine.events import CLASSES, FIELDS, from_native

CONTRACT = ast.parse((Path(bridgetap.__file__).parent / "_engine.pyi").read_text())
STUBS = {node.name: node for node in CONTRACT.body if isinstance(node, ast.ClassDef)}


def stub_attributes(name: str) -> list[str]:
    return [
        node.target.id
        for node in STUBS[name].body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]


def stub_keywords(name: str) -> list[str]:
    new = next(node for node in STUBS[name].body if isinstance(node, ast.FunctionDef) and node.name == "__new__")
    return [argument.arg for argument in new.args.kwonlyargs]


@pytest.mark.parametrize("kind", [*CLASSES.values(), LegStats], ids=lambda kind: kind.__name__)
def test_an_event_has_the_fields_of_the_contract(kind: type) -> None:
    assert list(FIELDS[kind]) == stub_attributes(kind.__name__)


@pytest.mark.parametrize(
    "kind", [SipConfig, MediaConfig, LegMedia, ForkEndpoint, ForkTarget], ids=lambda kind: kind.__name__
)
def test_a_value_has_the_arguments_of_the_contract(kind: type) -> None:
    assert sorted(field.name for field in fields(kind)) == sorted(stub_keywords(kind.__name__))


def test_every_event_of_the_contract_has_its_class() -> None:
    unions = {
        node.target.id: ast.unparse(node.value)
        for node in CONTRACT.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None
    }
    named = {part.strip(" ()\n") for key in ("_SipEvent", "_MediaEvent") for part in unions[key].split("|")}
    assert named == set(CLASSES)


def test_a_compiled_event_becomes_ours_with_what_it_holds() -> None:
    figures = {field.name: 7 for field in fields(LegStats)}
    compiled = type("LegClosed", (), {})()
    compiled.leg = 3
    compiled.stats = SimpleNamespace(**figures)
    assert from_native(compiled) == LegClosed(leg=LegId(3), stats=LegStats(**figures))
