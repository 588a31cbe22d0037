"""What is known of a model, as plain values."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from models.interval import wilson
from models.prequential import Prequential
from models.reliability import EDGES, Reliability

# What a model's numbers depend on.
LIBRARIES = ("numpy", "numba", "scipy", "river", "onnxruntime")


def features_of(names: Sequence[str]) -> dict[str, Any]:
    """Return the features in the order of the model's inputs, and a digest of that."""
    text = "\n".join(names).encode()
    return {"sha256": hashlib.sha256(text).hexdigest(), "names": list(names)}


def libraries() -> dict[str, str]:
    """Return the versions of all that computes; those that are not installed are left out."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def metrics_of(quality: Prequential) -> dict[str, Any]:
    """Return how good scores were, each share with its 95 % interval (Wilson)."""
    plain: dict[str, Any] = dict(quality.as_dict())
    alerts = quality.true_positives + quality.false_positives
    frauds = quality.true_positives + quality.false_negatives
    plain["alerts"] = alerts
    for name, n in (("precision", alerts), ("recall", frauds)):
        interval = list(wilson(quality.true_positives, n)) if n else None
        plain[f"{name}_interval"] = interval
    return plain


def thresholds_of(reliability: Reliability) -> list[dict[str, Any]]:
    """Return what thresholds would have done: the ends of the bins that hold any score.

    Returns
    -------
    list of dict
        Of each threshold the payments at or above it, their share of all, the frauds among
        them, precision and recall, with 95 % intervals (Wilson).
    """
    ends = np.concatenate([[0.0], EDGES])
    counts, frauds = reliability.count, reliability.frauds
    total, all_frauds = int(counts.sum()), int(frauds.sum())
    rows = []
    for at in np.flatnonzero(counts).tolist():
        above, hits = int(counts[at:].sum()), int(frauds[at:].sum())
        rows.append(
            {
                "threshold": float(ends[at]),
                "payments": above,
                "share": above / total,
                "frauds": hits,
                "precision": hits / above,
                "precision_interval": list(wilson(hits, above)),
                "recall": hits / all_frauds if all_frauds else None,
                "recall_interval": list(wilson(hits, all_frauds)) if all_frauds else None,
            }
        )
    return rows


def calibration_of(reliability: Reliability) -> list[dict[str, Any]]:
    """Return what was said and what was true, bin by bin of those that hold any score."""
    return [
        {
            "said": float(reliability.said[at] / reliability.count[at]),
            "was": float(reliability.frauds[at] / reliability.count[at]),
            "interval": list(wilson(int(reliability.frauds[at]), int(reliability.count[at]))),
            "payments": int(reliability.count[at]),
        }
        for at in np.flatnonzero(reliability.count).tolist()
    ]


def differences(mine: Mapping[str, Any], names: Sequence[str]) -> str:
    """Say how the features of a manifest differ from others; empty: they do not."""
    theirs = list(mine.get("features", {}).get("names", []))
    if theirs == list(names):
        return ""
    gone, new = sorted(set(theirs) - set(names)), sorted(set(names) - set(theirs))
    if not gone and not new:
        return "its features come in another order"
    parts = [f"it has {', '.join(gone)}"] if gone else []
    parts += [f"it lacks {', '.join(new)}"] if new else []
    return " and ".join(parts)
