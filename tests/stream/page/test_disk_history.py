"""A history that outlives its worker, torn files included."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import StorageError
from stream.page.board import Point
from stream.page.disk_history import DiskHistory, points_of

START_MS = 1_700_000_000_000


def point(second: int, rate: float | None = 1.0) -> Point:
    return Point(
        time_ms=START_MS + 1000 * second,
        decisions_per_s=rate,
        alerts_per_s=None,
        lag_records=float(second),
        p50_ms=1.0,
        p99_ms=float(second % 10),
        p999_ms=None,
    )


def fill(history: DiskHistory, seconds: range) -> None:
    for second in seconds:
        history.add(point(second, rate=float(second)))


def test_every_second_lately_and_every_ten_before_the_last_start(tmp_path: Path) -> None:
    first = DiskHistory(tmp_path / "page" / "history")
    fill(first, range(100))
    assert [each["time_ms"] for each in first.points()][-3:] == [
        START_MS + 1000 * second for second in (97, 98, 99)
    ]
    first.close()
    second = DiskHistory(tmp_path / "page" / "history")
    kept = second.points()
    assert len(kept) == 9
    # The mean of a rate; of a percentile the greatest, which a mean would hide.
    assert kept[0]["decisions_per_s"] == 5.0
    assert kept[0]["p99_ms"] == 9.0
    assert kept[0]["alerts_per_s"] is kept[0]["p999_ms"] is None
    second.add(point(200))
    assert [each["time_ms"] for each in second.points()] == [
        *(each["time_ms"] for each in kept),
        START_MS + 200_000,
    ]
    second.close()


def test_the_file_goes_round_and_its_size_stays(tmp_path: Path) -> None:
    path = tmp_path / "history"
    for start in (0, 300):
        history = DiskHistory(path, lines_max=5)
        fill(history, range(start, start + 300))
        history.close()
        assert path.stat().st_size == 5 * 64
    last = DiskHistory(path, lines_max=5)
    times = [each["time_ms"] for each in last.points()]
    assert times == sorted(times)
    assert len(times) == 5
    assert times[-1] >= START_MS + 589_000
    last.close()


def test_a_line_that_is_torn_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "history"
    history = DiskHistory(path)
    fill(history, range(60))
    history.close()
    content = bytearray(path.read_bytes())
    content[70] ^= 1
    path.write_bytes(content[:-10])
    history = DiskHistory(path)
    assert len(history.points()) == len(content) // 64 - 2
    history.close()


def test_where_it_cannot_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("a file")
    with pytest.raises(StorageError, match=r"recovery\.folder"):
        DiskHistory(tmp_path / "page" / "history")


def test_a_file_is_read_while_its_worker_writes_and_after(tmp_path: Path) -> None:
    path = tmp_path / "page" / "history"
    assert points_of(path) == []
    assert not path.parent.exists()
    history = DiskHistory(path)
    fill(history, range(100))
    seen = points_of(path)
    history.close()
    again = DiskHistory(path)
    assert seen == points_of(path) == again.points()
    again.close()
    assert len(seen) == 9
    path.write_bytes(path.read_bytes()[:-70])
    assert points_of(path) == seen[:-2]


def test_what_is_there_and_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read"):
        points_of(tmp_path)
