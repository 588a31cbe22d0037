"""What a receiver gets: the record's fields, the same bytes each time."""

import json

from inputs.alert_samples import alert, alert_id

from stream.webhook.body import body_of


def test_an_alert_is_all_of_its_fields():
    body = json.loads(body_of(alert(3)))
    assert body["type"] == "fraud.alert"
    assert body["timestamp"] == "2026-05-28T20:26:40.000003Z"
    data = body["data"]
    assert data.keys() == alert(3).keys()
    assert (data["alert_id"], data["decision"], data["score"]) == (alert_id(3), "REVIEW", 0.75)
    assert data["reasons"] == alert(3)["reasons"]
    assert data["value_states"] == "AQI="
    assert data["entities"] == {"card": "00000000000000aa", "merchant": "00000000000000bb"}


def test_the_same_alert_is_the_same_bytes():
    assert body_of(alert(3)) == body_of(alert(3))


def test_what_no_calendar_and_no_json_has_is_sent_all_the_same():
    body = json.loads(body_of(alert(event_time=2**62, score=float("nan"))))
    assert body["timestamp"].startswith("9999-12-31")
    assert body["data"]["score"] is None
