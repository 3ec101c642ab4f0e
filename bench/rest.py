"""What a bench asks of a running Bridgetap by its REST API."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

ACCOUNT = "AC" + "0" * 32
TOKEN = "bench-token-0123456789"
AT_ONCE = 8  # requests


@dataclass(frozen=True, slots=True)
class Rest:
    """The API below the account."""

    port: int

    def calls(self) -> list[str]:
        """The SIDs of the callers' legs that are answered."""
        found = self._ask("Calls.json?Status=in-progress&PageSize=1000")["calls"]
        return [call["sid"] for call in found if call["direction"] == "inbound"]

    def record(self, connector: str) -> None:
        """Begin a recording of each call, both tracks."""
        form = {"Name": connector, "ConnectorName": connector, "Track": "both_tracks"}
        self._of_each_call("Siprec.json", form)

    def stop_recording(self, connector: str) -> None:
        """End what `record` began."""
        self._of_each_call(f"Siprec/{connector}.json", {"Status": "stopped"})

    def _of_each_call(self, path: str, form: dict[str, str]) -> None:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda sid: self._ask(f"Calls/{sid}/{path}", form), self.calls()))

    def _ask(self, path: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        """A POST where there is a form. Raises `urllib.error.HTTPError`, noted with what the server says."""
        credentials = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/2010-04-01/Accounts/{ACCOUNT}/{path}",
            data=urllib.parse.urlencode(form).encode() if form else None,
            headers={"Authorization": f"Basic {credentials}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                answer: dict[str, Any] = json.load(response)
                return answer
        except urllib.error.HTTPError as refused:
            refused.add_note(f"{path}: {refused.read().decode(errors='replace')}")
            raise
