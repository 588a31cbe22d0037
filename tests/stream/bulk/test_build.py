"""However many processes and shards there are: the bytes of the table are those of one process."""

from __future__ import annotations

import os
from concurrent.futures import BrokenExecutor, Executor, Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inputs.bulk_streams import Here, World, world_at_random, write_config, write_rows
from seeds import seeds

from schemas import containers
from schemas.errors import ConfigError, InputFileError, ProcessError
from stream.bulk import admission, build, shards
from stream.bulk.build import BulkBuild
from stream.bulk.processes import SpawnedProcesses
from stream.files import table_columns
from stream.files.rows import read_rows
from stream.replay import Replay, ReplayOutputs

pytest.importorskip("duckdb", reason="DuckDB ([offline]) is missing: bulk history NOT tested")
pytest.importorskip("pyarrow", reason="PyArrow is missing: bulk history NOT tested")

TIMING = ("seconds", "cpu_s", "compile_s", "events_per_s")
RANGES = (1, 2, 3, 7)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    # Here; processes of their own are told where their rows begin and end.
    monkeypatch.setattr(table_columns, "_PART_ROWS", 128)


def outputs_of(folder: Path, kind: str) -> ReplayOutputs:
    folder.mkdir(exist_ok=True)
    letters, table = folder / "letters.avro", folder / f"table.{kind}"
    return ReplayOutputs(dead_letters=letters, features=table, states=True)


def found(outputs: ReplayOutputs, report: dict[str, Any]) -> dict[str, Any]:
    """All that can be seen of a run from outside."""
    assert outputs.features is not None
    assert outputs.dead_letters is not None
    told = {name: value for name, value in report.items() if name not in (*TIMING, "shards")}
    letters = list(containers.records(outputs.dead_letters, 1))
    return {"table": outputs.features.read_bytes(), "letters": letters, **told}


def by_one(world: World, folder: Path, kind: str = "csv") -> dict[str, Any]:
    outputs = outputs_of(folder, kind)
    report = Replay(world.path, world.config, outputs, scoring=False).run()
    return found(outputs, report)


def by_many(
    world: World, folder: Path, ranges: int, executor: Executor, kind: str = "csv"
) -> dict[str, Any]:
    outputs = outputs_of(folder, kind)
    report = BulkBuild(world.path, world.config, outputs, ranges).run(executor)
    # Whatever it was made of is gone.
    assert outputs.features is not None
    assert sorted(each.name for each in folder.iterdir()) == ["letters.avro", outputs.features.name]
    return found(outputs, report)


def require_same(many: dict[str, Any], one: dict[str, Any]) -> None:
    for name, value in many.items():
        assert value == one[name], name


@seeds(3)
@pytest.mark.parametrize("ranges", RANGES)
def test_shards_change_nothing(tmp_path: Path, ranges: int, seed: int) -> None:
    world = world_at_random(tmp_path, seed)
    one = by_one(world, tmp_path / "one")
    require_same(by_many(world, tmp_path / "many", ranges, Here()), one)


@seeds(2)
@pytest.mark.parametrize("ranges", [1, 3])
def test_parquet_is_the_same_to_the_byte(tmp_path: Path, ranges: int, seed: int) -> None:
    world = world_at_random(tmp_path, seed)
    one = by_one(world, tmp_path / "one", "parquet")
    require_same(by_many(world, tmp_path / "many", ranges, Here(), "parquet"), one)


def hard(folder: Path, **sizes: Any) -> World:
    """A world in which all that can go wrong is there to go wrong."""
    path = folder / "payments.parquet"
    write_rows(path, np.random.default_rng(7), 1200)
    given = {"events_max": 250, "cards": 9, "batch_rows": 64} | sizes
    return World(path, write_config(folder / "world.toml", **given))


def test_the_hard_world_is_hard(tmp_path: Path) -> None:
    one = by_one(hard(tmp_path), tmp_path / "one")
    assert min(one[name] for name in ("late", "too_late", "duplicates", "evicted_live")) > 5
    assert len(one["dead_letters_by_reason"]) >= 5
    assert one["frauds"] > 50
    rows = list(read_rows(tmp_path / "one" / "table.csv", ["shop.frauds_1d", "card.speed_kmh"]))
    assert any(float(row["shop.frauds_1d"] or 0) > 0 for row in rows)
    # Every value state, or the comparison of states would be one of zeros.
    told = {row["state(card.count_1d)"] for row in rows}
    assert told == {"0", "1", "2", "3"}


def test_processes_of_their_own_change_nothing(tmp_path: Path) -> None:
    world = hard(tmp_path)
    for kind in ("csv", "parquet"):
        one = by_one(world, tmp_path / f"one-{kind}", kind)
        with SpawnedProcesses(2) as executor:
            many = by_many(world, tmp_path / f"many-{kind}", 2, executor, kind)
        require_same(many, one)


def require_nothing_left(folder: Path, world: World, executor: Executor, error: type) -> str:
    """A build that fails leaves what was there, and nothing else; return what is said."""
    folder.mkdir()
    table = folder / "table.parquet"
    table.write_text("as it was")
    with pytest.raises(error) as raised:
        BulkBuild(world.path, world.config, ReplayOutputs(features=table), 2).run(executor)
    assert [each.name for each in folder.iterdir()] == [table.name]
    assert table.read_text() == "as it was"
    return str(raised.value)


