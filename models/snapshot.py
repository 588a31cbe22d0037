"""The state of a learner: parameters, named arrays and the states of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class State:
    """What a learner is at one moment.

    Attributes
    ----------
    kind : str
        Name of the model and number of its format: "logistic_regression/1".
    header : mapping
        Parameters and single numbers: None, bool, int, float, str, and lists and
        dictionaries of them.
    arrays : mapping of str to ndarray
    parts : mapping of str to State
        The learners and transformers that it is made of.
    """

    kind: str
    header: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    parts: Mapping[str, State] = field(default_factory=dict)
