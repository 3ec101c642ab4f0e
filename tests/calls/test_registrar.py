"""REGISTER by the book (RFC 3261 §10.3), one rule a line."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from bridgetap.calls.registrar import MAX_BINDINGS, MAX_EXPIRES_S, Answer, Binding, Registrar
from bridgetap.clock import VirtualClock
from bridgetap.engine import FlowClosed, FlowId, RegisterReceived, RequestId
from bridgetap.engine.fake import fake_core
from bridgetap.engine.virtual_loop import run_virtual


class Kept:
    """A store in memory."""

    def __init__(self, *bindings: Binding) -> None:
        self.bindings = {binding.user: [binding] for binding in bindings}

    async def load(self) -> Iterable[Binding]:
        return [binding for bindings in self.bindings.values() for binding in bindings]

    def save(self, user: str, bindings: Iterable[Binding]) -> None:
        self.bindings[user] = list(bindings)


BASE = RegisterReceived(
    request=RequestId(1),
    user="alice",
    to="<sip:alice@pbx.example>",
    contacts=["<sip:alice@10.0.0.5:5060>"],
    expires=600,
    call_id="phone-1",
    cseq=1,
    headers=[],
    transport="udp",
    source="198.51.100.9:40000",
    flow=FlowId(7),
)


class Desk:
    """A registrar, its clock and its store."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = Kept()
        self.core, self.fake = fake_core()
        self.registrar = Registrar(core=self.core, clock=self.clock, store=self.store)
        self._cseq = 0

    def register(self, **changes: object) -> Answer:
        self._cseq += 1
        return self.registrar.register(replace(BASE, **{"cseq": self._cseq, **changes}))  # type: ignore[arg-type]

    def contacts(self) -> list[str]:
        return [binding.contact for binding in self.registrar.bindings("alice")]


def contact_values(answer: Answer) -> list[str]:
    return [value for name, value in answer.headers if name == "Contact"]


def test_a_phone_registers_and_is_told_what_is_kept() -> None:
    desk = Desk()
    answer = desk.register()
    assert (answer.status, contact_values(answer)) == (200, ["<sip:alice@10.0.0.5:5060>;expires=600;q=1"])
    assert desk.store.bindings["alice"][0].flow == FlowId(7)


def test_a_query_changes_nothing() -> None:
    desk = Desk()
    desk.register()
    desk.clock.advance(100)
    assert contact_values(desk.register(contacts=[], expires=None)) == ["<sip:alice@10.0.0.5:5060>;expires=500;q=1"]


def test_a_refresh_moves_the_end_and_a_binding_expires() -> None:
    desk = Desk()
    desk.register()
    desk.clock.advance(500)
    desk.register()
    desk.clock.advance(500)
    assert desk.contacts() == ["sip:alice@10.0.0.5:5060"]
    desk.clock.advance(101)
    assert desk.contacts() == []


@pytest.mark.parametrize(
    ("header", "parameter", "granted"),
    [
        (None, "", 3600),
        (600, "", 600),
        (600, ";expires=120", 120),
        (600, ";expires=x", 600),
        (99_999, "", MAX_EXPIRES_S),
    ],
)
def test_how_long_a_binding_lasts(header: int | None, parameter: str, granted: int) -> None:
    answer = Desk().register(contacts=[f"<sip:a@h>{parameter}"], expires=header)
    assert f"expires={granted};" in contact_values(answer)[0]


def test_too_brief_is_refused_with_the_minimum() -> None:
    desk = Desk()
    answer = desk.register(expires=30)
    assert (answer.status, answer.headers) == (423, (("Min-Expires", "60"),))
    assert desk.contacts() == []


def test_expires_zero_removes_that_contact_alone() -> None:
    desk = Desk()
    desk.register(contacts=["<sip:a@one>", "<sip:a@two>"])
    desk.register(contacts=["<sip:a@one>;expires=0"])
    assert desk.contacts() == ["sip:a@two"]


def test_star_removes_all() -> None:
    desk = Desk()
    desk.register(contacts=["<sip:a@one>", "<sip:a@two>"])
    assert desk.register(contacts=["*"], expires=0).status == 200
    assert desk.contacts() == []
    assert desk.store.bindings["alice"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"contacts": ["*"], "expires": 600},
        {"contacts": ["*"], "expires": None},
        {"contacts": ["*", "<sip:a@h>"], "expires": 0},
        {"contacts": ["not a uri"]},
        {"contacts": ["<sip:a@h"]},
        {"to": "nonsense"},
    ],
)
def test_what_cannot_be_read_is_400_and_changes_nothing(changes: dict[str, object]) -> None:
    desk = Desk()
    desk.register()
    assert desk.register(**changes).status == 400
    assert desk.contacts() == ["sip:alice@10.0.0.5:5060"]


