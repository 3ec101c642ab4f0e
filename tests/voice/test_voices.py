"""Voice names to languages, and languages to espeak-ng's own names."""

import pytest

from bridgetap.voice.espeak import espeak_voice
from bridgetap.voice.voices import Voice, resolve_voice

DEFAULT = Voice(language="en-US", sex="female")


@pytest.mark.parametrize(
    ("name", "language", "expected", "espeak"),
    [
        ("default", "", "en-US female", "en-us+f3"),
        ("", "", "en-US female", "en-us+f3"),
        ("man", "", "en-US male", "en-us+m3"),
        ("man", "en-GB", "en-GB male", "en-gb+m3"),
        ("alice", "fr-FR", "fr-FR female", "fr-fr+f3"),
        ("woman", "es", "es-ES female", "es+f3"),
        ("Polly.Joanna", "", "en-US female", "en-us+f3"),
        ("Polly.Matthew-Neural", "", "en-US male", "en-us+m3"),
        ("polly.vicki", "", "de-DE female", "de+f3"),
        ("Polly.Mia-Generative", "", "es-MX female", "es-419+f3"),
        ("Polly.Vitoria", "", "pt-BR female", "pt-br+f3"),
        ("Polly.Zhiyu", "", "cmn-CN female", "cmn+f3"),
        ("Polly.Nobody", "", "en-US female", "en-us+f3"),
        ("Google.ja-JP-Standard-D", "", "ja-JP male", "ja+m3"),
        ("Google.en-GB-Wavenet-A", "", "en-GB female", "en-gb+f3"),
        ("somebody", "nb-NO", "nb-NO female", "nb+f3"),
    ],
)
def test_voice(name: str, language: str, expected: str, espeak: str) -> None:
    voice = resolve_voice(name, language, default=DEFAULT)
    assert f"{voice.language} {voice.sex}" == expected
    assert espeak_voice(voice) == espeak
