"""Alerts that a receiver does not take, as dead letters."""

from __future__ import annotations

from typing import Any

from stream.kafka.send import Letter
from stream.kafka.source import headers_of
from stream.webhook.courier import said
from stream.webhook.post import Answer

STAGE = "webhook"
REFUSED, UNREADABLE = "webhook_refused", "webhook_unreadable"
# Names of Kafka Streams (KIP-1034), as other dead letters have them.
_ERRORS = "__streams.errors."


def refused(message: Any, answer: Answer, topic: str) -> Letter:
    """Return the dead letter of an alert that was refused for good; `topic` is where it goes."""
    text = f"the receiver answered {said(answer)}"
    return _letter(message, REFUSED, text, topic)


def unreadable(message: Any, error: Exception, topic: str) -> Letter:
    """Return the dead letter of a record that is no alert."""
    return _letter(message, UNREADABLE, str(error), topic)


def _letter(message: Any, reason: str, text: str, topic: str) -> Letter:
    kept = tuple((name, value or b"") for name, value in headers_of(message))
    own = {
        f"{_ERRORS}exception": reason,
        f"{_ERRORS}message": text,
        f"{_ERRORS}topic": message.topic(),
        f"{_ERRORS}partition": str(message.partition()),
        f"{_ERRORS}offset": str(message.offset()),
        "fraudstream.stage": STAGE,
        "fraudstream.attempt": "1",
    }
    headers = (*kept, *((name, value.encode()) for name, value in own.items()))
    return Letter(topic, message.key() or b"", message.value() or b"", None, headers)
