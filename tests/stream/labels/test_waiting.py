"""The rows that wait for labels, against a list that is searched from end to end."""

import numpy as np
import pytest
from naive_labels import NaiveWaitingRows
from seeds import seeds

from models.states.snapshot import State, pack, unpack
from schemas.errors import SnapshotError
from stream.event_time import BEGINNING_US
from stream.keytable import NOWHERE
from stream.labels.fates import Source
from stream.labels.places import Waiting
from stream.labels.waiting import WaitingRows


def u64(*keys):
    return np.array(keys, np.uint64)


def admit(rows, keys, times_us=None, take=None):
    times_us = np.zeros(len(keys), np.int64) if times_us is None else np.array(times_us)
    take = np.ones(len(keys), bool) if take is None else np.array(take)
    return rows.admit(u64(*keys), times_us, take)


def label(rows, place):
    rows.states[place] = Waiting.LABELLED


def keys_at(rows, places):
    return [int(key) for key in rows.keys[places]]


@pytest.mark.parametrize("rows_max", [1, 2, 5, 30, 10_000])
@seeds(4)
def test_everything_equals_the_oracle(rows_max, seed):
    rng = np.random.default_rng(seed)
    ours, naive = WaitingRows(rows_max, 1, batch_rows_max=9, n_scores=2), NaiveWaitingRows(rows_max)
    now, serial = 0, 0
    # Few keys, alike in their low bits: repeats and collisions.
    pool = rng.integers(1, 60, 60).astype(np.uint64) << np.uint64(32) | np.uint64(3)
    for _ in range(120):
        n = int(rng.integers(0, 10))
        now += int(rng.integers(0, 20))
        keys, times = rng.choice(pool, n), now - rng.integers(0, 30, n)
        take = rng.random(n) < 0.8
        places, repeated = ours.admit(keys, times, take)
        mine = [
            naive.admit(int(k), int(t)) if take[i] else None
            for i, (k, t) in enumerate(zip(keys, times, strict=True))
        ]
        for i, row in enumerate(mine):
            assert (places[i] == NOWHERE) == (row is None)
            assert repeated[i] == (row is not None and row[1])
        # Every row carries its serial number, as the engine's carry their score.
        fresh = take & ~repeated
        numbers = np.arange(serial, serial + n, dtype=np.float64)
        serial += n
        mine_numbers = numbers[fresh]
        ours.store(
            places[fresh],
            mine_numbers[:, None],
            np.stack([mine_numbers, -mine_numbers], 1),
            mine_numbers % 4,
            mine_numbers,
        )
        for i in np.flatnonzero(take):
            row, _ = mine[i]
            row.setdefault("number", numbers[i])
            assert ours.scores[places[i], 0] == row["number"]
            assert ours.features[places[i], 0] == row["number"]
            assert ours.outcomes[places[i]] == row["number"] % 4
        asked = rng.choice(pool, 8)
        for key, place in zip(asked, ours.find(asked), strict=True):
            row = naive.find(int(key))
            assert (place == NOWHERE) == (row is None)
            if row is not None:
                assert ours.scores[place].tolist() == [row["number"], -row["number"]]
                assert ours.times_us[place] == row["time_us"]
                if rng.random() < 0.5:
                    label(ours, place)
                    row["state"] = "labelled"
                assert Waiting(ours.states[place]).name.lower() == row["state"]
        if rng.random() < 0.3:
            before = now - int(rng.integers(0, 60))
            release = before - int(rng.choice([0, 0, 40]))
            expected = [row["number"] for row in naive.mature(before, release)]
            assert ours.scores[ours.mature(before, release).unlabelled, 0].tolist() == expected
        assert ours.waiting == naive.waiting
        assert ours.kept == len(naive.rows)
        assert ours.lost == naive.lost


def test_a_repeated_transaction_finds_the_row_it_repeats_also_in_its_own_batch():
    rows = WaitingRows(8, 1)
    places, repeated = admit(rows, [5, 6, 5])
    assert repeated.tolist() == [False, False, True]
    assert places[2] == places[0] != places[1]
    again, repeated = admit(rows, [6])
    assert repeated.tolist() == [True]
    assert again[0] == places[1]
    assert rows.waiting == 2


