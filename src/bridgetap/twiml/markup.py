"""XML into plain nodes: the one place that knows the XML library.

No DTD, so no entities; no network; nothing deeper than 256 elements. Every node knows its place,
as an XPath from the root: `Response/Dial[2]`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from lxml import etree

from bridgetap.errors import InvalidTwiml

PARSE_FAILED = 12100

_XML = "{http://www.w3.org/XML/1998/namespace}"
_BOMS = (b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")
_EXCERPT = 80  # characters of a line that cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One element: its attributes, and the texts and elements in it."""

    name: str
    place: str
    attributes: Mapping[str, str]
    content: tuple["Node | str", ...]

    @property
    def children(self) -> Iterator["Node"]:
        return (part for part in self.content if isinstance(part, Node))

    @property
    def text(self) -> str:
        """Its own text, that of its children left out, without white space around."""
        return "".join(part for part in self.content if isinstance(part, str)).strip()

    @property
    def inner(self) -> str:
        """What stands between its tags: the text as meant while it is only text, else as markup."""
        if not any(self.children):
            return self.text
        return "".join(_markup(part) for part in self.content).strip()


def parse_markup(body: bytes, *, charset: str = "") -> Node:
    """The root of a document. `charset` is the one that came with it, which outweighs the one it
    declares, and not its byte order mark (RFC 7303 §3). Raises `InvalidTwiml` with 12100."""
    encoding = None if body.startswith(_BOMS) else charset or None
    try:
        root = etree.fromstring(body, _parser(encoding))
    except etree.XMLSyntaxError as error:
        raise _unreadable(body, error) from None
    if root.getroottree().docinfo.internalDTD is not None:
        rule = "a document type declaration is not allowed"
        raise InvalidTwiml("document", "<!DOCTYPE", rule, code=PARSE_FAILED)
    name = _name(root)
    return _node(root, name, name)


def _parser(encoding: str | None) -> etree.XMLParser:
    try:
        return etree.XMLParser(
            encoding=encoding,
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
    except LookupError:  # nobody knows that charset: the document's own word counts
        return _parser(None)


def _unreadable(body: bytes, error: etree.XMLSyntaxError) -> InvalidTwiml:
    lines = body.decode(errors="replace").splitlines()
    line, column = error.lineno or 1, (error.offset or 0) + 1
    value = lines[line - 1].strip()[:_EXCERPT] if line <= len(lines) else ""
    message = str(error.msg).partition(", line ")[0]  # the place is told already
    return InvalidTwiml(f"line {line}, column {column}", value, message, code=PARSE_FAILED)


def _node(element: Any, name: str, place: str) -> Node:  # lxml has no types
    names = [_name(child) for child in element]
    total, seen = Counter(names), Counter[str]()
    content: list[Node | str] = [element.text] if element.text else []
    for child, child_name in zip(element, names, strict=True):
        seen[child_name] += 1
        index = f"[{seen[child_name]}]" if total[child_name] > 1 else ""
        content.append(_node(child, child_name, f"{place}/{child_name}{index}"))
        if child.tail:
            content.append(child.tail)
    return Node(name=name, place=place, attributes=dict(_attributes(element)), content=tuple(content))


def _attributes(element: Any) -> Iterator[tuple[str, str]]:
    for name, value in element.attrib.items():
        if not name.startswith("{"):
            yield name, value
        elif name.startswith(_XML):
            yield f"xml:{name.removeprefix(_XML)}", value
        # Any other namespace is not ours to judge: `xsi:noNamespaceSchemaLocation`.


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _markup(part: Node | str) -> str:
    if isinstance(part, str):
        return escape(part, quote=False)
    attributes = "".join(f' {name}="{escape(value)}"' for name, value in part.attributes.items())
    inner = "".join(_markup(child) for child in part.content)
    return f"<{part.name}{attributes}>{inner}</{part.name}>" if inner else f"<{part.name}{attributes}/>"
