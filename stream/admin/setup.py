"""From the configuration to an admin port."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.routing import BaseRoute

from stream.admin.health import Health
from stream.admin.routes import ops_routes
from stream.admin.security import Access
from stream.admin.server import AdminServer
from stream.config.configuration import Config
from stream.page.verdict_routes import PATH as VERDICTS
from stream.telemetry.traffic import TrafficMeter


def admin_server(
    config: Config,
    meter: TrafficMeter,
    on_error: Callable[[str], None] = lambda _: None,
    more: Sequence[BaseRoute] = (),
) -> AdminServer:
    """Return the admin port of a worker, bound and not answering yet.

    Parameters
    ----------
    config : Config
        Its `admin.port` may be 0: any port that is free.
    meter : TrafficMeter
    on_error : callable
        Told in words, by another thread, what could not be answered.
    more : sequence of BaseRoute
        Further routes, behind the same guard: GET and HEAD only, but for verdicts.

    Raises
    ------
    AdminError, ConfigError
        If the port cannot be bound, or the token is none.
    """
    section = config.admin
    health = Health(meter, section.stuck_after / 1e6)
    changing = frozenset({VERDICTS}) if section.verdicts else frozenset[str]()
    access = Access(section.host, section.allowed_hosts, config.admin_token(), changing)
    routes = [*ops_routes(meter, health), *more]
    return AdminServer(routes, access, section.port, on_error)
