"""What is at work, by version: ours, and what results and speed depend on."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from stream.kafka.client import library_version

OURS = "fraudstream"
_PACKAGES = (OURS, "numpy", "numba", "river", "confluent-kafka")


@cache
def versions() -> dict[str, str]:
    """Return the version of each; ``unknown`` for a package that was not installed as one."""
    found = {name.replace("-", "_"): _version(name) for name in _PACKAGES}
    return {**found, "python": platform.python_version(), "librdkafka": library_version()}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
