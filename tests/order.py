"""In which order files of tests are handed out: those that take longest come first.

The processes of a parallel run take a file each as they become free; so they end together if
what comes last is short. A plugin: tests/conftest.py registers this module.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent
# About how many seconds a file takes by itself, kernels still to be compiled, on two quiet
# processors. Any other takes less than 20, uncompiled too; one that comes to more belongs here.
SECONDS = {
    "integration/test_exactly_once.py": 180,
    "laws/test_restart.py": 90,
    "integration/test_worker_on_kafka.py": 75,
    "stream/experiment/test_runs.py": 60,
    "integration/test_redis_faults.py": 60,
    "integration/test_recovery_on_kafka.py": 55,
    "integration/test_handbook_features.py": 55,
    "laws/test_recovery.py": 50,
    "stream/test_cli.py": 50,
    "stream/test_demo.py": 45,
    "stream/features/test_state_oracle.py": 45,
    "stream/offline/test_transformer.py": 40,
    "benchmarks/test_leaderboard.py": 35,
    "models/trees/test_forest_parity.py": 35,
    "schemas/test_decoder.py": 30,
    "integration/test_erasing_on_kafka.py": 30,
    "laws/test_split.py": 30,
    "stream/commands/test_experiment.py": 30,
    "stream/test_worker.py": 30,
    "integration/test_servers.py": 28,
    "laws/test_group.py": 27,
    "integration/test_transactions.py": 27,
    "laws/test_oracle.py": 25,
    "laws/test_additivity.py": 25,
    "benchmarks/test_baselines_features.py": 24,
    "examples/test_river_traps.py": 20,
    "laws/test_replay.py": 20,
    "laws/test_prefix.py": 20,
    "stream/kafka/test_source.py": 20,
    "stream/features/test_side_by_side.py": 20,
}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files, and leave the tests of each in their order."""
    items.sort(key=lambda item: -SECONDS.get(_name(item.path), 0))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
