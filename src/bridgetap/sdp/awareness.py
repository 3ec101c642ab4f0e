"""What a party is told of being recorded and what it wishes: `a=record`, `a=recordpref` (RFC 7866 §7.1.2, §7.1.3)."""

from typing import Literal, TypeAlias, cast

from .description import Attribute, SessionDescription

RecordState: TypeAlias = Literal["on", "off", "paused"]
RecordWish: TypeAlias = Literal["on", "off", "pause", "nopreference"]

WISHES = frozenset({"on", "off", "pause", "nopreference"})


def record_attributes(state: RecordState | None) -> tuple[Attribute, ...]:
    """What stands in our media line; None says nothing."""
    return (Attribute(name="record", value=state),) if state is not None else ()


def record_wish(session: SessionDescription) -> RecordWish | None:
    """What a party wishes for its audio, where it says so: its line's own word counts more than the session's.
    A word that is none is no wish."""
    audio = next((media.attributes for media in session.media if media.kind == "audio" and media.port), ())
    for attribute in (*audio, *session.attributes):
        word = (attribute.value or "").strip().lower()
        if attribute.name == "recordpref" and word in WISHES:
            return cast("RecordWish", word)
    return None
