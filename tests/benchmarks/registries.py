"""A registry of benchmarks that measure nothing, what they find, and a measurement."""

from __future__ import annotations

from typing import Any

from benchmarks.harness import (
    Paired,
    Registry,
    Result,
    Run,
    Spread,
    Times,
)


def sample_result(name: str = "decode", /, **changes: Any) -> Result:
    values: dict[str, Any] = {"unit": "us/event", "value": 0.5, "reference": 6.0, "ratio": 12.0}
    return Result(name, **{**values, **changes})


def a_registry() -> Registry:
    registry = Registry()

    @registry.benchmark("decode.batch", "decode.single", unit="us/event")
    def decode(run: Run) -> list[Result]:
        """Decode something.

        More about it.
        """
        run.progress("decoding")
        return [sample_result(name) for name in ("decode.batch", "decode.single")]

    @registry.benchmark("windows", unit="events/s")
    def windows(run: Run) -> list[Result]:
        """Update windows."""
        drawn = float(run.rng.random())
        return [Result("windows", "events/s", 1 + drawn, detail={"quick": run.quick})]

    return registry


def measurement() -> Paired:
    return Paired(
        ours=Times(cpu=2e-6, thread=1e-6, wall=4e-6),
        reference=Times(cpu=1e-5, thread=1e-5, wall=1e-5),
        ratio=Spread(5.0, 4.0, 6.0),
        clock="cpu",
        rounds=7,
        calls=(100, 20),
    )
