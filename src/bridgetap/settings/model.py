"""The whole configuration."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self, get_args

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from .base import Section
from .calls import CallsSettings, StreamsSettings, VoiceSettings, WebhooksSettings
from .connectors import ConnectorSettings
from .directory import NumberSettings, TrunkSettings, UserSettings
from .nearest import tables, unknown_key
from .network import HttpSettings, MediaSettings, SipSettings
from .numbers import ANY, Number, normalise_number
from .problems import HIDDEN, InvalidSettings, SettingProblem
from .rules import broken_rules
from .server import AccountSettings, LogSettings, StoreSettings
from .sources import Location, Tree, dotted, read
from .stream_options import StreamOptionsSettings
from .wording import rule_of


class Settings(Section):
    """Everything that can be set. Made by `load`, never changed afterwards."""

    sip: SipSettings = Field(default_factory=SipSettings)
    media: MediaSettings = Field(default_factory=MediaSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    account: AccountSettings = Field(default_factory=AccountSettings)
    calls: CallsSettings = Field(default_factory=CallsSettings)
    streams: StreamsSettings = Field(default_factory=StreamsSettings)
    webhooks: WebhooksSettings = Field(default_factory=WebhooksSettings)
    voice: VoiceSettings = Field(default_factory=VoiceSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    numbers: tuple[NumberSettings, ...] = ()
    trunks: tuple[TrunkSettings, ...] = ()
    users: tuple[UserSettings, ...] = ()
    stream_options: tuple[StreamOptionsSettings, ...] = ()
    connectors: tuple[ConnectorSettings, ...] = ()

    @classmethod
    def load(cls, path: Path | None, environ: Mapping[str, str]) -> Self:
        """Read the file (none: defaults) and the environment, or raise `InvalidSettings` with every problem."""
        tree = read(path, environ)
        folder = path.absolute().parent if path is not None else Path.cwd()
        return cls.build(tree, folder)

    @classmethod
    def build(cls, tree: Tree, folder: Path) -> Self:
        """The settings a tree of raw values holds."""
        problems = list(tree.problems)
        whole = {name: {} for name, many, _ in tables(cls) if not many} | tree.values  # defaults want the folder too
        known = {(problem.source, problem.key) for problem in problems}
        settings: Self | None = None
        try:
            settings = cls.model_validate(whole, context={"folder": folder})
        except ValidationError as invalid:
            found = [_problem(error, tree, cls) for error in invalid.errors()]
            problems += [problem for problem in found if (problem.source, problem.key) not in known]
        else:
            problems += [
                SettingProblem(source=tree.source(location), key=dotted(location), value=value, rule=rule)
                for location, value, rule in broken_rules(settings)
            ]
        if problems or settings is None:
            raise InvalidSettings(problems)
        return settings

    def number(self, dialled: str) -> NumberSettings | None:
        """The entry that answers a dialled number: the exact one, else `*`."""
        wanted = normalise_number(dialled)
        return self._numbers().get(wanted) or self._numbers().get(ANY)

    def _numbers(self) -> dict[Number, NumberSettings]:
        return {entry.number: entry for entry in self.numbers}


def _problem(error: ErrorDetails, tree: Tree, model: type[BaseModel]) -> SettingProblem:
    """pydantic's error in our words: where it stood, what stood there, what is asked for."""
    location: Location = error["loc"]
    context = error.get("ctx", {})
    if error["type"] == "rule":
        location = (*location, context["key"])
        return SettingProblem(source=tree.source(location), key=dotted(location), value=None, rule=context["rule"])
    if error["type"] == "extra_forbidden":
        return SettingProblem(
            source=tree.source(location), key=dotted(location), value=None, rule=unknown_key(location, model)
        )
    missing = error["type"] == "missing"
    hidden = location in tree.references or _is_secret(location, model)
    value = None if missing else HIDDEN if hidden else _shown(error["input"])
    return SettingProblem(source=tree.source(location), key=dotted(location), value=value, rule=rule_of(error))


def _is_secret(location: Location, model: type[BaseModel]) -> bool:
    """Whether any key on the way down holds a secret."""
    current: type[BaseModel] | None = model
    for part in location:
        if current is None or isinstance(part, int):
            continue
        info = next((f for n, f in current.model_fields.items() if (f.alias or n) == part), None)
        if info is None:
            return False
        inner = list(_inside(info.annotation))
        if SecretStr in inner:
            return True
        current = next((a for a in inner if isinstance(a, type) and issubclass(a, BaseModel)), None)
    return False


def _inside(annotation: Any) -> Iterator[Any]:
    """A type, and every type that it is made of."""
    yield annotation
    for part in get_args(annotation):
        yield from _inside(part)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