def test_a_file_that_is_damaged_in_the_middle_is_an_error_of_the_file(tmp_path: Path) -> None:
    world = hard(tmp_path)
    whole = bytearray(world.path.read_bytes())
    # The footer, which says how many rows there are, is as it was.
    whole[4 : len(whole) // 2] = b"\xff" * (len(whole) // 2 - 4)
    world.path.write_bytes(whole)
    with SpawnedProcesses(2) as executor:
        said = require_nothing_left(tmp_path / "out", world, executor, InputFileError)
    assert "cannot be read" in said


@pytest.mark.parametrize("step", ["read_part", "features_of_shard", "table_part"])
def test_a_disk_that_is_full_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Full(Here):
        calls = 0

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            if fn.__name__ != step:
                return super().submit(fn, *args, **kwargs)
            self.calls += 1
            if self.calls == 2:
                return super().submit(os.mkdir, "/dev/null/x")
            return super().submit(fn, *args, **kwargs)

    require_nothing_left(tmp_path / "out", hard(tmp_path), Full(), OSError)


def test_processes_of_a_strange_executor_that_die_are_one_error(tmp_path: Path) -> None:
    class Broken(Here):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            future: Future[Any] = Future()
            future.set_exception(BrokenExecutor("a process is gone"))
            return future

    said = require_nothing_left(tmp_path / "out", hard(tmp_path), Broken(), ProcessError)
    assert "a process is gone" in said


@pytest.mark.parametrize(
    ("names", "status", "text"),
    [
        (("card.count_1h", "at_fraud(card, card.count_1h)"), ConfigError, "--processes 1"),
        (("card.count_1h",), InputFileError, "no such file"),
    ],
)
def test_what_cannot_be_built_is_refused_at_once(
    tmp_path: Path, names: tuple[str, ...], status: type, text: str
) -> None:
    world = hard(tmp_path, names=names)
    path = world.path if status is ConfigError else tmp_path / "no.parquet"
    with pytest.raises(status, match=text):
        BulkBuild(path, world.config, ReplayOutputs(features=tmp_path / "x.csv"))


def own_too_little(monkeypatch: pytest.MonkeyPatch) -> None:
    owns = shards.Shard.owns

    def wrong(self: shards.Shard, batch: Any) -> Any:
        return owns(self, batch) & (batch.amount_minor % 50 != 0)

    monkeypatch.setattr(shards.Shard, "owns", wrong)


def see_no_eviction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build._Work, "_full", lambda self: [])


def give_no_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission._Noted, "mark", lambda *_: None)


def give_verdicts_late(monkeypatch: pytest.MonkeyPatch) -> None:
    mark = admission._Noted.mark

    def late(self: Any, *given: Any) -> None:
        self.arrived += 20
        mark(self, *given)
        self.arrived -= 20

    monkeypatch.setattr(admission._Noted, "mark", late)


def count_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    observe = admission._Noted.observe

    def all_that_can_be_read(self: Any, batch: Any, take: Any) -> Any:
        return observe(self, batch, batch.reason == 0)

    monkeypatch.setattr(admission._Noted, "observe", all_that_can_be_read)


def forget_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    init = shards._Run.__init__

    def alone(self: Any, *given: Any) -> None:
        init(self, *given)
        self._alone = self._shard.of > 1
        self._own = np.full(self._task.events, -1, np.int64)

    monkeypatch.setattr(shards._Run, "__init__", alone)


def share_what_all_verdicts_say(monkeypatch: pytest.MonkeyPatch) -> None:
    divide = shards.shards_of

    def too_fine(features: Any, ranges: int, full: Any) -> Any:
        found = divide(features, ranges, full)
        return (
            [
                shards.Shard(i * ranges + at, each.features, each.entity, at, ranges)
                for i, each in enumerate(found)
                for at in range(ranges)
            ]
            if all(each.of == 1 for each in found)
            else found
        )

    monkeypatch.setattr(build, "shards_of", too_fine)


@pytest.mark.parametrize(
    ("break_it", "sizes"),
    [
        # Where there is room for all cards, they are divided.
        (own_too_little, {"cards": 10_000}),
        (see_no_eviction, {}),
        (give_no_verdicts, {}),
        (give_verdicts_late, {}),
        (count_repeats, {}),
        (forget_nothing, {"cards": 10_000}),
        (share_what_all_verdicts_say, {"names": ("card.count_1d", "shop.known_fraud_odds_1d")}),
    ],
)
def test_what_must_not_be_left_out_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, break_it: Any, sizes: dict[str, Any]
) -> None:
    """Each of them broken, the comparison above fails."""
    world = hard(tmp_path, **sizes)
    one = by_one(world, tmp_path / "one")
    require_same(by_many(world, tmp_path / "right", 3, Here()), one)
    break_it(monkeypatch)
    try:
        wrong = by_many(world, tmp_path / "wrong", 3, Here())
    except (IndexError, ValueError):
        return
    assert wrong["table"] != one["table"]
