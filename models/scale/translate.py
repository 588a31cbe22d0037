"""River's scalers as compiled ones."""

from __future__ import annotations

from typing import Any

from river import preprocessing

from models.dense.untrained import named, require_class, trained
from models.scale.min_max import DenseMinMaxScaler
from models.scale.standard import DenseStandardScaler


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
        Another class, or a parameter that has no compiled form.
    TrainedModelError
        It has learned already.
    """
    require_class(
        scaler,
        preprocessing.StandardScaler,
        preprocessing.MinMaxScaler,
        instead="River's own preprocessing.StandardScaler or preprocessing.MinMaxScaler",
    )
    refuse_trained(scaler)
    with named(scaler):
        refuse_window(scaler.window_size)
    if type(scaler) is preprocessing.StandardScaler:
        return DenseStandardScaler(width, scaler.with_std)
    return DenseMinMaxScaler(width)


def refuse_trained(scaler: Any) -> None:
    """Raise TrainedModelError where a scaler, River's or compiled, has learned."""
    seen = scaler.counts if hasattr(scaler, "counts") else scaler.min
    if seen:
        raise trained(scaler, f"learned from {len(seen)} features")


def refuse_window(window_size: int | None) -> None:
    """Raise ValueError where a scaler is asked to forget: no compiled one does."""
    if window_size is not None:
        raise ValueError(
            f"window_size={window_size!r} has no compiled form: leave it out (all that was seen "
            "counts), or use River's own scaler"
        )
