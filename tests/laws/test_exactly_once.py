"""Law e in transactions: readers of committed records see each output once, all, in order."""

from __future__ import annotations

from collections import Counter

import pytest
from fault_log import injects, repeats, seen
from seeds import seeds
from sim import ALERTS, DEAD, DECISIONS, DRIFT, REVIEWS, SETTINGS, World, send_traffic
from simulated.lives import live_and_die, without_deaths
from simulated.outputs import alerted, missing, unlike

PAYMENTS = 150


@injects(
    "simulated: a worker in transactions killed at any of its points; requests, their answers "
    "and acknowledgements lost; requests of the dead that arrive late",
    "readers of committed records see every output once and in order, and the state is, bit for "
    "bit, as without any of it; then all is committed",
)
@seeds(7, known=((5, "a record of a transaction that had failed ended the process"),))
def test_each_output_is_committed_once_and_in_order(seed, tmp_path):
    setting = list(SETTINGS)[seed % len(SETTINGS)]
    world = World(seed, tmp_path / "disk", exactly_once=True, setting=setting)
    send_traffic(world, PAYMENTS)
    last = live_and_die(world, int(world.rng.integers(1, 8)))
    reference, other = without_deaths(world, tmp_path / "other")
    faults = world.deaths + len(world.failures)
    seen(faults, PAYMENTS, missing(world, other), repeats(alerted(world)))
    for topic in (ALERTS, DECISIONS, DEAD, REVIEWS, DRIFT):
        assert unlike(world, other, topic) == []
    assert last.state() == reference.state()
    last.bury()


@pytest.mark.slow
def test_transactions_end_in_every_way(tmp_path):
    """What the law says is said of worlds in which all of it happens."""
    passed, why, ended, unknown = set(), Counter(), Counter(), 0
    for seed in range(8):
        world = World(seed, tmp_path / str(seed), exactly_once=True)
        send_traffic(world, PAYMENTS)
        live_and_die(world, 5).bury()
        passed |= set(world.passed)
        why.update(type(error).__name__ for error in world.failures)
        unknown += sum("not known" in str(error) for error in world.failures)
        coordinator = world.broker.transactions
        ended.update(
            committed=coordinator.n_committed,
            aborted=coordinator.n_aborted,
            expired=coordinator.n_expired,
            fenced=coordinator.n_fenced,
        )
    print(why, unknown, ended)
    assert why.keys() >= {"TransactionError", "FencedError"}
    assert unknown > 0
    assert min(ended.values()) > 0
    assert passed >= {
        *("transactions begin", "others are fenced off", "publish", "flushed"),
        *("before offsets", "after offsets", "before commit", "after commit"),
        *("before abort", "after abort", "replay", "tail"),
    }
