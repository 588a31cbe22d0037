"""Played back, a label comes exactly when event time has come to it, however blocks are cut."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from seeds import seeds

from schemas.columns import REASON, Reason, Transactions
from schemas.decoder import Decoder, Limits
from schemas.roles import Roles
from schemas.siphash import hash_texts
from stream.files.inputs import FileBlock, RowEncoder, RowKind
from stream.labels.fates import LabelEffects
from stream.offline.playback import LATEST_US, REPLAY_HASH_KEY, Playback

START_US = 1_522_540_800_000_000
SECOND_US = 1_000_000
SOURCES = {
    int(key): name
    for name in ("CHARGEBACK", "ANALYST_REVIEW")
    for key in hash_texts([name], REPLAY_HASH_KEY)
}
KIND = RowKind(Roles(amount="amount", entities={"card": "card"}), "fraud")


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return KIND.decoder(REPLAY_HASH_KEY, Limits())


@dataclass
class Listener:
    """An engine that only writes down what it is told, in order."""

    heard: list[Any] = field(default_factory=list)
    alerted: frozenset[int] = frozenset()
    steps: int = 0
    alerts: Any = ()
    label_reviews: tuple[()] = ()
    departed_labels: tuple[()] = ()

    def step(self, batch: Transactions) -> Any:
        self.steps += 1
        ids = [batch.transaction_id(row) for row in range(len(batch))]
        self.heard += list(zip(ids, batch.reason.tolist(), strict=True))
        assert (batch.arrival_time_us == batch.event_time_us).all()
        rows = [
            row
            for row, name in enumerate(ids)
            if int(name[1:]) in self.alerted and batch.reason[row] == Reason.OK
        ]
        self.alerts = SimpleNamespace(rows=np.array(rows, np.int64))
        return self

    def label(self, labels: Transactions) -> Any:
        assert (labels.reason == Reason.OK).all()
        assert (labels.numeric[1] == 1.0).all()
        ids = [labels.transaction_id(row) for row in range(len(labels))]
        sources = [SOURCES[int(key)] for key in labels.categorical[0]]
        said = zip(labels.numeric[0].tolist(), sources, strict=True)
        self.heard += list(zip(ids, labels.event_time_us.tolist(), said, strict=True))
        return LabelEffects(labels.reason, np.zeros(len(labels), np.bool_), [], [])


def block_of(seconds: list[int | None], frauds: set[int], first: int = 0) -> FileBlock:
    rows = [
        {
            "transaction_id": f"t{first + i}",
            "event_time": None if at is None else START_US + at * SECOND_US,
            "amount": 1,
            "card": "c",
            "fraud": int(i in frauds),
        }
        for i, at in enumerate(seconds)
    ]
    return RowEncoder(KIND).block(rows)


def played(
    decoder: Decoder,
    blocks: list[FileBlock],
    delay_s: int,
    alerted: frozenset[int] = frozenset(),
    analyst_s: int = 0,
) -> tuple[list[Any], Playback]:
    engine = Listener(alerted=alerted)
    delays = delay_s * SECOND_US, analyst_s * SECOND_US
    playback = Playback(engine, Limits(), *delays)  # type: ignore[arg-type]
    for block in blocks:
        batch = decoder.decode(block.values, LATEST_US)
        first = 0
        for start, part, effects in playback.play(batch, block.readable, block.is_fraud):
            assert (start, effects) == (first, engine)
            first += len(part)
        assert first == len(batch)
    return engine.heard, playback


def told(heard: list[Any]) -> list[str]:
    """Rows by their ids, labels with a mark: + fraud, ? an analyst, - an analyst's genuine."""
    marks = {(1.0, "CHARGEBACK"): "+", (1.0, "ANALYST_REVIEW"): "?", (0.0, "ANALYST_REVIEW"): "-"}
    return [(marks[entry[2]] if len(entry) == 3 else "") + entry[0] for entry in heard]


