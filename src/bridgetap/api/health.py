"""`/healthz`, `/readyz`, `/metrics`: for those who watch."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bridgetap.store import Store

from .service import CallsService

PREFIX = "bridgetap_"
TOTAL = "_total"
METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
LABELS = ("method", "route", "status")


class Metrics:
    """What `/metrics` shows: the figures of calls and store as they are now, requests as counted here."""

    def __init__(self, *, calls: CallsService, store: Store) -> None:
        self._requests: Counter[tuple[str, str, str]] = Counter()
        self.registry = CollectorRegistry()
        self.registry.register(_Figures(calls=calls, store=store, requests=self._requests))
        ProcessCollector(registry=self.registry)

    def count(self, method: str, route: str, status: int) -> None:
        """One request was answered. `route` is the pattern, and strange methods are one: no client makes new series."""
        self._requests[method if method in METHODS else "other", route, str(status)] += 1

    def render(self) -> bytes:
        return generate_latest(self.registry)


class _Figures(Collector):
    def __init__(self, *, calls: CallsService, store: Store, requests: Mapping[tuple[str, str, str], int]) -> None:
        self._calls = calls
        self._store = store
        self._requests = requests

    def collect(self) -> Iterator[Metric]:
        figures = {**self._calls.gauges(), **self._store.gauges()}
        for name, value in sorted(figures.items()):
            text = name.replace("_", " ").capitalize() + "."
            if name.endswith(TOTAL):
                yield CounterMetricFamily(PREFIX + name.removesuffix(TOTAL), text, value=value)
            else:
                yield GaugeMetricFamily(PREFIX + name, text, value=value)
        answered = CounterMetricFamily(f"{PREFIX}http_requests", "Requests answered.", labels=LABELS)
        for labels, count in sorted(self._requests.items()):
            answered.add_metric(labels, count)
        yield answered


def health_routes(
    *, calls: CallsService, store: Store, metrics: Metrics, guard: Any, metrics_public: bool
) -> APIRouter:
    """The routes. Only `/metrics` may need credentials."""
    router = APIRouter()

    @router.get("/healthz")
    async def alive() -> PlainTextResponse:
        """The process answers."""
        return PlainTextResponse("ok\n")

    @router.get("/readyz")
    async def ready() -> JSONResponse:
        """New calls would be taken; 503 otherwise, with the reason."""
        checks = {"calls": calls.accepting, "store": store.healthy}
        good = all(checks.values())
        return JSONResponse({"ready": good, "checks": checks}, status_code=200 if good else 503)

    @router.get("/metrics", dependencies=[] if metrics_public else [Depends(guard)])
    async def figures() -> Response:
        """Figures for Prometheus."""
        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)

    return router
