"""The demo's two recordings say what their README says, to a recogniser nobody here wrote."""

from pathlib import Path

import pytest
from pocketsphinx import Decoder

from bridgetap.phone import CALLEE_WAV, CALLER_WAV
from bridgetap.voice import read_audio

# Two that nobody says, so that "one of these" is not always right.
SENTENCES = {
    CALLER_WAV: "hello i would like to change the delivery address of my order please",
    CALLEE_WAV: "good morning this is the support desk how can i help you today",
    None: "the weather in the mountains will be cold and windy tomorrow",
    "": "please leave a message after the tone and we will call you back",
}


@pytest.mark.parametrize("path", [CALLER_WAV, CALLEE_WAV], ids=lambda path: path.stem)
async def test_the_recording_says_its_sentence(path: Path, tmp_path: Path) -> None:
    grammar = tmp_path / "sentences.gram"
    grammar.write_text(f"#JSGF V1.0;\ngrammar s;\npublic <s> = {' | '.join(SENTENCES.values())};\n")
    decoder = Decoder(jsgf=str(grammar), samprate=16000, loglevel="FATAL")
    pcm = await read_audio(path, rate=16000)
    decoder.start_utt()
    decoder.process_raw(pcm.samples, full_utt=True)
    decoder.end_utt()
    assert decoder.hyp().hypstr == SENTENCES[path]


def test_the_readme_says_the_same() -> None:
    readme = (CALLER_WAV.parent / "README.md").read_text().lower()
    for path in (CALLER_WAV, CALLEE_WAV):
        said = "".join(char for char in readme if char.isalpha() or char == " ")
        assert SENTENCES[path] in said
