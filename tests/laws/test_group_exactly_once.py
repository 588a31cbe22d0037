"""Law e for a group in transactions: whoever has a partition, its outputs are committed once."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from fault_log import injects, repeats, seen
from seeds import seeds
from sim import ALERTS, DEAD, DECISIONS, DRIFT, REVIEWS
from simulated.groups import PAYMENTS, alone, every_record_was_taken_once, group_of
from simulated.outputs import DECISION, alerted, in_order, missing, said
from simulated.traffic import partition_of


def order_of(world):
    """The decisions of each input's partition, as they stand in each partition of the topic."""
    found = defaultdict(list)
    for place, records in in_order(world, DECISIONS).items():
        for _, value, _ in records:
            name = DECISION.decode(value)["transaction_id"]
            found[place, partition_of(name)].append(value)
    return found


@injects(
    "simulated group in transactions: workers killed at any of their points and paused beyond "
    "their session, others joining; requests and answers lost",
    "readers of committed records see every output once and in order, each record is in one state, "
    "once; all as if nothing had happened; then all is committed",
)
@seeds(3)
def test_a_group_commits_each_output_once(seed, tmp_path):
    world = group_of(seed, tmp_path, kills=3, pauses=4, exactly_once=True)
    other, states = alone(world, tmp_path / "other")
    faults = world.n_killed + world.n_paused + len(world.failures)
    seen(faults, PAYMENTS, missing(world, other), repeats(alerted(world)))
    every_record_was_taken_once(world)
    assert world.final == states
    for topic in (ALERTS, DECISIONS, DEAD, REVIEWS, DRIFT):
        assert Counter(said(world, topic)) == Counter(said(other, topic))
    assert order_of(world) == order_of(other)


@pytest.mark.slow
def test_those_that_were_paused_had_transactions_open(tmp_path):
    """What the law says is said of groups in which all of it happens."""
    why, ended = Counter(), Counter()
    for seed in range(3):
        world = group_of(seed, tmp_path / str(seed), kills=2, pauses=12, exactly_once=True)
        why.update(type(error).__name__ for error in world.failures)
        coordinator = world.broker.transactions
        ended.update(committed=coordinator.n_committed, expired=coordinator.n_expired)
    print(why, ended)
    assert why["TransactionError"] > 0
    assert min(ended.values()) > 0
