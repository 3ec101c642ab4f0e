"""`Connectors`: the recorders of the configuration, to look at. Ours: Twilio keeps its own in the console."""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from bridgetap.ids import AccountSid
from bridgetap.streams import Connector, Connectors

from .call_view import API_VERSION
from .errors import not_found


def connector_routes(connectors: Connectors) -> APIRouter:
    """Both routes, for an account that has been let in already."""
    router = APIRouter(prefix="/2010-04-01/Accounts/{account_sid}")

    @router.get("/Connectors.json")
    async def index(account_sid: AccountSid) -> JSONResponse:
        """All of them, in the order of the file: as many as somebody wrote down, so there are no pages."""
        path = _path(account_sid)
        return JSONResponse({"connectors": [_view(entry, path) for entry in connectors], "uri": f"{path}.json"})

    @router.get("/Connectors/{name:path}.json")
    async def fetch(account_sid: AccountSid, name: str, request: Request) -> JSONResponse:
        """One of them, by its name."""
        found = next((entry for entry in connectors if entry.name == name), None)
        if found is None:
            raise not_found(request.url.path)
        return JSONResponse(_view(found, _path(account_sid)))

    return router


def _view(connector: Connector, path: str) -> dict[str, Any]:
    """What a person may see: no value of a credential, and why it cannot be used where it cannot."""
    return {
        "name": connector.name,
        "status": "broken" if connector.broken else "ready",
        "problems": list(connector.broken),
        "recorders": [
            {"uri": str(uri), "transport": uri.transport, "secure": uri.secure, "notes": list(uri.notes)}
            for uri in connector.recorders
        ],
        "credentials_header": None if connector.header is None else connector.header[0],
        "username": connector.username or None,
        "trusted_ca": connector.trusted_ca,
        "client_certificate": connector.client_certificate,
        "parameters_as": connector.parameters_as,
        "metadata_content_type": connector.metadata_type,
        "label_order": "outbound-first" if connector.outbound_first else "inbound-first",
        "mandatory": connector.mandatory,
        "tone": connector.tone,
        "mirrors": list(connector.mirrors),
        "uri": f"{path}/{quote(connector.name, safe='')}.json",
    }


def _path(account_sid: AccountSid) -> str:
    return f"/{API_VERSION}/Accounts/{account_sid}/Connectors"
