"""What every alert says alike: the words of reasons, and under which model and features it came."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.evidence.evidence import Evidence
from stream.evidence.reason_codes import ReasonTable, ReasonWords
from stream.evidence.reasons import NO_REASON
from stream.features.feature_set import FeatureSet
from stream.features.kinds import FLAGS, kind_of

NEUTRAL, HIGH, LOW = range(3)
_NO_WORDS = ReasonWords("", "", "", "")


class BuiltModel(NamedTuple):
    """A model's name, and a digest of how it is built: what it has learned makes it what it is."""

    name: str
    digest: str


_NO_MODEL = BuiltModel("", "")


@dataclass(frozen=True)
class Wording:
    """The same for every alert of a worker.

    Attributes
    ----------
    words : tuple of ReasonWords
        By feature; empty: nothing is said of any.
    flags : tuple of bool
        By feature, whether it is 1 or 0: then that says which words fit, and not what is usual.
    codes_version : str
        Of the table of reason codes.
    models : tuple of BuiltModel
        By slot of `stream.champion.lineup.Lineup`; empty: nothing is said of any.
    feature_set : str
        A digest of the features and of what they are declared over.
    """

    words: tuple[ReasonWords, ...] = ()
    flags: tuple[bool, ...] = ()
    codes_version: str = ""
    models: tuple[BuiltModel, ...] = ()
    feature_set: str = ""

    @cached_property
    def _levels(self) -> NDArray[np.float64]:
        """What a value lies above or below whatever is usual; behind the last one that of none."""
        return np.array([*np.where(self.flags, 0.5, np.nan), np.nan])

    def of(self, feature: int) -> ReasonWords:
        """Return the words of a feature, by its place."""
        return self.words[feature] if self.words else _NO_WORDS

    def model(self, slot: int) -> BuiltModel:
        """Return the model of a slot."""
        return self.models[slot] if self.models else _NO_MODEL

    def directions(self, alerts: Evidence) -> NDArray[np.int64]:
        """Return which words fit each reason: NEUTRAL, HIGH or LOW, shape (n, most)."""
        places = np.minimum(alerts.reasons, len(self._levels) - 1)
        levels = self._levels[np.where(places == NO_REASON, len(self._levels) - 1, places)]
        levels = np.where(np.isnan(levels), alerts.normals, levels)
        found = HIGH * (alerts.values > levels) + LOW * (alerts.values < levels)
        return np.where(alerts.reasons == NO_REASON, NEUTRAL, found)


NO_WORDING = Wording()


def text_of(words: ReasonWords, direction: int) -> str:
    """Return what is said in one of the directions."""
    return (words.text, words.high, words.low)[direction]


def wording_of(
    table: ReasonTable, features: FeatureSet, models: tuple[BuiltModel, ...] = ()
) -> Wording:
    """Return how alerts over a set of features are worded."""
    described = repr((features.names, features.inputs))
    return Wording(
        tuple(table.words(feature, features.inputs) for feature in features.features),
        tuple(kind_of(feature) in FLAGS for feature in features.features),
        table.version,
        models,
        digest_of(described),
    )


def protected_names(table: ReasonTable, features: FeatureSet) -> frozenset[str]:
    """Return the features that may never be a reason."""
    return frozenset(
        str(feature)
        for feature in features.features
        if table.words(feature, features.inputs).protected
    )


def digest_of(text: str) -> str:
    """Return twelve hexadecimal digits; equal texts have equal ones."""
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
