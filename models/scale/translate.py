"""River's scalers as compiled ones."""

from __future__ import annotations

from typing import Any

from river import preprocessing

from models.scale.min_max import DenseMinMaxScaler
from models.scale.standard import DenseStandardScaler
from schemas.errors import ModelError


def dense_of(scaler: Any, width: int) -> DenseStandardScaler | DenseMinMaxScaler:
    """Return the compiled form of a River scaler that has learned nothing yet.

    Parameters
    ----------
    scaler : river.preprocessing.StandardScaler or river.preprocessing.MinMaxScaler
        Of exactly this class: what a subclass changes cannot be seen.
    width : int
        Number of columns.

    Raises
    ------
    ModelError
        Another class, a parameter that has no compiled form, or it has learned already.
    """
    if type(scaler) is preprocessing.StandardScaler:
        _check(scaler, scaler.counts)
        return DenseStandardScaler(width, scaler.with_std)
    if type(scaler) is preprocessing.MinMaxScaler:
        _check(scaler, scaler.min)
        return DenseMinMaxScaler(width)
    raise ModelError(
        f"{type(scaler).__module__}.{type(scaler).__qualname__} is no scaler with a compiled form: "
        "use River's own preprocessing.StandardScaler or preprocessing.MinMaxScaler"
    )


def refuse_window(window_size: int | None) -> None:
    """Raise ValueError where a scaler is asked to forget: no compiled one does."""
    if window_size is not None:
        raise ValueError(
            f"window_size={window_size!r} has no compiled form: leave it out (all that was seen "
            "counts), or use River's own scaler"
        )


def _check(scaler: Any, seen: Any) -> None:
    name = type(scaler).__name__
    try:
        refuse_window(scaler.window_size)
    except ValueError as why:
        raise ModelError(f"{name}: {why}") from why
    if seen:
        raise ModelError(
            f"{name} has already learned from {len(seen)} features, which would be lost: "
            "give a fresh one, for instance its clone()"
        )
