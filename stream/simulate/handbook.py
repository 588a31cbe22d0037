"""The simulated card transactions of the Fraud Detection Handbook, regenerated exactly.

Source: Y.-A. Le Borgne, W. Siblini, B. Lebichot, G. Bontempi, "Reproducible Machine
Learning for Credit Card Fraud Detection - Practical Handbook", Université Libre de
Bruxelles, chapter 3, "Transaction data simulator" (notebook "SimulatedDataset").

Customers and terminals are points on a square. A customer buys only at terminals
within a radius, a Poisson number of times a day, for normally distributed amounts.
Three fraud scenarios are laid over the sorted stream, a later one overwriting an
earlier one:

1. an amount above a fixed limit;
2. every day a few terminals are taken over for four weeks, and all of their
   transactions are frauds;
3. every day a few customers lose their card data for two weeks, in which a third
   of their transactions are frauds of five times the amount.

With the published parameters the stream equals the published data set row for row
and bit for bit, so results of the book can be compared with results on it. That
holds only while every random draw happens in the published order, and while equal
times are sorted as the original's sort left them (`_order_by_time`).

All randomness comes from generator objects made here: the global state of `random`
and `numpy.random` is neither read nor changed.
"""

import csv
import datetime as dt
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.errors import ConfigError, InputFileError

IntColumn = npt.NDArray[np.int64]
FloatColumn = npt.NDArray[np.float64]

_DAY_S = 86_400
_SECOND_US = 1_000_000
_EPOCH = dt.date(1970, 1, 1)
# The time since the start fills a signed 32-bit column of the data set.
_MAX_DAYS = (2**31 - 1) // _DAY_S
_CSV_BLOCK_ROWS = 100_000
_PROGRESS_STEPS = 100
# What drawing the transactions takes of the whole; sorting and the frauds take the rest.
_DRAWING_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class HandbookParameters:
    """What describes a world of the simulator; the defaults are the published ones.

    Attributes
    ----------
    customers : int
        Number of customers; their ids are 0..customers-1 and seed their own draws.
    terminals : int
        Number of terminals; their ids are 0..terminals-1.
    days : int
        Length of the stream, in days from `start`.
    start : datetime.date
        Day 0; the stream begins at its midnight, UTC.
    customer_seed : int
        Seed of the customers' places and habits.
    terminal_seed : int
        Seed of the terminals' places.
    draw_seed : int
        Customer c draws from seed `draw_seed` + c, the frauds of day d from `draw_seed` + d.
    grid_size : float
        Side of the square on which customers and terminals lie, in grid units.
    radius : float
        A customer uses the terminals nearer than this, in grid units.
    min_mean_amount : float
        Lower bound of a customer's mean amount, in major currency units.
    max_mean_amount : float
        Upper bound of a customer's mean amount, in major currency units.
    amount_spread : float
        Standard deviation of a customer's amounts, as a share of the mean amount.
    max_daily_rate : float
        Upper bound of a customer's mean number of transactions per day.
    time_mean_s : float
        Mean time of day of a transaction, in seconds since midnight.
    time_std_s : float
        Standard deviation of the time of day, in seconds; what falls outside of the
        day is dropped.
    amount_limit : float
        Scenario 1: a larger amount is a fraud, in major currency units.
    terminals_per_day : int
        Scenario 2: number of terminals taken over each day.
    terminal_days : int
        Scenario 2: for how many days a terminal stays taken over.
    customers_per_day : int
        Scenario 3: number of customers whose card data are stolen each day.
    customer_days : int
        Scenario 3: for how many days stolen card data are used.
    customer_one_in : int
        Scenario 3: one in this many of the transactions in that time is a fraud.
    customer_factor : float
        Scenario 3: what the amount of such a fraud is multiplied by.

    Raises
    ------
    schemas.errors.ConfigError
        If the values describe no possible world; the text lists every problem.
    """

    customers: int = 5_000
    terminals: int = 10_000
    days: int = 183
    start: dt.date = dt.date(2018, 4, 1)
    customer_seed: int = 0
    terminal_seed: int = 1
    draw_seed: int = 0
    grid_size: float = 100.0
    radius: float = 5.0
    min_mean_amount: float = 5.0
    max_mean_amount: float = 100.0
    amount_spread: float = 0.5
    max_daily_rate: float = 4.0
    time_mean_s: float = 43_200.0
    time_std_s: float = 20_000.0
    amount_limit: float = 220.0
    terminals_per_day: int = 2
    terminal_days: int = 28
    customers_per_day: int = 3
    customer_days: int = 14
    customer_one_in: int = 3
    customer_factor: float = 5.0

    def __post_init__(self) -> None:
        checks = {
            f"days={self.days} must be in 1..{_MAX_DAYS}": 1 <= self.days <= _MAX_DAYS,
            f"terminals_per_day={self.terminals_per_day} must be in 0..{self.terminals}": (
                0 <= self.terminals_per_day <= self.terminals
            ),
            f"customers_per_day={self.customers_per_day} must be in 0..{self.customers}": (
                0 <= self.customers_per_day <= self.customers
            ),
            f"customer_one_in={self.customer_one_in} must be at least 1": (
                self.customer_one_in >= 1
            ),
            f"draw_seed={self.draw_seed} must be in 0..2**31": 0 <= self.draw_seed <= 2**31,
            f"min_mean_amount={self.min_mean_amount} must be in 0..{self.max_mean_amount}": (
                0.0 <= self.min_mean_amount <= self.max_mean_amount
            ),
            f"amount_spread={self.amount_spread} must not be negative": self.amount_spread >= 0.0,
            f"max_daily_rate={self.max_daily_rate} must not be negative": (
                self.max_daily_rate >= 0.0
            ),
        }
        problems = [text for text, holds in checks.items() if not holds]
        if problems:
            raise ConfigError("Handbook simulator: " + "; ".join(problems))

    @property
    def start_us(self) -> int:
        """Midnight of day 0, in microseconds since 1970-01-01 UTC."""
        return (self.start - _EPOCH).days * _DAY_S * _SECOND_US


