"""What scorers and the trainer tell each other, as the engine has it."""

from __future__ import annotations

from typing import NamedTuple

from models.states.snapshot import State
from stream.labels.examples import Examples

# No topic has a greater one; what is remembered of places has room for it.
OFFSET_MAX = 2**62


class Position(NamedTuple):
    """Where something was said, in the order in which its partition says it.

    Attributes
    ----------
    offset : int
        Of the payment at whose arrival it was due.
    part : int
        Which it is of what was said then.
    """

    offset: int
    part: int


class SentExamples(NamedTuple):
    """Examples for the trainer, without `corrects` and `scores`, from which nobody learns.

    Attributes
    ----------
    offset : int
        Of the payment at whose arrival they were due.
    examples : Examples
    """

    offset: int
    examples: Examples


class ModelVersion(NamedTuple):
    """What the trainer's models had come to.

    Attributes
    ----------
    offset : int
        Of the payment at whose arrival it was due.
    state : State
        A copy; its parts are the models that have seen enough for a score, by name.
    """

    offset: int
    state: State
