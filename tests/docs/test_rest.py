"""docs/rest.md: every route stands there, and no other does; every code that we answer is explained."""

import re
from pathlib import Path
from typing import Any, cast

from bridgetap.api import (
    CallsService,
    call_request,
    callback_form,
    calls,
    create_api,
    errors,
    stream_form,
    streams,
)
from bridgetap.ids import AccountSid
from bridgetap.settings import Account, Settings
from bridgetap.streams import Connectors

PAGE = (Path(__file__).parents[2] / "docs" / "rest.md").read_text(encoding="utf-8")


class NoStore:
    def gauges(self) -> dict[str, float]:
        return {}


class NoCalls(NoStore):
    accepting = False


def routes() -> set[str]:
    app = create_api(
        calls=cast("CallsService", NoCalls()),
        store=cast("Any", NoStore()),
        settings=Settings(),
        account=Account(sid=AccountSid("AC" + "0" * 32), auth_token="token"),
        connectors=Connectors({}),
    )
    paths = app.openapi()["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


def test_every_route_is_documented() -> None:
    assert len(routes()) >= 7
    assert set(re.findall(r"^### `([A-Z]+ /.*)`$", PAGE, re.MULTILINE)) == routes()


def test_every_code_is_explained() -> None:
    modules = (errors, calls, call_request, callback_form, stream_form)
    ours = [value for module in modules for value in vars(module).values() if isinstance(value, int)]
    codes = sorted({str(value) for value in ours if value >= 20_000})
    assert "21220" in codes
    assert [code for code in codes if not re.search(rf"\b{code}\b", PAGE)] == []


def test_every_parameter_that_is_read_is_documented() -> None:
    modules = (calls, call_request, callback_form, stream_form, streams)
    sources = [Path(str(module.__file__)).read_text(encoding="utf-8") for module in modules]
    reading = r'(?:texts?|integer|_party|time_range|_document_at)\((?:query, |form, )?"([A-Z]\w+)"'
    read = {name for source in sources for name in re.findall(reading, source)}
    assert {"To", "Flow", "StartTime", "FallbackUrl", "StatusCallbackEvent", "Name", "Track"} <= read
    refused = {"ApplicationSid"}
    assert [name for name in sorted(read - refused) if f"`{name}`" not in PAGE] == []
