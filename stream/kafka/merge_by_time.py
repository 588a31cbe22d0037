"""Records of several partitions in one order: the one that is behind is taken first.

A consumer that has fallen behind is given some hundred records of one partition, then some
hundred of the next. What a merchant or a device did in other partitions meanwhile would come to
its features late, and out of order. Kafka Streams chooses the next record in the same way.
"""

from __future__ import annotations

import numpy as np
from numba import int64

from schemas.jit import kernel
from stream.kafka.source import RawBatch
from stream.short_arrays import every


@kernel
def reached(partitions, times, latest, keys):
    """Write how far the partition of each record had come; `latest` has one place for each."""
    for row in range(partitions.shape[0]):
        partition = partitions[row]
        latest[partition] = max(latest[partition], times[row])
        keys[row] = int64(latest[partition])


def by_time(raw: RawBatch) -> RawBatch:
    """Merge the partitions of a batch by their records' times of arrival.

    Records of one partition stay in their order, whatever their times. A function of the batch
    alone, so that a replay of it gives the same.
    """
    keys = np.empty(len(raw), np.int64)
    latest = np.zeros(int(raw.partition.max(initial=-1)) + 1, np.int64)
    reached(raw.partition, raw.arrival_time_us, latest, keys)
    if every(keys[1:] >= keys[:-1]):
        return raw
    return raw.at(np.argsort(keys, kind="stable"))
