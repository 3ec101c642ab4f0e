"""Bodies of two parts (checklist 5 to 11, 50)."""

from email import message_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridgetap.errors import InvalidInput
from bridgetap.siprec.multipart import METADATA, METADATA_LEGACY, SDP, compose, find, split

OFFER = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n"
XML = '<?xml version="1.0" encoding="UTF-8"?>\r\n<recording>Zürich</recording>\r\n'.encode()


def test_an_independent_parser_finds_both_parts_untouched() -> None:
    """8, 9, 11."""
    content_type, body = compose(OFFER, XML, boundary="b0")
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    sdp, metadata = message.get_payload()
    assert (sdp.get_content_type(), sdp["Content-Disposition"]) == (SDP, "session;handling=required")
    assert (metadata.get_content_type(), metadata["Content-Disposition"]) == (METADATA, "recording-session")
    assert sdp.get_payload(decode=True) == OFFER
    assert metadata.get_payload(decode=True) == XML
    assert body.endswith(b"\r\n--b0--\r\n")


def test_every_line_ends_with_crlf() -> None:
    """7."""
    _, body = compose(OFFER, XML, boundary="b0")
    assert body.count(b"\n") == body.count(b"\r\n") == body.count(b"\r")


def test_legacy_changes_the_type_alone() -> None:
    """10."""
    _, body = compose(OFFER, XML, boundary="b0")
    _, legacy = compose(OFFER, XML, boundary="b0", metadata_type=METADATA_LEGACY)
    assert legacy == body.replace(METADATA.encode(), METADATA_LEGACY.encode())


def test_a_boundary_that_stands_in_a_part_is_a_bug_of_ours() -> None:
    """5."""
    with pytest.raises(ValueError, match="boundary"):
        compose(b"v=0\r\n--b0\r\n", XML, boundary="b0")


def test_what_is_composed_is_split_again() -> None:
    parts = split(*compose(OFFER, XML, boundary="b0"))
    assert [(part.content_type, part.content) for part in parts] == [(SDP, OFFER), (METADATA, XML)]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ('multipart/mixed; boundary="b 1"', b"--b 1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b 1--"),
        ("multipart/mixed;boundary=b", b"--b\nContent-Type:application/sdp\n\nv=0\n--b--\n"),
        ("Multipart/Mixed; Boundary=b", b"preamble\r\n--b\r\nc: application/sdp;x=y\r\n\r\nv=0\r\n"),
        (
            "multipart/mixed;boundary=b",
            b"--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b\r\ncontent-type: Application/SDP\r\n\r\nv=0\r\n--b--",
        ),
        ("application/sdp", b"v=0"),
    ],
)
def test_sdp_is_found_as_recorders_send_it(content_type: str, body: bytes) -> None:
    part = find(split(content_type, body), SDP)
    assert part is not None
    assert part.content.rstrip(b"\r\n") == b"v=0"  # without a last delimiter, a line break belongs to the part


@pytest.mark.parametrize(
    ("content_type", "body"), [("multipart/mixed", b"--b--"), ("multipart/mixed;boundary=b", b"nothing here")]
)
def test_a_multipart_body_without_parts_says_so(content_type: str, body: bytes) -> None:
    with pytest.raises(InvalidInput):
        split(content_type, body)


@given(st.binary(max_size=300))
def test_any_body_is_split_or_refused(body: bytes) -> None:
    try:
        parts = split("multipart/mixed;boundary=b", b"--b\r\n" + body)
    except InvalidInput:
        return
    assert all(len(part.content) <= len(body) for part in parts)


def test_an_empty_body_has_no_parts() -> None:
    assert split("application/sdp", b"") == ()
