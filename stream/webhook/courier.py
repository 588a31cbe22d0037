"""Alerts, one after the other, until a receiver has taken each or it is parked."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.errors import FraudError
from stream.telemetry.latency_histogram import LatencyHistogram
from stream.webhook.policy import Follows, follows, wait_s
from stream.webhook.post import Answer


class WebhookError(FraudError):
    """Nothing more is sent, and what was not is sent by the next start."""


class Rules(NamedTuple):
    """How hard it is tried.

    Attributes
    ----------
    retries : int
        After so many refusals more an alert is parked.
    longest_wait_s : float
    parked_max : int
        After so many parked ones in a row nothing more is sent.
    """

    retries: int = 8
    longest_wait_s: float = 300.0
    parked_max: int = 10


@dataclass
class Tally:
    """What a courier did.

    Attributes
    ----------
    delivered, parked : int
        Alerts.
    attempts, refused, unanswered : int
        Requests; those that were refused, and those that were to come again later.
    latency : LatencyHistogram
        From when an alert was written to when it was taken.
    """

    delivered: int = 0
    parked: int = 0
    attempts: int = 0
    refused: int = 0
    unanswered: int = 0
    latency: LatencyHistogram = field(default_factory=LatencyHistogram)

    def report(self) -> dict[str, object]:
        """Return it as plain values."""
        counts = {name: n for name, n in vars(self).items() if isinstance(n, int)}
        return {**counts, "latency_ms": self.latency.summary_ms()}


class Parcel(NamedTuple):
    """An alert on its way.

    Attributes
    ----------
    name : str
        The alert's id: a receiver that saw it drops a repeat.
    body : bytes
    written_us : int
        When it came to its topic, microseconds since the epoch.
    """

    name: str
    body: bytes
    written_us: int


class Courier:
    """Delivers parcels.

    Parameters
    ----------
    send : callable
        Makes one request of a name and a body.
    park : callable
        Keeps a parcel that nobody takes, with the last answer; raises if it cannot.
    wait : callable
        Waits so many seconds; False if the parcel is not to be delivered any more.
    rules : Rules
    tell : callable
        Told in words of what does not go well.
    draw : callable
        Random numbers from 0 to 1.
    now_us : callable
        Microseconds since the epoch.

    Attributes
    ----------
    tally : Tally
    """

    def __init__(
        self,
        send: Callable[[str, bytes], Answer],
        park: Callable[[Parcel, Answer], None],
        wait: Callable[[float], bool],
        rules: Rules = Rules(),  # noqa: B008 - it never changes.
        tell: Callable[[str], None] = lambda _: None,
        draw: Callable[[], float] = random.random,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self.tally = Tally()
        self._send = send
        self._park = park
        self._wait = wait
        self._rules = rules
        self._tell = tell
        self._draw = draw
        self._now_us = now_us
        self._parked_in_a_row = 0
        self._troubled = False

    def deliver(self, parcel: Parcel) -> bool:
        """Send a parcel until it is taken, or parked; False if that was broken off.

        Raises
        ------
        WebhookError
            If the receiver wants no more, or takes nothing.
        """
        attempt = refusals = 0
        while True:
            attempt += 1
            self.tally.attempts += 1
            answer = self._send(parcel.name, parcel.body)
            what = follows(answer)
            if what is Follows.DELIVERED:
                self._delivered(parcel)
                return True
            if what is Follows.GONE:
                raise WebhookError(
                    "the receiver says that it is gone for good (410): nothing more is sent, and "
                    "nothing is lost. Set webhook.url to another and start again"
                )
            if what is Follows.REFUSED:
                refusals += 1
                self.tally.refused += 1
            else:
                self.tally.unanswered += 1
            if refusals > self._rules.retries:
                self._give_up(parcel, answer)
                return True
            self._trouble(parcel, answer)
            if not self._wait(wait_s(attempt, answer, self._rules.longest_wait_s, self._draw())):
                return False

    def _delivered(self, parcel: Parcel) -> None:
        self.tally.delivered += 1
        self.tally.latency.add(self._now_us() - parcel.written_us)
        self._parked_in_a_row = 0
        if self._troubled:
            self._troubled = False
            self._tell("the receiver takes alerts again")

    def _give_up(self, parcel: Parcel, answer: Answer) -> None:
        if self._parked_in_a_row >= self._rules.parked_max:
            raise WebhookError(
                f"the receiver refused {self._parked_in_a_row + 1} alerts in a row, the last with "
                f"{answer.status}: {answer.text}. It is hardly the alerts: see webhook.url and "
                "webhook.secret. The last one is not parked, and the next start begins with it"
            )
        self._park(parcel, answer)
        self._parked_in_a_row += 1
        self.tally.parked += 1
        self._tell(f"alert {parcel.name} is parked: the receiver answered {said(answer)}")

    def _trouble(self, parcel: Parcel, answer: Answer) -> None:
        """Tell of the first of many that do not go well."""
        if not self._troubled:
            self._troubled = True
            self._tell(f"alert {parcel.name} was not taken ({said(answer)}): it is sent again")


def said(answer: Answer) -> str:
    """Return an answer in words."""
    return f"{answer.status} {answer.text}".strip() if answer.status else answer.text
