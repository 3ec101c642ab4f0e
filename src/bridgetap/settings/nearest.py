"""What an unknown key was probably meant to be."""

from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

from .sources import Location, dotted


def unknown_key(location: Location, model: type[BaseModel]) -> str:
    """The rule to tell: the nearest key of that table, else the table where this key does stand."""
    key = str(location[-1])
    above = location[:-1]
    table = _table(above, model)
    here = list(_keys(table)) if table is not None else []
    elsewhere = [
        f"{name}{'[…]' if many else ''}.{key}" for name, many, section in tables(model) if key in _keys(section)
    ]
    if elsewhere and location != (key,):
        return f"unknown key; did you mean {elsewhere[0]}?"
    if elsewhere:
        return f"unknown key; it belongs under {elsewhere[0]}"
    if near := get_close_matches(key, here, n=1, cutoff=0.6):
        return f"unknown key; did you mean {dotted((*above, near[0]))}?"
    if not here:
        return "unknown key"
    nearest = get_close_matches(key, here, n=1, cutoff=0.0)
    return f"unknown key; did you mean {dotted((*above, nearest[0]))}? known here: {', '.join(sorted(here))}"


def tables(model: type[BaseModel]) -> list[tuple[str, bool, type[BaseModel]]]:
    """The sections of the configuration: name, whether there may be many, model."""
    found = []
    for name, info in model.model_fields.items():
        annotation: Any = info.annotation
        inner = get_args(annotation)
        found.append((name, bool(inner), inner[0] if inner else annotation))
    return found


def _keys(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


def _table(location: Location, model: type[BaseModel]) -> type[BaseModel] | None:
    """The section that a location stands in; sections do not nest."""
    names = [part for part in location if isinstance(part, str)]
    if not names:
        return model
    return next((section for name, _, section in tables(model) if names == [name]), None)
