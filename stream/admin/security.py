"""Who may ask the admin port, and what every answer says to a browser.

The port changes nothing but where it was told so: all else takes GET and HEAD alone, and what
changes something takes POST alone, of a page of this server or of a program, with the token. A
browser on the same machine
asks for whatever page it shows: names in Host and Origin are checked, so that a page from
elsewhere learns nothing, however its name resolves. Where there is a token, all but the two
probes ask for it: in a header, or, in a browser, once in the address, for a cookie.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Iterable
from html import escape
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream.addresses import is_this_machine
from stream.page.routes import CSP

METHODS = ("GET", "HEAD")
# What orchestrators ask; they keep no tokens, and are told a few words.
PROBES = ("/livez", "/readyz")
SESSION_S = 12 * 3600
SESSIONS_MAX = 64
HEADERS = {
    "content-security-policy": CSP,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
_ORIGIN = re.compile(r"https?://(.+)")


class Access(NamedTuple):
    """Who may ask.

    Attributes
    ----------
    host : str
        The address that the port is bound to.
    names : tuple of str
        Further names by which it may be called.
    token : str
        Empty: nobody is asked for one, and nothing can be changed.
    changing : frozenset of str
        Paths that change something.
    """

    host: str = "127.0.0.1"
    names: tuple[str, ...] = ()
    token: str = ""
    changing: frozenset[str] = frozenset()

    def knows(self, host: str) -> bool:
        """Tell whether a Host header, with or without a port, names this server."""
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].strip("[]").lower()
        if is_this_machine(name) or name in {each.lower() for each in (self.host, *self.names)}:
            return True
        # An address in numbers is no name that somebody else's server could give away.
        return not is_this_machine(self.host) and _is_address(name)


class Sessions:
    """Browsers that have shown the token; what they are known by is kept as digests.

    Parameters
    ----------
    clock : callable
        Seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until_s: dict[str, float] = {}

    def begin(self) -> str:
        """Return what one more browser is known by; beyond the bound the oldest is forgotten."""
        name = secrets.token_urlsafe(32)
        while len(self._until_s) >= SESSIONS_MAX:
            del self._until_s[next(iter(self._until_s))]
        self._until_s[_digest(name)] = self._clock() + SESSION_S
        return name

    def knows(self, name: str) -> bool:
        """Tell whether a browser has shown the token, not too long ago."""
        return self._until_s.get(_digest(name), 0.0) > self._clock()


class Guard:
    """An ASGI application in front of another.

    Parameters
    ----------
    app : ASGIApp
    access : Access
    on_error : callable
        Told in words of a request that could not be answered.
    sessions : Sessions, optional
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        on_error: Callable[[str], None] = lambda _: None,
        sessions: Sessions | None = None,
    ) -> None:
        self._app = app
        self._access = access
        self._tell = on_error
        self._sessions = Sessions() if sessions is None else sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the application do so."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            return
        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        answer = self._answer(scope)
        try:
            await (self._app if answer is None else answer)(scope, receive, guarded)
        except Exception as error:  # Whatever a route raises, the port stays.
            self._tell(f"the admin port could not answer {scope['path']!r}: {error!r}")
            if not begun:
                failed = PlainTextResponse("an error; the worker's log names it\n", 500)
                await failed(scope, receive, guarded)

    def _answer(self, scope: Scope) -> Response | None:
        """Return an answer that is given here; None: the application gives it."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._access.knows(hosts[0]):
            return PlainTextResponse("not a name of this server: see admin.allowed_hosts\n", 400)
        changes = bool(self._access.token) and scope["path"] in self._access.changing
        methods = ("POST",) if changes else METHODS
        if scope["method"] not in methods:
            text = "by POST only\n" if changes else "read only\n"
            return PlainTextResponse(text, 405, {"allow": ", ".join(methods)})
        if not _from_here(headers, hosts[0]):
            return PlainTextResponse("not for pages from elsewhere\n", 403)
        if changes and not (headers.getlist("origin") or "authorization" in headers):
            # A browser names the page's origin; a program shows the token itself.
            return PlainTextResponse("a page must say where it is from\n", 403)
        if not self._access.token or scope["path"] in PROBES:
            return None
        return self._unknown(scope, headers)

    def _unknown(self, scope: Scope, headers: Headers) -> Response | None:
        """Return what somebody is told who has shown no token; None: it was shown."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(given.strip()):
            return None
        cookie = _cookie(scope)
        if any(self._sessions.knows(name) for name in _cookies(headers, cookie)):
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        shown = [value for name, value in query if name == "token"]
        if scope["method"] == "GET" and len(shown) == 1 and self._is_token(shown[0]):
            return self._welcome(scope, cookie, [pair for pair in query if pair[0] != "token"])
        return PlainTextResponse(
            "a token is needed: in the header Authorization: Bearer TOKEN, or once in a browser "
            "as ?token=TOKEN\n",
            401,
            {"www-authenticate": "Bearer"},
        )

    def _welcome(self, scope: Scope, cookie: str, query: Iterable[tuple[str, str]]) -> Response:
        """Give a browser its cookie, and take the token out of its address.

        By a page that goes on by itself and not by a redirect: a browser that came by a link from
        elsewhere would follow that without the cookie.
        """
        place = "/" + quote(scope["path"].lstrip("/"), safe="/")
        rest = urlencode(list(query))
        place = escape(f"{place}?{rest}" if rest else place, quote=True)
        response = HTMLResponse(
            '<!doctype html><meta charset="utf-8"><title>fraudstream</title>'
            f'<meta http-equiv="refresh" content="0;url={place}"><a href="{place}">Go on</a>'
        )
        response.set_cookie(
            cookie,
            self._sessions.begin(),
            max_age=SESSION_S,
            httponly=True,
            samesite="strict",
            secure=scope["scheme"] == "https",
        )
        return response

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._access.token.encode())


def _from_here(headers: Headers, host: str) -> bool:
    """Tell whether no page of another server asks."""
    for origin in headers.getlist("origin"):
        found = _ORIGIN.fullmatch(origin)
        if found is None or found[1].lower() != host.lower():
            return False
    # A link may lead here from anywhere; a page from elsewhere may fetch nothing.
    elsewhere = headers.get("sec-fetch-site") in ("cross-site", "same-site")
    return not elsewhere or headers.get("sec-fetch-mode") == "navigate"


def _cookie(scope: Scope) -> str:
    """Return the cookie's name: browsers keep them by host, and workers differ by port."""
    server = scope.get("server")
    return f"fraudstream_{server[1] if server else 0}"


def _cookies(headers: Headers, name: str) -> list[str]:
    found = []
    for line in headers.getlist("cookie"):
        try:
            morsel = SimpleCookie(line).get(name)
        except CookieError:
            continue
        if morsel is not None:
            found.append(morsel.value)
    return found


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
