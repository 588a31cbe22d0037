"""An alert as a receiver gets it: JSON, the same bytes each time that it is sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

TYPE = "fraud.alert"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The calendar ends with the year 9999; a producer's clock may be further on.
_CALENDAR_END_US = 253_402_300_799_999_999


def body_of(alert: dict[str, Any]) -> bytes:
    """Write a record of `alert.avsc`: type, time of the payment, and its fields as data.

    Bytes are base64. Entities are keyed hashes, as they are in the record.
    """
    at = _EPOCH + timedelta(microseconds=min(alert["event_time"], _CALENDAR_END_US))
    return msgspec.json.encode(
        {"type": TYPE, "timestamp": at.isoformat().replace("+00:00", "Z"), "data": alert}
    )
