"""Who learns: every state alone, or one for all."""

from __future__ import annotations

from enum import Enum

# Kafka gives each partition to one worker at a time, and this one is always there.
TRAINER_PARTITION = 0


class Role(Enum):
    """What a state does with what its labels teach.

    ALONE learns it. A SCORER tells the TRAINER, which learns what all of them tell and its own, and
    publishes versions of the models, which scorers take over.
    """

    ALONE = 0
    TRAINER = 1
    SCORER = 2


def role_of(partition: int) -> Role:
    """Return the role of a partition's state where all have one model."""
    return Role.TRAINER if partition == TRAINER_PARTITION else Role.SCORER
