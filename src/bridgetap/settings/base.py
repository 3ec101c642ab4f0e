"""What every section of the configuration is: closed to unknown keys, frozen, documented."""

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """One table of the file. Every field has a description: the documentation is checked against it."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, arbitrary_types_allowed=True)


def broken(key: str, rule: str) -> PydanticCustomError:
    """A rule between the keys of one section, told at the key that should change."""
    return PydanticCustomError("rule", "{rule}", {"key": key, "rule": rule})
