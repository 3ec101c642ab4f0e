"""A core made of Python: it writes down what it was told, and a test says what happens next.

    core, fake = fake_core()
    core.start()
    fake.push(IncomingCall(dialog=DialogId(1), …))
    assert fake.sent("answer")[0].of == 1

It has no SIP, no RTP and no time of its own. What the real core promises is kept: every dialog,
leg and fork ends once, and a command on something that is gone does nothing.
"""

from .core import Core
from .fake_journal import Command, Journal
from .fake_media import FakeLeg, FakeMedia
from .fake_sip import FakeSip

__all__ = ["Command", "Fake", "FakeLeg", "FakeMedia", "FakeSip", "fake_core"]


def fake_core() -> tuple[Core, "Fake"]:
    """A `Core` on a fake, and the fake."""
    fake = Fake()
    return Core(events=fake.events, sip=fake.sip, media=fake.media), fake


class Fake(Journal):
    """The whole fake: `log` holds every command to SIP and media in the order they came."""

    def __init__(self) -> None:
        super().__init__()
        self.sip = FakeSip(self)
        self.media = FakeMedia(self)
