"""What is asked of a challenger before it may decide, and of a champion that has just begun."""

from __future__ import annotations

from dataclasses import dataclass

DAY_US = 86_400_000_000


@dataclass(frozen=True)
class PromotionParameters:
    """The parameters of the gate.

    Attributes
    ----------
    error : float
        Probability that a challenger which is no better, or one of several, is ever called so.
    days_min : int
        Whole days of matured payments before there is a recommendation.
    frauds_min : int
        Frauds among them.
    canary_us : int
        Event time after a promotion whose payments decide whether it is taken back; 0: none is.
    """

    error: float = 0.05
    days_min: int = 7
    frauds_min: int = 30
    canary_us: int = 14 * DAY_US
