"""How a recorder behaves: well, or in one of the ways that real ones do not."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """The defaults are good manners."""

    status: int = 200  # anything else: every INVITE is refused with it
    silent: bool = False  # no final answer, ever
    redirect: str = ""  # 302 there
    inactive_first: bool = False  # takes nothing until it re-INVITEs a moment later
    snapshot_after_s: float | None = None  # asks for everything then
    leave_after_s: float | None = None  # says BYE then
    fail_after_s: float | None = None  # says BYE with a Reason that tells of an error
    multipart: bool = False  # its SDP comes as a part of a multipart body
    lines: int | None = None  # answers only so many m-lines
    labels: bool = False  # echoes the labels in its answer, as some do
