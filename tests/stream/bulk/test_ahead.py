"""A replay whose rows others read ahead says what it says alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from inputs.bulk_streams import Here, write_config, write_rows
from seeds import seeds

from schemas.errors import InputFileError
from stream.bulk import ahead
from stream.bulk.ahead import read_ahead
from stream.files.inputs import open_file
from stream.offline.playback import REPLAY_HASH_KEY
from stream.replay import Replay, ReplayOutputs

pytest.importorskip("duckdb", reason="DuckDB ([offline]) is missing: bulk history NOT tested")
pytest.importorskip("pyarrow", reason="PyArrow is missing: bulk history NOT tested")

TIMING = ("seconds", "cpu_s", "compile_s", "events_per_s", "model_costs")


@seeds(3)
@pytest.mark.parametrize("block_rows", [1, 37, 4096])
def test_blocks_are_those_of_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_rows: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(ahead, "_RANGE_ROWS", int(rng.integers(1, 120)))
    path, config = tmp_path / "x.parquet", write_config(tmp_path / "x.toml")
    write_rows(path, rng, int(rng.integers(60, 400)))
    alone = open_file(path, config, REPLAY_HASH_KEY, block_rows)
    many = read_ahead(path, config, REPLAY_HASH_KEY, block_rows, Here(), 3)
    assert list(many.blocks) == list(alone.blocks)
    assert many.rows == alone.rows


def test_a_replay_that_learns_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_RANGE_ROWS", 100)
    path, config = tmp_path / "x.parquet", write_config(tmp_path / "x.toml")
    write_rows(path, np.random.default_rng(5), 900)

    def replayed(folder: Path, opened: bool) -> tuple[bytes, bytes, dict[str, object]]:
        folder.mkdir()
        outputs = ReplayOutputs(alerts=folder / "a.jsonl", features=folder / "t.csv")
        many = read_ahead(path, config, REPLAY_HASH_KEY, 256, Here(), 2) if opened else None
        report = Replay(path, config, outputs, opened=many).run()
        told = {name: value for name, value in report.items() if name not in TIMING}
        return (folder / "a.jsonl").read_bytes(), (folder / "t.csv").read_bytes(), told

    alone = replayed(tmp_path / "one", False)
    assert repr(replayed(tmp_path / "many", True)) == repr(alone)
    assert alone[2]["labels_learned"]


def test_no_more_is_read_ahead_than_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "_RANGE_ROWS", 10)
    path, config = tmp_path / "x.parquet", write_config(tmp_path / "x.toml")
    write_rows(path, np.random.default_rng(5), 200)
    called = []

    class Counted(Here):
        def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
            called.append(args)
            return super().submit(fn, *args, **kwargs)

    blocks = read_ahead(path, config, REPLAY_HASH_KEY, 10, Counted(), 2).blocks
    for taken in range(1, 6):
        next(blocks)
        assert len(called) <= taken + 4


def test_only_parquet_is_read_ahead(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a\n1\n")
    with pytest.raises(InputFileError, match=r"only Parquet.*--processes 1"):
        read_ahead(path, write_config(tmp_path / "x.toml"), REPLAY_HASH_KEY, 10, Here(), 2)
