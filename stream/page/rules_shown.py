"""Rules, lists and snoozes as the page shows them: read off the figures of the last second."""

from __future__ import annotations

from stream.page.board import ListRow, RuleRow, Rules
from stream.telemetry.figures import Figures

# More rows nobody reads, and all of them would be sent every second.
SHOWN_MAX = 100


def rules_shown(figures: Figures) -> Rules:
    """Return the rules of a board: those that tripped first, then those that matched most."""
    return Rules(
        in_force=len(figures.rules),
        shown=[
            RuleRow(
                id=each.id,
                action=each.action,
                mode=each.mode,
                share=each.share,
                live=each.live,
                shadow=each.shadow,
                failed=each.failed,
            )
            for each in figures.rules.loudest(SHOWN_MAX)
        ],
        lists=[
            ListRow(
                name=each.name,
                entries=each.entries,
                entries_max=each.capacity,
                changes=each.version,
            )
            for each in figures.lists
        ],
        snoozes=figures.snoozes,
        by_cooldown=figures.count("alerts_held", "cooldown"),
        by_snooze=figures.count("alerts_held", "snooze"),
    )
