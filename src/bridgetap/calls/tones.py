"""What a prompt is to those who play it, and who makes them."""

from typing import Protocol


class Tone(Protocol):
    """A prompt that is loaded; held on to while it plays."""

    @property
    def id(self) -> int: ...


class Prompter(Protocol):
    """Makes what a party hears; `ProviderError` where it cannot."""

    async def say(self, text: str, *, voice: str = "default", language: str = "") -> Tone: ...

    async def play(self, source: str) -> Tone: ...

    async def ringback(self, country: str = "") -> Tone:
        """The tone that a caller hears while the far phone rings; "" is the configured country's."""
        ...
