"""Who is let in, what everybody may see, and the shape of every refusal."""

from base64 import b64encode

import httpx
import pytest

from bridgetap.settings import Settings

from .conftest import Served

SID, TOKEN = "AC" + "a" * 32, "t0ken-of-the-tests"
CALLS = f"/2010-04-01/Accounts/{SID}/Calls.json"


def basic(text: str) -> str:
    return "Basic " + b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic !!!",
        "Basic " + b64encode(b"\xff\xfe:x").decode(),
        basic(SID),
        basic(f"{SID}:"),
        basic(f"{SID}:wrong"),
        basic(f"AC{'b' * 32}:{TOKEN}"),
        f"Bearer {TOKEN}",
    ],
)
@pytest.mark.parametrize("path", [CALLS, f"/2010-04-01/Accounts/{SID}/Calls/CA{'0' * 32}.json", "/metrics"])
async def test_nobody_else_is_let_in(served: Served, header: str | None, path: str) -> None:
    headers = {} if header is None else {"Authorization": header}
    async with httpx.AsyncClient(transport=served.client._transport, base_url="http://bridgetap.test") as stranger:
        response = await stranger.get(path, headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, 20003)
    assert response.headers["WWW-Authenticate"] == 'Basic realm="Twilio API"'


async def test_the_account_sees_only_itself(served: Served) -> None:
    response = await served.client.get(f"/2010-04-01/Accounts/AC{'b' * 32}/Calls.json")
    assert (response.status_code, response.json()["code"]) == (404, 20404)


async def test_a_path_that_is_none(served: Served) -> None:
    response = await served.client.get("/2010-04-01/nowhere.json")
    assert response.json() == {
        "code": 20404,
        "message": "The requested resource /2010-04-01/nowhere.json was not found",
        "more_info": "https://www.twilio.com/docs/errors/20404",
        "status": 404,
    }


async def test_a_method_that_is_none(served: Served) -> None:
    response = await served.client.delete(CALLS)
    assert (response.status_code, response.json()["code"]) == (405, 20004)


async def test_a_bug_of_ours_tells_nothing(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("the token is t0ken")

    monkeypatch.setattr(served.store.calls, "search", broken)
    response = await served.client.get(CALLS)
    assert (response.status_code, response.json()["code"]) == (500, 20500)
    assert "t0ken" not in response.text


async def test_a_store_that_fails_is_unavailable(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from bridgetap.store import StoreError

    async def broken(*_: object) -> None:
        raise StoreError("disk I/O error at /secret/path")

    monkeypatch.setattr(served.store.calls, "search", broken)
    response = await served.client.get(CALLS)
    assert (response.status_code, response.json()["code"]) == (503, 20503)
    assert "secret" not in response.text


async def test_health_needs_no_credentials(served: Served) -> None:
    async with httpx.AsyncClient(transport=served.client._transport, base_url="http://bridgetap.test") as stranger:
        assert (await stranger.get("/healthz")).text == "ok\n"
        ready = await stranger.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"ready": True, "checks": {"calls": True, "store": True}})
        served.calls.accepting = False
        ready = await stranger.get("/readyz")
        assert (ready.status_code, ready.json()["checks"]) == (503, {"calls": False, "store": True})


async def test_metrics_show_calls_store_and_requests(served: Served) -> None:
    await served.client.get(CALLS)
    await served.client.get(f"/2010-04-01/Accounts/{SID}/Calls/CA{'0' * 32}.json")
    await served.client.request("BREW", "/coffee")
    lines = (await served.client.get("/metrics")).text.splitlines()
    assert 'bridgetap_http_requests_total{method="other",route="other",status="404"} 1.0' in lines
    assert "bridgetap_calls_live 2.0" in lines
    assert "bridgetap_calls_answered_total 7.0" in lines
    assert "bridgetap_store_waiting 0.0" in lines
    route = "/2010-04-01/Accounts/{account_sid}/Calls/{call_sid}.json"
    assert f'bridgetap_http_requests_total{{method="GET",route="{route}",status="404"}} 1.0' in lines
    assert any(line.startswith("process_open_fds ") for line in lines)


class TestPublicMetrics:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings.model_validate({"http": {"metrics_public": True}})

    async def test_metrics_may_be_public(self, served: Served) -> None:
        async with httpx.AsyncClient(transport=served.client._transport, base_url="http://bridgetap.test") as stranger:
            assert (await stranger.get("/metrics")).status_code == 200
