"""ADWIN in flat arrays: River's, number by number, and each detector in its own row."""

import math

import numpy as np
import pytest
from numba import config
from river._river_rust.drift import AdaptiveWindowing
from seeds import seeds

from models.drift.adwin import (
    DRIFTED,
    FOUND,
    SQUARES,
    TOP,
    TOTAL,
    WIDTH,
    Detectors,
    new,
    observe,
    reset,
    update,
    update_many,
)

N = 2000 if config.DISABLE_JIT else 5000

RULES = [
    (0.002, 32, 5, 5, 10),
    (0.05, 1, 5, 5, 10),
    (0.3, 3, 2, 1, 1),
    (0.01, 7, 2, 3, 100),
    (0.5, 2, 3, 20, 40),
    (1e-6, 1, 8, 2, 0),
]


def levels(rng, n):
    """A mean that jumps now and then."""
    jumps = rng.random(n) < 8 / n
    return rng.choice([0.0, 0.1, 0.5, 1.0, 3.0, -2.0], n)[
        np.maximum.accumulate(jumps * np.arange(n))
    ]


STREAMS = {
    "normal": lambda rng, n: rng.normal(levels(rng, n), 1),
    "errors of a classifier": lambda rng, n: (
        rng.random(n) < 0.01 + 0.2 * abs(levels(rng, n)).clip(0, 4)
    ).astype(float),
    "large": lambda rng, n: 1e6 * rng.normal(levels(rng, n), 1),
    "offset": lambda rng, n: 1e9 + rng.normal(levels(rng, n), 1e-3),
    "constant pieces": levels,
    "ramp": lambda rng, n: np.arange(n) * 1e-3 + rng.random(n),
    "denormals": lambda rng, n: 5e-324 * rng.integers(-3, 9, n),
}


@pytest.fixture(params=STREAMS.values(), ids=STREAMS)
def stream(request):
    return request.param


@pytest.fixture(params=RULES, ids=str)
def rules(request):
    return request.param


def river_core(rules):
    names = ("delta", "clock", "max_buckets", "min_window_length", "grace_period")
    return AdaptiveWindowing(**dict(zip(names, rules, strict=True)))


@seeds(1)
def test_every_number_is_rivers_while_the_window_goes_on_after_cuts(stream, rules, seed):
    values = stream(np.random.default_rng(seed), N)
    detectors, river = new(1, *rules), river_core(rules)
    for value in values.tolist():
        cut = river.update(value)
        assert observe(detectors, 0, value) == cut
        width, found = detectors.counters[0, WIDTH], detectors.counters[0, FOUND]
        assert (width, found) == (river.get_width(), river.get_n_detections())
        assert detectors.sums[0, TOTAL] == river.get_total()
        assert detectors.sums[0, SQUARES] == river.get_variance()


