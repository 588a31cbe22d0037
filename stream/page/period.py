"""A board and its history of some time alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from stream.config.values import parse_duration
from stream.page.board import Board, Point


def moment_ms(text: str, now_ms: int) -> int:
    """Read a time: ``2026-11-22T10:30``, in UTC unless it says another, or ``6h``, so long ago.

    Raises
    ------
    ValueError
        It is neither.
    """
    if re.fullmatch(r"\s*\d+\s*[a-z]+\s*", text):
        duration_us = parse_duration(text)
        assert isinstance(duration_us, int)  # noqa: S101 - as it says itself.
        return now_ms - duration_us // 1000
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no time: write 2026-11-22T10:30, in UTC, or 6h for six hours ago"
        ) from None
    aware = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000)


def within(
    board: Board, history: Sequence[Point], from_ms: int, to_ms: int
) -> tuple[Board, list[Point]]:
    """Leave out what was before or after; counts of all time and the latest window stay.

    Parameters
    ----------
    board : Board
    history : sequence of Point
    from_ms, to_ms : int
        Milliseconds since 1970-01-01 UTC, both included.
    """
    quality = board["quality"]
    windows = [
        each for each in quality["windows"] if each["to_ms"] > from_ms and each["from_ms"] <= to_ms
    ]
    cut = Board(
        **{
            **board,
            "quality": {**quality, "windows": windows},
            "alerts": [each for each in board["alerts"] if from_ms <= each["time_ms"] <= to_ms],
            "markers": [each for each in board["markers"] if from_ms <= each["time_ms"] <= to_ms],
        }
    )
    return cut, [point for point in history if from_ms <= point["time_ms"] <= to_ms]
