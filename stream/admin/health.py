"""Whether a worker lives, and whether it is ready: what orchestrators ask."""

from __future__ import annotations

from typing import NamedTuple

from stream.telemetry.figures import Phase
from stream.telemetry.traffic import TrafficMeter


class HealthAnswer(NamedTuple):
    """Yes or no, and why in few words that tell nothing about anybody's data."""

    yes: bool
    why: str


class Health:
    """What is said of a worker; any thread may ask.

    Parameters
    ----------
    meter : TrafficMeter
    stuck_after_s : float
        For how long the loop may stand still.
    """

    def __init__(self, meter: TrafficMeter, stuck_after_s: float) -> None:
        self._meter = meter
        self._stuck_after_s = stuck_after_s

    def alive(self) -> HealthAnswer:
        """Tell whether the loop goes round, or has not begun to.

        A start may compile and read a snapshot for minutes; what cannot start ends by itself.
        """
        still_s = self._meter.clock() - self._meter.tally.turned_s
        turning = self._meter.phase is Phase.RUNNING
        if turning and still_s > self._stuck_after_s:
            return HealthAnswer(False, f"stuck: the loop has stood still for {still_s:.0f} s")
        return HealthAnswer(True, "ok")

    def ready(self) -> HealthAnswer:
        """Tell whether payments are being decided."""
        phase, figures = self._meter.phase, self._meter.figures
        if phase is not Phase.RUNNING:
            return HealthAnswer(False, phase.value)
        if not figures.ready:
            return HealthAnswer(False, "waiting: the group has given no partition")
        alive = self.alive()
        return HealthAnswer(True, "ready") if alive.yes else alive
