"""Early labels against a plain list."""

from __future__ import annotations

import numpy as np
import pytest
from inputs.streams import LABEL_LAYOUT, block, label_row
from seeds import seeds

from models.states.snapshot import State, pack, unpack
from schemas.errors import SnapshotError
from stream.event_time import BEGINNING_US
from stream.labels.early import EarlyLabels


def labels_of(*keys, first=0):
    batch = block(LABEL_LAYOUT, [label_row(key, 5, 1.0) for key in keys])
    batch.offset[:] = np.arange(first, first + len(keys))
    return batch


def offsets(labels):
    return labels.offset.tolist()


@pytest.mark.parametrize("labels_max", [1, 3, 20, 1000])
@seeds(3)
def test_everything_equals_a_list(labels_max, seed):
    rng = np.random.default_rng(seed)
    early, plain, now, number, claimed = EarlyLabels(labels_max, 25), [], 0, 0, False
    for _ in range(200):
        now += int(rng.integers(0, 10))
        keys = rng.integers(1, 30, int(rng.integers(0, 6))).tolist()
        gone = early.hold(labels_of(*keys, first=number), now)
        plain += [(key, number + i, now) for i, key in enumerate(keys)]
        number += len(keys)
        over = max(0, len(plain) - labels_max)
        assert offsets(gone) == [n for _, n, _ in plain[:over]]
        del plain[:over]
        asked = rng.integers(1, 60, 3).astype(np.uint64)
        early.expect(asked)
        known = {key for key, _, _ in plain}
        claimed |= bool(known & set(asked.tolist()))
        assert early.claimed == claimed
        if claimed and rng.random() < 0.7:
            chosen = np.isin(early.held().transaction_key, asked)
            taken = [each for each in plain if each[0] in asked]
            assert offsets(early.take(chosen)) == [n for _, n, _ in taken]
            plain = [each for each in plain if each not in taken]
            claimed = False
        if rng.random() < 0.3:
            due = [each for each in plain if each[2] <= now - 25]
            assert offsets(early.expire(now)) == [n for _, n, _ in due]
            plain = [each for each in plain if each not in due]
        assert offsets(early.held()) == [n for _, n, _ in plain]
        assert len(early) == len(plain)
        other = EarlyLabels(labels_max, 25)
        other.restore(unpack(pack(early.state())))
        early = other if rng.random() < 0.2 else early


def test_what_came_before_any_event_time_is_held_from_its_beginning():
    early = EarlyLabels(5, 100)
    early.hold(labels_of(7), BEGINNING_US)
    assert len(early.expire(1000)) == 0
    assert len(early.expire(1099)) == 0
    assert offsets(early.expire(1100)) == [0]


def test_a_label_keeps_all_that_it_said():
    early = EarlyLabels(5, 100)
    batch = block(LABEL_LAYOUT, [label_row(7, 5, 1.0, source=3, confidence=0.7, partition=4)])
    early.hold(batch, 1)
    assert early.held().longs.tolist() == batch.longs.tolist()


def test_nobodys_key_claims_nothing():
    early = EarlyLabels(5, 100)
    early.hold(labels_of(7), 1)
    early.expect(np.array([0, 8], np.uint64))
    assert not early.claimed


@pytest.mark.parametrize("damage", ["order", "nobody", "shape", "many", "claimed"])
def test_a_damaged_state_is_refused_and_changes_nothing(damage):
    early, other = EarlyLabels(3, 100), EarlyLabels(3, 100)
    early.hold(labels_of(7, 8), 1)
    other.hold(labels_of(9), 5)
    state = early.state()
    held, header = state.arrays["held"], dict(state.header)
    if damage == "order":
        held[-1] = [2, 1]
    elif damage == "nobody":
        held[2, 0] = 0
    elif damage == "shape":
        held = held[1:]
    elif damage == "claimed":
        header["claimed"] = 1
    else:
        held, header["labels"] = np.repeat(held, 2, axis=1), 4
    with pytest.raises(SnapshotError, match="early_labels/1"):
        other.restore(State(state.kind, header, {"held": held}))
    assert other.held().transaction_key.tolist() == [9]
