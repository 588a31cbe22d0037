"""Verdicts as a page sends them: read, bounded, sent, and refused in words."""

import json

import pytest
from inputs.alert_samples import EVENT_US, alert_id
from servers.asgi import ask
from starlette.applications import Starlette

from schemas.errors import DeliveryError
from stream.cases.desk import Handed
from stream.cases.shown_alerts import ShownAlerts
from stream.cases.verdict import Case
from stream.page.verdict_routes import BODY_MAX, PATH, verdict_routes

JSON = [("content-type", "application/json; charset=utf-8")]
GIVEN = {"alert_id": alert_id(1), "verdict": "fraud", "by": "ann"}


@pytest.fixture
def sent():
    return []


@pytest.fixture
def app(sent):
    def hand_in(case, verdict):
        if verdict.by == "nobody":
            raise DeliveryError("not acknowledged")
        sent.append((case.transaction_id, verdict.word, verdict.by, verdict.note))
        return Handed(verdict, case, 3, 8)

    alerts = ShownAlerts(hand_in, lambda *_: None)
    alerts.note(Case(alert_id(1), "t-1", EVENT_US, 3))
    return Starlette(routes=verdict_routes(alerts))


def give(app, body, headers=JSON):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ask(app, PATH, "POST", headers, body=data)


def test_a_verdict_is_sent_and_the_place_of_its_label_told(app, sent):
    answer = give(app, GIVEN | {"note": "copied"})
    assert answer.status == 200
    assert json.loads(answer.body) == GIVEN | {"sent": True, "partition": 3, "offset": 8}
    assert sent == [("t-1", "fraud", "ann", "copied")]
    again = give(app, GIVEN | {"by": "bob"})
    assert json.loads(again.body) == GIVEN | {"sent": False, "partition": None, "offset": None}
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (b"", 422, "truncated"),
        (b"[]", 422, "Expected `object`"),
        (b"\xff", 422, ""),
        (b"[" * 4000, 422, ""),
        ({"alert_id": alert_id(1), "verdict": "fraud"}, 422, "`by`"),
        (GIVEN | {"more": 1}, 422, "unknown field"),
        (GIVEN | {"by": 1}, 422, "Expected `str`"),
        (GIVEN | {"by": ""}, 422, "--by NAME"),
        (GIVEN | {"verdict": "maybe"}, 422, "'fraud' or 'legit'"),
        (GIVEN | {"note": "4111 1111 1111 1111"}, 422, "a card's number"),
        (GIVEN | {"alert_id": "t-1"}, 422, "no alert's id"),
        (GIVEN | {"alert_id": alert_id(2)}, 404, "is shown here"),
        (GIVEN | {"by": "nobody"}, 502, "not acknowledged"),
        (b" " * (BODY_MAX + 1), 413, "at most"),
    ],
)
def test_what_cannot_be_taken_is_said(app, sent, body, status, text):
    answer = give(app, body)
    assert answer.status == status, answer.body
    assert text in answer.body
    assert sent == []


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_what_a_form_can_send_is_no_verdict(app, sent, kind):
    assert give(app, GIVEN, [("content-type", kind)]).status == 415
    assert sent == []