def test_a_repeat_does_not_change_the_time_of_the_row_it_repeats():
    rows = WaitingRows(8, 1)
    places, _ = admit(rows, [5], [100])
    admit(rows, [5], [999])
    assert rows.times_us[places[0]] == 100


def test_a_row_that_is_not_taken_gets_no_place():
    rows = WaitingRows(4, 1)
    places, repeated = admit(rows, [1, 2], take=[False, True])
    assert places[0] == NOWHERE
    assert not repeated.any()
    assert rows.find(u64(1, 2)).tolist() == [NOWHERE, places[1]]


def test_a_full_ring_gives_up_its_oldest_arrival_and_counts_what_was_not_learned():
    rows = WaitingRows(3, 1)
    places, _ = admit(rows, [1, 2, 3])
    label(rows, places[0])
    admit(rows, [4])
    assert (rows.waiting, rows.lost) == (3, 0)  # It had its label.
    admit(rows, [5])
    assert (rows.waiting, rows.lost) == (3, 1)
    assert [p != NOWHERE for p in rows.find(u64(1, 2, 3, 4, 5))] == [False, False, True, True, True]


def test_what_a_batch_pushes_out_stays_readable_until_the_next():
    rows = WaitingRows(2, 1, batch_rows_max=2)
    old, _ = admit(rows, [1, 2])
    rows.store(
        old, np.zeros((2, 1)), np.array([[0.1], [0.2]]), np.array([1, 2], np.int8), np.arange(2)
    )
    places, repeated = admit(rows, [1, 3])  # 3 pushes out 1, which was just repeated.
    assert repeated.tolist() == [True, False]
    rows.store(
        places[1:], np.zeros((1, 1)), np.array([[0.3]]), np.array([3], np.int8), np.array([2])
    )
    assert rows.scores[places[0], 0] == 0.1
    assert rows.find(u64(1))[0] == NOWHERE


def test_mature_rows_come_in_order_of_arrival_and_a_younger_one_in_front_holds_back():
    rows = WaitingRows(8, 1)
    admit(rows, [1, 2, 3, 4], [10, 30, 20, 10])
    assert keys_at(rows, rows.mature(20).unlabelled) == [1]
    assert rows.mature(29).unlabelled.tolist() == []
    assert keys_at(rows, rows.mature(30).unlabelled) == [2, 3, 4]
    assert rows.waiting == 0


def test_a_row_is_mature_at_the_very_time():
    rows = WaitingRows(8, 1)
    admit(rows, [1], [10])
    assert len(rows.mature(9).unlabelled) == 0
    assert len(rows.mature(10).unlabelled) == 1


def test_a_labelled_row_leaves_at_maturity_without_counting_as_genuine():
    rows = WaitingRows(8, 1)
    places, _ = admit(rows, [1, 2])
    label(rows, places[0])
    assert keys_at(rows, rows.mature(0).unlabelled) == [2]
    assert rows.find(u64(1, 2)).tolist() == [NOWHERE, NOWHERE]
    assert rows.lost == 0


def test_a_mature_row_is_kept_until_its_release_and_matures_once():
    rows = WaitingRows(8, 1)
    places, _ = admit(rows, [1, 2], [10, 20])
    assert keys_at(rows, rows.mature(20, 5).unlabelled) == [1, 2]
    assert rows.find(u64(1, 2)).tolist() == places.tolist()
    assert rows.states[places].tolist() == [Waiting.MATURED] * 2
    assert (rows.waiting, rows.kept) == (0, 2)
    assert len(rows.mature(20, 10).unlabelled) == 0
    assert (rows.find(u64(1))[0], rows.kept) == (NOWHERE, 1)


def test_a_mature_row_that_is_pushed_out_is_not_lost():
    rows = WaitingRows(1, 1)
    admit(rows, [1])
    rows.mature(0, -1)
    admit(rows, [2])
    assert (rows.lost, rows.waiting, rows.kept) == (0, 1, 1)
    assert keys_at(rows, rows.mature(0).unlabelled) == [2]


