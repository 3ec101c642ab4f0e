"""Reads the `Parameter` children of a noun."""

from .element import Element
from .markup import Node
from .problems import Findings
from .verbs import Parameter


def parameters(node: Node, findings: Findings) -> tuple[Parameter, ...]:
    """In their order; what they hold is judged where they are used."""
    found: list[Parameter] = []
    for child in node.children:
        if child.name != "Parameter":
            continue
        element = Element(child, findings)
        found.append(Parameter(name=element.text("name"), value=element.text("value"), place=child.place))
        for _ in element.children():
            pass
        element.done()
    return tuple(found)
