"""A whole stream at once: ours event by event, beside engines that see all rows together.

Nine features of the Handbook's 183 days: count and mean amount of the customer, count at
the terminal, over 1, 7 and 30 days, as of each row. Ours has bounded memory and
observes customers and terminals side by side; Polars and DuckDB use every core too, so
wall time is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.baselines_batch import (
    DAYS,
    Columns,
    by_duckdb,
    by_polars,
    largest_difference,
    of_handbook,
)
from benchmarks.baselines_stream import Events, block_of, feature_set, hashed
from benchmarks.harness import Result, Run, benchmark
from schemas.columns import Transactions
from stream.features.state import FeatureState
from stream.simulate.handbook import PUBLISHED, HandbookParameters, generate

UNIT = "us/event"
BESIDE: dict[str, Callable[[Columns], list[NDArray[np.generic]]]] = {
    "features_vs_polars": by_polars,
    "features_vs_duckdb": by_duckdb,
}
_QUICK_DAYS = 60
_EVENTS_MAX = 400_000  # 30 days hold about 290,000.
_ENTITIES_MAX = 10_000
_THREADS = 2
_BATCH_ROWS = 16_384  # So long that handing a type to the other thread is nothing beside it.
_NOTHING = np.zeros(0, np.uint8)


@benchmark("features_vs_polars", unit=UNIT, takes_s=40)
def features_vs_polars(run: Run) -> list[Result]:
    """9 features of the Handbook's stream, from arrays to a matrix, beside Polars."""
    return [_beside(run, "features_vs_polars")]


@benchmark("features_vs_duckdb", unit=UNIT, takes_s=70, full=True)
def features_vs_duckdb(run: Run) -> list[Result]:
    """9 features of the Handbook's stream, from arrays to a matrix, beside DuckDB."""
    return [_beside(run, "features_vs_duckdb")]


def _beside(run: Run, name: str) -> Result:
    run.progress("generating the stream")
    rows = of_handbook(generate(HandbookParameters(days=_QUICK_DAYS) if run.quick else PUBLISHED))
    keys = np.stack([hashed(rows.customer), hashed(rows.terminal)])
    events = Events(rows.times_us, rows.amounts_minor, keys)
    ours, batch = partial(by_ours, events), BESIDE[name]
    difference = largest_difference(list(ours().T), batch(rows))
    assert difference < 1e-9, f"{name}: not the same numbers, by {difference}"
    measured = run.paired(ours, partial(batch, rows), items=len(rows), clock="wall")
    return measured.result(name, UNIT, events=len(rows), largest_difference=difference)


def by_ours(events: Events) -> NDArray[np.float64]:
    """Begin with an empty state and take the stream batch by batch.

    Returns
    -------
    ndarray of float64, shape (n, 9)
    """
    names = [
        *(f"customer.count_{days}d" for days in DAYS),
        *(f"customer.amount_mean_{days}d" for days in DAYS),
        *(f"terminal.count_{days}d" for days in DAYS),
    ]
    features = feature_set(names, ("customer", "terminal"))
    state = FeatureState(
        features,
        _EVENTS_MAX,
        _ENTITIES_MAX,
        batch_rows_max=_BATCH_ROWS,
        threads=_THREADS,
    )
    block = block_of(events, features.layout)
    take = np.ones(_BATCH_ROWS, np.bool_)
    matrix = np.empty((len(events), len(names)))
    for at in range(0, len(events), _BATCH_ROWS):
        part = block[:, at : at + _BATCH_ROWS]
        batch = Transactions(features.layout, part, _NOTHING)
        matrix[at : at + _BATCH_ROWS] = state.observe(batch, take[: part.shape[1]]).matrix
    return matrix