def test_one_bad_contact_spoils_the_whole_register() -> None:
    desk = Desk()
    assert desk.register(contacts=["<sip:a@one>", "<sip:a@two>;expires=5"]).status == 423
    assert desk.contacts() == []


def test_nobody_registers_for_somebody_else() -> None:
    assert Desk().register(to="<sip:bob@pbx.example>").status == 403


def test_an_older_register_of_the_same_phone_is_refused() -> None:
    desk = Desk()
    desk.register(cseq=5)
    assert desk.register(cseq=5).status == 500
    assert desk.register(cseq=4, contacts=["*"], expires=0).status == 500
    assert desk.register(cseq=1, call_id="restarted").status == 200
    assert len(desk.contacts()) == 1


def test_several_phones_of_one_user_by_preference() -> None:
    desk = Desk()
    desk.register(contacts=["<sip:a@desk>;q=0.5, <sip:a@mobile>;q=0.9"])
    desk.register(contacts=["<sip:a@soft>;q=0.1"], call_id="phone-2")
    assert desk.contacts() == ["sip:a@mobile", "sip:a@desk", "sip:a@soft"]


@pytest.mark.parametrize(
    "again", ["<sip:alice@10.0.0.5:5060;ob>", "<sip:alice@10.0.0.5:5060;OB;line=x>", '"A" <sip:alice@10.0.0.5:5060>']
)
def test_the_same_contact_spelled_differently_is_the_same_phone(again: str) -> None:
    desk = Desk()
    desk.register()
    desk.register(contacts=[again])
    assert len(desk.contacts()) == 1


def test_a_phone_that_moved_is_known_by_its_instance() -> None:
    desk = Desk()
    instance = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>"'
    desk.register(contacts=[f"<sip:a@old>{instance}"])
    desk.register(contacts=[f"<sip:a@new>{instance}"])
    assert desk.contacts() == ["sip:a@new"]


def test_a_user_has_room_for_so_many_phones_and_the_first_to_expire_goes() -> None:
    desk = Desk()
    for number in range(MAX_BINDINGS + 1):
        desk.clock.advance(1)
        desk.register(contacts=[f"<sip:a@host{number}>"], call_id=f"c{number}")
    contacts = desk.contacts()
    assert len(contacts) == MAX_BINDINGS
    assert "sip:a@host0" not in contacts


def test_a_closed_connection_takes_its_phones_away() -> None:
    async def main() -> None:
        desk = Desk()
        await desk.registrar.start()
        desk.core.start()
        desk.register(contacts=["<sip:a@tcp;transport=tcp>"], transport="tcp", flow=FlowId(8))
        desk.register(contacts=["<sip:a@udp>"], call_id="other")
        desk.fake.events.push(FlowClosed(flow=FlowId(8)))
        desk.core.drain()
        assert desk.contacts() == ["sip:a@udp"]
        assert [binding.contact for binding in desk.store.bindings["alice"]] == ["sip:a@udp"]

    run_virtual(main())


def test_the_answer_goes_out_with_its_headers() -> None:
    async def main() -> None:
        desk = Desk()
        await desk.registrar.start()
        desk.fake.events.push(BASE)
        desk.core.drain()
        sent = desk.fake.sent("respond")[0]
        assert (sent.of, sent["status"]) == (1, 200)
        assert sent["headers"] == [("Contact", "<sip:alice@10.0.0.5:5060>;expires=600;q=1")]

    run_virtual(main())


def test_after_a_restart_phones_are_known_and_called_where_they_were_heard() -> None:
    async def main() -> None:
        desk = Desk()
        desk.register()
        desk.register(contacts=["<sip:alice@10.0.0.6:5060;transport=tcp>"], transport="tcp", call_id="tcp", expires=300)
        desk.clock.advance(400)  # the second one is out of time by now
        kept = [replace(binding, flow=None) for binding in desk.store.bindings["alice"]]
        again = Registrar(core=desk.core, clock=desk.clock, store=Kept(kept[0]))
        await again.start()
        assert [binding.target() for binding in again.bindings("alice")] == ["sip:alice@198.51.100.9:40000"]
        assert list(again.users()) == ["alice"]

    run_virtual(main())
