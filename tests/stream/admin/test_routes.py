"""The routes of metrics, health and versions."""

import json

import pytest
from servers.asgi import ask
from starlette.applications import Starlette

from stream.admin.health import Health
from stream.admin.routes import ops_routes
from stream.admin.versions import versions
from stream.config.configuration import load
from stream.telemetry.traffic import TrafficMeter


@pytest.fixture
def app():
    meter = TrafficMeter(load())
    return Starlette(routes=ops_routes(meter, Health(meter, 60.0)))


OPEN = "application/openmetrics-text"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("text/plain;version=0.0.4", "text/plain"),
        (f"{OPEN};version=1.0.0,text/plain;q=0.5", OPEN),
        (OPEN, OPEN),
        (f"{OPEN};version=none", "text/plain"),
        (f"{OPEN};version=", OPEN),
        ("\xff" * 1000, "text/plain"),
    ],
)
def test_metrics_come_in_the_form_that_is_asked_for(app, accept, kind):
    answer = ask(app, "/metrics", headers=[("accept", accept)])
    assert answer.status == 200
    assert answer.headers["content-type"].startswith(kind)
    assert "fraud_ready 0.0" in answer.body
    assert "process_resident_memory_bytes" in answer.body
    assert answer.body.endswith("# EOF\n") == (kind == OPEN)


def test_probes_say_yes_or_no_by_their_status(app):
    assert ask(app, "/livez")[::2] == (200, "ok\n")
    assert ask(app, "/readyz")[::2] == (503, "starting\n")
    assert ask(app, "/readyz", "HEAD").status == 503


def test_versions_are_those_that_are_at_work(app):
    answer = ask(app, "/version")
    assert json.loads(answer.body) == versions()
    assert versions().keys() == {
        *("fraudstream", "numpy", "numba", "river", "confluent_kafka", "python", "librdkafka")
    }
    assert all(versions().values())
