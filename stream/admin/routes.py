"""What the admin port answers: metrics, health and versions."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, choose_encoder
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from stream.admin.collector import FiguresCollector
from stream.admin.described import Moment
from stream.admin.health import Health, HealthAnswer
from stream.admin.versions import versions
from stream.telemetry.traffic import TrafficMeter


def ops_routes(meter: TrafficMeter, health: Health) -> list[Route]:
    """Return the routes of metrics, health and versions.

    Parameters
    ----------
    meter : TrafficMeter
    health : Health
    """
    registry = registry_of(meter)

    async def metrics(request: Request) -> Response:
        try:
            encode, kind = choose_encoder(request.headers.get("accept", ""))
        except (TypeError, ValueError):  # A version that is none.
            encode, kind = generate_latest, CONTENT_TYPE_PLAIN_0_0_4
        return Response(encode(registry), headers={"content-type": kind})

    async def version(_: Request) -> Response:
        return JSONResponse(versions())

    return [
        Route("/metrics", metrics),
        Route("/livez", _probe(health.alive)),
        Route("/readyz", _probe(health.ready)),
        Route("/version", version),
    ]


def registry_of(meter: TrafficMeter) -> CollectorRegistry:
    """Return a registry of its own with a worker's metrics and the process's."""
    registry = CollectorRegistry()
    registry.register(FiguresCollector(lambda: moment_of(meter)))
    ProcessCollector(registry=registry)
    return registry


def moment_of(meter: TrafficMeter) -> Moment:
    """Return what a scrape sees now; it takes no lock and asks nobody."""
    return Moment(meter.figures, meter.tally.turned_s, meter.clock(), meter.now_us())


def _probe(ask: Callable[[], HealthAnswer]) -> Callable[[Request], Response]:
    """Return a route that says yes with 200 and no with 503."""

    async def answer(_: Request) -> Response:
        said = ask()
        return PlainTextResponse(f"{said.why}\n", 200 if said.yes else 503)

    return answer  # type: ignore[return-value]
