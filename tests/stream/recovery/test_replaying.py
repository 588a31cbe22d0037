"""Whatever order records are read in again, they come out in the journal's batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from seeds import seeds

from schemas.errors import RecoveryError
from stream.recovery.journal import Entry, Kind
from stream.recovery.replaying import Replaying
from stream.recovery.runs import Run, runs_of

TOPICS = {Kind.TRANSACTIONS: "in", Kind.LABELS: "labels"}


@dataclass(frozen=True)
class Record:
    where: tuple[str, int, int]

    def topic(self):
        return self.where[0]

    def partition(self):
        return self.where[1]

    def offset(self):
        return self.where[2]


def entry(kind, step, places):
    columns = np.array(places, np.int64).reshape(-1, 2).T
    return Entry(kind, step, 1000 + step, 0, runs_of(columns[0], columns[1]))


def random_history(rng):
    """Make topics with holes, and batches as a worker took them."""
    logs = {
        (topic, p): np.cumsum(rng.choice([1, 1, 1, 1, 3], 80)).tolist()
        for topic in TOPICS.values()
        for p in range(3)
    }
    positions = {place: int(rng.integers(0, 20)) for place in logs}
    first = positions.copy()
    batches, entries = [], []
    for _ in range(14):
        kind = Kind(int(rng.random() < 0.3))
        taken = []
        for _ in range(int(rng.integers(1, 5))):
            place = TOPICS[kind], int(rng.integers(0, 3))
            if rng.random() < 0.03:
                positions[place] += 2  # Another worker had it for a while.
            at = positions[place]
            taken += [(place[1], offset) for offset in logs[place][at : at + 3]]
            positions[place] = min(at + 3, len(logs[place]))
        if taken:
            batches.append([(TOPICS[kind], *each) for each in taken])
            entries.append(entry(kind, len(batches), taken))
    return logs, first, batches, entries


@seeds(100)
def test_batches_come_out_as_they_were_taken(seed):
    rng = np.random.default_rng(seed)
    logs, first, batches, entries = random_history(rng)
    replaying = Replaying(entries, TOPICS)
    for place, at in replaying.first.items():
        assert at >= logs[place][first[place]]
    queues = {
        place: [Record((*place, at)) for at in log if at >= replaying.first.get(place, 0)]
        for place, log in logs.items()
    }
    out = []
    while any(queues.values()):
        queue = queues[list(queues)[int(rng.integers(0, len(queues)))]]
        n = int(rng.integers(0, 6))
        replaying.feed(queue[:n])
        del queue[:n]
        for each, records in replaying.ready():
            out.append([record.where for record in records])
            assert each is entries[len(out) - 1]
    assert out == batches
    assert replaying.done


def test_a_record_that_is_gone_is_named():
    replaying = Replaying([entry(Kind.TRANSACTIONS, 1, [(0, 5), (0, 6), (0, 7)])], TOPICS)
    replaying.feed([Record(("in", 0, 5)), Record(("in", 0, 7))])
    with pytest.raises(RecoveryError, match=r"record 6 of in\[0\].*no longer there"):
        list(replaying.ready())


def test_nothing_comes_out_before_all_that_came_before_it():
    replaying = Replaying(
        [entry(Kind.TRANSACTIONS, 1, [(0, 5)]), entry(Kind.LABELS, 2, [(0, 1)])], TOPICS
    )
    replaying.feed([Record(("labels", 0, 1))])
    assert list(replaying.ready()) == []
    assert not replaying.done
    replaying.feed([Record(("in", 0, 5)), Record(("in", 0, 6)), Record(("in", 1, 1))])
    assert [each.step for each, _ in replaying.ready()] == [1, 2]
    assert replaying.done
    assert replaying.behind == {("in", 0): 6, ("labels", 0): 2}


def test_no_entries_need_nothing():
    replaying = Replaying([], TOPICS)
    assert replaying.done
    assert (replaying.first, replaying.behind) == ({}, {})


def test_interleaved_runs_of_one_partition_keep_their_order():
    runs = (Run(0, 1, 1), Run(1, 4, 1), Run(0, 2, 1))
    replaying = Replaying([Entry(Kind.TRANSACTIONS, 1, 0, 0, runs)], TOPICS)
    replaying.feed([Record(("in", 0, 1)), Record(("in", 0, 2)), Record(("in", 1, 4))])
    ((_, records),) = replaying.ready()
    assert [record.where[1:] for record in records] == [(0, 1), (1, 4), (0, 2)]
