"""Who may ask the admin port: every route, every method, names, origins, tokens, cookies."""

import asyncio
import re

import pytest
from servers.asgi import HOST, ask
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from stream.admin.health import Health
from stream.admin.routes import ops_routes
from stream.admin.security import (
    HEADERS,
    PROBES,
    SESSION_S,
    SESSIONS_MAX,
    Access,
    Guard,
    Sessions,
)
from stream.config.configuration import load
from stream.telemetry.traffic import TrafficMeter

TOKEN = "correct-horse-battery"
BEARER = [("authorization", f"Bearer {TOKEN}")]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW")


async def secret(_):
    return PlainTextResponse("what only some may read")


async def broken(_):
    raise RuntimeError("card 4000123412341234")


async def broken_midway(_):
    async def pieces():
        yield b"one"
        raise RuntimeError("no more")

    return StreamingResponse(pieces())


def routes():
    meter = TrafficMeter(load())
    return [
        *ops_routes(meter, Health(meter, 60.0)),
        Route("/", secret),
        Route("/page", secret),
        Route("/changes", secret, methods=["POST", "DELETE", "GET"]),
        Route("/broken", broken),
        Route("/midway", broken_midway),
    ]


def guarded(token=TOKEN, host="127.0.0.1", names=(), tell=lambda _: None, sessions=None):
    return Guard(Starlette(routes=routes()), Access(host, names, token), tell, sessions)


PATHS = sorted({route.path for route in routes()} | {"/nowhere", "//", "/metrics/", "/%2e%2e"})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_nothing_is_told(path, method):
    answer = ask(guarded(), path, method)
    if path in PROBES and method in ("GET", "HEAD"):
        assert answer.status in (200, 503)
        assert len(answer.body) < 40
    else:
        assert answer.status == (401 if method in ("GET", "HEAD") else 405)
        assert "only some" not in answer.body


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", PATHS)
def test_with_the_token_nothing_but_reading_is_done(path, method):
    answer = ask(guarded(), path, method, BEARER)
    if method in ("GET", "HEAD"):
        assert answer.status in (200, 404, 500, 503, 307)
    else:
        assert answer.status == 405
        assert answer.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("headers", [[], BEARER, [("origin", "http://evil.example")]])
def test_every_answer_tells_a_browser_what_it_may_do(path, headers):
    answer = ask(guarded(), path, headers=headers)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["cache-control"] == "no-store"
    assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN.upper()}",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer \xe9\xe9\xe9\xe9",
    ],
)
def test_another_token_is_refused(given):
    assert ask(guarded(), "/metrics", headers=[("authorization", given)]).status == 401


@pytest.mark.parametrize("given", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN} "])
def test_the_token_is_taken(given):
    answer = ask(guarded(), "/page", headers=[("authorization", given)])
    assert (answer.status, answer.body) == (200, "what only some may read")


def test_without_a_token_on_this_machine_nobody_is_asked_for_one():
    assert ask(guarded(token=""), "/page").status == 200


def shown(answer):
    """The cookie of an answer, as a browser sends it."""
    return [("cookie", answer.headers["set-cookie"].split(";")[0])]


def test_a_browser_shows_the_token_once_and_then_its_cookie():
    guard = guarded()
    welcome = ask(guard, f"/page?tab=drift&token={TOKEN}&x=%22%3E%3Cscript%3E")
    assert welcome.status == 200
    assert TOKEN not in welcome.body + str(welcome.headers)
    assert 'content="0;url=/page?tab=drift&amp;x=%22%3E%3Cscript%3E"' in welcome.body
    assert "<script>" not in welcome.body
    cookie = welcome.headers["set-cookie"]
    for part in ("HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={SESSION_S}"):
        assert part.lower() in cookie.lower()
    assert "domain" not in cookie.lower()
    answer = ask(guard, "/page", headers=shown(welcome))
    assert (answer.status, answer.body) == (200, "what only some may read")
    assert ask(guarded(), "/page", headers=shown(welcome)).status == 401, "it is this server's"


