"""The SIP half of the fake core."""

from collections.abc import Sequence
from itertools import count
from typing import Literal

from .events import CallEnded, Cause
from .fake_journal import Journal
from .handles import Admission, Credentials, DialogId, FlowId, Headers, RequestId, TlsIdentity, User
from .ports import IdentityUnusable


class FakeSip:
    """The SIP thread."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._ids = count(1001)
        self.bound = ["udp://127.0.0.1:5060"]
        self.open: set[DialogId] = set()
        self.unusable: set[TlsIdentity] = set()
        self.refusing = False
        self.closed = False
        self.admission: tuple[list[Admission], list[User]] = ([], [])

    def addresses(self) -> list[str]:
        return list(self.bound)

    def set_admission(self, *, trunks: Sequence[Admission], users: Sequence[User]) -> None:
        self.admission = (list(trunks), list(users))

    def invite(
        self,
        *,
        target: str,
        from_: str,
        to: str,
        headers: Headers | None = None,
        body: bytes = b"",
        credentials: Credentials | None = None,
        route: list[str] | None = None,
        flow: FlowId | None = None,
        reliable: Literal["supported", "required", "off"] = "supported",
        identity: TlsIdentity | None = None,
    ) -> DialogId:
        if identity is not None and identity in self.unusable:
            raise IdentityUnusable("trusted_ca: gone.pem: No such file or directory")
        dialog = DialogId(next(self._ids))
        self.open.add(dialog)
        self._journal.note(
            "invite",
            dialog,
            target=target,
            from_=from_,
            to=to,
            headers=headers or [],
            body=body,
            credentials=credentials,
            route=route or [],
            flow=flow,
            reliable=reliable,
            identity=identity,
        )
        return dialog

    def progress(
        self,
        dialog: DialogId,
        *,
        status: int,
        reason: str = "",
        headers: Headers | None = None,
        body: bytes = b"",
        reliable: bool = False,
    ) -> None:
        self._journal.note("progress", dialog, status=status, reason=reason, body=body, reliable=reliable)

    def answer(self, dialog: DialogId, *, body: bytes, headers: Headers | None = None) -> None:
        self.open.add(dialog)
        self._journal.note("answer", dialog, body=body, headers=headers or [])

    def reject(self, dialog: DialogId, *, status: int, reason: str = "", headers: Headers | None = None) -> None:
        self._journal.note("reject", dialog, status=status, reason=reason, headers=headers or [])
        self.end(dialog, cause="hung-up", status=status)

    def ack(self, dialog: DialogId, *, body: bytes = b"") -> None:
        self._journal.note("ack", dialog, body=body)

    def reoffer(
        self,
        dialog: DialogId,
        *,
        method: Literal["INVITE", "UPDATE"] = "INVITE",
        body: bytes = b"",
        headers: Headers | None = None,
    ) -> None:
        self._journal.note("reoffer", dialog, method=method, body=body, headers=headers or [])

    def request(
        self,
        *,
        method: str,
        dialog: DialogId | None = None,
        target: str = "",
        from_: str = "",
        to: str = "",
        headers: Headers | None = None,
        body: bytes = b"",
        content_type: str = "",
        credentials: Credentials | None = None,
        flow: FlowId | None = None,
        call_id: str = "",
        cseq: int = 0,
    ) -> RequestId:
        request = RequestId(next(self._ids))
        self._journal.note(
            "request",
            request,
            method=method,
            dialog=dialog,
            target=target,
            from_=from_,
            to=to,
            headers=headers or [],
            body=body,
            credentials=credentials,
            flow=flow,
            call_id=call_id,
            cseq=cseq,
        )
        return request

    def respond(
        self,
        request: RequestId,
        *,
        status: int,
        reason: str = "",
        headers: Headers | None = None,
        body: bytes = b"",
    ) -> None:
        self._journal.note("respond", request, status=status, reason=reason, headers=headers or [], body=body)

    def hang_up(self, dialog: DialogId, *, headers: Headers | None = None) -> None:
        self._journal.note("hang_up", dialog)
        self.end(dialog, cause="hung-up")

    def end(self, dialog: DialogId, *, cause: Cause, status: int = 0, reason: str = "") -> None:
        """A dialog's one end; for one that is gone, nothing."""
        if dialog in self.open:
            self.open.discard(dialog)
            self._journal.push(CallEnded(dialog=dialog, cause=cause, status=status, reason=reason, headers=[]))

    def refuse_new_calls(self) -> None:
        self.refusing = True
        self._journal.note("refuse_new_calls")

    def stats(self) -> dict[str, int]:
        return {"dialogs": len(self.open)}

    def close(self) -> None:
        self.closed = True
