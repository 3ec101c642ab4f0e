"""Who calls, what was dialled, and where calls go: a table for each."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from bridgetap.calls.registrar import Binding, Registrar
from bridgetap.calls.routing import Router
from bridgetap.calls.trunks import Reachable, Trunks
from bridgetap.calls.voice_request import voice_parameters
from bridgetap.clock import VirtualClock
from bridgetap.engine import DialogId, FlowId, IncomingCall, RegisterReceived, RequestId
from bridgetap.engine.fake import fake_core
from bridgetap.errors import InvalidInput, NotFound
from bridgetap.flow.effects import ClientTarget, NumberTarget, SipTarget
from bridgetap.ids import AccountSid, CallSid
from bridgetap.settings import NumberSettings, TrunkSettings
from bridgetap.store import CallRecord

INVITE = IncomingCall(
    dialog=DialogId(1),
    trunk="carrier",
    user=None,
    request_uri="sip:+15551230000@pbx.example",
    from_='"Bob" <sip:+15559998888@carrier.example>;tag=1',
    to="<sip:+15550001111@pbx.example>",
    contact="<sip:b@198.51.100.1>",
    call_id="call-1",
    headers=[],
    content_type="application/sdp",
    body=b"",
    transport="udp",
    source="198.51.100.1:5060",
    local="192.0.2.1:5060",
    flow=FlowId(1),
)


class Nowhere:
    async def load(self) -> Iterable[Binding]:
        return []

    def save(self, user: str, bindings: Iterable[Binding]) -> None:
        pass


def trunk(name: str, **changes: object) -> TrunkSettings:
    return TrunkSettings.model_validate({"name": name, "uri": f"sip:{name}.example", "match": ["+"]} | changes)


class Desk:
    def __init__(self, *trunks: TrunkSettings, numbers: Iterable[str] = ("+15551230000",)) -> None:
        core, _ = fake_core()
        self.trunks = Trunks(core=core, settings=trunks, dice=lambda: 0.5)
        self.registrar = Registrar(core=core, clock=VirtualClock(), store=Nowhere())
        self.router = Router(
            numbers=[NumberSettings(number=number, flow=f"{index}.json") for index, number in enumerate(numbers)],  # type: ignore[arg-type]
            trunks=self.trunks,
            registrar=self.registrar,
            domain="pbx.example",
        )

    def register(self, contact: str, *, call_id: str = "c") -> None:
        self.registrar.register(
            RegisterReceived(
                request=RequestId(1),
                user="alice",
                to="<sip:alice@pbx.example>",
                contacts=[contact],
                expires=600,
                call_id=call_id,
                cseq=1,
                headers=[],
                transport="tcp",
                source="203.0.113.5:40000",
                flow=FlowId(9),
            )
        )


@pytest.mark.parametrize(
    ("changes", "from_", "to"),
    [
        ({}, "+15559998888", "+15551230000"),
        ({"request_uri": "sip:0015551230000@h"}, "+15559998888", "+15551230000"),
        ({"request_uri": "tel:+1-555-123-0000"}, "+15559998888", "+15551230000"),
        ({"request_uri": "sip:support@pbx.example"}, "+15559998888", "sip:support@pbx.example"),
        ({"from_": "<sip:anonymous@anonymous.invalid>"}, "anonymous", "+15551230000"),
        (
            {"from_": "<sip:alice@pbx.example>;tag=1", "user": "alice", "trunk": None},
            "sip:alice@pbx.example",
            "+15551230000",
        ),
    ],
)
def test_who_calls_whom(changes: dict[str, object], from_: str, to: str) -> None:
    arrival = Desk(trunk("carrier")).router.arrival(replace(INVITE, **changes))  # type: ignore[arg-type]
    assert (arrival.from_, arrival.to) == (from_, to)


def test_a_trunk_may_have_the_number_in_the_to_header() -> None:
    desk = Desk(trunk("carrier", number_from="to"))
    assert desk.router.arrival(INVITE).to == "+15550001111"


def test_a_header_that_cannot_be_read_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidInput, match="From"):
        Desk().router.arrival(replace(INVITE, from_="nonsense"))


@pytest.mark.parametrize(
    ("numbers", "dialled", "flow"),
    [
        (["+15551230000"], "+15551230000", "0.json"),
        (["+15551230000", "*"], "+1999", "1.json"),
        (["support", "*"], "sip:support@pbx.example", "0.json"),
    ],
)
def test_a_number_has_a_flow(numbers: list[str], dialled: str, flow: str) -> None:
    assert Desk(numbers=numbers).router.number(dialled).flow.name == flow


def test_a_number_that_nobody_answers_here() -> None:
    with pytest.raises(NotFound):
        Desk().router.number("+15550000000")


def trunks_for(desk: Desk, number: str) -> list[str]:
    (branch,) = desk.router.branches(NumberTarget(number=number), caller_id="+15551230000")
    return [destination.trunk.name for destination in branch if destination.trunk]


def test_the_longest_prefix_wins_then_priority_then_order_and_the_rest_are_fallbacks() -> None:
    desk = Desk(
        trunk("any", priority=1),
        trunk("uk2", match=["+44"], priority=2),
        trunk("uk1", match=["+1", "+44"], priority=1),
        trunk("none", match=[]),
    )
    assert trunks_for(desk, "+442079460000") == ["uk1", "uk2", "any"]
    assert trunks_for(desk, "+33123456789") == ["any"]
    desk.trunks["uk1"].reachable = Reachable.DOWN
    assert trunks_for(desk, "+442079460000") == ["uk2", "any", "uk1"]


@pytest.mark.parametrize(
    ("settings", "caller_id", "from_", "headers"),
    [
        ({}, "+15551230000", '"+15551230000" <sip:+15551230000@carrier.example>', []),
        (
            {"from_user": "account7"},
            "+15551230000",
            '"+15551230000" <sip:account7@carrier.example>',
            [("P-Asserted-Identity", "<sip:+15551230000@carrier.example>")],
        ),
        ({}, "", "<sip:anonymous@carrier.example>", []),
        ({"username": "u", "password": "secret"}, "", "<sip:u@carrier.example>", []),
    ],
)
def test_how_we_appear_to_a_trunk(settings: dict[str, object], caller_id: str, from_: str, headers: object) -> None:
    desk = Desk(trunk("carrier", uri="sip:carrier.example:5070;transport=tcp", **settings))
    ((destination,),) = desk.router.branches(NumberTarget(number="+1 (555) 000-1111"), caller_id=caller_id)
    assert destination.target == "sip:+15550001111@carrier.example:5070;transport=tcp"
    assert destination.to == "<sip:+15550001111@carrier.example>"
    assert (destination.from_, destination.headers) == (from_, headers)


def test_a_uri_is_called_straight_with_its_own_credentials() -> None:
    target = SipTarget(uri="sip:bob@198.51.100.7:5080;transport=tcp", username="u", password="p")
    ((destination,),) = Desk().router.branches(target, caller_id="+15551230000")
    assert destination.target == "sip:bob@198.51.100.7:5080;transport=tcp"
    assert destination.from_ == '"+15551230000" <sip:+15551230000@pbx.example>'
    assert destination.credentials is not None
    assert destination.credentials.username == "u"
    assert "p" not in repr(destination.credentials).replace("password", "").replace("username", "")
    assert destination.trunk is None


def test_a_registered_user_rings_on_every_phone_over_its_connection() -> None:
    desk = Desk()
    desk.register("<sip:alice@10.0.0.5;transport=tcp>;q=0.5")
    desk.register("<sip:alice@10.0.0.6>;q=0.9", call_id="d")
    branches = desk.router.branches(ClientTarget(identity="alice"), caller_id="client:bob")
    assert [branch[0].target for branch in branches] == ["sip:alice@10.0.0.6", "sip:alice@10.0.0.5;transport=tcp"]
    assert {branch[0].flow for branch in branches} == {FlowId(9)}
    assert branches[0][0].from_ == '"bob" <sip:bob@pbx.example>'
    assert branches[0][0].to_number == "client:alice"
    assert branches[0][0].peer_host == "203.0.113.5"


@pytest.mark.parametrize(
    ("target", "error"),
    [
        (NumberTarget(number="+15550001111"), NotFound),
        (NumberTarget(number="call me"), InvalidInput),
        (NumberTarget(number=""), InvalidInput),
        (SipTarget(uri="bob"), InvalidInput),
        (SipTarget(uri="tel:+1555"), InvalidInput),
        (ClientTarget(identity="nobody"), NotFound),
    ],
)
def test_what_cannot_be_called(target: NumberTarget | SipTarget | ClientTarget, error: type[Exception]) -> None:
    with pytest.raises(error):
        Desk().router.branches(target, caller_id="")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("+15551230000", NumberTarget(number="+15551230000")),
        ("client:alice", ClientTarget(identity="alice")),
        ("sip:bob@h;transport=tcp", SipTarget(uri="sip:bob@h;transport=tcp")),
    ],
)
def test_a_party_as_rest_writes_it(text: str, target: object) -> None:
    assert Desk().router.parse_target(text) == target


def test_a_flow_sees_the_voice_request() -> None:
    headers = [("X-Tenant", "42"), ("Diversion", "<sip:+15557770000@h>;reason=busy"), ("Via", "x")]
    call = CallRecord(
        sid=CallSid("CA1"),
        account_sid=AccountSid("AC1"),
        status="ringing",
        direction="inbound",
        from_="+1",
        to="+2",
        created_ns=0,
        updated_ns=0,
    )
    seen = voice_parameters(call, sip=replace(INVITE, headers=headers, user="alice"))
    assert seen["From"] == seen["Caller"] == "+1"
    assert seen["To"] == seen["Called"] == "+2"
    assert seen["FromCity"] == seen["CalledCountry"] == ""
    assert seen["SipHeader_X-Tenant"] == "42"
    assert seen["ForwardedFrom"] == "+15557770000"
    assert (seen["SipDomain"], seen["SipUsername"], seen["SipSourceIp"]) == ("pbx.example", "alice", "198.51.100.1")
    assert "SipHeader_Via" not in seen
