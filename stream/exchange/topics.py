"""Topics that the group does not share out: what partitions tell each other on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.partition import Partition
from stream.shared_model.role import TRAINER_PARTITION


@dataclass(frozen=True)
class ExchangeTopics:
    """Which they are, and who listens to what. Each has as many partitions as the payments.

    Attributes
    ----------
    shared : str
        Of payments, for the windows of others: all listen to all others. Empty: there is none.
    training : str
        Of what labels teach: the trainer's state listens to all others.
    models : str
        Of what the trainer has come to: all others listen to it.
    """

    shared: str = ""
    training: str = ""
    models: str = ""

    @property
    def topics(self) -> list[str]:
        """All that there are."""
        return [name for name in (self.shared, self.training, self.models) if name]

    def places(self, partition: int, partitions: int) -> set[Partition]:
        """Return what the state of a partition listens to.

        Parameters
        ----------
        partition : int
        partitions : int
            How many there are.
        """
        others = [other for other in range(partitions) if other != partition]
        found = {(self.shared, other) for other in others}
        if partition == TRAINER_PARTITION:
            found |= {(self.training, other) for other in others}
        else:
            found.add((self.models, TRAINER_PARTITION))
        return {place for place in found if place[0]}

    def heard(self, topic: str, told: NDArray[np.int64], partition: int) -> NDArray[np.bool_]:
        """Tell which records of a topic the state of a partition listens to.

        Parameters
        ----------
        topic : str
        told : ndarray of int64, shape (n,)
            The partition of each record, which is whose it is.
        partition : int
        """
        others = told != partition
        if topic == self.training:
            return others & (partition == TRAINER_PARTITION)
        if topic == self.models:
            return others & (told == TRAINER_PARTITION)
        return others


NO_EXCHANGE = ExchangeTopics()
