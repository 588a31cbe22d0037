"""``fraudstream warm-up``: compile all that a worker of a configuration runs, and keep it."""

from __future__ import annotations

from pathlib import Path

from schemas.cpu_target import target
from schemas.errors import ConfigError
from schemas.kept_kernels import COUNTS
from schemas.kernel_cache import cache_folder
from stream.app import decoders_of, registry_of
from stream.assembly import warmed_up
from stream.cli.console import OK, emit_json, out
from stream.config.configuration import load
from stream.telemetry.tally import Tally

# What is compiled depends on no key.
_KEY = bytes(16)


def compile_all(path: Path | None, as_json: bool) -> int:
    """Compile what is not there yet; return the exit status.

    No broker is asked, and no secret is needed.

    Raises
    ------
    ConfigError
        If something was compiled that could not be written.
    """
    config = load(path)
    registry = registry_of(config)
    try:
        decoders = decoders_of(config, registry, _KEY)
    finally:
        registry.close()
    topics = config.topics
    tally = Tally(topics.transactions, topics.labels, topics.control)
    _, warm = warmed_up(config, decoders, _KEY, tally=tally)
    if COUNTS.not_kept:
        raise ConfigError(
            f"{cache_folder()} cannot be written: {COUNTS.not_kept} compiled kernels are lost with "
            "this process. Set NUMBA_CACHE_DIR to a folder that can"
        )
    if as_json:
        emit_json(
            {
                "folder": str(cache_folder()),
                "target": target(),
                "taken": COUNTS.taken,
                "compiled": COUNTS.compiled,
                "seconds": warm.seconds,
            }
        )
    else:
        out.print(
            f"{COUNTS.compiled} compiled, {COUNTS.taken} were there, in {cache_folder()}, for "
            f"{target()}",
            markup=False,
            soft_wrap=True,
        )
    return OK
