"""In which order files of tests are handed out: those that take longest come first.

The processes of a parallel run take a file each as they become free; so they end together if
what comes last is short. A plugin: tests/conftest.py registers this module.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent
# By how long they take by themselves, kernels still to be compiled: from three minutes down to
# 20 seconds, on two quiet processors. What waits for a broker and compiles nothing stands before
# its time: files that need the same kernels would wait for each other.
FIRST = (
    "integration/test_exactly_once.py",
    "laws/test_restart.py",
    "integration/test_servers.py",
    "test_tutorial.py",
    "integration/test_transactions.py",
    "integration/test_worker_on_kafka.py",
    "stream/experiment/test_runs.py",
    "stream/bulk/test_build.py",
    "integration/test_redis_faults.py",
    "integration/test_recovery_on_kafka.py",
    "stream/features/test_state_oracle.py",
    "stream/offline/test_transformer.py",
    "integration/test_one_model_on_kafka.py",
    "integration/test_workers_of_one_command.py",
    "integration/test_shared_payments_on_kafka.py",
    "integration/test_hot_keys_on_kafka.py",
    "integration/test_handbook_features.py",
    "integration/test_admin_port_on_kafka.py",
    "laws/test_recovery.py",
    "stream/cli/test_main.py",
    "stream/test_demo.py",
    "integration/test_page_in_browser.py",
    "benchmarks/kafka/test_job.py",
    "benchmarks/kafka/test_open_loop.py",
    "benchmarks/guard/test_lanes.py",
    "benchmarks/test_leaderboard.py",
    "models/trees/test_forest_parity.py",
    "schemas/test_decoder.py",
    "integration/test_erasing_on_kafka.py",
    "laws/test_split.py",
    "stream/commands/test_experiment.py",
    "stream/test_worker.py",
    "laws/test_group.py",
    "laws/test_group_exactly_once.py",
    "laws/test_disk.py",
    "laws/test_oracle.py",
    "laws/test_additivity.py",
    "benchmarks/test_baselines_features.py",
    "examples/test_river_traps.py",
    "examples/test_handbook_notebook.py",
    "laws/test_replay.py",
    "laws/test_prefix.py",
    "stream/kafka/test_source.py",
    "stream/features/test_side_by_side.py",
)
_PLACES = {name: place for place, name in enumerate(FIRST)}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files, and leave the tests of each in their order."""
    items.sort(key=lambda item: _PLACES.get(_name(item.path), len(FIRST)))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
