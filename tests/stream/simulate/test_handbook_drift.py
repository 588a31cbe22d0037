"""The Handbook's stream with a drift: before it bit for bit as it was, after it as was said."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stream.simulate.drifts import Drift, DriftKind
from stream.simulate.handbook import (
    HandbookParameters,
    HandbookStream,
    generate,
    write_csv,
    write_parquet,
)
from stream.simulate.handbook_drift import NEW_SCENARIO, NO_TERMINAL, SMALL_AMOUNT, with_drift
from stream.simulate.payments import handbook_payments

WORLD = HandbookParameters(customers=400, terminals=800, days=60)
AT_US = 20 * 86_400_000_000
COLUMNS = ("transaction_id", "event_time_us", "customer_id", "terminal_id", "amount", "is_fraud")


@pytest.fixture(scope="module")
def calm() -> HandbookStream:
    return generate(WORLD)


def drifted(
    calm: HandbookStream, kind: DriftKind, size: float, seed: int = 1
) -> tuple[HandbookStream, NDArray[np.bool_]]:
    found = with_drift(calm, WORLD, Drift(kind, AT_US, size), seed)
    return found, calm.event_time_us - calm.start_us >= AT_US


@pytest.mark.parametrize(
    ("kind", "size"), list(zip(DriftKind, (1.5, 3.0, 1.0, 0.25), strict=True)), ids=list(DriftKind)
)
def test_before_the_drift_nothing_is_other_than_it_was(
    calm: HandbookStream, kind: DriftKind, size: float
) -> None:
    found, after = drifted(calm, kind, size)
    changed = 0
    for name in COLUMNS:
        own, was = getattr(found, name), getattr(calm, name)
        assert own.dtype == was.dtype
        assert np.array_equal(own[~after], was[~after]), name
        changed += not np.array_equal(own[after], was[after])
    assert changed
    assert np.array_equal(found.is_fraud, found.scenario > 0)


@pytest.mark.parametrize(
    ("kind", "size"),
    [(DriftKind.PRIOR, 3.0), (DriftKind.CONCEPT, 1.0), (DriftKind.MISSING, 0.5)],
)
def test_the_seed_decides_what_is_drawn(calm: HandbookStream, kind: DriftKind, size: float) -> None:
    first, again, other = (drifted(calm, kind, size, seed)[0] for seed in (1, 1, 2))
    assert all(np.array_equal(getattr(first, it), getattr(again, it)) for it in COLUMNS)
    assert any(not np.array_equal(getattr(first, it), getattr(other, it)) for it in COLUMNS)


def test_amounts_of_genuine_payments_grow_and_those_of_frauds_do_not(calm: HandbookStream) -> None:
    found, after = drifted(calm, DriftKind.COVARIATE, 1.5)
    genuine = after & ~calm.is_fraud
    assert np.array_equal(found.amount[genuine], np.round(calm.amount[genuine] * 1.5, 2))
    assert np.array_equal(found.amount[~genuine], calm.amount[~genuine])
    assert np.array_equal(found.is_fraud, calm.is_fraud)


def test_there_is_as_much_more_fraud_as_was_asked_for(calm: HandbookStream) -> None:
    found, _ = drifted(calm, DriftKind.PRIOR, 3.0)
    # The kinds of which a drift makes more, once those that last four weeks are in full swing.
    late = calm.event_time_us - calm.start_us >= AT_US + 28 * 86_400_000_000
    was, now = (np.isin(it.scenario[late], (2, 3)).sum() for it in (calm, found))
    assert 2.2 < now / was < 3.8
    raised = found.amount != calm.amount
    assert raised.any()
    assert (found.scenario[raised] == 3).all()
    assert found.amount[raised] == pytest.approx(calm.amount[raised] * 5)


def test_a_concept_drift_changes_no_payment_and_what_is_fraud(calm: HandbookStream) -> None:
    found, after = drifted(calm, DriftKind.CONCEPT, 1.0)
    for name in COLUMNS[:-1]:
        assert np.array_equal(getattr(found, name), getattr(calm, name))
    assert set(found.scenario[after].tolist()) == {0, NEW_SCENARIO}
    assert (found.amount[found.scenario == NEW_SCENARIO] < SMALL_AMOUNT).all()
    day = (calm.event_time_us - calm.start_us) // 86_400_000_000
    wanted, have = (np.bincount(day[it.is_fraud], minlength=60) for it in (calm, found))
    candidates = np.bincount(day[after & (calm.amount < SMALL_AMOUNT)], minlength=60)
    assert np.array_equal(have[20:], np.minimum(wanted, candidates)[20:])


def test_lost_terminals_are_null_in_files_and_in_payments(
    calm: HandbookStream, tmp_path: Path
) -> None:
    import pyarrow.parquet

    found, after = drifted(calm, DriftKind.MISSING, 0.25)
    lost = found.terminal_id == NO_TERMINAL
    assert lost[after].mean() == pytest.approx(0.25, abs=0.02)
    write_parquet(found, tmp_path / "it.parquet")
    column = pyarrow.parquet.read_table(tmp_path / "it.parquet")["TERMINAL_ID"]
    assert column.is_null().to_numpy().tolist() == lost.tolist()
    write_csv(found, tmp_path / "it.csv")
    lines = (tmp_path / "it.csv").read_text().splitlines()[1:]
    assert [line.split(",")[3] == "" for line in lines] == lost.tolist()
    for payment, gone in zip(handbook_payments(found), lost.tolist(), strict=True):
        assert (payment.record["terminal_id"] is None) == gone
        assert payment.record["merchant_id"].startswith("terminal-")


def test_without_a_drift_the_file_is_what_it_always_was(tmp_path: Path) -> None:
    write_csv(generate(HandbookParameters(customers=200, terminals=400, days=30)), tmp_path / "it")
    digest = hashlib.sha256((tmp_path / "it").read_bytes()).hexdigest()
    assert digest.startswith("28ff192631b7f1f0")
