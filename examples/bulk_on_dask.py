"""The training table of a Parquet file on a Dask cluster.

    python examples/bulk_on_dask.py history.parquet --out training.parquet \
        --config fraudstream.toml --workers 4

What runs there are the functions that `fraudstream features build --processes` calls:
`read_part`, `features_of_shard` and `table_part`, so the table has the same bytes. Without
`--scheduler` the cluster is one of this machine, on loopback. Workers elsewhere must see the
file and the table's folder under the same paths.

Needs dask[distributed].
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from distributed import Client, LocalCluster

from schemas.errors import FraudError
from stream.bulk.build import BulkBuild
from stream.config.configuration import load
from stream.replay import ReplayOutputs


def build(client: Client, file: Path, out: Path, config: Path | None, ranges: int) -> dict:
    """Build the table on a cluster; return the report."""
    work = BulkBuild(file, load(config), ReplayOutputs(features=out), ranges)
    # A task may be done again after a worker was lost: it writes the same files once more.
    return work.run(client.get_executor(pure=False))


def main(arguments: Sequence[str]) -> int:
    """Build, and write the report as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path, help="payments, .parquet")
    parser.add_argument("--out", type=Path, required=True, help=".parquet or .csv")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--workers", type=int, default=2, help="of a cluster of this machine")
    parser.add_argument("--ranges", type=int, default=1, help="shards of each entity type")
    parser.add_argument("--scheduler", default="", help="address of a cluster that there is")
    asked = parser.parse_args(arguments)
    given = asked.file, asked.out, asked.config, asked.ranges
    try:
        if asked.scheduler:
            with Client(asked.scheduler) as client:
                report = build(client, *given)
        else:
            with (
                LocalCluster(
                    n_workers=asked.workers,
                    # Kernels and Python share the lock of a process.
                    threads_per_worker=1,
                    host="127.0.0.1",
                    dashboard_address=None,
                ) as cluster,
                Client(cluster) as client,
            ):
                report = build(client, *given)
    except FraudError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(json.dumps(report) + "\n")
    return 0


if __name__ == "__main__":  # Workers begin by importing this file.
    sys.exit(main(sys.argv[1:]))