def test_a_row_begins_without_the_label_of_the_one_whose_place_it_takes():
    rows = WaitingRows(1, 1, batch_rows_max=1)
    places, _ = admit(rows, [1])
    label(rows, places[0])
    rows.verdicts[:] = rows.sources[:] = rows.examples[:] = rows.label_times_us[:] = 1
    admit(rows, [2])
    (place,), _ = admit(rows, [3])
    assert place == places[0]
    said = rows.verdicts, rows.sources, rows.examples, rows.label_times_us
    assert [int(array[place]) for array in said] == [0, 0, -1, BEGINNING_US]


def test_nobodys_key_finds_nothing():
    rows = WaitingRows(2, 1)
    admit(rows, [1])
    assert rows.find(u64(0)).tolist() == [NOWHERE]


def test_a_transaction_may_come_again_once_it_is_forgotten():
    rows = WaitingRows(2, 1)
    admit(rows, [1])
    rows.mature(0)
    _, repeated = admit(rows, [1])
    assert not repeated.any()
    assert rows.states[rows.find(u64(1))[0]] == Waiting.UNLABELLED


@pytest.mark.parametrize("bad", [0, -1])
def test_a_ring_without_room_is_refused(bad):
    with pytest.raises(ValueError, match="rows_max"):
        WaitingRows(bad, 1)


def filled():
    rows = WaitingRows(4, 2, batch_rows_max=2)
    for first in (1, 3, 5):
        places, _ = admit(rows, [first, first + 1], [first, first])
        numbers = np.array([first, first + 1])
        features = np.stack([numbers, -numbers], 1).astype(float)
        rows.store(places, features, features[:, :1], (numbers % 4).astype(np.int8), numbers)
    rows.mature(3, 0)
    return rows


def test_a_restored_ring_goes_on_as_the_first():
    ours, other = filled(), WaitingRows(4, 2, batch_rows_max=2)
    admit(other, [9])
    other.restore(unpack(pack(ours.state())))
    assert pack(other.state()) == pack(ours.state())
    for rows in (ours, other):
        admit(rows, [7, 5])
    asked = u64(*range(1, 10))
    assert ours.find(asked).tolist() == other.find(asked).tolist()
    assert other.waiting == ours.waiting
    assert keys_at(other, other.mature(99).unlabelled) == keys_at(ours, ours.mature(99).unlabelled)
    assert pack(other.state()) == pack(ours.state())


def test_a_state_is_as_large_as_the_rows_that_are_kept():
    sizes = {n: len(pack(WaitingRows(n, 50).state())) for n in (10, 100_000)}
    assert sizes[100_000] < sizes[10] + 100


@pytest.mark.parametrize(
    "damage",
    [
        "missing",
        "shape",
        "type",
        "cursor",
        "state",
        "free",
        "twice",
        "0",
        "source",
        "example",
        "kind",
    ],
)
def test_a_damaged_ring_is_refused_and_changes_nothing(damage):
    kept = unpack(pack(filled().state()))
    arrays = dict(kept.arrays)
    assert len(arrays["keys"])
    if damage == "missing":
        del arrays["sources"]
    elif damage == "shape":
        arrays["features"] = arrays["features"][:, :1]
    elif damage == "type":
        arrays["numbers"] = arrays["numbers"].astype(float)
    elif damage == "cursor":
        arrays["cursors"][3] += 9
    elif damage == "state":
        arrays["states"][:] = 7
    elif damage == "free":
        arrays["states"][0] = Waiting.FREE
    elif damage == "twice":
        arrays["keys"][:] = 5
    elif damage == "0":
        arrays["keys"][:] = 0
    elif damage == "source":
        arrays["sources"][-1] = len(Source)
    elif damage == "example":
        arrays["examples"][0] = -2
    damaged = State("other/1" if damage == "kind" else kept.kind, kept.header, arrays)
    other = WaitingRows(4, 2, batch_rows_max=2)
    admit(other, [9])
    before = pack(other.state())
    with pytest.raises(SnapshotError, match="waiting_rows/2"):
        other.restore(damaged)
    assert pack(other.state()) == before
    assert other.find(u64(9))[0] != NOWHERE
