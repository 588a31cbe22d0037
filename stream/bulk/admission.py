"""Which rows count, decided by one engine over all of them, without a feature or a model.

Dead letters, lateness, repeats and labels are of the whole stream, so they are decided in one
pass. It is the engine itself that does; where it has its features stands somebody who writes
down what they would be told, and tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from models.silent import SilentLearner
from schemas.columns import Reason, Transactions
from stream.bulk.parts import PartFiles
from stream.config.configuration import Config
from stream.engine.engine import Engine
from stream.features.columns import FRAUD
from stream.features.feature_set import FeatureSet
from stream.features.plan import plan_features
from stream.features.readings import NOT_TAKEN, Readings
from stream.features.state import FeatureState
from stream.offline.playback import REPLAY_HASH_KEY, Playback

_OK = int(Reason.OK)
_TRUTHS = (False, True, None)  # By the numbers of `stream.files.table_columns.TRUTHS`.


@dataclass(frozen=True)
class Marks:
    """Verdicts in the order in which features are told them.

    Attributes
    ----------
    after : ndarray of int64, shape (k,)
        How many events had been taken when each call came.
    stops : ndarray of int64, shape (k,)
        Behind which verdict each call ends.
    numbers : ndarray of int64
        Of the events that were judged.
    is_fraud : ndarray of bool
    """

    after: NDArray[np.int64]
    stops: NDArray[np.int64]
    numbers: NDArray[np.int64]
    is_fraud: NDArray[np.bool_]

    def save(self, folder: Path) -> None:
        """Write them into the folder of the work."""
        np.savez(folder / "marks.npz", **vars(self))

    @classmethod
    def load(cls, folder: Path) -> Marks:
        """Read what `save` wrote."""
        with np.load(folder / "marks.npz", allow_pickle=False) as found:
            return cls(**{name: found[name] for name in found.files})


class _Noted:
    """Stands where an engine has its features: notes what it is told."""

    def __init__(self, hears_verdicts: bool) -> None:
        self.hears_verdicts = hears_verdicts
        self.arrived = 0
        self.taken: list[NDArray[np.bool_]] = []
        self._after: list[int] = []
        self._numbers: list[NDArray[np.int64]] = []
        self._is_fraud: list[NDArray[np.bool_]] = []

    def observe(self, batch: Transactions, take: NDArray[np.bool_]) -> Readings:
        """Note which rows count; there are no features."""
        self.taken.append(take.copy())
        numbers = np.full(len(batch), NOT_TAKEN, np.int64)
        numbers[take] = np.arange(self.arrived, self.arrived + int(take.sum()))
        self.arrived += int(take.sum())
        return cast(Readings, _NoReadings(numbers))

    def mark(self, numbers: NDArray[np.int64], is_fraud: NDArray[np.bool_], *_: object) -> None:
        """Note verdicts; what was said of their events is not known, as nothing was."""
        if len(numbers):
            self._after.append(self.arrived)
            self._numbers.append(numbers.copy())
            self._is_fraud.append(is_fraud.copy())

    def marks(self) -> Marks:
        """Return all verdicts."""
        sizes = [len(numbers) for numbers in self._numbers]
        return Marks(
            np.array(self._after, np.int64),
            np.cumsum(sizes, dtype=np.int64),
            np.concatenate([np.zeros(0, np.int64), *self._numbers]),
            np.concatenate([np.zeros(0, np.bool_), *self._is_fraud]),
        )


class _NoReadings:
    """Of rows that have no features."""

    def __init__(self, numbers: NDArray[np.int64]) -> None:
        self.numbers = numbers
        self.matrix = np.zeros((len(numbers), 0))


class Admission:
    """The pass over all rows, in order, part after part.

    Parameters
    ----------
    config : Config
    folder : Path
        Where parts lie, and what is decided of them is left.

    Attributes
    ----------
    engine : Engine
        What it counts is what an engine with features would count.
    playback : Playback
    frauds : int
    """

    def __init__(self, config: Config, folder: Path) -> None:
        parameters = config.engine_parameters(REPLAY_HASH_KEY)
        features = parameters.features
        columns = plan_features(features)[1]
        bare = replace(
            parameters,
            features=FeatureSet((), features.layout, features.inputs),
            # It watches features and scores, and decides nothing.
            monitor=None,
            events_max=1,
            entities_max=1,
            capacities={},
        )
        self.engine = Engine(bare, SilentLearner())
        self._noted = _Noted(FRAUD in columns)
        self.engine.features = cast(FeatureState, self._noted)
        delays = config.replay.label_delay, config.replay.analyst_delay
        self.playback = Playback(self.engine, config.limits.limits(), *delays)
        self.frauds = 0
        self._folder = folder
        self._layout = features.layout

    @property
    def events(self) -> int:
        """How many rows have counted."""
        return self._noted.arrived

    def take(self, number: int) -> Iterator[tuple[int, Reason, bytes]]:
        """Decide of a part's rows, all of them before the next part's.

        Yields
        ------
        row : int
            Of the file.
        reason : Reason
            Why it was refused.
        value : bytes
            As it would have been sent.
        """
        part, first = PartFiles(self._folder, number), self.playback.rows
        batch = part.batch(self._layout)
        is_fraud = part.array("is_fraud")
        truths: Sequence[bool | None] = [_TRUTHS[truth] for truth in is_fraud.tolist()]
        readable: Sequence[bool] = part.array("readable").tolist()
        reasons, repeated = [np.zeros(0, np.int64)], [np.zeros(0, np.bool_)]
        for _, _, effects in self.playback.play(batch, readable, truths):
            reasons.append(effects.reasons)
            repeated.append(effects.duplicate)
        why = np.concatenate(reasons)
        part.write(
            # With what cannot be read among the refused.
            longs=batch.longs,
            taken=np.concatenate([np.zeros(0, np.bool_), *self._noted.taken]),
            reasons=why,
            duplicate=np.concatenate(repeated),
        )
        self._noted.taken.clear()
        self.frauds += int((is_fraud == 1).sum())
        bounds = part.array("bounds").tolist()
        for row in np.flatnonzero(why != _OK).tolist():
            value = batch.data[bounds[row] : bounds[row + 1]].tobytes()
            yield first + row, Reason(int(why[row])), value

    def finish(self) -> None:
        """Leave the verdicts where shards find them."""
        self._noted.marks().save(self._folder)
