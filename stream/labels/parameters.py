"""What a label may do, and what is kept of labels: all bounds and ages in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LabelParameters:
    """How labels are joined, overridden, capped and learned.

    Attributes
    ----------
    maturity_us : int
        A transaction that nobody labelled counts as genuine after this long.
    correctable_us : int
        How much longer its row is kept, so that a later label still finds it.
    genuine_share : float
        Share of the transactions that count as genuine by nobody's word that is learned, each
        with the weight 1 / share; above 0 to 1.
    confidence_min : float
        A label that is less sure is withheld from the learners.
    learn_max : int
        Labelled rows learned at one barrier; the rest wait for the next.
    queue_max : int
        Labelled rows that may wait to be learned; never more than rows that are kept.
    early_max : int
        Labels held that came before their transaction; 0: none.
    early_hold_us : int
        How long one is held.
    source_max_per_day, entity_max_per_day : int
        Labels of one source, and of one entity, that may teach in a day; 0: no cap.
    capped_entity : int
        Place of that entity among the layout's.
    """

    maturity_us: int = 7 * 86_400_000_000
    correctable_us: int = 0
    genuine_share: float = 1.0
    confidence_min: float = 0.5
    learn_max: int = 10_000
    queue_max: int = 100_000
    early_max: int = 10_000
    early_hold_us: int = 86_400_000_000
    source_max_per_day: int = 0
    entity_max_per_day: int = 0
    capped_entity: int = 0

    @property
    def horizon_us(self) -> int:
        """How long a row is kept: an older label is of a row that is gone."""
        return self.maturity_us + self.correctable_us
