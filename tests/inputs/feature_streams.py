"""Hostile streams for the declared features, and what a feature state makes of them.

A stream is a batch of decoded transactions, which of its rows are taken, and the
verdicts that arrive in between. What is hostile here got past the decoder, or lies in
rows that are not taken.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from naive import siphash24
from naive_features import NaiveFeatures
from seeds import run_of

from schemas.columns import AMOUNT_MINOR, EVENT_TIME_US, MISSING, Layout, Transactions
from stream.features.declare import Condition, Inputs, declare, expand

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
START_US = 1_780_000_000 * SECOND
HASH_KEY = bytes(range(3, 19))
INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT", "0") != "0"
# What `features_of_run` chooses from: so many declarations of so many features. Uncompiled
# one costs nothing.
DECLARATIONS = 10_000 if INTERPRETED else 4
FEATURES = 40 if INTERPRETED else 90

INPUTS = Inputs(
    entities=("card", "merchant"),
    numeric=("score", "latitude", "longitude"),
    categorical=("channel", "country"),
    conditions={
        "late_hours": Condition(hours=(22, 5)),
        "midweek": Condition(weekdays=(2, 3)),
        "online": Condition(field="channel", values=("online", "app")),
        "large": Condition(field="amount", above=19.98),
        "middling": Condition(field="score", above=-1.0, below=2.5),
    },
    location=("latitude", "longitude"),
)
LAYOUT = Layout(INPUTS.entities, INPUTS.numeric, INPUTS.categorical)


def category(text: str) -> int:
    """Hash a category as the decoder does."""
    return max(siphash24(HASH_KEY, text.encode()), 1)


CHANNELS = [category(text) for text in ("online", "app", "shop")]

# All that can be said: the tests take some of them at a time, or all.
_BARE = "{count,frauds,fraud_rate}"
_OF_NUMBERS = "{amount,score}_{sum,mean,std}"
_NUMBERS_NOW = "{amount,score}_{min,max,zscore}"
_SHARES = "share_{night,weekend,late_hours,midweek,online,large,middling}"
_SPANS = "{10s,1m,2h,30d}"
_DELAYED = "{10s_delay_10s,10s_delay_1m,1m_delay_10s,1m_delay_2h,2h_delay_1m,30d_delay_7d}"
_PATTERNS = (
    "amount",
    "{hour,week}_{sin,cos}",
    "input.{score,latitude,longitude}",
    "is_{night,weekend,late_hours,midweek,online,large,middling}",
    *(
        f"{entity}.{aggregate}_{spans}"
        for entity in ("card", "merchant", "card+channel", "card+merchant")
        for aggregate in (_BARE, _OF_NUMBERS, _SHARES)
        for spans in (_SPANS, _DELAYED)
    ),
    f"{{card,merchant,merchant+country}}.{_NUMBERS_NOW}_{_SPANS}",
    f"card.distinct_{{merchant,channel,country}}_{_SPANS}",
    f"{{merchant,merchant+country}}.distinct_{{card,channel}}_{_SPANS}",
    f"{{card,merchant}}.same_amount_{_SPANS}",
    f"card+amount.{_BARE}_{_DELAYED}",
    "{card.count,merchant.amount_sum,merchant.frauds}_1us",
    "{card,merchant,card+merchant,card+amount}.seconds_since_{last,first,fraud,genuine}",
    "{card,merchant,card+channel}.{known_fraud_odds,known_frauds,known_count,surprise}_{1h,30d}",
    "{card,merchant,card+channel}.amount_genuine_{mean,std}_{1h,30d}",
    "{card,merchant,card+channel}.known_fraud_run",
    "at_fraud({card,merchant,card+merchant}, amount)",
    "{card,merchant,card+country}.rate_{10s,1h}",
    "{card,merchant,card+country}.{amount,score}_decayed_{mean,std}_{10s,1h}",
    "{card,merchant,card+channel}.speed_kmh",
    "card.new_{merchant,channel,country}",
    "merchant.new_{card,channel}",
)
_DERIVED = (
    "ratio(amount, card.amount_mean_1m)",
    "ratio(card.count_10s, card.count_1m_delay_10s)",
    "ratio(card.frauds_2h, merchant.count_10s_delay_1m)",
    "ratio(is_online, is_large)",
    "ratio(difference(amount, merchant.amount_min_2h), card.amount_max_2h)",
    "difference(card.amount_sum_2h, merchant.amount_sum_2h)",
    "difference(input.latitude, input.longitude)",
    "difference(hour_sin, week_cos)",
    "log(amount)",
    "log(input.score)",
    "log(card.seconds_since_last)",
    "log(difference(amount, card.amount_decayed_mean_1h))",
    "log(ratio(card.rate_1h, merchant.rate_10s))",
    "difference(log(card.new_merchant), log(card.speed_kmh))",
)
NAMES = (*(name for pattern in _PATTERNS for name in expand(pattern)), *_DERIVED)


def some_features(rng: np.random.Generator, n: int, inputs: Inputs = INPUTS) -> tuple[Any, ...]:
    """Choose n features in any order, at least one of every kind of name."""
    chosen = set(rng.choice(len(NAMES), min(n, len(NAMES)), replace=False).tolist())
    first = 0
    for pattern in _PATTERNS:
        width = len(expand(pattern))
        chosen.add(first + int(rng.integers(width)))
        first += width
    order = rng.permutation(sorted(chosen))
    return declare([NAMES[i] for i in order], inputs)


def features_of_run(
    seed: int, rng: np.random.Generator, inputs: Inputs = INPUTS
) -> tuple[Any, ...]:
    """Choose one of the declarations of the run that the seed carries.

    Each is compiled by itself, for seconds, while a stream through it takes a fraction of one:
    tests share declarations, and each runs streams of its own through them.
    """
    chosen = int(rng.integers(DECLARATIONS))
    return some_features(np.random.default_rng([run_of(seed), chosen]), FEATURES, inputs)


@dataclass(frozen=True)
class FeatureStream:
    """Transactions, which rows are taken, and verdicts.

    A verdict (row, number, is_fraud) is about event `number` and arrives just before `row`; so
    does an erasure (row, name of an entity, key), after the verdicts there.
    """

    transactions: Transactions
    take: Any
    marks: tuple[tuple[int, int, bool], ...] = ()
    erasures: tuple[tuple[int, str, int], ...] = ()

    def __len__(self) -> int:
        return len(self.transactions)

    def head(self, n: int) -> FeatureStream:
        """Keep the first n rows and what arrives before them."""
        return FeatureStream(
            some_rows(self.transactions, 0, n),
            self.take[:n],
            tuple(m for m in self.marks if m[0] < n),
            tuple(e for e in self.erasures if e[0] < n),
        )

    def pieces(self, cuts: Sequence[int], batch_rows_max: int) -> Iterator[tuple[Any, int, int]]:
        """Yield (verdicts, start, stop): verdicts, then the rows that follow them."""
        starts = {0, *cuts, *(row for row, _, _ in (*self.marks, *self.erasures))}
        starts = sorted(start for start in starts if start < len(self))
        for start, end in zip(starts, [*starts[1:], len(self)], strict=True):
            marks = [(number, verdict) for row, number, verdict in self.marks if row == start]
            for first in range(start, end, batch_rows_max):
                yield marks, first, min(end, first + batch_rows_max)
                marks = []


def some_rows(batch: Transactions, start: int, stop: int) -> Transactions:
    """Copy some rows of a batch into one of their own."""
    return Transactions(batch.layout, batch.longs[:, start:stop].copy(), batch.data)


def stream_of(
    rows: Sequence[dict[str, Any]], marks: Sequence[tuple[int, int, bool]] = ()
) -> FeatureStream:
    """Build a stream from one dict a row; what a row does not say is ordinary."""
    longs = np.zeros((LAYOUT.width, len(rows)), np.int64)
    batch = Transactions(LAYOUT, longs, np.zeros(0, np.uint8))
    for i, row in enumerate(rows):
        longs[EVENT_TIME_US, i] = row["time_us"]
        longs[AMOUNT_MINOR, i] = row.get("amount", 100)
        batch.entities[:, i] = (row.get("card", 1), row.get("merchant", 1))
        batch.numeric[:, i] = (row.get("score", math.nan), *row.get("where", (math.nan,) * 2))
        batch.categorical[:, i] = (row.get("channel", 0), row.get("country", 0))
    take = np.array([row.get("take", True) for row in rows], bool)
    return FeatureStream(batch, take, tuple(marks))


_GAPS_US = (0, 1, SECOND, 3 * SECOND, 10 * SECOND, 60 * SECOND, 2 * HOUR, 9 * DAY)
# Streams that crowd into their windows, and streams that come in clusters.
_GAP_CHANCES = (
    (0.3, 0.1, 0.42, 0.14, 0.03, 0.01, 0.0, 0.0),
    (0.2, 0.05, 0.3, 0.15, 0.2, 0.07, 0.02, 0.01),
)
_SCORES = (0.0, -0.0, 1.0, 2.5, 0.00005, 0.00015, -1.0, 1e8, -1e8, 1e8 + 1e-4, 1e300, 1.7e308)
_CORNERS = (0.0, 90.0, -90.0, 180.0, -180.0, 90.5, -181.0, math.inf, -math.inf)


def hostile_stream(rng: np.random.Generator, n: int) -> FeatureStream:
    """Make n transactions with everything that can go wrong, and verdicts of every kind."""
    cards = rng.integers(1, 2**64, int(rng.choice([1, 3, 15])), np.uint64)
    # Alike in their low bits: probing sequences collide, and wrap around.
    merchants = np.arange(1, 6, dtype=np.uint64) << np.uint64(60) | np.uint64(7)
    if rng.random() < 0.7:
        cards = cards & ~np.uint64(0xFFF) | np.uint64(0xFFE)
    favour = 0.7 ** np.arange(len(cards))
    null_share = float(rng.choice([0.0, 0.05, 0.2]))
    late_share = float(rng.choice([0.0, 0.1, 0.4]))
    gap_chances = _GAP_CHANCES[int(rng.integers(2))]
    wild_share = float(rng.choice([0.0, 0.0, 0.02]))
    now_us = int(rng.choice([START_US, START_US, 0, -20 * DAY]))
    jumps = set(rng.integers(0, n, int(rng.choice([0, 0, 1, 2]))).tolist())
    rows: list[dict[str, Any]] = []
    for i in range(n):
        now_us += int(rng.choice(_GAPS_US, p=gap_chances))
        if i in jumps:
            now_us += int(rng.choice([365 * DAY, 2**51]))
        row = {
            "time_us": now_us - _behind(rng, late_share),
            "amount": _amount(rng, wild_share),
            "card": int(rng.choice(cards, p=favour / favour.sum())),
            "merchant": int(rng.choice(merchants)),
            "channel": int(rng.choice(CHANNELS)),
            "country": int(rng.integers(1, 4)),
            "score": _score(rng, wild_share),
            "where": _where(rng, wild_share),
            "take": bool(rng.random() < 0.9),
        }
        for name in ("card", "merchant", "channel", "country"):
            if rng.random() < null_share:
                row[name] = 0
        if not row["take"] and rng.random() < 0.5:
            row |= {"time_us": int(rng.choice([MISSING, 2**62])), "amount": -(2**63)}
        rows.append(row)
    return stream_of(rows, _marks(rng, [row["take"] for row in rows]))


def _behind(rng: np.random.Generator, late_share: float) -> int:
    if rng.random() >= late_share:
        return 0
    exact = [10 * SECOND, 60 * SECOND, 70 * SECOND, 2 * HOUR]
    return int(
        rng.choice(
            [int(rng.integers(1, 20 * SECOND)), SECOND, *exact, int(rng.integers(1, 9 * DAY))]
        )
    )


def _amount(rng: np.random.Generator, wild_share: float) -> int:
    if rng.random() < wild_share:
        return int(rng.choice([10**12, 10**12 - 1]))
    return int(
        rng.choice([0, 1, 100, 1998, 1999, int(rng.integers(10**4)), int(rng.integers(10**6))])
    )


def _score(rng: np.random.Generator, wild_share: float) -> float:
    luck = rng.random()
    if luck < wild_share:
        return float(rng.choice([math.inf, -math.inf, *_SCORES]))
    if luck < 0.15:
        return math.nan
    return float(rng.choice(_SCORES[:7])) if luck < 0.5 else float(rng.normal(3, 40))


def _where(rng: np.random.Generator, wild_share: float) -> tuple[float, float]:
    luck = rng.random()
    if luck < 2 * wild_share:
        return float(rng.choice(_CORNERS)), float(rng.choice(_CORNERS))
    if luck < 0.2:
        return (math.nan, 8.0) if luck < 0.1 else (8.0, math.nan)
    return 47 + float(rng.normal()), 8.5 + float(rng.choice([0.0, float(rng.normal(0, 30))]))


def score_of(number: int) -> float:
    """What was said of an event at decision time: anything, and of some nothing."""
    return math.nan if number % 5 == 0 else number * 7919 % 101 / 100


def then_of(number: int, n_features: int) -> list[float]:
    """What the features of an event were at decision time, as far as whoever marks it says."""
    return [float(number % 7 + at) if (number + at) % 4 else math.nan for at in range(n_features)]


def _marks(rng: np.random.Generator, take: list[bool]) -> list[tuple[int, int, bool]]:
    """Verdicts set, cleared and set again, soon or long after, in bursts."""
    n = len(take)
    due: list[tuple[int, int, bool]] = []
    for number, row in enumerate(np.flatnonzero(take).tolist()):
        luck, at = rng.random(), row
        verdicts = [True] if luck < 0.3 else [True, False] if luck < 0.4 else [False][: luck < 0.7]
        verdicts = [True, False, True] if luck < 0.1 else verdicts
        verdicts = [True, True, False, False] if luck > 0.97 else verdicts
        for verdict in verdicts:
            at += int(rng.choice([1, int(rng.integers(1, 30)), int(rng.integers(1, n + 1))]))
            due.append((at, number, verdict))
    bursts = np.flatnonzero(rng.random(n) < float(rng.choice([0.05, 0.3, 1.0]))).tolist()
    marks = []
    for row in bursts:
        ready = [mark for mark in due if mark[0] <= row]
        due = [mark for mark in due if mark[0] > row]
        marks += [
            (row, number, verdict) for _, number, verdict in sorted(ready, key=lambda m: m[0])
        ]
    return marks


def with_erasures(rng: np.random.Generator, stream: FeatureStream) -> FeatureStream:
    """Erase some of the entities of a stream, once or again and again, and one that is unknown."""
    found = []
    for row in np.flatnonzero(rng.random(len(stream)) < float(rng.choice([0.01, 0.05, 0.3]))):
        at = int(rng.integers(len(INPUTS.entities)))
        seen = stream.transactions.entities[at, : row + 1]
        key = int(rng.choice(seen)) if rng.random() < 0.95 else 12345
        if key:
            found.append((int(row), INPUTS.entities[at], key))
    return replace(stream, erasures=tuple(found))


def random_cuts(rng: np.random.Generator, n: int) -> list[int]:
    """Choose where batches begin: nowhere more, here and there, or at every row."""
    share = float(rng.choice([0.0, 0.02, 0.3, 1.0]))
    return np.flatnonzero(rng.random(n) < share).tolist()


@dataclass(frozen=True)
class Said:
    """All that a feature state said about a stream, a row a transaction."""

    numbers: Any
    matrix: Any
    states: Any

    def part(self, start: int, stop: int | None = None) -> Said:
        """Keep what was said about some of the rows."""
        return Said(*(column[start:stop] for column in vars(self).values()))

    def as_bytes(self) -> dict[str, bytes]:
        """Return every column's bytes, which tell NaN from NaN."""
        return {name: column.tobytes() for name, column in vars(self).items()}


