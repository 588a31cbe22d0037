"""From the configuration to an admin port."""

import urllib.error
import urllib.request

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from schemas.errors import ConfigError
from stream.admin.setup import admin_server
from stream.config.configuration import load
from stream.telemetry.traffic import TrafficMeter

TOKEN = "sixteen-letters-"


async def page(_):
    return PlainTextResponse("a page")


def get(address, path, token=None):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(address + path, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()


def test_further_routes_stand_behind_the_same_guard():
    config = load(admin={"token": TOKEN})
    with admin_server(config, TrafficMeter(config), more=[Route("/", page)]) as server:
        assert get(server.address, "/", TOKEN) == "a page"
        assert "fraud_ready" in get(server.address, "/metrics", TOKEN)
        assert get(server.address, "/livez") == "ok\n"
        for path in ("/", "/metrics", "/version"):
            with pytest.raises(urllib.error.HTTPError, match="401"):
                get(server.address, path)


def test_a_token_may_lie_in_a_file(tmp_path):
    (tmp_path / "token").write_text(TOKEN + "\n")
    config = load(admin={"token": f"file:{tmp_path / 'token'}"})
    with admin_server(config, TrafficMeter(config)) as server:
        assert "fraud_ready" in get(server.address, "/metrics", TOKEN)


def test_a_token_that_is_none_binds_nothing():
    config = load(admin={"token": "short"})
    with pytest.raises(ConfigError, match=r"admin\.token must be 16"):
        admin_server(config, TrafficMeter(config))
