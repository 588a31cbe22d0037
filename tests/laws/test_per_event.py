"""Between poll and publish no Python runs for an event, and no object is made for one."""

from functools import partial
from itertools import repeat

import numba
import pytest
from checks.allocations import blocks
from checks.bytecode import instructions

from benchmarks.bench_stages import Stages

FEW, MANY = 128, 1024
SILENT = {
    "topics": {"decisions": ""},
    "decision": {"review": 1.0, "block": 1.0},
    "worker": {"batch_rows_max": MANY},
}
# What a batch of any size may take more or less: rings are cut where they end, lists grow.
SLACK = 300

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="uncompiled, all of it is Python"),
]


def test_instructions_are_counted():
    def work(n):
        for _ in range(n):
            pass

    assert instructions(lambda: work(1000)) - instructions(lambda: work(10)) >= 990


def test_blocks_are_counted():
    kept = []
    few = blocks(lambda: kept.append([object() for _ in repeat(None, 10)]))
    many = blocks(lambda: kept.append([object() for _ in repeat(None, 1010)]))
    assert 1000 <= many - few < 1100


@pytest.fixture(scope="module")
def job():
    """A job that is warm.

    An alert has headers, made in Python, and so is what is learned once a second of event
    time: here are no alerts, and few seconds.
    """
    job = Stages(20_000, 1, per_s=10_000, more=SILENT)
    for _ in range(3):
        for n in (FEW, MANY):
            job.pay(n)
            job.label(n)
    return job


@pytest.mark.parametrize("count", [instructions, blocks])
@pytest.mark.parametrize("take", [Stages.payments, Stages.labels])
def test_a_greater_batch_takes_no_more(job, take, count):
    few, many = (min(count(partial(job.work, take(job, n))) for _ in range(3)) for n in (FEW, MANY))
    print(take.__name__, count.__name__, few, many)
    assert abs(many - few) < SLACK
