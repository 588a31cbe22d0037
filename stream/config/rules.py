"""The section of the configuration about rules."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stream.config.sections import Section
from stream.rules.in_force import BreakerParameters


class RulesSection(Section):
    """What keeps rules from doing harm: docs/rules.md.

    The rules themselves come by the control topic, from `fraudstream rules apply`.
    """

    breaker_payments: Annotated[int, Field(ge=10, le=1_000_000_000)] = 1_000
    """Payments are counted in blocks of so many."""
    breaker_share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.3
    """A live rule that has matched more than this share of a block decides nothing from the next
    payment on, until rules are applied again. 1: no rule is stopped so."""

    def breaker(self) -> BreakerParameters:
        """Return the same as the engine wants it."""
        matches_max = int(self.breaker_share * self.breaker_payments)
        return BreakerParameters(self.breaker_payments, matches_max)
