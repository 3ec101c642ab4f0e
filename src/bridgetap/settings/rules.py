"""Rules between sections: what no single table can see."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from .sources import Location
from .values import ListenAddress

if TYPE_CHECKING:
    from .model import Settings

Broken: TypeAlias = tuple[Location, str | None, str]


def broken_rules(settings: "Settings") -> Iterator[Broken]:
    """Every rule that does not hold: place, value, rule."""
    yield from _repeated("numbers", "number", (entry.number for entry in settings.numbers))
    yield from _repeated("trunks", "name", (entry.name for entry in settings.trunks))
    yield from _repeated("users", "username", (entry.username for entry in settings.users))
    yield from _repeated("connectors", "name", (entry.name for entry in settings.connectors))
    yield from _mirrors(settings)
    yield from _ports(settings)
    both = set(settings.streams.allow_networks) & set(settings.streams.deny_networks)
    for network in sorted(both, key=str):
        yield ("streams", "deny_networks"), str(network), "stands in allow_networks too"
    yield from _trunk_networks(settings)


def _repeated(section: str, key: str, values: Iterable[str]) -> Iterator[Broken]:
    seen: Counter[str] = Counter()
    for index, value in enumerate(values):
        seen[value] += 1
        if seen[value] == 2:
            yield (section, index, key), repr(value), "stands there twice"


def _mirrors(settings: "Settings") -> Iterator[Broken]:
    names = {entry.name for entry in settings.connectors}
    for index, entry in enumerate(settings.connectors):
        for place, mirror in enumerate(entry.mirrors):
            if mirror in entry.mirrors[:place]:
                yield ("connectors", index, "mirrors"), repr(mirror), "stands there twice"
            elif mirror == entry.name:
                yield ("connectors", index, "mirrors"), repr(mirror), "is this connector itself"
            elif mirror not in names:
                yield ("connectors", index, "mirrors"), repr(mirror), "no connector has that name"


def _ports(settings: "Settings") -> Iterator[Broken]:
    first, last = settings.media.ports
    taken: list[ListenAddress] = []
    for index, address in enumerate(settings.sip.listen):
        place: Location = ("sip", "listen", index)
        if address.transport == "udp" and first <= address.port <= last:
            yield place, str(address), f"the port lies inside media.ports ({first} to {last})"
        if any(_collide(address, other) for other in taken):
            yield place, str(address), "the same port is taken by an earlier address of the list"
        taken.append(address)
    http = settings.http.listen
    as_tcp = ListenAddress(transport="tcp", address=http.address, port=http.port)
    if any(_collide(as_tcp, other) for other in taken):
        yield ("http", "listen"), str(http), "the same port is taken by sip.listen"


def _collide(one: ListenAddress, other: ListenAddress) -> bool:
    if one.port != other.port or one.port == 0 or (one.transport == "udp") != (other.transport == "udp"):
        return False
    if one.address.version != other.address.version:
        return False
    return one.address == other.address or one.is_wildcard or other.is_wildcard


def _trunk_networks(settings: "Settings") -> Iterator[Broken]:
    owners: dict[str, str] = {}
    for index, trunk in enumerate(settings.trunks):
        for network in trunk.allow_from:
            owner = owners.setdefault(str(network), trunk.name)
            if owner != trunk.name:
                yield ("trunks", index, "allow_from"), str(network), f"belongs to trunk {owner} already"
