"""The configuration's section on when one model follows another."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stream.config.sections import Section
from stream.config.values import Duration, Number
from stream.promotion.parameters import DAY_US, PromotionParameters


class PromotionSection(Section):
    """What is asked of a challenger before it decides, and of a champion that has just begun."""

    error: Annotated[Number, Field(gt=0, lt=1)] = 0.05
    """Probability that a challenger which is no better is ever called so, however often one
    looks; several challengers share it."""
    days_min: Annotated[int, Field(ge=1)] = 7
    """Days of mature payments that both models scored before there is a recommendation."""
    frauds_min: Annotated[int, Field(ge=1)] = 30
    """Frauds among them."""
    canary: Duration = 14 * DAY_US
    """The payments of so much event time after a promotion are its canary: if they show, once
    they are mature, that the champion before was better, that one decides again by itself. 0:
    nothing is taken back but by an order."""

    def parameters(self) -> PromotionParameters:
        """Return the same as the engine wants it."""
        return PromotionParameters(self.error, self.days_min, self.frauds_min, self.canary)