def run(
    state: Any,
    stream: FeatureStream,
    cuts: Sequence[int] = (),
    batch_rows_max: int = 1024,
    start: int = 0,
) -> Said:
    """Run a stream from row `start` on through a state."""
    columns: list[tuple[Any, Any, Any]] = []
    for marks, first, stop in stream.pieces([start, *cuts], batch_rows_max):
        if first < start:
            continue
        if marks:
            numbers, verdicts = zip(*marks, strict=True)
            scores = np.array([score_of(number) for number in numbers])
            then = np.array([then_of(number, len(state.features.names)) for number in numbers])
            state.mark(np.array(numbers, np.int64), np.array(verdicts, bool), scores, then)
        for row, name, key in stream.erasures:
            if row == first:
                state.erase(name, key)
        batch = some_rows(stream.transactions, first, stop)
        readings = state.observe(batch, stream.take[first:stop])
        states = readings.states(np.arange(stop - first))
        columns.append((readings.numbers.copy(), readings.matrix.copy(), states.copy()))
    return Said(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def ask(naive: NaiveFeatures, stream: FeatureStream) -> Iterator[tuple[int, list[Any]]]:
    """Run a stream through the oracle; yield (row, its (value, state) of each feature)."""
    batch = stream.transactions
    for row in range(len(stream)):
        for at, number, verdict in stream.marks:
            if at == row:
                then = then_of(number, len(naive.features))
                said = dict(zip(naive.features, then, strict=True))
                naive.mark(number, verdict, score_of(number), said)
        for at, name, key in stream.erasures:
            if at == row:
                naive.erase(name, key)
        time_us = int(batch.event_time_us[row])
        numeric = _column(INPUTS.numeric, batch.numeric, row)
        if stream.take[row]:
            yield (
                row,
                naive.observe(
                    time_us,
                    int(batch.amount_minor[row]),
                    _column(INPUTS.entities, batch.entities, row),
                    numeric,
                    _column(INPUTS.categorical, batch.categorical, row),
                ),
            )
        else:
            yield row, naive.pass_over(time_us, numeric)


def _column(names: Sequence[str], block: Any, row: int) -> dict[str, Any]:
    return dict(zip(names, block[:, row].tolist(), strict=True))