PUBLISHED = HandbookParameters()
"""The parameters of the published data set."""


@dataclass(frozen=True, slots=True, eq=False)
class HandbookStream:
    """Transactions in order of time, one array per column, n rows each.

    Attributes
    ----------
    transaction_id : ndarray of int64, shape (n,)
        0..n-1 in the order of the stream.
    event_time_us : ndarray of int64, shape (n,)
        Time of the transaction, in microseconds since 1970-01-01 UTC; whole seconds.
    customer_id : ndarray of int64, shape (n,)
        The customer who paid.
    terminal_id : ndarray of int64, shape (n,)
        The terminal that was paid at; -1 where a drift has lost it.
    amount : ndarray of float64, shape (n,)
        Amount in major currency units, including the increase of scenario 3. Two
        decimals, except that the increase is not rounded again.
    is_fraud : ndarray of bool, shape (n,)
        Whether the transaction is a fraud.
    scenario : ndarray of int8, shape (n,)
        Which scenario made it a fraud, 1 to 3, 4 after a drift; 0 for a genuine one.
    start_us : int
        Midnight of day 0, in microseconds since 1970-01-01 UTC: the origin of the
        data set's columns of seconds and days.
    """

    transaction_id: IntColumn
    event_time_us: IntColumn
    customer_id: IntColumn
    terminal_id: IntColumn
    amount: FloatColumn
    is_fraud: npt.NDArray[np.bool_]
    scenario: npt.NDArray[np.int8]
    start_us: int = PUBLISHED.start_us

    def __len__(self) -> int:
        return len(self.transaction_id)


class _Transactions(NamedTuple):
    """Columns before the frauds; seconds count from midnight of day 0."""

    seconds: IntColumn
    customer: IntColumn
    terminal: IntColumn
    amount: FloatColumn


def generate(
    parameters: HandbookParameters = PUBLISHED,
    progress: Callable[[float], None] | None = None,
) -> HandbookStream:
    """Generate the whole stream.

    Parameters
    ----------
    parameters : HandbookParameters
        The world to simulate.
    progress : callable, optional
        Called from time to time with the fraction done, from 0 to 1, never falling.

    Returns
    -------
    HandbookStream
        The same for the same parameters, always.
    """
    report = progress if progress is not None else lambda _: None
    rows = _sorted_by_time(_draw_transactions(parameters, report))
    scenario = np.zeros(len(rows.seconds), dtype=np.int8)
    day = rows.seconds // _DAY_S
    _mark_large_amounts(parameters, rows.amount, scenario)
    _mark_terminals(parameters, day, rows.terminal, scenario)
    _mark_customers(parameters, day, rows.customer, rows.amount, scenario)
    report(1.0)
    return HandbookStream(
        transaction_id=np.arange(len(scenario), dtype=np.int64),
        event_time_us=parameters.start_us + rows.seconds * _SECOND_US,
        customer_id=rows.customer,
        terminal_id=rows.terminal,
        amount=rows.amount,
        is_fraud=scenario > 0,
        scenario=scenario,
        start_us=parameters.start_us,
    )