@pytest.mark.parametrize(
    "target", ["/page?token=wrong", "/page?token=", f"/page?token={TOKEN}&token=x"]
)
def test_another_token_in_the_address_is_refused(target):
    answer = ask(guarded(), target)
    assert answer.status == 401
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example", "///evil.example"])
def test_the_page_that_goes_on_leads_nowhere_else(path):
    answer = ask(guarded(), f"{path}?token={TOKEN}")
    (place,) = re.findall(r'url=([^"]*)"', answer.body)
    assert re.match(r"/[^/\\]", place), place


def test_a_cookie_has_the_name_of_its_port():
    welcome = ask(guarded(), f"/page?token={TOKEN}")
    assert welcome.headers["set-cookie"].startswith("fraudstream_9464=")


@pytest.mark.parametrize("cookie", ["fraudstream_9464=", "fraudstream_9464=x", "=;;=", "a" * 9000])
def test_another_cookie_is_refused(cookie):
    assert ask(guarded(), "/page", headers=[("cookie", cookie)]).status == 401


def test_sessions_end_and_are_bounded():
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    first = sessions.begin()
    assert sessions.knows(first)
    now[0] = SESSION_S
    assert not sessions.knows(first)
    names = [sessions.begin() for _ in range(SESSIONS_MAX + 1)]
    assert [sessions.knows(name) for name in names] == [False] + [True] * SESSIONS_MAX
    assert not any(name in repr(vars(sessions)) for name in names)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:9464", "127.0.0.1", HOST, "127.8.9.1:1", "[::1]:9464", "[::1]"]
)
def test_this_machine_may_be_called_by_its_names(host):
    assert ask(guarded(token=""), "/page", host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        *(None, "", ":", "evil.example", "localhost.evil.example", "evil@localhost", "10.0.0.1"),
        *("localhost:", "localhost:x", "localhost/", "127.0.0.1.nip.io", "[::2]", "local host"),
    ],
)
def test_another_name_is_refused_even_with_the_token(host):
    assert ask(guarded(), "/page", headers=BEARER, host=host).status == 400
    assert ask(guarded(), "/livez", host=host).status == 400


def test_two_names_at_once_are_refused():
    assert ask(guarded(token=""), "/page", headers=[("host", HOST)]).status == 400


@pytest.mark.parametrize("host", ["0.0.0.0", "10.1.2.3"])
def test_where_others_can_reach_it_its_names_and_all_numbers_may_be_used(host):
    guard = guarded(host=host, names=("engine",))
    for name in ("engine:9464", "ENGINE", "10.1.2.3:9464", "[fe80::1]:9464", "localhost"):
        assert ask(guard, "/page", headers=BEARER, host=name).status == 200
    assert ask(guard, "/page", headers=BEARER, host="evil.example").status == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("origin", f"http://{HOST}")], 200),
        ([("origin", f"https://{HOST}")], 200),
        ([("origin", "http://evil.example")], 403),
        ([("origin", "http://127.0.0.1:1")], 403),
        ([("origin", "null")], 403),
        ([("origin", f"http://{HOST}"), ("origin", "http://evil.example")], 403),
        ([("sec-fetch-site", "same-origin")], 200),
        ([("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")], 200),
        ([("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")], 200),
        ([("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")], 403),
        ([("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")], 403),
    ],
)
def test_a_page_from_elsewhere_learns_nothing(headers, status):
    assert ask(guarded(token=""), "/page", headers=headers).status == status


def test_what_a_route_raises_is_told_to_the_worker_alone():
    told = []
    answer = ask(guarded(token="", tell=told.append), "/broken")
    assert answer.status == 500
    assert "4000123412341234" not in answer.body
    assert "Traceback" not in answer.body
    assert len(told) == 1
    assert "'/broken'" in told[0]


def test_an_answer_that_breaks_off_stays_as_it_is():
    told = []
    answer = ask(guarded(token="", tell=told.append), "/midway")
    assert (answer.status, answer.body) == (200, "one")
    assert len(told) == 1


def test_a_websocket_is_closed():
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(guarded(token="")({"type": "websocket"}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
