"""What follows from an answer: delivered, once more, given up, or nobody wants any."""

from __future__ import annotations

from enum import Enum

from stream.webhook.post import Answer

_FIRST_WAIT_S = 1.0
_GONE = 410
# The receiver is there, and asks for patience.
_LATER = frozenset({408, 425, 429, 502, 503, 504})


class Follows(Enum):
    """What is to be done with an alert."""

    DELIVERED = "delivered"
    LATER = "later"
    """Once more, however often: the alert is not what is wrong."""
    REFUSED = "refused"
    """Once more, and not for ever: it may be the alert."""
    GONE = "gone"
    """Never again, no alert: the receiver has said so."""


def follows(answer: Answer) -> Follows:
    """Return what follows from an answer; a redirect is a refusal, as nobody is followed."""
    if 200 <= answer.status < 300:
        return Follows.DELIVERED
    if answer.status == _GONE:
        return Follows.GONE
    if answer.status == 0 or answer.status in _LATER:
        return Follows.LATER
    return Follows.REFUSED


def wait_s(attempt: int, answer: Answer, longest_s: float, draw: float) -> float:
    """Return how long to wait before the next attempt.

    Parameters
    ----------
    attempt : int
        How many there were.
    answer : Answer
        The last one's; what it asks for is granted, up to the longest wait.
    longest_s : float
    draw : float
        A random number from 0 to 1: those who failed together do not come back together.
    """
    doubled = min(longest_s, _FIRST_WAIT_S * 2.0 ** min(attempt - 1, 30))
    asked = float(answer.retry_after) if answer.retry_after.isdecimal() else 0.0
    return max(doubled * (0.5 + draw / 2), min(asked, longest_s))
