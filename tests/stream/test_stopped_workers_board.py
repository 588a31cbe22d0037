"""What a stopped worker left, as a board: what its running page would have shown of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from workers.left_behind import KEY, PAYMENTS, WRITTEN_S, LeftBehind, left_behind, past_beside

from schemas.errors import ConfigError, SnapshotError
from stream.monitor.merging import Merged
from stream.page.board import Board
from stream.page.distributions_shown import drift_shown
from stream.page.encoding import encoded
from stream.page.quality_shown import contenders_shown, quality_shown
from stream.snapshots.folder import SnapshotFolder
from stream.stopped_workers_board import Left, left_by


@pytest.fixture(scope="module")
def stood(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LeftBehind]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRAUD_SECURITY__HASH_KEY", KEY)
        patch.delenv("FRAUD_SECURITY__SNAPSHOT_KEY", raising=False)
        yield left_behind(tmp_path_factory.mktemp("stood"))


@pytest.fixture(scope="module")
def left(stood: LeftBehind) -> Left:
    return left_by(stood.config)


def test_drift_and_quality_are_those_of_the_engine(stood: LeftBehind, left: Left) -> None:
    monitor, board = stood.engine.monitor, left.board
    assert monitor is not None
    merged = Merged([monitor.features]), Merged([monitor.scores])
    assert board["drift"] == drift_shown(30_000_000, *merged)
    assert board["drift"]["features"][0]["drifted"]
    watermark_us = stood.engine.clock.watermark_us
    expected = quality_shown(monitor.quality, 10_000_000, watermark_us, 0.0, 0.5)
    review = stood.config.decision.review
    assert board["quality"] == {**expected, "review_threshold": review, "budget_per_day": None}
    assert sum(each["decisions"] for each in board["quality"]["windows"]) == PAYMENTS
    assert board["quality"]["reliability"]


def test_models_are_judged_as_they_were_by_their_slots(stood: LeftBehind, left: Left) -> None:
    rows = left.board["contenders"]
    expected = contenders_shown([stood.engine.contenders], [(0, "champion"), (1, "second")])
    for own, of_engine in zip(rows, expected, strict=True):
        assert {**own, "predict_us": None} == {**of_engine, "predict_us": None}
    assert rows[0]["judged"] > 100
    assert left.board["about"]["ready"]


def test_what_only_a_running_worker_knows_is_not_made_up(left: Left) -> None:
    traffic = left.board["traffic"]
    assert traffic["totals"]["decisions"] == PAYMENTS
    assert [traffic["records_per_s"], traffic["lag_records"], traffic["p99_ms"]] == [None] * 3
    assert (left.board["alerts"], left.board["rules"]["shown"]) == ([], [])
    assert left.board["about"]["left"] == left.said == "snapshot 4"
    assert left.board["now_ms"] == 1000 * WRITTEN_S
    assert left.history == []
    # It is a board by its contract.
    decoded = msgspec.json.decode(encoded(left.board), type=Board)
    assert decoded["about"]["left"] == "snapshot 4"


def test_the_past_beside_it_is_read_and_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAUD_SECURITY__HASH_KEY", KEY)
    stood = left_behind(tmp_path)
    past_beside(tmp_path, points=30)
    files = sorted((tmp_path / "state").rglob("*"))
    before = {each: each.read_bytes() for each in files if each.is_file()}
    left = left_by(stood.config)
    times = [point["time_ms"] for point in left.history]
    assert len(times) == len(set(times)) >= 20
    assert times == sorted(times)
    assert left.board["now_ms"] == max(1000 * WRITTEN_S, times[-1])
    assert left.board["traffic"]["decisions_per_s"] == left.history[-1]["decisions_per_s"] > 0
    assert [each["text"] for each in left.board["markers"]] == ["a worker began"]
    assert left.board["about"]["started_ms"] == left.board["markers"][0]["time_ms"]
    assert {each: each.read_bytes() for each in before} == before
    assert sorted((tmp_path / "state").rglob("*")) == files
    # One whose snapshot is damaged says so.
    snapshot = SnapshotFolder(tmp_path / "state").path(4)
    snapshot.write_bytes(snapshot.read_bytes()[:-9])
    with pytest.raises(SnapshotError, match="none of its 1 snapshots can be used"):
        left_by(stood.config)


def test_without_a_snapshot_nothing_can_be_said(stood: LeftBehind, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    recovery = stood.config.recovery.model_copy(update={"folder": str(tmp_path / "state")})
    config = stood.config.model_copy(update={"recovery": recovery})
    with pytest.raises(ConfigError, match="holds no snapshot yet"):
        left_by(config)
