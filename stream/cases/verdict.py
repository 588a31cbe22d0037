"""What somebody found out about an alert, and the label that it becomes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from schemas.errors import FraudError
from stream.labels.fates import Source

SOURCE = Source.ANALYST_REVIEW.name
"""Who says so: analysts, whose labels are feedback where that is learned apart."""
NAME_MAX, NOTE_MAX = 64, 500
BY_HEADER, NOTE_HEADER, ALERT_HEADER = "fraudstream.by", "fraudstream.note", "fraudstream.alert_id"
WORDS = {"fraud": True, "legit": False}

_ALERT_ID = re.compile("[0-9a-f]{32}")
_NUMBERS = re.compile(r"(?:\d[ -]?){12,18}\d")


class VerdictError(FraudError):
    """A verdict cannot be taken as it was given."""


class Case(NamedTuple):
    """A payment that was alerted.

    Attributes
    ----------
    alert_id, transaction_id : str
    event_time_us : int
        When the payment was made.
    partition : int
        Of the payments topic; a state that is kept for each partition looks for its labels there.
    """

    alert_id: str
    transaction_id: str
    event_time_us: int
    partition: int


@dataclass(frozen=True)
class Verdict:
    """What one person says of one alert.

    Attributes
    ----------
    alert_id : str
    is_fraud : bool
    by : str
        Who says so. A claim: who may write labels, the brokers decide.
    note : str
    confidence : float
        Above 0 to 1.

    Raises
    ------
    VerdictError
        If one of them cannot be.
    """

    alert_id: str
    is_fraud: bool
    by: str
    note: str = ""
    confidence: float = 1.0

    def __post_init__(self) -> None:
        if not _ALERT_ID.fullmatch(self.alert_id):
            raise VerdictError(
                f"{self.alert_id[:80]!r} is no alert's id: those are 32 hexadecimal digits, as "
                "`alert_id` of an alert has them"
            )
        check_name(self.by)
        check_note(self.note)
        if not (math.isfinite(self.confidence) and 0 < self.confidence <= 1):
            raise VerdictError(f"the confidence is above 0 and at most 1, not {self.confidence}")

    @property
    def word(self) -> str:
        """`fraud` or `legit`."""
        return word_of(self.is_fraud)


def word_of(is_fraud: bool) -> str:
    """Return `fraud` or `legit`."""
    return "fraud" if is_fraud else "legit"


def read_word(word: str) -> bool:
    """Return whether a word means fraud; VerdictError if it is neither of the two."""
    try:
        return WORDS[word.strip().lower()]
    except KeyError:
        raise VerdictError(f"a verdict is 'fraud' or 'legit', not {word[:40]!r}") from None


def check_name(by: str) -> None:
    """Refuse what is no person's name; VerdictError."""
    if not by.strip() or len(by) > NAME_MAX or not by.isprintable():
        raise VerdictError(
            f"who says so is 1 to {NAME_MAX} printable characters, such as a login: give --by NAME"
        )


def check_note(note: str) -> None:
    """Refuse a note that is too long, or that would keep a card's number for good."""
    if len(note) > NOTE_MAX or not note.replace("\n", " ").isprintable():
        raise VerdictError(f"a note is at most {NOTE_MAX} printable characters")
    if any(_is_card(found) for found in _NUMBERS.findall(note)):
        raise VerdictError(
            "the note holds what may be a card's number, and notes are kept: leave it out"
        )


def case_of(alert: dict[str, Any]) -> Case:
    """Return what a verdict must know of an alert's record."""
    return Case(
        alert["alert_id"], alert["transaction_id"], alert["event_time"], alert["source_partition"]
    )


def label_of(case: Case, verdict: Verdict, now_us: int) -> dict[str, Any]:
    """Make a record of `label.avsc`; never older than its payment, whose clock may be ahead."""
    return {
        "transaction_id": case.transaction_id,
        "is_fraud": verdict.is_fraud,
        "source": SOURCE,
        "label_time": max(now_us, case.event_time_us),
        "confidence": verdict.confidence,
    }


def headers_of_label(verdict: Verdict) -> tuple[tuple[str, bytes], ...]:
    """Return what the contract has no field for: who, about which alert, and why."""
    found = [(BY_HEADER, verdict.by), (ALERT_HEADER, verdict.alert_id), (NOTE_HEADER, verdict.note)]
    return tuple((name, text.encode()) for name, text in found if text)


def _is_card(text: str) -> bool:
    """Tell whether digits end with the check digit of card numbers (ISO/IEC 7812, Luhn)."""
    digits = [int(each) for each in text if each.isdigit()][::-1]
    doubled = [sum(divmod(2 * each, 10)) for each in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
