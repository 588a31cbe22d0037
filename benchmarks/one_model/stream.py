"""The Handbook's stream with the features of every payment, so that only the models differ.

Features of terminals would be others in each partition. Here they are worked out once, by one
state that sees everything, and lie in the file as numbers that come with the payment.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from stream.config.configuration import Config, load
from stream.replay import Replay, ReplayOutputs
from stream.simulate.handbook import PUBLISHED, generate, write_parquet

CONFIG = Path(__file__).parents[2] / "examples" / "handbook.toml"
# As far apart as an experiment's: no customer or day of one stream draws from a seed of another.
_STRIDE = 1_000_000
# Two fifths of the published customers and terminals: as many payments at each, as much fraud.
WORLD = replace(
    PUBLISHED, customers=2_000, terminals=4_000, terminals_per_day=1, customers_per_day=1
)
QUICK_WORLD = replace(WORLD, customers=500, terminals=1_000)
_KEPT = ("TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID", "TX_AMOUNT", "TX_FRAUD")


def write_stream(path: Path, seed: int, *, quick: bool) -> int:
    """Write the stream of a seed; return how many payments it has.

    Parameters
    ----------
    path : Path
    seed : int
    quick : bool
        A quarter of customers and terminals.
    """
    shift = seed * _STRIDE
    world = replace(
        QUICK_WORLD if quick else WORLD,
        customer_seed=PUBLISHED.customer_seed + shift,
        terminal_seed=PUBLISHED.terminal_seed + shift,
        draw_seed=PUBLISHED.draw_seed + shift,
    )
    plain, made = path.with_suffix(".plain.parquet"), path.with_suffix(".features.parquet")
    write_parquet(generate(world), plain)
    config = load(CONFIG, monitor={"enabled": False})
    Replay(plain, config, ReplayOutputs(features=made), scoring=False).run()
    payments, features = pq.read_table(plain, columns=list(_KEPT)), pq.read_table(made)
    ids = payments.column("TRANSACTION_ID").cast(pa.string()).combine_chunks()
    if ids != features.column("transaction_id").cast(pa.string()).combine_chunks():
        raise ValueError(f"{made}: its rows are not those of {plain}")
    for at, name in enumerate(_names()):
        payments = payments.append_column(column(at), features.column(name))
    pq.write_table(payments, path)
    plain.unlink()
    made.unlink()
    return len(payments)


def _names() -> tuple[str, ...]:
    return tuple(map(str, load(CONFIG).declared()))


def column(at: int) -> str:
    """Return what a feature is called in the file."""
    return f"f{at:02d}"


def configured(kind: str, version_interval: str | None) -> Config:
    """Return the configuration that reads such a file.

    Parameters
    ----------
    kind : str
        Of the model.
    version_interval : str or None
        None: each partition learns alone.
    """
    columns = {column(at): column(at) for at in range(len(_names()))}
    topics: dict[str, str] = {}
    model = {"kind": kind}
    if version_interval is not None:
        topics |= {"training": "fraud.training", "models": "fraud.models"}
        model |= {"version_interval": version_interval}
    return load(
        CONFIG,
        fields={"entities": {"customer": "CUSTOMER_ID"}, "numeric": columns},
        features={"names": [f"input.{name}" for name in columns]},
        worker={"state": "per_partition", "partial_features": True},
        topics=topics,
        model=model,
        monitor={"enabled": False},
    )
