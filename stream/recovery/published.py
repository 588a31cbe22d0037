"""What the worker before this one had published when it stopped, and must not come again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from stream.partition import Partition


class Published:
    """The records that are out.

    Everything that an acknowledged input led to is out. Of the rest an alert may be: its id
    was found on its topic, and what was emitted first stands.
    """

    def __init__(self) -> None:
        self._acknowledged: dict[Partition, int] = {}
        self._alerts: dict[str, tuple[Partition, int]] = {}
        self.suppressed = 0

    def acknowledge(self, offsets: Mapping[Partition, int]) -> None:
        """Note that all inputs before these offsets are acknowledged; it is never taken back."""
        for place, offset in offsets.items():
            self._acknowledged[place] = max(offset, self._acknowledged.get(place, offset))

    def found(self, alerts: Mapping[str, tuple[Partition, int]]) -> None:
        """Note alerts that were found on their topic: id, and place and offset of the payment."""
        self._alerts.update(alerts)

    def is_ahead(self, positions: Mapping[Partition, int]) -> bool:
        """Tell whether alerts are out of payments that are still to be taken.

        Of places without a position, such as another worker's, nothing is to be taken.
        """
        return any(at >= positions.get(place, at + 1) for place, at in self._alerts.values())

    def missing(
        self, topic: str, partition: NDArray[np.int64], offset: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Tell of which records the output is to be published; all shape (n,).

        A partition's records come in the order of their offsets: one that has come further
        than what was acknowledged is asked about no longer.
        """
        missing = np.ones(len(offset), np.bool_)
        for place, behind in list(self._acknowledged.items()):
            here = partition == place[1]
            if place[0] == topic and here.any():
                missing[here] = offset[here] >= behind
                if missing[here].any():
                    del self._acknowledged[place]
        return missing

    def is_out(self, alert_id: str) -> bool:
        """Tell whether an alert is out already."""
        out = alert_id in self._alerts
        self.suppressed += out
        return out

    def commit(self, offsets: Mapping[Partition, int], again: bool = False) -> dict[Partition, int]:
        """Return those offsets that are news to the group: a commit must not go back.

        Parameters
        ----------
        offsets : mapping of Partition to int
        again : bool
            Return of the other places where the group is: brokers refuse the offsets of who is
            no member any more, and with them all that is in one transaction with them.
        """
        known = self._acknowledged
        if again:
            return {place: max(at, known.get(place, at)) for place, at in offsets.items()}
        return {place: at for place, at in offsets.items() if at > known.get(place, -1)}
