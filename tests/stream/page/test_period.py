"""Times of a report as people write them."""

from __future__ import annotations

import pytest

from stream.page.period import moment_ms

NOW_MS = 1_795_000_000_000
HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6h", NOW_MS - 6 * HOUR_MS),
        (" 90s ", NOW_MS - 90_000),
        ("1970-01-02", 24 * HOUR_MS),
        ("1970-01-01T02:30", 9_000_000),
        ("1970-01-01T02:30+01:00", 9_000_000 - HOUR_MS),
        ("1970-01-01T02:30:00Z", 9_000_000),
    ],
)
def test_times_and_spans(text: str, expected: int) -> None:
    assert moment_ms(text, NOW_MS) == expected


@pytest.mark.parametrize("text", ["", "now", "6 x", "2026-13-01", "99999999999d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|duration"):
        moment_ms(text, NOW_MS)
