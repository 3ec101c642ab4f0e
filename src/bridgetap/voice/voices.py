"""Which language and sex a voice name means: `alice`, `man`, `woman`, `Polly.Joanna-Neural`, `Google.en-US-Standard-C`.

Studio flows name voices of services we do not have. The name still says what the author wanted to
hear, and that is what a provider gets.
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

Sex: TypeAlias = Literal["female", "male"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A language tag (`en-US`) and whose voice speaks it."""

    language: str
    sex: Sex


def resolve_voice(name: str, language: str, *, default: Voice) -> Voice:
    """The voice for a Say: its `language` when it gives one, else its voice's own, else the default.

    A name nobody knows is no error: the flow is older than the voice, or the other way round.
    """
    known = _named(name) or default
    if not language:
        return known
    return Voice(language=_FULL_TAGS.get(language.lower(), language), sex=known.sex)


def _named(name: str) -> Voice | None:
    lower = name.lower()
    if lower in _PLAIN:
        return _PLAIN[lower]
    if match := _POLLY.fullmatch(lower):
        return _POLLY_VOICES.get(match["name"])
    if match := _GOOGLE.fullmatch(lower):
        language, region = match["language"], match["region"]
        return Voice(language=f"{language}-{region.upper()}", sex="male" if match["letter"] in "bd" else "female")
    return None


_PLAIN = {
    "man": Voice(language="en-US", sex="male"),
    "woman": Voice(language="en-US", sex="female"),
    "alice": Voice(language="en-US", sex="female"),
}
_POLLY = re.compile(r"polly\.(?P<name>\w+?)(?:-(?:neural|generative|long-form))?")
# Google's letters have no rule of their own; A and C are women and B and D men in most languages.
_GOOGLE = re.compile(r"google\.(?P<language>[a-z]{2,3})-(?P<region>[a-z]{2})-[a-z0-9]+-(?P<letter>[a-z]\w*)")

# Speech recognisers' and old flows' bare languages.
_FULL_TAGS = {"en": "en-US", "es": "es-ES", "fr": "fr-FR", "de": "de-DE", "it": "it-IT", "pt": "pt-BR", "zh": "zh-CN"}

_POLLY_BY_LANGUAGE: dict[str, tuple[str, str]] = {  # language: (women, men)
    "arb": ("zeina hala", "zayd"),
    "ca-ES": ("arlet", ""),
    "cmn-CN": ("zhiyu", ""),
    "cs-CZ": ("jitka", ""),
    "cy-GB": ("gwyneth", ""),
    "da-DK": ("naja sofie", "mads"),
    "de-AT": ("hannah", ""),
    "de-CH": ("sabrina", ""),
    "de-DE": ("marlene vicki", "hans daniel"),
    "en-AU": ("nicole olivia", "russell"),
    "en-GB": ("amy emma", "brian arthur"),
    "en-GB-WLS": ("", "geraint"),
    "en-IE": ("niamh", ""),
    "en-IN": ("aditi raveena kajal", ""),
    "en-NZ": ("aria", ""),
    "en-SG": ("jasmine", ""),
    "en-US": ("ivy joanna kendra kimberly salli danielle ruth", "joey justin kevin matthew gregory stephen patrick"),
    "en-ZA": ("ayanda", ""),
    "es-ES": ("conchita lucia alba", "enrique sergio raul"),
    "es-MX": ("mia", "andres"),
    "es-US": ("lupe penelope", "miguel pedro"),
    "fi-FI": ("suvi", ""),
    "fr-BE": ("isabelle", ""),
    "fr-CA": ("chantal gabrielle", "liam"),
    "fr-FR": ("celine lea", "mathieu remi"),
    "hi-IN": ("aditi kajal", ""),
    "is-IS": ("dora", "karl"),
    "it-IT": ("carla bianca", "giorgio adriano"),
    "ja-JP": ("mizuki kazuha tomoko", "takumi"),
    "ko-KR": ("seoyeon jihye", ""),
    "nb-NO": ("liv ida", ""),
    "nl-BE": ("lisa", ""),
    "nl-NL": ("lotte laura", "ruben"),
    "pl-PL": ("ewa maja ola", "jacek jan"),
    "pt-BR": ("camila vitoria", "ricardo thiago"),
    "pt-PT": ("ines", "cristiano"),
    "ro-RO": ("carmen", ""),
    "ru-RU": ("tatyana", "maxim"),
    "sv-SE": ("astrid elin", ""),
    "tr-TR": ("filiz burcu", ""),
    "yue-CN": ("hiujin", ""),
}
_POLLY_VOICES: dict[str, Voice] = {}
for _language, (_women, _men) in _POLLY_BY_LANGUAGE.items():
    for _sex, _names in (("female", _women), ("male", _men)):
        for _name in _names.split():
            _POLLY_VOICES.setdefault(_name, Voice(language=_language, sex="female" if _sex == "female" else "male"))
