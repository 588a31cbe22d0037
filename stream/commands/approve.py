"""``fraudstream approve``: the second person's word on an order."""

from __future__ import annotations

from pathlib import Path

from stream.cases.administration import Administration
from stream.cli.console import OK, emit_json, out, say
from stream.config.configuration import load


def approve_request(
    request_id: str, by: str, note: str, refuse: bool, path: Path | None, as_json: bool
) -> int:
    """Approve a request and send it, or refuse it; return the exit status."""
    config = load(path)
    with Administration(config, say) as administration:
        answer = administration.refuse if refuse else administration.approve
        request, ordered = answer(request_id, by, note)
    places = [place for each in ordered.places for place in each]
    if as_json:
        emit_json(
            {
                "request_id": request_id,
                "what": request.act.what,
                "subject": request.act.subject,
                "asked_by": request.act.who,
                "step": ordered.step.value.lower(),
                "topic": config.topics.control,
                "orders": [{"partition": p, "offset": at} for p, at in places],
            }
        )
        return OK
    what = f"{request.act.what} of {request.act.subject}, asked for by {request.act.who}"
    if refuse:
        out.print(f"refused: {what}", markup=False)
        return OK
    sent = ", ".join(f"{config.topics.control}[{p}] at {at}" for p, at in places)
    out.print(f"approved and sent: {what} ({sent})", markup=False)
    return OK
