"""Drift as the page shows it: every column's distribution now, beside the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.monitor.comparison import Comparison, Reference
from stream.monitor.merging import Merged
from stream.page.board import Distribution, Drift


def drift_shown(window_us: int, features: Merged, scores: Merged) -> Drift:
    """Return the drift of a board.

    Parameters
    ----------
    window_us : int
    features, scores : Merged
        The latter has one column.
    """
    reference = features.reference
    score = _columns(scores)
    return Drift(
        window_ms=window_us // 1000,
        reference_rows=0 if reference is None else reference.rows,
        reference_from_ms=None if reference is None else reference.began_us // 1000,
        reference_to_ms=None if reference is None else reference.ended_us // 1000,
        pinned=reference is not None,
        current_rows=features.rows,
        current_from_ms=None if features.from_us is None else features.from_us // 1000,
        score=score[0] if score else None,
        features=_columns(features),
    )


def _columns(merged: Merged) -> list[Distribution]:
    found, reference = merged.compare(), merged.reference
    if found is None or reference is None:
        return []
    return [_column(merged, reference, found, at) for at in range(len(merged.names))]


def _column(merged: Merged, reference: Reference, found: Comparison, at: int) -> Distribution:
    since_us = int(merged.since_us[at])
    edges = reference.groups.edges(at)
    return Distribution(
        name=merged.names[at],
        psi=_known(found.psi[at]),
        psi_null=_known(found.psi_null[at]),
        js=_known(found.jensen_shannon[at]),
        ks=_known(found.kolmogorov_smirnov[at]),
        p_value=_known(found.p_value[at]),
        drifted=since_us >= 0,
        since_ms=since_us // 1000 if since_us >= 0 else None,
        missing=_known(found.missing[at]),
        missing_reference=_known(found.missing_reference[at]),
        unseen=_known(found.unseen[at]),
        edges=edges,
        reference=_shares(found.reference[at], len(edges) + 1),
        current=_shares(found.current[at], len(edges) + 1),
        history=[_known(value) for value in merged.history[:, at]],
    )


def _shares(counts: NDArray[np.int64], groups: int) -> list[float]:
    """Return the shares of the groups in use; the first one is that of missing values."""
    values = counts[1 : 1 + groups]
    return (values / max(int(values.sum()), 1)).tolist()


def _known(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
