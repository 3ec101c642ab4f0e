"""What a URL's fragment says of how a document is asked for."""

from pathlib import Path

import pytest

from bridgetap.calls.fetch_rules import FetchRules
from bridgetap.engine.virtual_loop import run_virtual
from bridgetap.webhooks import WebhookFailed

from .stage import Stage


@pytest.mark.parametrize(
    ("fragment", "rules"),
    [
        ("", FetchRules(answer_s=15, total_s=15)),
        ("#section", FetchRules(answer_s=15, total_s=15)),
        ("#ct=2000&rt=5000&tt=9000", FetchRules(connect_s=2, answer_s=5, total_s=9)),
        ("#rt=5000&tt=3000", FetchRules(answer_s=3, total_s=3)),
        ("#tt=99999", FetchRules(answer_s=15, total_s=15)),
        ("#ct=1&rc=9", FetchRules(connect_s=0.1, answer_s=15, total_s=15, retries=5)),
        ("#rc=-1&rt=soon", FetchRules(answer_s=15, total_s=15)),
        (
            "#rc=2&rp=5xx,rt,never",
            FetchRules(answer_s=15, total_s=15, retries=2, retry_on=frozenset({"5xx", "rt"})),
        ),
    ],
)
def test_what_is_read(fragment: str, rules: FetchRules) -> None:
    assert FetchRules.of(f"https://a.test/voice?x=1{fragment}", timeout_s=15) == rules


@pytest.mark.parametrize(
    ("policy", "status", "code", "again"),
    [
        ("ct", 0, 11202, True),
        ("ct", 0, 11220, True),
        ("ct", 0, 11203, False),
        ("rt", 0, 11203, True),
        ("5xx", 503, 0, True),
        ("5xx", 404, 0, False),
        ("all", 404, 0, True),
        ("all", 200, 0, False),
        ("all", 0, 11100, False),
        ("all", 0, 11206, False),
    ],
)
def test_what_is_worth_asking_again(policy: str, status: int, code: int, *, again: bool) -> None:
    rules = FetchRules.of(f"https://a.test/#rc=1&rp={policy}", timeout_s=15)
    assert rules.retries_after(status=status, code=code) is again


def test_a_document_is_asked_for_again_within_its_time(tmp_path: Path) -> None:
    async def main() -> None:
        number = {"voice_url": "https://app.example/voice#rc=3&rt=4000&tt=10000&rp=rt"}
        async with Stage(tmp_path, number=number).running() as stage:
            stage.servers.delay_s = 4
            stage.serve("voice", WebhookFailed("voice", "did not answer within 4 s", code=11203))
            await stage.call()
            await stage.settle(20)
            assert stage.servers.timeouts == [4, 4, 2]
            assert {request.url.called for request in stage.servers.asked} == {"https://app.example/voice"}
            assert len({request.token for request in stage.servers.asked}) == 1
            (document,) = stage.documents()
            assert (document.code, document.took_ms) == (11203, 12_000)

    run_virtual(main())
