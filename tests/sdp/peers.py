"""Both sides of an exchange, for the tests beside this file."""

from pathlib import Path

from bridgetap.sdp import Answer, Codec, Negotiation, Policy, parse

VECTORS = Path(__file__).parents[1] / "vectors" / "sdp"


def body(name: str) -> bytes:
    return (VECTORS / f"{name}.sdp").read_bytes().replace(b"\n", b"\r\n")


def leg(*codecs: Codec, address: str = "192.0.2.1", port: int = 20000, telephone_event: bool = True) -> Negotiation:
    policy = Policy(codecs=codecs or ("PCMU", "PCMA", "G722"), telephone_event=telephone_event)
    return Negotiation(address=address, port=port, session_id=42, policy=policy)


def offer(*lines: str) -> bytes:
    head = ("v=0", "o=- 1 1 IN IP4 198.51.100.9", "s=-", "c=IN IP4 198.51.100.9", "t=0 0")
    return "".join(f"{line}\r\n" for line in (*head, *lines)).encode()


def audio(answer: Answer) -> list[str]:
    """The lines of the one media line that is on."""
    return next(media.lines() for media in parse(answer.body).media if media.port)
