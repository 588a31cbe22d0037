"""What is written is what is read, however it is cut; nothing that is no decision is in it."""

from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from inputs.decisions import decisions_of
from seeds import seeds

from stream.evaluation import ledger
from stream.evaluation.ledger import ROW_BYTES, UNKNOWN, Ledger, by_day, truths_of


def same(one, other):
    return all(
        np.array_equal(a, b, equal_nan=a.dtype.kind == "f") and a.dtype == b.dtype
        for a, b in ((getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    )


@seeds(5)
@pytest.mark.parametrize("block", [1, 7, 65_536])
def test_rows_come_back_in_order_however_they_were_cut(monkeypatch, seed, block):
    monkeypatch.setattr(ledger, "_BLOCK_ROWS", block)
    rng = np.random.default_rng(seed)
    whole = decisions_of(200, seed, "spoilt", unknown=0.3)
    kept = rng.random(200) < 0.8
    written = Ledger()
    edges = [0, *np.sort(rng.integers(0, 200, 12)).tolist(), 200]
    for start, stop in pairwise(edges):
        written.add(whole.take(slice(start, stop)), kept[start:stop])
        assert len(written) == kept[:stop].sum() == len(written.decisions())
    assert same(written.decisions(), whole.take(kept))


def test_an_empty_ledger_has_columns_of_no_rows():
    found = Ledger().decisions()
    assert len(found) == 0
    assert same(found, decisions_of(0, 1))
    assert list(by_day(found.day)) == []


def test_what_was_written_is_a_copy():
    rows, written = decisions_of(3, 1), Ledger()
    written.add(rows, np.ones(3, np.bool_))
    rows.score[:] = 9.0
    assert (written.decisions().score < 2).all()


def test_a_row_takes_what_the_text_says():
    assert ROW_BYTES == 34
    assert "34 bytes" in ledger.__doc__
    one = decisions_of(10, 1)
    assert sum(getattr(one, f.name).nbytes for f in fields(one)) == 10 * ROW_BYTES


def test_only_what_is_known_is_judged():
    rows = decisions_of(300, 3, unknown=0.5)
    judged = rows.judged()
    assert 0 < len(judged) == (rows.truth != UNKNOWN).sum() < 300
    assert set(judged.truth.tolist()) == {0, 1}
    assert truths_of([True, None, False]).tolist() == [1, UNKNOWN, 0]


@seeds(3)
def test_days_hold_their_rows_in_order(seed):
    rows = decisions_of(100, seed)
    day = (rows.event_time_us // 1_000_000 // 86_400).tolist()
    wanted = {d: [i for i in range(100) if day[i] == d] for d in sorted(set(day))}
    found = {d: places.tolist() for d, places in by_day(rows.day)}
    assert found == wanted
    assert list(found) == list(wanted)


def test_a_day_before_1970_is_a_day_of_its_own():
    times = np.array([-1, 0, ledger.DAY_US - 1, ledger.DAY_US])
    rows = decisions_of(4, 1)
    rows.event_time_us[:] = times
    assert rows.day.tolist() == [-1, 0, 0, 1]
