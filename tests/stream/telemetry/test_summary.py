from types import SimpleNamespace

from stream.telemetry.summary import summary
from stream.worker import WorkerStats


def test_a_worker_that_has_no_partition_has_counted_nothing():
    labels = SimpleNamespace(times=0)
    idle = SimpleNamespace(
        shards=[], stats=WorkerStats(), labels=labels, unacknowledged=0, online=None
    )
    report = summary(idle)
    for name in ("records", "decisions", "alerts", "labels", "dead_letters", "unacknowledged"):
        assert report[name] == 0
    assert report["partitions"] == {}
