"""Every message that a receiver takes in any test is held against the schema we publish."""

from collections.abc import Iterator

import pytest

from bridgetap.receiver import Message, session
from tests import published

parse = session.parse_message


@pytest.fixture(autouse=True)
def frames_fit_the_schema(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """A message that the receiver's own rules let pass, and the schema does not, fails the test. The receiver's
    own tests send a lenient one what no Bridgetap sends."""
    from_us = "receiver" not in request.path.parts
    published.noted.clear()

    def parse_and_hold(text: str | bytes, *, exact: bool = False) -> Message:
        message = parse(text, exact=exact)
        if isinstance(text, str) and (exact or from_us):
            published.noted.extend(published.faults(text))
        return message

    monkeypatch.setattr(session, "parse_message", parse_and_hold)
    yield
    assert published.noted == [], "not as docs/media-streams.asyncapi.yaml says"
