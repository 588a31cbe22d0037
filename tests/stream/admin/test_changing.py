"""What can be changed by the admin port: where it says so, by whom, and by no stranger's page."""

import pytest
from servers.asgi import HOST, ask
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from stream.admin.security import Access, Guard
from stream.page.verdict_routes import PATH

TOKEN = "correct-horse-battery"
BEARER = [("authorization", f"Bearer {TOKEN}")]
OWN = [("origin", f"http://{HOST}")]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW")


async def changed(_):
    return PlainTextResponse("changed")


def guarded(token=TOKEN, changing=frozenset({PATH})):
    routes = [Route(each, changed, methods=list(METHODS)) for each in (PATH, "/page", PATH + "/")]
    return Guard(Starlette(routes=routes), Access(token=token, changing=changing))


def cookie(guard):
    welcome = ask(guard, f"/page?token={TOKEN}")
    return [("cookie", welcome.headers["set-cookie"].split(";")[0])]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", [PATH, PATH + "/", PATH + "//", "/page", "/api", "/"])
@pytest.mark.parametrize("changing", [frozenset(), frozenset({PATH})])
def test_every_method_on_every_path(path, method, changing):
    answer = ask(guarded(changing=changing), path, method, BEARER + OWN)
    if path in changing:
        assert (answer.status == 200) is (method == "POST")
    elif method in ("GET", "HEAD"):
        assert answer.status in (200, 307, 404)
    else:
        assert answer.status == 405


def test_without_a_token_nothing_can_be_changed():
    assert ask(guarded(token=""), PATH, "POST", OWN).status == 405


@pytest.mark.parametrize(
    "headers", [[], OWN, [*OWN, ("authorization", "Bearer wrong-wrong-wrong")]]
)
def test_who_has_not_shown_the_token_changes_nothing(headers):
    assert ask(guarded(), PATH, "POST", headers).status in (401, 403)


def test_the_token_in_the_address_changes_nothing():
    assert ask(guarded(), f"{PATH}?token={TOKEN}", "POST", OWN).status == 401


def test_a_program_shows_the_token_with_each_request():
    assert ask(guarded(), PATH, "POST", BEARER).status == 200


def test_a_page_of_this_server_is_known_by_its_cookie_and_its_origin():
    guard = guarded()
    known = cookie(guard)
    assert ask(guard, PATH, "POST", known + OWN).status == 200
    # A cookie comes along by itself, whoever's page it is that asks.
    assert ask(guard, PATH, "POST", known).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        [("origin", "http://evil.example")],
        [("origin", "null")],
        [("origin", "http://127.0.0.1:1")],
        [*OWN, ("origin", "http://evil.example")],
        [*OWN, ("sec-fetch-site", "cross-site")],
        [*OWN, ("sec-fetch-site", "same-site")],
        [("origin", "http://evil.example"), ("sec-fetch-mode", "navigate")],
    ],
)
def test_a_page_from_elsewhere_changes_nothing_with_everybodys_cookie(headers):
    guard = guarded()
    assert ask(guard, PATH, "POST", cookie(guard) + headers).status == 403


def test_another_name_of_the_server_is_refused():
    assert ask(guarded(), PATH, "POST", BEARER, host="evil.example").status == 400
