"""What the page is made of, and what it asks for. All of it can only be read.

Who may ask, and the headers that keep a browser from doing anything else with the page, is for
the server that these routes are put into: it sends `CSP` with every response.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from stream.page.encoding import encoded
from stream.page.event_stream import HEARTBEAT_S, EventStream
from stream.page.feed import STOPPING, Feed, FeedError
from stream.page.static_files import INDEX, StaticFile, static_files

CSP = (
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Content-Security-Policy of the page: its own files alone, nothing inline, no markup from text."""


def page_routes(feed: Feed, heartbeat_s: float = HEARTBEAT_S) -> list[BaseRoute]:
    """Return the routes of the page, which knows its own paths relative to ``/`` only.

    Parameters
    ----------
    feed : Feed
    heartbeat_s : float
        Seconds after which a stream without a board says that it is still there.
    """
    files = static_files()

    async def index(request: Request) -> Response:
        return _file(request, files[INDEX])

    async def static(request: Request) -> Response:
        found = files.get(request.path_params["path"])
        if found is None:
            return PlainTextResponse("the page has no such file", 404)
        return _file(request, found)

    async def icon(request: Request) -> Response:
        return _file(request, files["icon.svg"])

    async def board(request: Request) -> Response:
        try:
            since_ms = int(request.query_params.get("since", "0"))
        except ValueError:
            return PlainTextResponse("since is a time in milliseconds since 1970", 400)
        if feed.closed:
            return _busy(STOPPING)
        return _board(feed, since_ms)

    async def stream(request: Request) -> Response:
        if request.method == "HEAD":
            return Response(media_type=EventStream.media_type)
        try:
            return EventStream(feed, feed.subscribe(), heartbeat_s)
        except FeedError as error:
            return _busy(str(error))

    return [
        Route("/", index),
        # Some browsers ask for it here before they have read where it is.
        Route("/favicon.ico", icon),
        Route("/static/{path:path}", static),
        Route("/api/board", board),
        Route("/api/stream", stream),
    ]


def _busy(why: str) -> Response:
    """Return that nothing can be had now, and why."""
    return PlainTextResponse(why, 503, {"retry-after": "5", "cache-control": "no-store"})


def _board(feed: Feed, since_ms: int) -> Response:
    """Return the latest board, if there is one yet, and the points that are later than a time."""
    latest = feed.latest
    body = {
        "board": None if latest is None else msgspec.Raw(latest.json),
        "history": [point for point in feed.history() if point["time_ms"] > since_ms],
    }
    return Response(
        encoded(body),
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )


def _file(request: Request, file: StaticFile) -> Response:
    """Return a file, or that the browser's copy of it is still right; it asks each time."""
    headers = {"etag": file.etag, "cache-control": "no-cache", "content-type": file.content_type}
    known = request.headers.get("if-none-match", "")
    if file.etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers)