def by_hand(
    seconds: list[int | None],
    frauds: set[int],
    delay_s: int,
    alerted: frozenset[int] = frozenset(),
    analyst_s: int = 0,
) -> list[str]:
    """What should be heard, row by row."""
    heard, waiting, latest = [], [], -(10**9)
    for i, at in enumerate(seconds):
        latest = latest if at is None else max(latest, at)
        due = sorted(label for label in waiting if label[0] <= latest)
        heard += [f"{mark}t{row}" for _, row, mark in due]
        waiting = [label for label in waiting if label not in due]
        heard.append(f"t{i}")
        if i in frauds and at is not None:
            waiting.append((at + delay_s, i, "+"))
        if i in alerted and analyst_s and at is not None:
            waiting.append((latest + analyst_s, i, "?" if i in frauds else "-"))
    return heard


@pytest.mark.parametrize(
    ("seconds", "frauds", "delay_s", "wanted"),
    [
        # Before the first row that is not earlier than its due time: here the very time.
        ([0, 9, 10, 11], {0}, 10, "t0 t1 +t0 t2 t3"),
        ([0, 9, 11, 12], {0}, 10, "t0 t1 +t0 t2 t3"),
        # Without a delay it comes before the next row, not before its own.
        ([0, 0, 0], {0, 1, 2}, 0, "t0 +t0 t1 +t1 t2"),
        # Not due at the end: not given.
        ([0, 9], {0}, 10, "t0 t1"),
        # Equal due times keep the order of the file, others are in order of time.
        ([5, 3, 5, 40], {0, 1, 2}, 10, "t0 t1 t2 +t1 +t0 +t2 t3"),
        # A payment that comes late may be due before it is there.
        ([0, 100, 1, 2], {2}, 10, "t0 t1 t2 +t2 t3"),
        # A row that is older than those before does not turn event time back.
        ([0, 10, 5, 11], {0}, 10, "t0 +t0 t1 t2 t3"),
        # A row without a time moves nothing, and is no fraud that anybody could label.
        ([0, None, 10], {0, 1}, 10, "t0 t1 +t0 t2"),
        ([], set(), 10, ""),
    ],
)
def test_a_label_comes_when_event_time_has_come_to_it(
    decoder: Decoder, seconds: list[int | None], frauds: set[int], delay_s: int, wanted: str
) -> None:
    heard, _ = played(decoder, [block_of(seconds, frauds)], delay_s)
    assert told(heard) == wanted.split() == by_hand(seconds, frauds, delay_s)


