"""Registrations survive a restart, in the real store."""

from pathlib import Path

from bridgetap.calls import Binding, BindingRows
from bridgetap.clock import VirtualClock
from bridgetap.engine import FlowId
from bridgetap.store import open_store


async def test_what_was_kept_comes_back_without_its_connection(tmp_path: Path) -> None:
    clock = VirtualClock()
    url = f"sqlite+aiosqlite:///{tmp_path}/b.db"

    def binding(contact: str, expires_s: int) -> Binding:
        return Binding(
            user="alice",
            contact=contact,
            instance="<urn:uuid:1>",
            q=0.5,
            expires_ns=clock.now_ns() + expires_s * 10**9,
            call_id="c",
            cseq=7,
            transport="tcp",
            source="198.51.100.9:40000",
            flow=FlowId(3),
        )

    desk, gone = binding("sip:alice@desk", 600), binding("sip:alice@gone", 10)
    async with open_store(url, node="n", clock=clock) as store:
        rows = BindingRows(store, clock=clock)
        rows.save("alice", [desk, gone, binding("sip:alice@old", 600)])
        rows.save("alice", [desk, gone])
    clock.advance(60)
    async with open_store(url, node="n", clock=clock) as store:
        (found,) = await BindingRows(store, clock=clock).load()
    assert found.flow is None
    assert (found.contact, found.q, found.instance, found.cseq, found.expires_ns) == (
        desk.contact,
        desk.q,
        desk.instance,
        desk.cseq,
        desk.expires_ns,
    )
