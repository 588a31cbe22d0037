"""The history of a worker that outlives it: a ring of points in a file of a fixed size.

A point is a line of 64 bytes with a checksum of its own. A line that was torn by a crash is left
out, and nothing is ever waited for: what is lost with the power is a minute of a picture.
"""

from __future__ import annotations

import math
import os
import struct
import threading
import zlib
from collections import deque
from pathlib import Path

from schemas.errors import StorageError
from stream.page.board import Point

_NUMBERS = struct.Struct("<q6d")
_LINE = struct.Struct("<q6dI4x")
_FIELDS = ("decisions_per_s", "alerts_per_s", "lag_records", "p50_ms", "p99_ms", "p999_ms")
# A day and a half of points ten seconds apart, and a quarter of an hour of each second.
LINES_MAX = 12_960
STEP_MS = 10_000
RECENT_MAX = 900


class DiskHistory:
    """Points of the last day and a half; see `stream.page.history.History`.

    Parameters
    ----------
    path : Path
        Of the file; what lies there is gone on with.
    lines_max : int
        Points that it has room for.

    Raises
    ------
    StorageError
        If the file cannot be opened.
    """

    def __init__(self, path: Path, lines_max: int = LINES_MAX) -> None:
        self._lines_max = lines_max
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            found = _read(self._file, lines_max)
        except OSError as error:
            raise StorageError(
                f"{path}: the page's history cannot be kept there: {error.strerror}; make it "
                "writable, or choose another recovery.folder"
            ) from error
        self._kept = deque((point for _, point in found), maxlen=lines_max)
        self._recent: deque[Point] = deque(maxlen=RECENT_MAX)
        self._next = (found[-1][0] + 1) % lines_max if found else 0
        self._gathered: list[Point] = []

    def add(self, point: Point) -> None:
        """Keep a point that is later than all before it."""
        with self._lock:
            self._recent.append(point)
            self._gathered.append(point)
            if point["time_ms"] - self._gathered[0]["time_ms"] >= STEP_MS:
                mean = _mean(self._gathered)
                self._gathered = []
                self._kept.append(mean)
                self._write(mean)

    def points(self) -> list[Point]:
        """Return what is kept, oldest first: a point ten seconds, lately each of them."""
        with self._lock:
            recent = list(self._recent)
            since_ms = recent[0]["time_ms"] if recent else math.inf
            return [point for point in self._kept if point["time_ms"] < since_ms] + recent

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write(self, point: Point) -> None:
        values = [math.nan if point[name] is None else point[name] for name in _FIELDS]  # type: ignore[literal-required]
        numbers = _NUMBERS.pack(point["time_ms"], *values)
        line = _LINE.pack(point["time_ms"], *values, zlib.crc32(numbers))
        try:
            os.pwrite(self._file, line, self._next * _LINE.size)
        except OSError:
            return  # A full disk is told by those that must write to it.
        self._next = (self._next + 1) % self._lines_max


def points_of(path: Path) -> list[Point]:
    """Return the points that a file holds, oldest first; none where there is no file.

    Whoever writes to it is not disturbed.

    Raises
    ------
    StorageError
        If the file is there and cannot be read.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return [point for _, point in _read(file, LINES_MAX)]
        finally:
            os.close(file)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(
            f"{path}: the page's history cannot be read: {error.strerror}; make it readable, or "
            "move it away"
        ) from error


def _read(file: int, lines_max: int) -> list[tuple[int, Point]]:
    """Return the points of a file with their places, the oldest first."""
    content = os.pread(file, lines_max * _LINE.size, 0)
    found = []
    for at in range(len(content) // _LINE.size):
        time_ms, *values, checksum = _LINE.unpack_from(content, at * _LINE.size)
        if time_ms > 0 and zlib.crc32(_NUMBERS.pack(time_ms, *values)) == checksum:
            known = (None if math.isnan(value) else value for value in values)
            found.append((at, Point(time_ms=time_ms, **dict(zip(_FIELDS, known, strict=True)))))  # type: ignore[typeddict-item]
    return sorted(found, key=lambda each: each[1]["time_ms"])


def _mean(points: list[Point]) -> Point:
    """Return the mean of points; of percentiles the greatest, which a mean would hide."""
    means: dict[str, float | None] = {}
    for name in _FIELDS:
        known = [point[name] for point in points if point[name] is not None]  # type: ignore[literal-required]
        whole = max(known, default=None) if name.endswith("_ms") else None
        means[name] = whole if name.endswith("_ms") else sum(known) / len(known) if known else None
    return Point(time_ms=points[-1]["time_ms"], **means)  # type: ignore[typeddict-item]