@seeds(20)
def test_where_blocks_are_cut_changes_nothing(decoder: Decoder, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, spread = int(rng.integers(1, 120)), int(rng.choice([1, 5, 60]))
    in_order = np.cumsum(rng.integers(0, 4, n)) + rng.integers(-spread, spread + 1, n)
    seconds = [None if rng.random() < 0.05 else int(at) for at in in_order]
    frauds = set(np.flatnonzero(rng.random(n) < rng.choice([0.1, 0.6])).tolist())
    # Apart, so that no chargeback and verdict on one payment come at one time.
    delay_s, analyst_s = int(rng.choice([0, 1, 7, 40])), int(rng.choice([0, 3, 20_000]))
    alerted = frozenset(np.flatnonzero(rng.random(n) < rng.choice([0.1, 0.6])).tolist())
    analysts = alerted, analyst_s
    wanted = by_hand(seconds, frauds, delay_s, *analysts)
    for cuts in (0, 3, n):
        edges = sorted({0, n, *rng.integers(0, n + 1, cuts).tolist()})
        blocks = [
            block_of(seconds[a:b], {i - a for i in frauds if a <= i < b}, a)
            for a, b in pairwise(edges)
        ]
        heard, playback = played(decoder, blocks, delay_s, *analysts)
        assert told(heard) == wanted
        labels = [entry for entry in heard if len(entry) == 3]
        for label_id, due_us, (_, source) in labels:
            if source == "CHARGEBACK":
                assert due_us == START_US + (seconds[int(label_id[1:])] + delay_s) * SECOND_US
        there = {i for i in range(n) if seconds[i] is not None}
        known = len(frauds & there) + (len(alerted & there) if analyst_s else 0)
        assert playback.labels_not_yet_due == known - len(labels)
        assert playback.rows == n


@pytest.mark.parametrize(
    ("seconds", "frauds", "alerted", "wanted"),
    [
        # A fraud and a genuine payment that were alerted; the chargeback comes all the same.
        ([0, 1, 3, 10], {0}, {0, 1}, "t0 t1 ?t0 t2 -t1 +t0 t3"),
        # Within one block, and only once event time has come as far as the alert and the delay.
        ([0, 2, 3, 5, 6], set(), {0, 1}, "t0 t1 -t0 t2 -t1 t3 t4"),
        # Of an alert that comes late the analyst hears when it comes.
        ([9, 0, 11, 12], set(), {1}, "t0 t1 t2 -t1 t3"),
    ],
)
def test_an_analyst_looks_at_each_alert(
    decoder: Decoder, seconds: list[int | None], frauds: set[int], alerted: set[int], wanted: str
) -> None:
    analysts = frozenset(alerted), 3
    heard, _ = played(decoder, [block_of(seconds, frauds)], 10, *analysts)
    assert told(heard) == wanted.split() == by_hand(seconds, frauds, 10, *analysts)


def test_of_an_alert_whose_truth_is_not_known_nobody_can_say_what_it_was(decoder: Decoder) -> None:
    block = block_of([0, 50, 100], set())
    block.is_fraud[:] = [None, False, True]
    heard, playback = played(decoder, [block], 200, frozenset({0, 1}), 10)
    assert told(heard) == ["t0", "t1", "-t1", "t2"]
    assert playback.labels_not_yet_due == 1


def test_a_row_that_could_not_be_read_is_refused_and_counts_for_nothing(decoder: Decoder) -> None:
    block = block_of([0, 50, 5, 10], {0, 1})
    block.readable[1] = False
    heard, playback = played(decoder, [block], 10)
    assert told(heard) == ["t0", "t1", "t2", "+t0", "t3"]
    assert heard[1][1] == Reason.UNREADABLE_FIELD
    assert playback.labels_not_yet_due == 0


def test_steps_are_cut_only_where_a_label_comes(decoder: Decoder) -> None:
    engine = Listener()
    playback = Playback(engine, Limits(), 10 * SECOND_US)  # type: ignore[arg-type]
    block = block_of([0, 0, 1, 2, 10, 20, 30], {0, 1})
    batch = decoder.decode(block.values, LATEST_US)
    assert sum(1 for _ in playback.play(batch, block.readable, block.is_fraud)) == 2


def test_refused_labels_are_counted_by_their_reason(decoder: Decoder) -> None:
    class Refusing(Listener):
        def label(self, labels: Transactions) -> Any:
            labels.longs[REASON] = Reason.LABEL_UNKNOWN_TRANSACTION
            return LabelEffects(labels.reason, np.zeros(len(labels), np.bool_), [], [])

    playback = Playback(Refusing(), Limits(), 0)  # type: ignore[arg-type]
    block = block_of([0, 0, 0], {0, 1})
    batch = decoder.decode(block.values, LATEST_US)
    list(playback.play(batch, block.readable, block.is_fraud))
    assert playback.labels_refused == {"label_unknown_transaction": 2}


def test_a_fraud_whose_truth_is_not_known_gets_no_label(decoder: Decoder) -> None:
    block = block_of([0, 50, 100], {0})
    block.is_fraud[:] = [None, False, True]
    heard, playback = played(decoder, [block], 10)
    assert told(heard) == ["t0", "t1", "t2"]
    assert playback.labels_not_yet_due == 1
