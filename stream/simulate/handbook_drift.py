"""The Handbook's stream with a drift in it; before that it stays as it was, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stream.simulate.drifts import Drift, DriftKind
from stream.simulate.handbook import HandbookParameters, HandbookStream

_DAY_US = 86_400_000_000
NEW_SCENARIO = 4
"""Scenario of the frauds that begin with a concept drift."""
SMALL_AMOUNT = 10.0
"""They are among payments below this, major currency units."""
NO_TERMINAL = -1
"""Where the terminal is not known."""


def with_drift(
    stream: HandbookStream, parameters: HandbookParameters, drift: Drift, seed: int
) -> HandbookStream:
    """Return the stream with a drift in it.

    No payment is added or taken away. A concept drift changes no payment either, only which of
    them are fraud: as many a day as there were, times the drift's size.

    Parameters
    ----------
    stream : HandbookStream
        Of these parameters, as `generate` gave it; is not changed.
    parameters : HandbookParameters
    drift : Drift
    seed : int
        Of what is drawn.
    """
    random = np.random.default_rng([seed, list(DriftKind).index(drift.kind)])
    since_us = stream.event_time_us - stream.start_us
    after = since_us >= drift.at_us
    match drift.kind:
        case DriftKind.COVARIATE:
            grown = np.round(stream.amount * drift.size, 2)
            amount = np.where(after & ~stream.is_fraud, grown, stream.amount)
            return replace(stream, amount=amount)
        case DriftKind.MISSING:
            lost = after & (random.random(len(stream)) < drift.size)
            return replace(stream, terminal_id=np.where(lost, NO_TERMINAL, stream.terminal_id))
        case DriftKind.CONCEPT:
            return _another_kind(stream, after, drift.size, random)
        case DriftKind.PRIOR:
            return _more_fraud(stream, parameters, drift, random)


def _another_kind(
    stream: HandbookStream, after: NDArray[np.bool_], size: float, random: np.random.Generator
) -> HandbookStream:
    scenario = np.where(after, 0, stream.scenario).astype(np.int8)
    day = (stream.event_time_us - stream.start_us) // _DAY_US
    small = after & (stream.amount < SMALL_AMOUNT)
    for each in np.unique(day[after]):
        today = day == each
        wanted = round(size * int((stream.is_fraud & after & today).sum()))
        candidates = np.flatnonzero(small & today)
        chosen = random.choice(candidates, min(wanted, len(candidates)), replace=False)
        scenario[chosen] = NEW_SCENARIO
    return replace(stream, scenario=scenario, is_fraud=scenario > 0)


def _more_fraud(
    stream: HandbookStream,
    parameters: HandbookParameters,
    drift: Drift,
    random: np.random.Generator,
) -> HandbookStream:
    """Let more terminals be taken over and more card data be stolen, as scenarios 2 and 3 do."""
    scenario, amount = stream.scenario.copy(), stream.amount.copy()
    since_us = stream.event_time_us - stream.start_us
    last_day = int(since_us[-1] // _DAY_US) if len(stream) else 0
    days = range(-(-drift.at_us // _DAY_US), last_day + 1)
    for day in days:
        terminals = _some(random, parameters.terminals, parameters.terminals_per_day, drift.size)
        rows = _days(since_us, day, parameters.terminal_days)
        taken = np.isin(stream.terminal_id[rows], terminals)
        # A later scenario stands over an earlier one.
        scenario[rows][taken & (scenario[rows] != 3)] = 2
    for day in days:
        customers = _some(random, parameters.customers, parameters.customers_per_day, drift.size)
        rows = _days(since_us, day, parameters.customer_days)
        robbed = rows.start + np.flatnonzero(np.isin(stream.customer_id[rows], customers))
        count = len(robbed) // parameters.customer_one_in
        picked = random.choice(robbed, count, replace=False)
        # What was raised already stays as it is.
        picked = picked[scenario[picked] != 3]
        amount[picked] *= parameters.customer_factor
        scenario[picked] = 3
    return replace(stream, scenario=scenario, amount=amount, is_fraud=scenario > 0)


def _some(
    random: np.random.Generator, population: int, per_day: int, size: float
) -> NDArray[np.int64]:
    """Draw what comes to the `per_day` ids that there are anyway, on average."""
    more = per_day * (size - 1.0)
    count = int(more) + int(random.random() < more % 1.0)
    return random.choice(population, min(count, population), replace=False)


def _days(since_us: NDArray[np.int64], first: int, length: int) -> slice:
    begin, end = np.searchsorted(since_us, [first * _DAY_US, (first + length) * _DAY_US])
    return slice(int(begin), int(end))
