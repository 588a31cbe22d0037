"""What an engine may use, how it decides, and what it is to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from stream.champion.lineup import FIRST
from stream.decide import Thresholds
from stream.evidence.explainer import EVERYTHING, Explained
from stream.features.feature_set import FeatureSet
from stream.labels.parameters import LabelParameters
from stream.lists.declaration import ListDeclaration
from stream.monitor.parameters import MonitorParameters
from stream.promotion.parameters import PromotionParameters
from stream.rules.in_force import BreakerParameters
from stream.rules.rule import RuleSet


@dataclass(frozen=True)
class EngineParameters:
    """What the engine may use and how it decides.

    Attributes
    ----------
    features : FeatureSet
    thresholds : Thresholds
    calibrate : bool
        Whether scores are made probabilities by the labels of earlier ones.
    alerts_per_day : float
        What moves the review threshold; 0: nothing does.
    explore : float
        Share of that for payments drawn from below the threshold.
    events_max, entities_max, waiting_max : int
        Bounds of what features remember and of the rows that wait for labels.
    capacities : mapping of str to int
        Entities of one type, where it is not `entities_max`.
    hash_key : bytes
        16 bytes, the decoder's.
    feature_threads : int
        Entity types observed at once.
    shared : tuple of str
        Entity types of which other partitions tell, and are told.
    version_interval_us : int
        Of one model for all partitions: event time between two versions of it; 0: each state
        learns alone.
    allowed_lateness_us, idle_after_us : int
        See `stream.event_time.EventClock`.
    labels : LabelParameters
    learn_interval_us : int
        Learning happens when the watermark passes a multiple of this.
    batch_rows_max : int
        Rows that `step` works on at once.
    lists : tuple of ListDeclaration
        The lists that orders may put somebody on.
    rules : RuleSet
        The rules at first; orders put others in their place.
    breaker : BreakerParameters
        When a rule matches too much.
    cooldown_us : int
        How long further alerts of an entity wait after one; 0: not at all.
    cooldown_entity : str
        Of which entity; empty: the first.
    monitor : MonitorParameters or None
        What is watched meanwhile; None: nothing.
    model : str
        Name of the model that decides first.
    promotion : PromotionParameters
        What is asked of a challenger, and of a champion that has just begun.
    explained : Explained
        What alerts say of why they were raised.
    """

    features: FeatureSet
    thresholds: Thresholds = field(default_factory=Thresholds)
    calibrate: bool = True
    alerts_per_day: float = 0.0
    explore: float = 0.0
    events_max: int = 1_000_000
    entities_max: int = 200_000
    capacities: Mapping[str, int] = field(default_factory=dict)
    hash_key: bytes = bytes(16)
    feature_threads: int = 1
    shared: tuple[str, ...] = ()
    version_interval_us: int = 0
    waiting_max: int = 500_000
    allowed_lateness_us: int = 60_000_000
    idle_after_us: int = 60_000_000
    labels: LabelParameters = field(default_factory=LabelParameters)
    learn_interval_us: int = 1_000_000
    batch_rows_max: int = 1024
    lists: tuple[ListDeclaration, ...] = ()
    rules: RuleSet = field(default_factory=RuleSet)
    breaker: BreakerParameters = field(default_factory=BreakerParameters)
    cooldown_us: int = 0
    cooldown_entity: str = ""
    monitor: MonitorParameters | None = None
    model: str = FIRST
    promotion: PromotionParameters = field(default_factory=PromotionParameters)
    explained: Explained = EVERYTHING


class Keep(IntEnum):
    """What effects carry of the features, for whoever wants them as a table."""

    NOTHING = 0
    VALUES = 1
    STATES = 2  # Values too.
