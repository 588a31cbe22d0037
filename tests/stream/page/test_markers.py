"""What happened outlives the worker, and a damaged file is only a picture's loss."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stream.page.board import Marker
from stream.page.markers import KEPT_MAX, Markers


def marker(number: int, kind: str = "drift") -> Marker:
    return Marker(time_ms=number, event_ms=None, kind=kind, text=f"number {number}")


def test_the_latest_outlive_the_worker(tmp_path: Path) -> None:
    path = tmp_path / "markers.json"
    first = Markers(path)
    first.add(marker(-1, "policy"))
    for number in range(250):
        first.add(marker(number))
    again = Markers(path)
    assert again.shown() == first.shown()
    assert len(again.shown()) == 200
    assert again.last("drift") == "number 249"
    assert again.texts("drift") == {f"number {n}" for n in range(51, 250)}


def test_what_is_common_pushes_nothing_rare_out(tmp_path: Path) -> None:
    markers = Markers()
    for number in range(60):
        markers.add(marker(number, "promotion"))
    for number in range(60, 1000):
        markers.add(marker(number, "lists"))
    assert len(markers.shown()) == KEPT_MAX
    assert len(markers.texts("promotion")) == 60
    times = [each["time_ms"] for each in markers.shown()]
    assert times == sorted(times)
    assert markers.last("lists") == "number 999"
    assert markers.last("policy") is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"3", b"[1]", json.dumps([{**marker(1), "kind": "<b>"}]).encode(), b"\xff"],
)
def test_what_is_no_marker_is_left_out(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "markers.json"
    path.write_bytes(content)
    markers = Markers(path)
    assert markers.shown() == []
    markers.add(marker(1))
    assert Markers(path).shown() == [marker(1)]


def test_where_nothing_can_be_written_they_are_shown_all_the_same(tmp_path: Path) -> None:
    markers = Markers(tmp_path / "no folder" / "markers.json")
    markers.add(marker(1))
    assert markers.shown() == [marker(1)]
