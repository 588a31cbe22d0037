"""Refused rows of a file as records of `dead_letter.avsc`."""

from __future__ import annotations

from typing import Any

from schemas.columns import REASON_TEXT, Reason


def dead_letter(name: str, row: int, reason: Reason, value: bytes) -> dict[str, Any]:
    """Return the record of a refused row.

    Parameters
    ----------
    name : str
        Of the file.
    row : int
        Counted from 0.
    reason : Reason
    value : bytes
        As it would have been sent.
    """
    return {
        "reason": reason.name.lower(),
        "message": REASON_TEXT[reason],
        "stage": reason.stage,
        "attempt": 1,
        "topic": name,
        "partition": 0,
        "offset": row,
        "value": value,
    }
