"""What may become a model over matrices: an object of a known class that has learned nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from schemas.errors import ModelError, TrainedModelError


def require_class(model: Any, *classes: type, instead: str) -> None:
    """Refuse a model of another class; what a subclass changes cannot be seen.

    Parameters
    ----------
    instead : str
        What to use, for whoever is refused.

    Raises
    ------
    ModelError
    """
    kind = type(model)
    if kind not in classes:
        raise ModelError(
            f"{kind.__module__}.{kind.__qualname__} has no compiled form here: use {instead}"
        )


def trained(model: Any, done: str = "learned") -> TrainedModelError:
    """Return the refusal of a model that has learned; `done` says what of it would be lost."""
    return TrainedModelError(
        f"{type(model).__name__} has already {done}, which would be lost: "
        "give a fresh one, for instance its clone()"
    )


@contextmanager
def named(model: Any) -> Iterator[None]:
    """Raise a ValueError about a parameter as a ModelError that names the model's class."""
    try:
        yield
    except ValueError as why:
        raise ModelError(f"{type(model).__name__}: {why}") from why
