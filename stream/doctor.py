"""Look at everything a worker needs, and say in a line each what is wrong and how to mend it."""

from __future__ import annotations

import math
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from schemas.cpu_target import target
from schemas.errors import ConfigError, FraudError, StoreError
from schemas.kept_kernels import COUNTS
from schemas.kernel_cache import cache_folder
from stream.app import codecs_of, connection_of, decoders_of, engine_of, registry_of
from stream.config.configuration import Config
from stream.kafka import topics
from stream.plurals import several
from stream.recovery.mounts import stale_file_system
from stream.store.setup import redis_address_of
from stream.warm_up import warm_up

_LIBRARIES = ("confluent-kafka", "river", "numpy", "numba", "fastavro", "redis")
_BROKER_TIMEOUT_S = 5.0
_CHECK_KEY = bytes(16)
# How many snapshot intervals the inputs should reach back.
_INTERVALS_KEPT = 3


@dataclass(frozen=True)
class Finding:
    """One check's outcome.

    Attributes
    ----------
    check : str
    ok : bool
    text : str
        What was found, and where not ok, the remedy.
    """

    check: str
    ok: bool
    text: str


def examine(config: Config) -> Iterator[Finding]:
    """Run every check, each on its own, and yield what it found."""
    checks: dict[str, Callable[[Config], str]] = {
        "python": _python,
        "libraries": _libraries,
        "kernel cache": _kernel_cache,
        "hash key": _hash_key,
        "schemas": _schemas,
        "kernels": _kernels,
        "broker": _broker,
        "topics": _topics,
        "recovery": _recovery,
        "redis": _redis,
    }
    for name, check in checks.items():
        try:
            yield Finding(name, True, check(config))
        except FraudError as error:
            yield Finding(name, False, str(error))


def _python(config: Config) -> str:
    return f"{platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores"


def _libraries(config: Config) -> str:
    return ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)


def _kernel_cache(config: Config) -> str:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be written ({error.strerror}): set NUMBA_CACHE_DIR to a folder "
            "that can, or every start compiles anew"
        ) from error
    only = "" if os.access(folder, os.W_OK) else ", which is only read"
    return f"{folder}{only}; for {target()}"


def _hash_key(config: Config) -> str:
    config.hash_key()
    return "32 hexadecimal digits"


def _schemas(config: Config) -> str:
    registry = registry_of(config)
    try:
        decoders_of(config, registry, _CHECK_KEY)
        codecs_of(config, registry)
    finally:
        registry.close()
    names = ", ".join([*config.fields.entities, *config.fields.numeric])
    return f"decode with the configured fields (entities and inputs: {names})"


def _kernels(config: Config) -> str:
    registry = registry_of(config)
    try:
        decoders = decoders_of(config, registry, _CHECK_KEY)
    finally:
        registry.close()
    engine = engine_of(config, _CHECK_KEY)
    warm = warm_up(engine, decoders.transactions, decoders.labels, decoders.control)
    if COUNTS.not_kept:
        raise ConfigError(
            f"{COUNTS.not_kept} kernels are compiled at every start, in {warm.seconds:.0f} s here: "
            f"{cache_folder()} has none for this configuration, and cannot be written. Run "
            "`fraudstream warm-up` where it can, such as when the image is built"
        )
    mib = engine.features.bytes_allocated / 2**20
    models = {config.model.kind: warm.cost, **warm.challengers}
    costs = "; ".join(f"{name} takes {cost}" for name, cost in models.items())
    return f"ready in {warm.seconds:.1f} s; the features take {mib:.0f} MiB at most; model {costs}"


def _broker(config: Config) -> str:
    connection = connection_of(config)
    found = topics.existing(connection, _BROKER_TIMEOUT_S)
    return f"{connection.bootstrap} answers, {several(len(found), 'topic')}"


def _topics(config: Config) -> str:
    found = topics.existing(connection_of(config), _BROKER_TIMEOUT_S)
    wanted = config.topics.names()
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ConfigError(f"missing: {', '.join(missing)}; run `fraudstream topics create`")
    return ", ".join(f"{name} ({several(found[name], 'partition')})" for name in wanted)


def _recovery(config: Config) -> str:
    """Look whether the folder can be written, and whether topics keep what a replay needs."""
    if not config.recovery.folder:
        return "off: recovery.folder is empty, and a worker begins with nothing remembered"
    folder = Path(config.recovery.folder)
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise ConfigError(
            f"recovery.folder: {folder} cannot be written: mount its disk, or name another"
        )
    kind = stale_file_system(folder)
    if kind and config.per_partition:
        raise ConfigError(
            f"recovery.folder: {folder} is on {kind}, where a worker may not see at once that "
            "another has taken over: give all workers a folder whose file system shows every "
            "machine what another has written, such as CephFS or GPFS, or run them on one machine"
        )
    where = f", but is on {kind}: a disk of this machine is safer" if kind else ""
    interval_s = config.recovery.snapshot_interval / 1e6
    least_s = _INTERVALS_KEPT * interval_s
    kept = topics.retention(
        connection_of(config), [*config.topics.inputs(), *config.exchange().topics]
    )
    for name, each in kept.items():
        versions = name == config.topics.models
        whole_s = max(least_s, config.recovery.history_days * 86_400)
        if each.compacted and versions and each.uncompacted_s < whole_s:
            raise ConfigError(
                f"{name} is compacted after {each.uncompacted_s:g} s, and a replay reaches back "
                f"{whole_s:g} s: raise its min.compaction.lag.ms to that and the longest time "
                "without a worker, or what a replay needs is gone"
            )
        if each.compacted and not versions:
            raise ConfigError(
                f"{name} is compacted: records that a replay needs are gone; set cleanup.policy to "
                "delete"
            )
        if each.seconds < least_s:
            raise ConfigError(
                f"{name} keeps its records for {each.seconds:g} s, and a snapshot is taken every "
                f"{interval_s:g} s: raise its retention.ms to {_INTERVALS_KEPT} intervals and the "
                "longest time without a worker, or what a replay needs is gone"
            )
    shortest_s = min(each.seconds for each in kept.values())
    told = "for ever" if shortest_s == math.inf else f"for {shortest_s / 3600:.1f} h at least"
    return f"{folder} can be written{where}; the inputs are kept {told}"


def _redis(config: Config) -> str:
    place = redis_address_of(config)
    if place is None:
        return "off: redis.url is empty"
    try:
        place.ping()
    except StoreError as error:
        # A worker is as well without it.
        return f"degraded, scoring goes on: {error}"
    return f"{place.name} answers"


def as_json(findings: list[Finding]) -> dict[str, object]:
    """Return the findings for a script."""
    return {
        "ok": all(finding.ok for finding in findings),
        "checks": [{"check": f.check, "ok": f.ok, "text": f.text} for f in findings],
        "python": sys.version.split()[0],
    }
