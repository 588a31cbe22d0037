"""The shards of a worker come and go with its partitions."""

import numpy as np
import pytest

from schemas.errors import BrokerError, RecoveryError, SnapshotError, StorageError, TransactionError
from stream.exchange.topics import NO_EXCHANGE, ExchangeTopics
from stream.kafka.source import RawBatch
from stream.shards.partitioned import PartitionedShards


class Recovery:
    def __init__(self):
        self.live = self.over = False
        self.said = []

    def assigned(self, committed):
        return {place: at + 1 for place, at in committed.items()}

    def revoked(self):
        self.said.append("revoked")

    def require(self):
        if self.over:
            raise RecoveryError("another has taken over")

    def stop(self):
        self.said.append("stop")

    def close(self):
        self.said.append("close")


class Shard:
    fails = None
    left = 0

    def __init__(self, partition, recovery=None):
        self.partition, self.recovery = partition, recovery

    def leave(self):
        self.left += 1

    def assigned(self, committed):
        return dict(committed) if self.recovery is None else self.recovery.assigned(committed)

    def resume(self, settle):
        yield f"step of {self.partition}"
        if self.fails is not None:
            raise self.fails
        self.recovery.live = True


def always(timeout_s):
    return True


class Rig:
    def __init__(self, recovers=True, exchange=NO_EXCHANGE):
        self.made, self.published = [], []
        self.shards = PartitionedShards(self.make, ("in", "labels"), exchange, 3)
        self.recovers = recovers

    def make(self, partition):
        self.made.append(Shard(partition, Recovery() if self.recovers else None))
        return self.made[-1]

    def assign(self, *partitions, going_on=lambda: True):
        committed = {(topic, p): 10 for topic in ("in", "labels") for p in partitions}
        return self.shards.assigned(committed, self.publish, always, going_on)

    def publish(self, step):
        # By then all are this worker's.
        self.published.append(step)
        self.made_by_then = len(self.made)


def batch(*partitions, topic="in"):
    n = len(partitions)
    column = np.array(partitions, np.int64)
    return RawBatch(topic, list(range(n)), [b""] * n, column, np.arange(n), np.zeros(n, np.int64))


def test_each_partition_has_a_shard_that_is_taken_up_where_it_was_left():
    rig = Rig()
    starts = rig.assign(2, 0)
    assert [shard.partition for shard in rig.shards] == [0, 2]
    assert starts == {(topic, p): 11 for topic in ("in", "labels") for p in (0, 2)}
    assert sorted(rig.published) == ["step of 0", "step of 2"]


def test_each_shard_gets_its_own_records_in_their_order_and_nobody_those_of_others():
    rig = Rig()
    rig.assign(0, 2)
    found = {shard.partition: raw.messages for shard, raw in rig.shards.split(batch(2, 0, 1, 2, 0))}
    assert found == {0: [1, 4], 2: [0, 3]}


SHARED = ExchangeTopics("shared")


def test_each_shard_gets_what_the_others_tell_and_not_what_it_told_itself():
    rig = Rig(exchange=SHARED)
    rig.assign(0, 2)
    told = batch(2, 0, 1, 2, topic="shared")
    found = {shard.partition: raw.messages for shard, raw in rig.shards.split(told)}
    assert found == {0: [0, 2, 3], 2: [1, 2]}
    rig.shards.revoked()
    assert list(rig.shards.split(told)) == []


def test_the_first_gets_what_is_to_be_learned_and_the_others_what_was():
    rig = Rig(exchange=ExchangeTopics("", "training", "models"))
    rig.assign(0, 1, 2)
    found = {}
    for topic in ("training", "models"):
        for shard, raw in rig.shards.split(batch(2, 0, 1, 2, topic=topic)):
            found[topic, shard.partition] = raw.messages
    assert {place: said for place, said in found.items() if said} == {
        ("training", 0): [0, 2, 3],
        ("models", 1): [1],
        ("models", 2): [1],
    }
    starts = rig.assign(0, 1, 2)
    assert {place for place in starts if place[0] in ("training", "models")} == {
        ("training", 1),
        ("training", 2),
        ("models", 0),
    }


def test_what_others_tell_is_read_from_where_the_first_of_its_shards_has_not_heard_it():
    heard = {
        0: {("shared", 1): 7, ("shared", 2): 5},
        2: {("shared", 0): 4, ("shared", 1): 3},
    }
    rig = Rig(exchange=SHARED)
    make = rig.make

    def knowing(partition):
        shard = make(partition)
        begun = shard.assigned
        shard.assigned = lambda committed: begun(committed) | heard[partition]
        return shard

    rig.shards._make = knowing
    starts = rig.assign(0, 2)
    assert {place: at for place, at in starts.items() if place[0] == "shared"} == {
        ("shared", 0): 4,
        ("shared", 1): 3,
        ("shared", 2): 5,
    }


