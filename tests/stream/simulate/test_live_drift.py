"""Live traffic with a drift: before it bit for bit as it was, after it as was said."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from stream.simulate.drifts import Drift, DriftKind
from stream.simulate.episodes import Payments
from stream.simulate.traffic import Traffic, TrafficParameters
from stream.simulate.world import GENUINE, KINDS, NOBODY, ONLINE, SMALL_AMOUNTS

AT_US = 60_000_000
N = 80_000
PARAMETERS = TrafficParameters(rate_per_s=500, cards=2_000, fraud_share=0.02)
SIZES = {
    DriftKind.COVARIATE: 1.5,
    DriftKind.PRIOR: 3.0,
    DriftKind.CONCEPT: 1.0,
    DriftKind.MISSING: 0.25,
}


def payments(kind: DriftKind | None, seed: int = 4, cuts: tuple[int, ...] = (N,)) -> Payments:
    drift = None if kind is None else Drift(kind, AT_US, SIZES[kind])
    traffic = Traffic(PARAMETERS, seed, 0, drift)
    return np.concatenate([traffic.take(n).payments for n in cuts])


def later(rows: Payments) -> Payments:
    return rows[rows["event_time_us"] >= AT_US]


def test_without_a_drift_every_byte_is_what_it_always_was() -> None:
    rows = Traffic(TrafficParameters(), 3).take(50_000).payments
    # The kind of generator and of arithmetic is part of what decides the bytes.
    assert hashlib.sha256(rows.tobytes()).hexdigest().startswith("be029aa17fe48e74")


@pytest.mark.parametrize("kind", list(DriftKind))
def test_before_the_drift_nothing_is_other_than_it_was(kind: DriftKind) -> None:
    calm, found = payments(None), payments(kind)
    before = calm[calm["event_time_us"] < AT_US]
    assert before.size > 20_000
    assert np.array_equal(found[: before.size], before)
    assert not np.array_equal(found[before.size :], calm[before.size :])
    assert (np.diff(found["event_time_us"]) >= 0).all()


@pytest.mark.parametrize("kind", list(DriftKind))
def test_a_drift_is_the_same_however_the_stream_is_cut(kind: DriftKind) -> None:
    cut = payments(kind, cuts=(1, 29_999, 50_000))
    assert np.array_equal(cut, payments(kind))


def test_amounts_of_genuine_payments_grow() -> None:
    calm, found = later(payments(None)), later(payments(DriftKind.COVARIATE))
    grown = found["amount_minor"].sum() / calm["amount_minor"].sum()
    assert 1.3 < grown < 1.5
    frauds = np.isin(calm["kind"], (1, 2, 4))
    assert np.array_equal(found[frauds], calm[frauds])


def test_there_is_as_much_more_fraud_as_was_asked_for() -> None:
    calm, found = later(payments(None)), later(payments(DriftKind.PRIOR))
    was, now = ((it["kind"] != GENUINE).mean() for it in (calm, found))
    assert 2.3 < now / was < 3.6
    assert set(found["kind"].tolist()) == set(range(5))
    own = found["episode"] >= 1 << 32
    assert ((found["kind"] != GENUINE)[own]).all()


def test_one_kind_of_fraud_takes_the_place_of_all_others() -> None:
    calm, found = later(payments(None)), later(payments(DriftKind.CONCEPT))
    assert set(found["kind"].tolist()) == {GENUINE, SMALL_AMOUNTS}
    assert KINDS[SMALL_AMOUNTS] == "small_amounts"
    assert (found["kind"] != GENUINE).mean() == pytest.approx(0.02, rel=0.2)
    small = np.quantile(found["amount_minor"], 0.07)
    assert (found["amount_minor"][found["kind"] == SMALL_AMOUNTS] <= small).all()
    assert found["amount_minor"].mean() == pytest.approx(calm["amount_minor"].mean(), rel=0.25)


def test_a_share_of_payments_loses_its_device() -> None:
    found = later(payments(DriftKind.MISSING))
    online = found["channel"] == ONLINE
    assert (found["device"][online] == NOBODY).mean() == pytest.approx(0.25, abs=0.02)
