"""The learners: numbers in, numbers out. `models.compile` makes one of a River model."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """Import `compile` when it is asked for: River takes most of a second."""
    if name == "compile":
        from models import compiler

        return compiler.compile
    raise AttributeError(f"module 'models' has no attribute {name!r}")
