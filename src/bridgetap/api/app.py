"""The ASGI application."""

from collections.abc import Awaitable, Callable

from fastapi import Depends, FastAPI, Request, Response

from bridgetap import __version__
from bridgetap.settings import Account, Settings
from bridgetap.store import Store
from bridgetap.streams import Connectors

from . import errors
from .auth import require_account
from .calls import call_routes
from .connectors import connector_routes
from .health import Metrics, health_routes
from .service import CallsService
from .streams import SIPREC, STREAMS, stream_routes


def create_api(
    *, calls: CallsService, store: Store, settings: Settings, account: Account, connectors: Connectors
) -> FastAPI:
    """The REST API, health and metrics over these parts. Serve it with uvicorn on `http.listen`."""
    # The schema pages would load scripts from elsewhere; docs/rest.md is the reference.
    app = FastAPI(title="Bridgetap", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    guard = require_account(account)
    metrics = Metrics(calls=calls, store=store)
    errors.install(app)

    @app.middleware("http")
    async def count(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await proceed(request)
        metrics.count(request.method, getattr(request.scope.get("route"), "path", "other"), response.status_code)
        return response

    app.include_router(
        health_routes(
            calls=calls, store=store, metrics=metrics, guard=guard, metrics_public=settings.http.metrics_public
        )
    )
    app.include_router(call_routes(calls=calls, store=store, settings=settings), dependencies=[Depends(guard)])
    for kind in (STREAMS, SIPREC):
        routes = stream_routes(calls=calls, store=store, settings=settings, kind=kind)
        app.include_router(routes, dependencies=[Depends(guard)])
    app.include_router(connector_routes(connectors), dependencies=[Depends(guard)])
    return app
