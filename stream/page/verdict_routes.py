"""The one thing that a page can change: what an alert was, said by whoever reads it.

Who may ask is for the guard in front of all routes: it lets nothing be sent here but by a page
of this server's own, or by a program, that has shown the token.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from schemas.errors import BrokerError
from stream.cases.shown_alerts import NotShownError, ShownAlerts, VerdictGiven
from stream.cases.verdict import Verdict, VerdictError, read_word

PATH = "/api/verdicts"
BODY_MAX = 4_096


class Given(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a request."""

    alert_id: str
    verdict: str
    by: str
    note: str = ""


def verdict_routes(alerts: ShownAlerts) -> list[BaseRoute]:
    """Return the route that takes verdicts on alerts that are shown."""

    async def give(request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            # What a form of a stranger's page can send is no JSON.
            return PlainTextResponse("application/json, please\n", 415)
        body = await _body(request)
        if body is None:
            return PlainTextResponse(f"at most {BODY_MAX} bytes\n", 413)
        try:
            given = msgspec.json.decode(body, type=Given)
            verdict = Verdict(given.alert_id, read_word(given.verdict), given.by, given.note)
        except (msgspec.DecodeError, VerdictError) as error:
            return PlainTextResponse(f"{error}\n", 422)
        try:
            # It waits for brokers, and others must not wait for it.
            said = await run_in_threadpool(alerts.judge, verdict)
        except NotShownError as error:
            return PlainTextResponse(f"{error}\n", 404)
        except BrokerError as error:
            return PlainTextResponse(f"{error}\n", 502)
        return JSONResponse(_answer(said))

    return [Route(PATH, give, methods=["POST"])]


async def _body(request: Request) -> bytes | None:
    """Return the body; None if it is too long, of which no more is read."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_MAX:
            return None
    return body


def _answer(said: VerdictGiven) -> dict[str, Any]:
    verdict, handed = said
    return {
        "alert_id": verdict.alert_id,
        "verdict": verdict.word,
        "by": verdict.by,
        "sent": handed is not None,
        "partition": None if handed is None else handed.partition,
        "offset": None if handed is None else handed.offset,
    }
