"""Partitions are merged by their records' times, and each keeps its own order."""

import numba
import numpy as np
import pytest
from seeds import seeds

from stream.kafka.merge_by_time import by_time, reached
from stream.kafka.source import RawBatch, raw_batch


def batch_of(partition, offset, times):
    n = len(partition)
    columns = (np.array(column, np.int64) for column in (partition, offset, times))
    return RawBatch("t", list(range(n)), [b"%d" % i for i in range(n)], *columns, 7)


def plain_order(partition, times):
    """Take again and again the first record of the partition that has come least far."""
    latest, reached = {}, []
    for at, time in zip(partition, times, strict=True):
        latest[at] = max(latest.get(at, 0), time)
        reached.append(latest[at])
    queues = {at: [i for i, p in enumerate(partition) if p == at] for at in set(partition)}
    order = []
    while any(queues.values()):
        heads = [queue[0] for queue in queues.values() if queue]
        first = min(heads, key=lambda i: (reached[i], i))
        queues[partition[first]].remove(first)
        order.append(first)
    return order


@seeds(20)
def test_the_partition_that_is_behind_comes_first(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 60))
    partition = rng.integers(0, rng.integers(1, 6), n).tolist()
    times = np.sort(rng.integers(0, 30, n)) if rng.random() < 0.5 else rng.integers(0, 30, n)
    raw = batch_of(partition, range(n), times)
    merged, order = by_time(raw), plain_order(partition, times.tolist())
    assert merged.messages == order
    assert merged.values == [b"%d" % i for i in order]
    for name in ("partition", "offset", "arrival_time_us"):
        assert getattr(merged, name).tolist() == getattr(raw, name)[order].tolist()
    assert merged.next_offsets() == raw.next_offsets()
    assert (merged.topic, merged.now_ms) == ("t", 7)


def test_a_batch_in_order_is_the_same_batch():
    raw = batch_of([0, 1, 0], [4, 9, 5], [10, 10, 11])
    assert by_time(raw) is raw


def test_a_wild_time_moves_none_of_its_partition_ahead_of_another():
    raw = batch_of([0, 0, 1, 1], [0, 1, 0, 1], [50, 2, 3, 4])
    assert by_time(raw).messages == [2, 3, 0, 1]


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")
def test_an_empty_batch_compiles_what_others_need():
    assert len(by_time(raw_batch("t", [], 7))) == 0
    compiled = len(reached.overloads)
    by_time(batch_of([1, 0], [0, 0], [5, 4]))
    assert len(reached.overloads) == compiled == 1
