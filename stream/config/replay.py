"""The section of the configuration about replays."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stream.config.sections import Section
from stream.config.values import Duration


class ReplaySection(Section):
    """How a file is read by `fraudstream replay`, and how its decisions are judged."""

    label: str = ""
    """Column that holds the truth (0/1, true/false); empty: the file has none."""
    label_delay: Duration = 7 * 86_400_000_000
    """A fraud's label comes this much event time after its payment; `--label-delay` overrides
    it. Beyond `labels.maturity` its payment has been learned as genuine."""
    analyst_delay: Duration = 0
    """An analyst looks at each alert this much event time after it was raised, and says what it
    was; 0: nobody looks at alerts."""
    card: str = ""
    """The name of `fields.entities` that pays, the card of card precision; empty: the first."""
    alert_budget: Annotated[int, Field(ge=1)] = 100
    """Alerts that can be looked at in a day, of payments or of cards."""
    half_lives: tuple[Annotated[Duration, Field(ge=1)], ...] = (
        7 * 86_400_000_000,
        30 * 86_400_000_000,
    )
    """Of the fading averages: after this long a day counts half as much."""
