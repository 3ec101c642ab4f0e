"""`Connectors` over REST: what a person may see of the configuration's recorders."""

import pytest

from bridgetap.siprec.recorder_uri import parse_recorder
from bridgetap.streams import Connector, Connectors

from .conftest import ACCOUNT, Served

PATH = f"/2010-04-01/Accounts/{ACCOUNT.sid}/Connectors"


@pytest.fixture
def connectors() -> Connectors:
    srs = Connector(
        name="srs 1",
        recorders=(
            parse_recorder("sip:rec@one.example;secure=true&edge=ashburn", place=""),
            parse_recorder("sip:rec@two.example;transport=udp", place=""),
        ),
        header=("X-Auth-Token", "s3cret"),
        username="me",
        trusted_ca="/etc/bridgetap/ca.pem",
        client_certificate="/etc/bridgetap/us.pem",
        client_key="/etc/bridgetap/us.key",
        password="pa55word",
        outbound_first=True,
        mandatory=True,
        tone=True,
        mirrors=("bad",),
    )
    bad = Connector(name="bad", recorders=(), broken=("recorders[0]: no",))
    return Connectors({entry.name: entry for entry in (srs, bad)})


async def test_connectors_are_listed_without_their_secrets(served: Served) -> None:
    answer = await served.get("Connectors.json")
    body = answer.json()
    assert (answer.status_code, body["uri"]) == (200, f"{PATH}.json")
    srs, bad = body["connectors"]
    assert srs == {
        "name": "srs 1",
        "status": "ready",
        "problems": [],
        "recorders": [
            {
                "uri": "sip:rec@one.example;transport=tls",
                "transport": "tls",
                "secure": True,
                "notes": ["edge=ashburn means nothing here and is passed over"],
            },
            {"uri": "sip:rec@two.example;transport=udp", "transport": "udp", "secure": False, "notes": []},
        ],
        "credentials_header": "X-Auth-Token",
        "username": "me",
        "trusted_ca": "/etc/bridgetap/ca.pem",
        "client_certificate": "/etc/bridgetap/us.pem",
        "parameters_as": "both",
        "metadata_content_type": "standard",
        "label_order": "outbound-first",
        "mandatory": True,
        "tone": True,
        "mirrors": ["bad"],
        "uri": f"{PATH}/srs%201.json",
    }
    assert (bad["status"], bad["problems"], bad["credentials_header"]) == ("broken", ["recorders[0]: no"], None)
    assert "s3cret" not in answer.text
    assert "pa55word" not in answer.text


async def test_one_is_found_by_its_name_and_an_unknown_one_is_404(served: Served) -> None:
    listed = (await served.get("Connectors.json")).json()["connectors"]
    assert (await served.client.get(listed[0]["uri"])).json() == listed[0]
    answer = await served.get("Connectors/other.json")
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)


async def test_they_are_closed_to_strangers(served: Served) -> None:
    served.client.auth = None
    assert (await served.client.get(f"{PATH}.json")).status_code == 401
