"""Markup inside spoken text: what goes to a provider that reads SSML, and what is left without it."""

import re

_TAG = re.compile(
    r"<(?P<close>/?)(?P<name>[A-Za-z][\w:.-]*)(?P<rest>(?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*?)(?P<empty>/?)>"
)
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9A-Fa-f]{1,6});")
_NAMED = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'"}
_ALIAS = re.compile(r"""alias\s*=\s*(?:"([^"]*)"|'([^']*)')""")

# What a flow may send on. `audio` and `mark` are not here: a speech program would open the file
# that `audio` names.
_PASSED = frozenset({"break", "emphasis", "p", "s", "prosody", "say-as", "sub", "phoneme", "w"})
# `voice` and `lang` would override the voice that the flow asked for.
_DROPPED = frozenset({"speak", "voice", "lang", "audio", "mark", "desc", "lexicon", "amazon:effect", "amazon:domain"})


def is_ssml(text: str) -> bool:
    """Whether `text` holds SSML; "3 < 5" and "<3" do not."""
    return any(match["name"].lower() in _PASSED | _DROPPED for match in _TAG.finditer(text))


def plain_text(text: str) -> str:
    """What is to be said, without the markup: `<sub alias="…">` says its alias."""
    if not is_ssml(text):
        return text
    out: list[str] = []
    position, skipping = 0, False
    for match in _TAG.finditer(text):
        if not skipping:
            out.append(text[position : match.start()])
        position = match.end()
        name = match["name"].lower()
        if name == "sub":
            alias = _ALIAS.search(match["rest"])
            if match["close"]:
                skipping = False
            elif alias and not match["empty"]:
                out.append(alias[1] or alias[2] or "")
                skipping = True
        elif name in {"break", "p", "s"}:
            out.append(" ")
    if not skipping:
        out.append(text[position:])
    return " ".join(_unescape("".join(out)).split())


def safe_ssml(text: str) -> str:
    """One `<speak>` document with only the elements that shape speech, and everything else escaped."""
    out: list[str] = []
    position = 0
    for match in _TAG.finditer(text):
        out.append(_escape(text[position : match.start()]))
        position = match.end()
        name = match["name"].lower()
        if name in _PASSED:
            out.append(match[0])
    out.append(_escape(text[position:]))
    return "<speak>" + "".join(out) + "</speak>"


def _escape(text: str) -> str:
    """Escape what is not already an entity."""
    out: list[str] = []
    position = 0
    for match in _ENTITY.finditer(text):
        out += [_escape_plain(text[position : match.start()]), match[0]]
        position = match.end()
    return "".join([*out, _escape_plain(text[position:])])


def _escape_plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _unescape(text: str) -> str:
    return _ENTITY.sub(lambda match: _NAMED.get(match[0]) or _character(match[0]), text)


def _character(entity: str) -> str:
    number = int(entity[3:-1], 16) if entity[2] == "x" else int(entity[2:-1])
    return chr(number) if 0x20 <= number < 0xD800 or 0xE000 <= number <= 0x10FFFF else " "
