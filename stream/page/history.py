"""What the page shows of the time before it was opened."""

from __future__ import annotations

import threading
from collections import deque
from typing import Protocol

from stream.page.board import Point

# An hour, at a point a second.
POINTS_MAX = 3600


class History(Protocol):
    """Points of the past; asked from the server's thread, while the worker's adds to it."""

    def points(self) -> list[Point]:
        """Return what is kept, oldest first."""
        ...


class MemoryHistory:
    """The latest points, as long as the process lives.

    Parameters
    ----------
    points_max : int
        Beyond it the oldest are forgotten.
    """

    def __init__(self, points_max: int = POINTS_MAX) -> None:
        self._points: deque[Point] = deque(maxlen=points_max)
        self._lock = threading.Lock()

    def add(self, point: Point) -> None:
        """Keep a point that is later than all before it."""
        with self._lock:
            self._points.append(point)

    def points(self) -> list[Point]:
        """Return what is kept, oldest first."""
        with self._lock:
            return list(self._points)