@seeds(1)
def test_short_windows_are_cut_where_rivers_are(seed):
    rng = np.random.default_rng(seed)
    for _ in range(N // 10):
        delta = float(rng.choice([0.01, 0.3, 1.0]))
        rules = (delta, *(int(rng.integers(*r)) for r in ((1, 4), (2, 5), (1, 5), (0, 12))))
        detectors, river = new(1, *rules), river_core(rules)
        jumps = np.repeat(rng.choice([0.0, 3.0, 100.0], 8), rng.integers(1, 9, 8))
        for value in jumps.tolist():
            assert observe(detectors, 0, value) == river.update(value), rules
            assert detectors.counters[0, WIDTH] == river.get_width()


def test_the_streams_do_drift():
    """What the comparison above is worth: it has many cuts in it."""
    for name, stream in STREAMS.items():
        detectors = new(1, 0.05, 1)
        for value in stream(np.random.default_rng(1), N).tolist():
            observe(detectors, 0, value)
        assert detectors.counters[0, FOUND] >= (0 if name == "denormals" else 2), name


def naive_buckets(values, max_buckets):
    """Sizes of the buckets, youngest first, by merging lists of lists."""
    levels = [[]]
    for value in values:
        levels[0].append([value])
        for i, level in enumerate(levels):
            if len(level) > max_buckets:
                if i + 1 == len(levels):
                    levels.append([])
                levels[i + 1].append(level.pop(0) + level.pop(0))
    return levels


@seeds(3)
def test_buckets_hold_the_sums_of_the_values_that_lie_in_them(seed):
    values = np.random.default_rng(seed).normal(0, 1, 300)
    detectors = new(1, delta=1e-9, clock=10**6, max_buckets=3)
    for value in values:
        observe(detectors, 0, value)
    buckets = naive_buckets(values.tolist(), 3)
    assert detectors.counters[0, TOP] == len(buckets) - 1
    for level, expected in enumerate(buckets):
        assert detectors.sizes[0, level] == len(expected)
        for slot, held in enumerate(expected):
            assert len(held) == 2**level
            assert detectors.totals[0, level, slot] == pytest.approx(sum(held), abs=1e-12)
            squares = len(held) * np.var(held)
            assert detectors.squares[0, level, slot] == pytest.approx(squares, abs=1e-12)


def test_an_update_after_a_drift_begins_a_new_window():
    detectors = new(1, clock=1)
    values = [0.0] * 100 + [9.0] * 20
    drifts = [update(detectors, 0, value) for value in values]
    first = drifts.index(True)
    again = new(1, clock=1)
    expected = [update(again, 0, value) for value in values[first + 1 :]]
    assert first > 99
    assert drifts[first + 1 :] == expected
    for name in Detectors._fields:
        np.testing.assert_array_equal(getattr(detectors, name), getattr(again, name))


@seeds(2)
def test_detectors_in_other_rows_are_left_alone(seed):
    rng = np.random.default_rng(seed)
    together, alone = new(3, 0.1, 1), [new(1, 0.1, 1) for _ in range(3)]
    for _ in range(N // 2):
        at, value = int(rng.integers(3)), float(rng.normal())
        assert update(together, at, value) == update(alone[at], 0, value)
        if rng.random() < 0.01:
            reset(together, at)
            reset(alone[at], 0)
    for at, detectors in enumerate(alone):
        for name in Detectors._fields:
            np.testing.assert_array_equal(
                getattr(together, name)[at], getattr(detectors, name)[0], name
            )


def test_reset_makes_a_detector_new():
    detectors = new(2, 0.05, 1)
    for value in STREAMS["normal"](np.random.default_rng(2), 300):
        update(detectors, 1, value)
    reset(detectors, 1)
    for name, fresh in new(2, 0.05, 1)._asdict().items():
        np.testing.assert_array_equal(getattr(detectors, name), fresh, name)


@seeds(2)
def test_how_values_are_cut_into_batches_never_matters(stream, seed):
    values = stream(np.random.default_rng(seed), 600)
    whole, pieces = new(1, 0.1, 2), new(1, 0.1, 2)
    drifts = np.zeros(600, np.bool_)
    update_many(whole, 0, values, drifts)
    assert drifts.tolist() == [update(pieces, 0, value) for value in values]
    for name in Detectors._fields:
        np.testing.assert_array_equal(getattr(whole, name), getattr(pieces, name))


def test_a_nan_is_no_value():
    detectors, without = new(1, 0.1, 1), new(1, 0.1, 1)
    rng = np.random.default_rng(0)
    for _ in range(300):
        value = float(rng.normal())
        assert update(detectors, 0, value) == update(without, 0, value)
        assert update(detectors, 0, math.nan) is False
        if without.counters[0, DRIFTED]:
            reset(without, 0)
    for name in Detectors._fields:
        np.testing.assert_array_equal(getattr(detectors, name), getattr(without, name))


@seeds(3)
def test_hostile_values_leave_every_number_finite(seed):
    rng = np.random.default_rng(seed)
    wild = [math.inf, -math.inf, math.nan, 1e308, -1e308, 5e-324, -0.0, 0.0, 1.0]
    detectors = new(2, 0.5, 1, 2, 1, 0)
    for value in rng.choice(wild, 600):
        update(detectors, 0, value)
        observe(detectors, 1, 0.0 if math.isnan(value) else value)
    for name in ("totals", "squares", "sums"):
        assert np.isfinite(getattr(detectors, name)).all()
    assert (detectors.sizes <= 2).all()


def test_a_full_memory_forgets_the_oldest_values():
    detectors = new(1, 1e-9, clock=10**6, max_buckets=2, levels=4)
    values = np.random.default_rng(3).normal(0, 1, 1000)
    for value in values:
        observe(detectors, 0, value)
        width = int(detectors.counters[0, WIDTH])
        assert width <= 2 * (1 + 2 + 4 + 8)
        assert width == (detectors.sizes[0] << np.arange(4)).sum()
    kept = values[-width:]
    assert width > 20
    assert detectors.sums[0, TOTAL] == pytest.approx(kept.sum(), abs=1e-9)
    assert detectors.sums[0, SQUARES] == pytest.approx(width * kept.var(), abs=1e-9)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("delta", 0.0),
        ("delta", 1.5),
        ("delta", math.nan),
        ("clock", 0),
        ("max_buckets", 1),
        ("min_window_length", 0),
        ("grace_period", -1),
        ("levels", 0),
        ("levels", 60),
    ],
)
def test_a_wrong_parameter_is_named_with_its_value(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}.*give"):
        new(1, **{name: value})