def _draw_transactions(
    parameters: HandbookParameters, report: Callable[[float], None]
) -> _Transactions:
    """Draw every customer's transactions, customer by customer in ascending id."""
    places, means, rates = _customers(parameters)
    terminals = _terminal_places(parameters)
    every = max(1, parameters.customers // _PROGRESS_STEPS)
    batches = [_no_transactions()]
    for customer in range(parameters.customers):
        if customer % every == 0:
            report(_DRAWING_SHARE * customer / parameters.customers)
        reachable = _reachable(places[customer], terminals, parameters.radius)
        if reachable:
            batches.append(
                _draw_customer(
                    parameters, customer, float(means[customer]), float(rates[customer]), reachable
                )
            )
    return _Transactions(*(np.concatenate(columns) for columns in zip(*batches, strict=True)))


def _no_transactions() -> _Transactions:
    """Columns of no rows: what even a world without any transaction concatenates to."""
    whole = np.empty(0, dtype=np.int64)
    return _Transactions(whole, whole, whole, np.empty(0, dtype=np.float64))


def _customers(parameters: HandbookParameters) -> tuple[FloatColumn, FloatColumn, FloatColumn]:
    """Return places (n, 2), mean amounts (n,) and daily rates (n,) of all customers.

    The draws of one customer (x, y, mean, rate) come together, then those of the next.
    """
    p = parameters
    low = [0.0, 0.0, p.min_mean_amount, 0.0]
    high = [p.grid_size, p.grid_size, p.max_mean_amount, p.max_daily_rate]
    draws = np.random.RandomState(p.customer_seed).uniform(low, high, size=(p.customers, 4))
    return draws[:, :2], draws[:, 2], draws[:, 3]


def _terminal_places(parameters: HandbookParameters) -> FloatColumn:
    """Return the places of all terminals, shape (n, 2), drawn terminal by terminal."""
    generator = np.random.RandomState(parameters.terminal_seed)
    return generator.uniform(0.0, parameters.grid_size, size=(parameters.terminals, 2))


def _reachable(place: FloatColumn, terminals: FloatColumn, radius: float) -> list[int]:
    """Return the ids, ascending, of the terminals nearer than the radius.

    A list and not an array: `random.choice` is several times faster on one.
    """
    dx = terminals[:, 0] - place[0]
    dy = terminals[:, 1] - place[1]
    return np.flatnonzero(np.sqrt(dx * dx + dy * dy) < radius).tolist()


def _draw_customer(
    parameters: HandbookParameters, customer: int, mean: float, rate: float, reachable: list[int]
) -> _Transactions:
    """Draw one customer's transactions of all days, in the order of the draws.

    Amounts and times share one generator, so the loop cannot be turned into array
    draws: how many normals are used depends on the normals. Terminals have a
    generator of their own. Normals are scaled here because `RandomState.normal`
    would take most of the time checking its arguments; the result is the same.
    """
    seed = parameters.draw_seed + customer
    rng = np.random.RandomState(seed)
    poisson, normal, uniform = rng.poisson, rng.standard_normal, rng.random_sample
    choice = random.Random(seed).choice  # noqa: S311 - a simulation, no secret
    time_mean, time_std = parameters.time_mean_s, parameters.time_std_s
    std = mean * parameters.amount_spread
    seconds: list[int] = []
    amounts: list[float] = []
    chosen: list[int] = []
    for midnight in range(0, parameters.days * _DAY_S, _DAY_S):
        for _ in range(poisson(rate)):
            # Cut to whole seconds before the test: what is left of 0.7 s is dropped.
            second = int(time_mean + time_std * normal())
            if not 0 < second < _DAY_S:
                continue
            amount = mean + std * normal()
            if amount < 0:
                amount = 2 * mean * uniform()
            seconds.append(midnight + second)
            amounts.append(amount)
            chosen.append(choice(reachable))
    return _Transactions(
        np.array(seconds, dtype=np.int64),
        np.full(len(seconds), customer, dtype=np.int64),
        np.array(chosen, dtype=np.int64),
        np.array(amounts, dtype=np.float64).round(2),
    )


def _sorted_by_time(rows: _Transactions) -> _Transactions:
    """Return copies of the columns in the order of the stream."""
    order = _order_by_time(rows.seconds)
    return _Transactions(
        rows.seconds[order], rows.customer[order], rows.terminal[order], rows.amount[order]
    )


def _order_by_time(seconds: IntColumn) -> npt.NDArray[np.intp]:
    """Return the rows in order of time, equal times as in the published data.

    Those were sorted by NumPy's quicksort on datetimes, which is not stable: its
    order of equal times is neither that of a stable sort nor, where NumPy has a
    vectorised sort, that of the same numbers as integers. Scenario 3 picks rows by
    position, so another order of ties would even move frauds.
    """
    return np.argsort(seconds.astype("datetime64[s]"), kind="quicksort")


def _mark_large_amounts(
    parameters: HandbookParameters, amount: FloatColumn, scenario: npt.NDArray[np.int8]
) -> None:
    """Scenario 1: mark amounts above the limit."""
    scenario[amount > parameters.amount_limit] = 1


def _mark_terminals(
    parameters: HandbookParameters,
    day: IntColumn,
    terminal: IntColumn,
    scenario: npt.NDArray[np.int8],
) -> None:
    """Scenario 2: mark every transaction at a terminal while it is taken over."""
    for first_day, rows in _windows(day, parameters.terminal_days):
        taken = _sample(parameters, first_day, parameters.terminals, parameters.terminals_per_day)
        scenario[rows][np.isin(terminal[rows], taken)] = 2


def _mark_customers(
    parameters: HandbookParameters,
    day: IntColumn,
    customer: IntColumn,
    amount: FloatColumn,
    scenario: npt.NDArray[np.int8],
) -> None:
    """Scenario 3: mark and increase some payments with stolen card data.

    A transaction picked on two days is increased twice.
    """
    for first_day, rows in _windows(day, parameters.customer_days):
        robbed = _sample(parameters, first_day, parameters.customers, parameters.customers_per_day)
        candidates = rows.start + np.flatnonzero(np.isin(customer[rows], robbed))
        count = len(candidates) // parameters.customer_one_in
        generator = random.Random(parameters.draw_seed + first_day)  # noqa: S311 - a simulation
        picked = generator.sample(candidates.tolist(), k=count)
        amount[picked] *= parameters.customer_factor
        scenario[picked] = 3


def _windows(day: IntColumn, length: int) -> Iterator[tuple[int, slice]]:
    """Yield each day with the rows of the days [day, day + length).

    The last day on which anything happened begins no window: the original counts
    its days up to that one, exclusive.
    """
    last = int(day[-1]) if len(day) else 0
    for first in range(last):
        begin, end = np.searchsorted(day, [first, first + length])
        yield first, slice(int(begin), int(end))


def _sample(parameters: HandbookParameters, day: int, population: int, count: int) -> IntColumn:
    """Draw distinct ids from 0..population-1 as pandas' `sample(random_state=day)` does."""
    rng = np.random.RandomState(parameters.draw_seed + day)
    return rng.choice(population, size=count, replace=False)


def write_parquet(stream: HandbookStream, path: Path) -> None:
    """Write the stream as Parquet, with the data set's own column names and types.

    Parameters
    ----------
    stream : HandbookStream
        The transactions.
    path : pathlib.Path
        File to write; an existing one is replaced.

    Raises
    ------
    schemas.errors.InputFileError
        If DuckDB is not installed.
    """
    try:
        import duckdb
    except ImportError as error:
        raise InputFileError(
            f"{path}: writing Parquet needs DuckDB, which is not installed; "
            "install the [offline] extra (pip install 'fraudstream[offline]') or write CSV"
        ) from error
    with duckdb.connect() as connection:
        connection.register("handbook", _handbook_columns(stream))
        connection.table("handbook").write_parquet(str(path))


def write_csv(stream: HandbookStream, path: Path) -> None:
    """Write the stream as CSV with a header, with the data set's own column names.

    Times read ``2018-04-01 00:00:31`` (UTC); amounts are the shortest decimals that
    read back as the same 64-bit number.

    Parameters
    ----------
    stream : HandbookStream
        The transactions.
    path : pathlib.Path
        File to write; an existing one is replaced.
    """
    columns = _handbook_columns(stream)
    with path.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for begin in range(0, len(stream), _CSV_BLOCK_ROWS):
            block = slice(begin, begin + _CSV_BLOCK_ROWS)
            cells = [_csv_cells(column[block]) for column in columns.values()]
            writer.writerows(zip(*cells, strict=True))


def _csv_cells(column: npt.NDArray[Any]) -> list[Any]:
    """Return Python values whose text is the column's text in a CSV file."""
    if column.dtype.kind == "M":
        texts: list[str] = np.datetime_as_string(column, unit="s").tolist()
        return [text.replace("T", " ") for text in texts]
    return list(column.tolist())


def _handbook_columns(stream: HandbookStream) -> dict[str, npt.NDArray[Any]]:
    """Return the data set's columns by name, in its order and its types."""
    seconds = (stream.event_time_us - stream.start_us) // _SECOND_US
    return {
        "TRANSACTION_ID": stream.transaction_id.astype(np.int32),
        "TX_DATETIME": stream.event_time_us.astype("datetime64[us]"),
        "CUSTOMER_ID": stream.customer_id.astype(np.int32),
        "TERMINAL_ID": np.ma.masked_less(stream.terminal_id.astype(np.int32), 0),
        "TX_AMOUNT": stream.amount,
        "TX_TIME_SECONDS": seconds.astype(np.int32),
        "TX_TIME_DAYS": (seconds // _DAY_S).astype(np.int16),
        "TX_FRAUD": stream.is_fraud.astype(np.int8),
        "TX_FRAUD_SCENARIO": stream.scenario,
    }