def test_who_has_heard_nothing_yet_begins_at_the_beginning():
    rig = Rig(recovers=False, exchange=SHARED)
    assert rig.assign(1) == {("in", 1): 10, ("labels", 1): 10, ("shared", 0): -1, ("shared", 2): -1}


def test_what_comes_back_is_as_it_was():
    rig = Rig()
    rig.assign(0, 1)
    first = {shard.partition: shard for shard in rig.shards}
    rig.shards.revoked()
    assert list(rig.shards) == []
    assert [each.recovery.said for each in rig.made] == [["revoked"], ["revoked"]]
    assert [each.left for each in rig.made] == [1, 1]
    rig.published.clear()
    rig.assign(1)
    assert list(rig.shards) == [first[1]]
    assert rig.published == []
    # Another has the other one now.
    assert first[0].recovery.said == ["revoked", "stop", "close"]


def test_what_others_had_meanwhile_is_taken_up_anew():
    rig = Rig()
    rig.assign(0)
    (before,) = rig.shards
    rig.shards.lost()
    assert before.recovery.said == []
    before.recovery.over = True
    rig.assign(0)
    (now,) = rig.shards
    assert now is not before
    assert before.recovery.said == ["close"]
    assert rig.published == ["step of 0", "step of 0"]


def test_nothing_is_written_for_a_partition_that_was_taken_over():
    rig = Rig()
    rig.assign(0)
    rig.made[0].recovery.over = True
    rig.shards.revoked()
    assert rig.made[0].recovery.said == []


def test_without_a_folder_it_goes_on_where_the_group_is():
    rig = Rig(recovers=False)
    assert rig.assign(1) == {("in", 1): 10, ("labels", 1): 10}
    rig.shards.revoked()
    rig.shards.finish(1.0)
    rig.shards.stop()
    rig.shards.close()


def test_payments_without_their_labels_are_refused():
    rig = Rig()
    with pytest.raises(BrokerError, match=r"partition 3 of labels to another worker.*strategy"):
        rig.shards.assigned({("in", 3): 0}, rig.published.append, always)


def test_all_are_claimed_before_the_first_is_taken_up():
    rig = Rig()
    rig.assign(0)
    assert rig.made_by_then == 1
    rig.published.clear()
    rig.shards.revoked()
    rig.assign(1, 2, 3)
    assert len(rig.made) == 4
    assert rig.published == ["step of 1", "step of 2", "step of 3"]
    rig = Rig()
    seen = []
    rig.publish = lambda step: seen.append(len(rig.made))
    rig.assign(1, 2, 3)
    assert seen == [3, 3, 3]


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_told_to_stop_it_takes_up_no_more_and_leaves_the_rest_to_others(steps):
    rig = Rig()
    starts = rig.assign(0, 1, 2, going_on=lambda: len(rig.published) < steps)
    # The one at whose step it was told is not whole.
    whole = list(range(max(0, steps - 1)))
    assert [shard.partition for shard in rig.shards] == whole
    assert starts == {(t, p): 11 if p in whole else 10 for t in ("in", "labels") for p in range(3)}
    assert len(rig.published) == steps
    assert len(rig.made) == (3 if steps else 0)
    for shard in rig.made:
        assert shard.recovery.said == ([] if shard.partition in whole else ["stop", "close"])
    # What comes of the others is left to whoever has them.
    assert [shard.partition for shard, _ in rig.shards.split(batch(0, 1, 2))] == whole


@pytest.mark.parametrize("kind", [RecoveryError, SnapshotError, StorageError, BrokerError])
def test_a_partition_that_cannot_be_taken_up_is_named_with_what_to_do(kind, monkeypatch):
    rig = Rig()
    monkeypatch.setattr(Shard, "fails", kind("all of it is damaged"))
    with pytest.raises(kind, match=r"partition 7 cannot .*all of it is damaged.*workers\.md"):
        rig.assign(7)
    assert list(rig.shards) == []
    rig.shards.close()
    assert rig.made[0].recovery.said == ["stop", "close"]


def test_one_that_was_taken_over_while_it_was_taken_up_is_not_called_damaged(monkeypatch):
    rig = Rig()

    def resume(shard, settle):
        shard.recovery.over = True
        raise StorageError("its folder is gone")
        yield

    monkeypatch.setattr(Shard, "resume", resume)
    with pytest.raises(RecoveryError, match=r"^another has taken over$"):
        rig.assign(7)


def test_a_transaction_that_fails_meanwhile_is_no_partitions_fault(monkeypatch):
    rig = Rig()
    failed = TransactionError("it was not committed")
    monkeypatch.setattr(Shard, "fails", failed)
    with pytest.raises(TransactionError) as caught:
        rig.assign(7)
    assert caught.value is failed
