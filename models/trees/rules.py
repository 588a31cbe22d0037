"""The parameters of a Hoeffding tree, checked once and handed to kernels."""

from __future__ import annotations

from typing import NamedTuple

CRITERIA = ("info_gain", "gini", "hellinger")
INFO_GAIN, GINI, HELLINGER = 0, 1, 2
PREDICTIONS = ("mc", "nb", "nba")
MAJORITY, BAYES, ADAPTIVE = 0, 1, 2

# Far above any number of features, and far below what fills memory by mistake.
WIDTH_MAX = 10_000

_NO_LIMIT = 2**31 - 2


class Rules(NamedTuple):
    """How leaves learn, split and predict; kernels take it whole."""

    grace_period: float
    max_depth: int
    criterion: int
    delta: float
    tau: float
    prediction: int
    nb_threshold: float
    n_splits: int
    min_branch_fraction: float
    max_share_to_split: float
    merit_preprune: bool
    # C's pow(x, 2) and pow(x, 0.5) are in rare cases not x * x and sqrt(x) to the last
    # bit. A compiler rewrites them where it sees the exponent, so it is not shown any.
    square: float = 2.0
    root: float = 0.5


def checked(
    *,
    grace_period: int,
    max_depth: int | None,
    split_criterion: str,
    delta: float,
    tau: float,
    leaf_prediction: str,
    nb_threshold: int,
    n_splits: int,
    min_branch_fraction: float,
    max_share_to_split: float,
    merit_preprune: bool,
) -> Rules:
    """Return the rules; the parameters are those of `models.trees.tree.DenseTree`.

    Raises
    ------
    ValueError
        A parameter is out of its range; the text names it, its value and the remedy.
    """
    require(grace_period > 0, "grace_period", grace_period, "1 or more")
    depth = _NO_LIMIT if max_depth is None else max_depth
    require(0 <= depth <= _NO_LIMIT, "max_depth", max_depth, "0 or more, or None for no limit")
    require(split_criterion in CRITERIA, "split_criterion", split_criterion, one_of(CRITERIA))
    require(0 < delta <= 1, "delta", delta, "a probability above 0, such as 1e-7")
    require(0 <= tau < 1e300, "tau", tau, "0 or more, such as 0.05")
    require(leaf_prediction in PREDICTIONS, "leaf_prediction", leaf_prediction, one_of(PREDICTIONS))
    require(0 <= nb_threshold < 1e300, "nb_threshold", nb_threshold, "0 or more")
    require(1 <= n_splits <= 1000, "n_splits", n_splits, "1 to 1000")
    require(0 <= min_branch_fraction < 0.5, "min_branch_fraction", min_branch_fraction, "0 to 0.5")
    require(0 < max_share_to_split <= 1, "max_share_to_split", max_share_to_split, "above 0, to 1")
    return Rules(
        float(grace_period),
        depth,
        CRITERIA.index(split_criterion),
        float(delta),
        float(tau),
        PREDICTIONS.index(leaf_prediction),
        float(nb_threshold),
        n_splits,
        float(min_branch_fraction),
        float(max_share_to_split),
        bool(merit_preprune),
    )


def require(holds: bool, name: str, value: object, remedy: str) -> None:
    """Refuse a parameter's value."""
    if not holds:
        raise ValueError(f"{name} is {value!r}: give {remedy}")


def one_of(names: tuple[str, ...]) -> str:
    """Return names as a remedy."""
    return "one of " + ", ".join(repr(name) for name in names)
