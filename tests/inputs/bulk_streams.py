"""Hostile Parquet files, and configurations under which they are made tables."""

from __future__ import annotations

import datetime as dt
import pickle
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stream.config.configuration import Config, load

SECOND = 1_000_000
HOUR = 3600 * SECOND
START = dt.datetime(2026, 5, 28, 20)

# Every kind of memory: sums, delays, labels, distinct values, extremes, decay, verdicts, places,
# pairs, and what is derived of several types at once.
NAMES = (
    "amount",
    "hour_sin",
    "is_night",
    "is_online",
    "input.score",
    "{card,shop}.{count,amount_sum,score_mean,amount_std,frauds}_{10m,1d}",
    "card.{count,fraud_rate}_{2h,1d}_delay_1h",
    "card.distinct_shop_2h",
    "shop.{amount_max,score_min}_2h",
    "card.amount_zscore_1d",
    "card.{rate_1h,score_decayed_mean_2h,seconds_since_last,seconds_since_fraud,speed_kmh}",
    "card+shop.{count,share_online}_1d",
    "card.new_shop",
    "card+amount.count_2h",
    "shop.{known_fraud_odds_1d,known_count_1d,seconds_since_genuine,surprise_1d}",
    "ratio(amount, card.score_mean_10m)",
    "difference(card.count_1d, shop.amount_mean_2h)",
    "log(ratio(card.amount_sum_1d, shop.count_1d))",
)


@dataclass(frozen=True)
class World:
    """A file, and how it is read."""

    path: Path
    config: Config


class Here(Executor):
    """Calls at once, in this process; what is sent and comes back is pickled all the same."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            function, given, named = pickle.loads(pickle.dumps((fn, args, kwargs)))
            future.set_result(pickle.loads(pickle.dumps(function(*given, **named))))
        except Exception as error:
            future.set_exception(error)
        return future


def write_rows(path: Path, rng: np.random.Generator, n: int) -> None:
    """Write payments: some late, too late, repeated, of nobody, or not to be read at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    at = np.cumsum(rng.exponential(40, n)) + rng.choice([0, 0, 0, -30, -200, -9000], n)
    ids = [f"t{i}" for i in range(n)]
    for row in rng.choice(n, n // 12):
        # Of a payment a moment or long ago.
        ids[row] = ids[max(0, row - int(rng.choice([1, 3, 40, 400])))]

    def some(of: int, prefix: str) -> list[str | None]:
        found = [f"{prefix}{i}" for i in rng.zipf(1.6, n) % of]
        return [
            None if gone else each for each, gone in zip(found, rng.random(n) < 0.07, strict=True)
        ]

    amounts: list[float | None] = np.round(rng.gamma(1.2, 40, n), 2).tolist()
    scores: list[float | None] = np.round(rng.normal(0, 3, n), 3).tolist()
    for row in rng.choice(n, n // 25).tolist():
        amounts[row] = [None, -3.0, float("nan"), float("inf"), 1e300][int(rng.integers(5))]
    for row in rng.choice(n, n // 10).tolist():
        scores[row] = [None, float("nan"), 1e200, -0.0][int(rng.integers(4))]
    times: list[dt.datetime | None] = [START + dt.timedelta(seconds=s) for s in at.tolist()]
    for row in rng.choice(n, n // 60).tolist():
        times[row] = [None, dt.datetime(1950, 1, 1), dt.datetime(2200, 1, 1)][int(rng.integers(3))]
    for row in rng.choice(n, 3).tolist():
        ids[row] = ""
    truth: list[bool | None] = (rng.random(n) < 0.15).tolist()
    for row in rng.choice(n, n // 20).tolist():
        truth[row] = None
    table = pa.table(
        {
            "tx": ids,
            "at": pa.array(times, pa.timestamp("us")),
            "paid": pa.array(amounts, pa.float64()),
            "card_no": some(25, "c"),
            "shop_no": some(9, "s"),
            "risk": pa.array(scores, pa.float64()),
            "lat": pa.array(rng.uniform(-95, 95, n)),
            "lon": pa.array(rng.uniform(-180, 180, n)),
            "how": some(3, "h"),
            "bad": pa.array(truth, pa.bool_()),
        }
    )
    pq.write_table(table, path, row_group_size=int(rng.integers(50, n)))


def write_config(path: Path, names: tuple[str, ...] = NAMES, **sizes: Any) -> Config:
    """Write and load a configuration; sizes are those of ``[windows]`` and the delays."""
    listed = ", ".join(f'"{name}"' for name in names)
    path.write_text(
        f"""
        [fields]
        transaction_id = "tx"
        event_time = "at"
        amount = "paid"
        amount_unit = "major"
        numeric = {{ score = "risk", lat = "lat", lon = "lon" }}
        categorical = {{ channel = "how" }}
        [fields.entities]
        card = "card_no"
        shop = "shop_no"
        [features]
        names = [{listed}]
        location = ["lat", "lon"]
        [features.conditions]
        online = {{ field = "channel", values = ["h1", "h2"] }}
        [windows]
        events_max = {sizes.get("events_max", 100_000)}
        entities_max = {sizes.get("entities_max", 10_000)}
        allowed_lateness = "5m"
        [windows.capacity]
        card = {sizes.get("cards", 10_000)}
        [worker]
        batch_rows_max = {sizes.get("batch_rows", 64)}
        [labels]
        maturity = "{sizes.get("maturity", "3h")}"
        correctable = "1h"
        waiting_max = 5000
        learn_interval = "{sizes.get("learn_interval", "10m")}"
        [replay]
        label = "bad"
        label_delay = "{sizes.get("label_delay", "1h")}"
        """
    )
    return load(path)


def world_at_random(folder: Path, seed: int) -> World:
    """Write a file and a configuration that forgets and evicts, or does not."""
    rng = np.random.default_rng(seed)
    path = folder / "payments.parquet"
    write_rows(path, rng, int(rng.integers(300, 1500)))
    config = write_config(
        folder / "world.toml",
        # Some of all features, in any order: derived ones of what is not listed, too.
        ("card.count_1h", *rng.permutation(NAMES)[: rng.integers(4, len(NAMES) + 1)].tolist()),
        events_max=int(rng.choice([60, 250, 100_000])),
        entities_max=int(rng.choice([8, 10_000])),
        cards=int(rng.choice([7, 20, 10_000])),
        batch_rows=int(rng.choice([1, 7, 64, 1024])),
        label_delay=str(rng.choice(["0s", "30m", "2h"])),
        maturity=str(rng.choice(["2h", "1d"])),
    )
    return World(path, config)
