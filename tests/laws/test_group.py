"""Law e for a group: whoever has a partition goes on as if there had never been another."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from fault_log import injects, seen
from seeds import seeds
from sim import ALERTS, DECISIONS
from simulated.groups import (
    PAYMENTS,
    alone,
    every_record_was_taken_once,
    group_of,
    own_examples,
)
from simulated.outputs import decided, missing, said
from simulated.setting import MODEL_VERSIONS, SHARED, TRAINING, parts

from models.states.snapshot import pack, unpack


def alerts_of(world):
    found = {}
    for key, value, headers in said(world, ALERTS):
        found.setdefault(dict(headers)["ce_id"], []).append((key, value, headers))
    return found


def note(world, other):
    """Count what is missing beside partitions that nobody took over, and what came again."""
    repeated = sum(len(each) - 1 for each in alerts_of(world).values())
    seen(world.n_killed + world.n_paused, PAYMENTS, missing(world, other), repeated)


@injects(
    "simulated group: workers killed at any of their points, others joining",
    "each record in one state, once; no payment lost, no alert twice; all as if nobody had died",
)
@seeds(3)
def test_workers_that_die_leave_no_trace(seed, tmp_path):
    world = group_of(seed, tmp_path, kills=4, pauses=0)
    other, states = alone(world, tmp_path / "other")
    note(world, other)
    every_record_was_taken_once(world)
    assert world.final == states
    ours, theirs = alerts_of(world), alerts_of(other)
    assert {len(each) for each in ours.values()} <= {1}
    assert ours == theirs
    assert set(said(world, DECISIONS)) == set(said(other, DECISIONS))


@injects(
    "simulated group: workers paused beyond their session, and one killed",
    "each record in one state, once; no payment lost; who was paused may repeat its last batch, "
    "under the same ids",
)
@seeds(3, known=((1239627215, "paused while it took a partition up, it called it damaged"),))
def test_a_worker_that_was_paused_changes_nothing_that_counts(seed, tmp_path):
    world = group_of(seed, tmp_path, kills=1, pauses=5)
    other, states = alone(world, tmp_path / "other")
    note(world, other)
    every_record_was_taken_once(world)
    assert world.final == states
    # What it had taken when it was paused it can still say: under the same ids.
    assert alerts_of(other).keys() <= alerts_of(world).keys()
    assert decided(world) == decided(other)


@injects(
    "simulated group: workers killed, others joining, while partitions tell each other of payments",
    "each told payment is heard of once by every other partition; all as if nobody had died",
)
@pytest.mark.parametrize("exactly_once", [False, True])
@seeds(2)
def test_what_partitions_tell_each_other_survives_deaths(seed, exactly_once, tmp_path):
    world = group_of(seed, tmp_path, 4, 0, exactly_once=exactly_once, setting="shared")
    other, states = alone(world, tmp_path / "other")
    note(world, other)
    every_record_was_taken_once(world)
    assert world.final == states
    assert set(said(world, DECISIONS)) == set(said(other, DECISIONS))
    # A partition's payments as the others tell of them, and as they were decided.
    taken = {partition: set() for partition in world.histories}
    for partition, offsets in told(world):
        taken[partition].update(offsets)
    codec = parts("shared")[2].decision
    for partition, recovery in world.recoveries.items():
        heard = recovery.progress.positions
        assert {place[1] for place in heard if place[0] == SHARED} == set(taken) - {partition}
    decisions = [codec.decode(value) for _, value, _ in said(other, DECISIONS)]
    counted = [x for x in decisions if x["timeliness"] != "TOO_LATE" and not x["duplicate"]]
    assert sum(map(len, taken.values())) == len(counted)
    # Each of them is in the windows of each partition, once.
    assert world.observed == dict.fromkeys(taken, len(counted))


def told(world):
    """Yield of each record of the shared topic whose payments it tells of, by their offsets."""
    codec = parts("shared")[2].shared
    for topic, partition in [place for place in world.broker.logs if place[0] == SHARED]:
        for record in world.broker.committed_records((topic, partition)):
            found = codec.decode(record.value())
            assert found["partition"] == partition
            words = np.frombuffer(found["words"], "<i8").reshape(-1, found["rows"])
            yield partition, words[0].tolist()


@injects(
    "simulated group: workers killed, others joining, while one partition learns for all",
    "each example is learned once, and each version that partitions have is one the trainer had; "
    "all as if nobody had died",
)
@pytest.mark.parametrize("exactly_once", [False, True])
@seeds(2)
def test_one_model_for_all_survives_deaths(seed, exactly_once, tmp_path):
    world = group_of(seed, tmp_path, 4, 0, exactly_once=exactly_once, setting="one model")
    other, states = alone(world, tmp_path / "other")
    note(world, other)
    every_record_was_taken_once(world)
    assert world.final == states
    assert set(said(world, DECISIONS)) == set(said(other, DECISIONS))
    codecs = parts("one model")[2]
    # Of those that were told, a byte each says whether they were new.
    told = {
        (example["partition"], example["offset"], example["part"]): example["verdicts"]
        for example in map(codecs.training.decode, values_of(world, TRAINING))
    }
    new = sum(verdict & 2 > 0 for verdicts in told.values() for verdict in verdicts)
    assert new > 0
    assert world.learned[0] == own_examples(world) + new
    # The newest version is everybody's.
    versions = {}
    for each in map(codecs.model.decode, values_of(world, MODEL_VERSIONS)):
        versions.setdefault(each["offset"], {})[each["part"]] = each["state"]
    newest = versions[max(versions)]
    state = unpack(b"".join(newest[part] for part in sorted(newest)))
    models = {name: pack(part) for name, part in state.parts.items()}
    assert "model" in models
    for partition in (1, 2):
        assert world.models[partition].items() >= models.items()


def values_of(world, topic):
    """Return the values of a topic's committed records."""
    places = sorted(place for place in world.broker.logs if place[0] == topic)
    records = (record for place in places for record in world.broker.committed_records(place))
    return [record.value() for record in records]


def test_the_same_seed_is_the_same_world(tmp_path):
    worlds = []
    for name in ("one", "two"):
        world = group_of(7, tmp_path / name, kills=2, pauses=2)
        worlds.append((world.passed, world.histories, world.rng.random()))
    assert worlds[0] == worlds[1]


@pytest.mark.slow
def test_workers_are_taken_over_and_rebalanced(tmp_path):
    """What the laws above say is said of groups in which all of it happens."""
    passed, taken_over, generations = Counter(), 0, 0
    # Most others have one of these things, or none.
    for seed in (1, 6):
        world = group_of(seed, tmp_path / str(seed), kills=2, pauses=12)
        passed.update(set(world.passed))
        taken_over += world.n_taken_over
        generations += world.group.generation
    print(
        f"{taken_over} were told that they had been taken over, {generations} generations", passed
    )
    assert taken_over > 0
    assert generations > 10
    assert {"replay", "snapshot is there", "lost"} <= passed.keys()
