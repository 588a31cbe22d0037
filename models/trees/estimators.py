"""The compiled tree and forest as River's classifiers: dictionaries and frames."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator
from typing import Any

from river import base, metrics
from river.tree.splitter import Splitter

from models.dense.classifier import NamedClassifier
from models.dense.named import Named
from models.trees import forest, tree
from models.trees.parameters import (
    FOREST_PERIOD,
    TREE_PERIOD,
    by_names,
    forest_from,
    tree_from,
)
from models.trees.planting import MaxFeatures


class _Grown(NamedClassifier):
    """What both classifiers have in common."""

    @property
    def n_nodes(self) -> int:
        """How many nodes there are."""
        return int(self._named.dense.n_nodes)

    @property
    def splits_refused(self) -> int:
        """How often a leaf was not split because the bound of nodes was reached."""
        return int(self._named.dense.splits_refused)


class HoeffdingTreeClassifier(_Grown):
    """River's `tree.HoeffdingTreeClassifier`, compiled, for two classes.

    Equal to River score by score where both have the same parameters; three defaults are
    not River's, because those fail where one event in a hundred is fraud: leaves are
    wiped instead of split above 99 % of one class (`max_share_to_split`), splits that
    single out less than 1 % are not allowed (`min_branch_fraction`), and naive Bayes
    leaves rank worse than majority ones. On a stream of 0.9 % fraud they cost more than
    half of the average precision.

    Parameters
    ----------
    grace_period : int
        Weight that a leaf learns between two attempts to split it.
    max_depth : int, optional
        Leaves at this depth are not split.
    split_criterion : {"info_gain", "gini", "hellinger"}
    delta : float
        Probability that a split is not the best one.
    tau : float
        A Hoeffding bound below which the best candidate is taken in any case.
    leaf_prediction : {"mc", "nb", "nba"}
        Majority class, naive Bayes, or whichever was better in the leaf.
    nb_threshold : int
        Weight of a leaf before "nb" applies.
    nominal_attributes : None
        Features are numbers.
    splitter : river.tree.splitter.GaussianSplitter, optional
    binary_split : bool
        Of no effect: splits of numbers have two sides.
    min_branch_fraction : float
        The least share of weight on both sides of a split.
    max_share_to_split : float
        A leaf with a larger share of one class is wiped instead of split.
    max_size, memory_estimate_period, stop_mem_management, remove_poor_attrs
        As they are: memory is bounded by `nodes_max`.
    merit_preprune : bool
        Whether no split at all is a candidate.
    nodes_max : int
        Bound of nodes; leaves are not split any more where it is reached.

    Raises
    ------
    ValueError
        A parameter has no compiled form or is out of its range.

    References
    ----------
    Domingos & Hulten (2000), "Mining high-speed data streams", KDD.
    """

    def __init__(
        self,
        grace_period: int = 200,
        max_depth: int | None = None,
        split_criterion: str = "info_gain",
        delta: float = 1e-7,
        tau: float = 0.05,
        leaf_prediction: str = "mc",
        nb_threshold: int = 0,
        nominal_attributes: list[Hashable] | None = None,
        splitter: Splitter | None = None,
        binary_split: bool = False,
        min_branch_fraction: float = 1e-4,
        max_share_to_split: float = 1.0,
        max_size: float = 100.0,
        memory_estimate_period: int = TREE_PERIOD,
        stop_mem_management: bool = False,
        remove_poor_attrs: bool = False,
        merit_preprune: bool = True,
        nodes_max: int = tree.NODES_MAX,
    ) -> None:
        self.grace_period = grace_period
        self.max_depth = max_depth
        self.split_criterion = split_criterion
        self.delta = delta
        self.tau = tau
        self.leaf_prediction = leaf_prediction
        self.nb_threshold = nb_threshold
        self.nominal_attributes = nominal_attributes
        self.splitter = splitter
        self.binary_split = binary_split
        self.min_branch_fraction = min_branch_fraction
        self.max_share_to_split = max_share_to_split
        self.max_size = max_size
        self.memory_estimate_period = memory_estimate_period
        self.stop_mem_management = stop_mem_management
        self.remove_poor_attrs = remove_poor_attrs
        self.merit_preprune = merit_preprune
        self.nodes_max = nodes_max
        self._named = Named(tree_from(self, 0))


class ARFClassifier(_Grown):
    """River's `forest.ARFClassifier`, compiled, for two classes.

    Equal to River score by score where both have the same parameters; three defaults are
    not River's, for the reasons that `HoeffdingTreeClassifier` gives.

    Parameters
    ----------
    n_models : int
        Trees.
    max_features : {"sqrt", "log2"}, int, float or None
        Features that a leaf observes: a number, a share, or None for all; by those of the
        first row that is learned.
    lambda_value : int
        Mean of the Poisson number that says how often a tree learns an event.
    metric : river.metrics.Accuracy, optional
        What votes weigh by.
    disable_weighted_vote : bool
        Whether all trees have the same vote.
    drift_detector, warning_detector : river.drift.ADWIN or river.drift.NoDrift, optional
        ADWIN(0.001) and ADWIN(0.01) where they are None; ``drift.NoDrift()`` for none.
        They watch whether trees are right, which says little where one event in a
        hundred is fraud.
    grace_period, max_depth, split_criterion, delta, tau, leaf_prediction, nb_threshold,
    nominal_attributes, splitter, binary_split, min_branch_fraction, max_share_to_split,
    max_size, memory_estimate_period, stop_mem_management, remove_poor_attrs, merit_preprune
        See `HoeffdingTreeClassifier`.
    seed : int, optional
        Without one every forest has other trees.
    nodes_max : int
        Bound of nodes of all trees together.

    Raises
    ------
    ValueError
        A parameter has no compiled form or is out of its range.

    References
    ----------
    Gomes et al. (2017), "Adaptive random forests for evolving data stream
    classification", Machine Learning 106.
    """

    def __init__(
        self,
        n_models: int = 10,
        max_features: MaxFeatures = "sqrt",
        lambda_value: int = 6,
        metric: metrics.base.MultiClassMetric | None = None,
        disable_weighted_vote: bool = False,
        drift_detector: base.DriftDetector | None = None,
        warning_detector: base.DriftDetector | None = None,
        grace_period: int = 50,
        max_depth: int | None = None,
        split_criterion: str = "info_gain",
        delta: float = 0.01,
        tau: float = 0.05,
        leaf_prediction: str = "mc",
        nb_threshold: int = 0,
        nominal_attributes: list[Hashable] | None = None,
        splitter: Splitter | None = None,
        binary_split: bool = False,
        min_branch_fraction: float = 1e-4,
        max_share_to_split: float = 1.0,
        max_size: float = 100.0,
        memory_estimate_period: int = FOREST_PERIOD,
        stop_mem_management: bool = False,
        remove_poor_attrs: bool = False,
        merit_preprune: bool = True,
        seed: int | None = None,
        nodes_max: int = forest.NODES_MAX,
    ) -> None:
        self.n_models = n_models
        self.max_features = max_features
        self.lambda_value = lambda_value
        self.metric = metric
        self.disable_weighted_vote = disable_weighted_vote
        self.drift_detector = drift_detector
        self.warning_detector = warning_detector
        self.grace_period = grace_period
        self.max_depth = max_depth
        self.split_criterion = split_criterion
        self.delta = delta
        self.tau = tau
        self.leaf_prediction = leaf_prediction
        self.nb_threshold = nb_threshold
        self.nominal_attributes = nominal_attributes
        self.splitter = splitter
        self.binary_split = binary_split
        self.min_branch_fraction = min_branch_fraction
        self.max_share_to_split = max_share_to_split
        self.max_size = max_size
        self.memory_estimate_period = memory_estimate_period
        self.stop_mem_management = stop_mem_management
        self.remove_poor_attrs = remove_poor_attrs
        self.merit_preprune = merit_preprune
        self.seed = seed
        self.nodes_max = nodes_max
        given = random.SystemRandom().getrandbits(32) if seed is None else seed
        self._named = Named(forest_from(self, 0, given))
        self._n_named = 0

    def n_warnings_detected(self, tree_id: int | None = None) -> int:
        """Return how many warnings of drift there were, of one tree or of all."""
        return _told(self._named.dense.warnings, tree_id)

    def n_drifts_detected(self, tree_id: int | None = None) -> int:
        """Return how many drifts there were, of one tree or of all."""
        return _told(self._named.dense.drifts, tree_id)

    def _name_columns(self) -> None:
        names = list(self._named.columns.places)
        if len(names) > self._n_named:
            self._named.dense.order_by_name(by_names(names))
            self._n_named = len(names)

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"n_models": 3}


def _told(counts: Any, tree_id: int | None) -> int:
    return int(counts.sum() if tree_id is None else counts[tree_id])
