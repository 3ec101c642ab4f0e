"""What the caller hears: speech, audio files and tones, as prompts the engine has loaded.

`Prompts` (made by `make_prompts` from the settings) is the one door: `say`, `play`, `ringback` and
`beep` each give a `Prompt` whose `id` goes to `Leg.play`. A prompt stays loaded while somebody
holds it, and after that while the cache has room. What can go wrong is a `VoiceError`, with
Twilio's code.
"""

from .audio import Pcm, decode_audio, read_audio
from .cache import Prompt, PromptCache, PromptLoader
from .errors import VoiceError
from .fetch import Fetched, Fetcher
from .prompts import Prompts
from .providers import make_client, make_prompts, make_synthesizer
from .speech import Speech, Synthesizer
from .tones import beep, dtmf_digits, ringback

__all__ = [
    "Fetched",
    "Fetcher",
    "Pcm",
    "Prompt",
    "PromptCache",
    "PromptLoader",
    "Prompts",
    "Speech",
    "Synthesizer",
    "VoiceError",
    "beep",
    "decode_audio",
    "dtmf_digits",
    "make_client",
    "make_prompts",
    "make_synthesizer",
    "read_audio",
    "ringback",
]
