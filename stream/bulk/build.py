"""The training table of a Parquet file, by as many processes as there are.

Four steps. Parts of the file are read and decoded, each by itself. One pass over all rows, in
order, decides which of them count. Shards compute their features. The parts of the table are
put together, each by itself, and joined. What one process would have written is written, byte
for byte; `tests/stream/bulk/test_build.py` compares.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, BrokenExecutor, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from schemas import containers
from schemas.columns import Reason
from schemas.errors import ConfigError, InputFileError, ProcessError
from schemas.records import builtin
from stream.bulk.admission import Admission
from stream.bulk.key_counts import KeyCount
from stream.bulk.parts import Entity, PartRead, ReadPart, ranges, read_part
from stream.bulk.processes import SpawnedProcesses
from stream.bulk.shards import Shard, ShardTask, by_entity, features_of_shard, shards_of, unsplit
from stream.bulk.table import TableTask, table_part
from stream.config.configuration import Config
from stream.files.dead_letters import dead_letter
from stream.files.feature_table import finish_table, part_path, table_folder
from stream.files.inputs import row_kind
from stream.files.rows import count_rows
from stream.files.table_columns import TableShape
from stream.offline.playback import REPLAY_HASH_KEY
from stream.replay import ReplayOutputs, check_outputs

_T = TypeVar("_T")
# What is done, how much of it, and how much there is.
Progress = Callable[[str, int, int], None]
_READING, _FEATURES, _TABLE = "reading", "features", "table"


@dataclass
class _Found:
    """What is known so far."""

    cpu_s: float = 0.0
    dead_letters: dict[str, int] = field(default_factory=dict)
    evicted_live: int = 0


class BulkBuild:
    """One table of one Parquet file.

    Parameters
    ----------
    path : Path
    config : Config
    outputs : ReplayOutputs
        With a table; alerts there are none.
    ranges : int
        Into how many shards each entity type is divided. It changes nothing but the time taken.

    Raises
    ------
    ConfigError
        If the table cannot be written there, or its features cannot be computed by shards.
    InputFileError
        If it is no Parquet file, or cannot be read.
    """

    def __init__(self, path: Path, config: Config, outputs: ReplayOutputs, ranges: int = 1) -> None:
        if outputs.features is None:
            raise ValueError("no table was asked for")
        check_outputs(path, outputs)
        if not path.is_file():
            raise InputFileError(f"{path}: no such file")
        if path.suffix.lower() != ".parquet":
            raise InputFileError(
                f"{path}: only Parquet is read by several processes: write it as Parquet, or use "
                "--processes 1"
            )
        self.path = path.absolute()
        self.table = outputs.features.absolute()
        self.outputs = outputs
        self.config = config
        self.ranges = ranges
        self.rows = count_rows(path) or 0
        self._parameters = config.engine_parameters(REPLAY_HASH_KEY)
        features = self._parameters.features
        if why := unsplit(features):
            raise ConfigError(f"features.names: {why}: use --processes 1")
        truth = bool(config.replay.label)
        self.shape = TableShape(features.names, features.minor_per_unit, truth, outputs.states)
        self.shape.check_names(self.table)

    def run(self, executor: Executor, on_progress: Progress | None = None) -> dict[str, Any]:
        """Build the table.

        Parameters
        ----------
        executor : Executor
            Calls functions in processes that see the same files as this one: of this machine
            (`stream.bulk.processes.SpawnedProcesses`), or of a cluster with a shared disk.
        on_progress : callable, optional
            Told what is done, how many rows or shards of it, and how many there are.

        Returns
        -------
        dict
            The report.

        Raises
        ------
        ProcessError
            If a process died; there is no table then, and what was there before is unchanged.
        """
        tell = on_progress or (lambda *_: None)
        try:
            with table_folder(self.table) as folder:
                return _Work(self, folder, executor, tell).run()
        except BrokenExecutor as error:  # Of an executor that is not ours.
            text = f"a process of the build ended before it was done: {error}"
            raise ProcessError(text) from error


class _Work:
    """The steps of one build, in one folder."""

    def __init__(self, build: BulkBuild, folder: Path, executor: Executor, tell: Progress) -> None:
        self._build = build
        self._folder = folder
        self._executor = executor
        self._tell = tell
        self._parameters = build._parameters
        features = self._parameters.features
        kind = row_kind(build.config)
        self._ranges = ranges(build.path, kind, build.rows, build.shape.part_rows)
        entities = [entity for entity in by_entity(features) if entity]
        # Who must go when a type is full depends on all its entities: see whether any must.
        rooms = self._parameters.capacities
        self._keys = {
            entity: KeyCount(rooms.get("+".join(entity), self._parameters.entities_max))
            for entity in (entities if build.ranges > 1 else ())
        }
        self._admission = Admission(build.config, folder)
        self._found = _Found()

    def run(self) -> dict[str, Any]:
        """Do all steps."""
        began, cpu = time.perf_counter(), time.process_time()
        self._read()
        shards = self._compute()
        self._write(shards)
        own_cpu = time.process_time() - cpu
        return self._report(shards, time.perf_counter() - began, own_cpu + self._found.cpu_s)

    def _read(self) -> None:
        """Read the parts; decide of each as soon as those before it are decided."""
        outputs = self._build.outputs
        letters = self._letters()
        if outputs.dead_letters is not None:
            containers.write(outputs.dead_letters, builtin("dead_letter"), letters)
        else:
            for _ in letters:
                pass
        self._admission.finish()

    def _letters(self) -> Iterator[dict[str, Any]]:
        limits = self._build.config.limits.limits()
        inputs = self._parameters.features.inputs
        futures = [
            self._executor.submit(
                read_part,
                ReadPart(
                    rows, number, self._folder, REPLAY_HASH_KEY, limits, inputs, tuple(self._keys)
                ),
            )
            for number, rows in enumerate(self._ranges)
        ]
        self._tell(_READING, 0, self._build.rows)
        with self._ending(futures):
            for future in futures:
                read: PartRead = future.result()
                self._found.cpu_s += read.cpu_s
                for count, keys in zip(self._keys.values(), read.keys, strict=True):
                    count.add(keys)
                for row, reason, value in self._admission.take(read.number):
                    self._count(reason)
                    yield dead_letter(self._build.path.name, row, reason, value)
                self._tell(_READING, self._admission.playback.rows, self._build.rows)

    def _count(self, reason: Reason) -> None:
        letters, name = self._found.dead_letters, reason.name.lower()
        letters[name] = letters.get(name, 0) + 1

    def _full(self) -> list[Entity]:
        """Return the entities of which more were seen than there is room for."""
        for count in self._keys.values():
            # The refused have no keys here; the late and the repeated do: rather too many.
            count.settle()
        return [entity for entity, count in self._keys.items() if count.exceeded]

    def _compute(self) -> list[Shard]:
        parameters = self._parameters
        shards = shards_of(parameters.features, self._build.ranges, self._full())
        tasks = [
            ShardTask(
                shard,
                self._folder,
                len(self._ranges),
                self._admission.events,
                parameters.events_max,
                parameters.entities_max,
                dict(parameters.capacities),
                parameters.batch_rows_max,
                REPLAY_HASH_KEY,
                self._build.outputs.states,
            )
            for shard in shards
        ]
        for done in self._each(_FEATURES, features_of_shard, tasks):
            self._found.cpu_s += done.cpu_s
            self._found.evicted_live += done.evicted_live
        return shards

    def _write(self, shards: Sequence[Shard]) -> None:
        build, parameters = self._build, self._parameters
        tasks = [
            TableTask(
                number,
                self._folder,
                part_path(self._folder, number, build.table),
                build.shape,
                parameters.features,
                tuple(shards),
                parameters.batch_rows_max,
                REPLAY_HASH_KEY,
            )
            for number in range(len(self._ranges))
        ]
        for cpu_s in self._each(_TABLE, table_part, tasks):
            self._found.cpu_s += cpu_s
        finish_table([task.path for task in tasks], build.table, build.shape, self._folder)

    def _each(
        self, what: str, function: Callable[[Any], _T], tasks: Sequence[object]
    ) -> Iterator[_T]:
        """Do tasks of one kind, in any order; yield what each found, in theirs."""
        futures = [self._executor.submit(function, task) for task in tasks]
        self._tell(what, 0, len(futures))
        with self._ending(futures):
            rest = set(futures)
            while rest:
                done, rest = wait(rest, return_when=FIRST_EXCEPTION, timeout=0.2)
                for future in done:
                    future.result()
                self._tell(what, len(futures) - len(rest), len(futures))
            yield from (future.result() for future in futures)

    @contextmanager
    def _ending(self, futures: Sequence[Future[Any]]) -> Iterator[None]:
        """If anything fails, see that nobody writes any more into the folder, which goes."""
        try:
            yield
        except BaseException:
            for future in futures:
                future.cancel()
            if isinstance(self._executor, SpawnedProcesses):
                self._executor.stop()
            else:
                wait(futures)
            raise

    def _report(self, shards: Sequence[Shard], seconds: float, cpu_s: float) -> dict[str, Any]:
        counters, playback = self._admission.engine.counters, self._admission.playback
        found = self._found
        return {
            "file": self._build.path.name,
            "events": playback.rows,
            "frauds": self._admission.frauds,
            "labels_refused": sum(playback.labels_refused.values()),
            "labels_refused_by_reason": playback.labels_refused,
            "labels_not_yet_due": playback.labels_not_yet_due,
            "dead_letters": sum(found.dead_letters.values()),
            "dead_letters_by_reason": found.dead_letters,
            "late": counters.late,
            "too_late": counters.too_late,
            "duplicates": counters.duplicates,
            "evicted_live": found.evicted_live,
            "shards": [shard.name for shard in shards],
            "seconds": round(seconds, 2),
            "cpu_s": round(cpu_s, 2),
            "events_per_s": round(playback.rows / seconds, 1) if seconds else 0.0,
        }
