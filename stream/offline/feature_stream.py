"""The engine as a function from payments to features, for whoever brings payments in Python.

Nothing is scored; what is remembered, what counts as late or repeated and when a label
comes is the engine's own doing. State can be copied and pickled.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from models.silent import SilentLearner
from schemas.columns import Reason, Transactions
from schemas.decoder import Decoder
from stream.config.configuration import Config
from stream.engine.engine import Engine
from stream.engine.parameters import EngineParameters, Keep
from stream.files.inputs import FileBlock, RowEncoder, RowKind, joined, row_kind
from stream.files.table_columns import why_not_taken
from stream.keytable import NOWHERE
from stream.offline.frames import frame_blocks
from stream.offline.playback import LATEST_US, REPLAY_HASH_KEY, Playback

_BLOCK_ROWS = 4096
# Readers of so many configurations are kept.
_READERS_MAX = 16
_OK = int(Reason.OK)

Features = NDArray[np.float64]


@dataclass(frozen=True)
class _Reader:
    """What turns rows into columns: nothing in it changes, so streams share it."""

    parameters: EngineParameters
    kind: RowKind
    decoder: Decoder
    unlabelled: RowEncoder
    labelled: RowEncoder


# Not in the streams: whoever measures or pickles one must not find compiled kernels in it.
_READERS: dict[str, _Reader] = {}


def _reader(config: Config, key: str) -> _Reader:
    if key not in _READERS:
        if len(_READERS) == _READERS_MAX:
            _READERS.clear()
        kind, limits = row_kind(config), config.limits.limits()
        _READERS[key] = _Reader(
            # Nobody looks at what it would watch.
            replace(config.engine_parameters(REPLAY_HASH_KEY), monitor=None),
            kind,
            kind.decoder(REPLAY_HASH_KEY, limits),
            RowEncoder(replace(kind, label="")),
            RowEncoder(kind),
        )
    return _READERS[key]


def _without_secrets(config: Config) -> Config:
    """Leave out what features do not need: a stream may be pickled and handed on."""
    sections = ("kafka", "registry", "security")
    return config.model_copy(update={name: type(getattr(config, name))() for name in sections})


class FeatureStream:
    """A stream of payments that begins with none.

    Parameters
    ----------
    config : Config

    Attributes
    ----------
    not_taken : Counter of str
        Why rows changed nothing, and how many: a reason of the dead letters, or
        ``duplicate``.
    """

    def __init__(self, config: Config) -> None:
        self.config = _without_secrets(config)
        self.not_taken: Counter[str] = Counter()
        self._key = self.config.model_dump_json()
        engine = Engine(self._reader.parameters, SilentLearner(), keep=Keep.VALUES)
        self._playback = Playback(engine, config.limits.limits(), config.replay.label_delay)

    @property
    def _reader(self) -> _Reader:
        return _reader(self.config, self._key)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in the order of the matrix's columns."""
        return self._reader.parameters.features.names

    def take_frame(self, frame: Any, is_fraud: Sequence[bool | None] | None = None) -> Features:
        """Take the rows of a frame, in its order.

        Parameters
        ----------
        frame : pandas.DataFrame, polars.DataFrame, pyarrow.Table, duckdb.DuckDBPyRelation
        is_fraud : sequence of bool or None, optional
            The truth of each row; without it the column that ``replay.label`` names, if
            the frame has it.

        Returns
        -------
        ndarray of float64, shape (n, n_features)
            NaN where a value is not known.

        Raises
        ------
        InputFileError
            If it is no frame, or lacks a column.
        """
        blocks = frame_blocks(frame, self._reader.kind, _BLOCK_ROWS, is_fraud)
        return self._joined([self.take(block) for block in blocks])

    def record(self, x: dict[Any, Any]) -> FileBlock:
        """Encode one payment that comes as a dictionary, with its truth if that is in it."""
        has_label = bool(self.config.replay.label) and self.config.replay.label in x
        encoder = self._reader.labelled if has_label else self._reader.unlabelled
        return encoder.block([x])

    def take(self, block: FileBlock) -> Features:
        """Take framed records, in order; see `take_frame`."""
        found = []
        batch = self._decoded(block)
        for _, part, effects in self._playback.play(batch, block.readable, block.is_fraud):
            matrix = effects.readings.matrix
            matrix[part.reason != _OK] = np.nan
            found.append(matrix)
            self.not_taken.update(why for why in why_not_taken(effects) if why is not None)
        return self._joined(found)

    def recalled(self, block: FileBlock) -> Features | None:
        """Return the features that a payment got when it was taken; None if it is not known.

        It is known as long as it waits for its label: ``labels.maturity`` and
        ``labels.waiting_max``.
        """
        waiting = self._playback.engine.waiting
        batch = self._decoded(block)
        place = waiting.find(np.where(batch.reason == _OK, batch.transaction_key, 0))[0]
        return None if place == NOWHERE else waiting.features[place].copy()

    def _decoded(self, block: FileBlock) -> Transactions:
        return self._reader.decoder.decode(block.values, LATEST_US)

    def _joined(self, parts: list[Features]) -> Features:
        return np.concatenate([np.empty((0, len(self.names))), *parts])

    def copy(self) -> Self:
        """Return a stream that goes on from here on its own."""
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        # Kernels and what holds them are built again.
        played = {name: value for name, value in vars(self._playback).items() if name != "engine"}
        return {
            "config": self.config,
            "not_taken": self.not_taken,
            "playback": played,
            "engine": self._playback.engine.state(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        type(self).__init__(self, state["config"])
        self.not_taken = state["not_taken"]
        vars(self._playback).update(state["playback"])
        self._playback.engine.restore(state["engine"])


class Glance:
    """Features of a payment that may never be taken, as if it were.

    Looking at a payment takes it, because only so its features include itself. If it is
    not the next one that is learned, it is taken back: a copy of the state is kept, and
    what was learned since is played again.

    Parameters
    ----------
    stream : FeatureStream
    """

    # How many events are played again, at most, to take one back.
    SINCE_MAX = 512

    def __init__(self, stream: FeatureStream) -> None:
        self._stream = stream
        self._kept: FeatureStream | None = None
        self._since: list[FileBlock] = []
        self._looked_at: FileBlock | None = None
        self._seen: Features | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return self._stream.names

    def learn(self, x: dict[Any, Any]) -> None:
        """Take a payment for good."""
        block = self._stream.record(x)
        if block != self._looked_at:
            self._take_back()
            self._stream.take(block)
        self._looked_at = self._seen = None
        if self._kept is not None:
            self._since.append(block)
            if len(self._since) > 2 * self.SINCE_MAX:  # Nobody looks any more.
                self._kept, self._since = None, []

    def look(self, x: dict[Any, Any]) -> Features:
        """Return the features of a payment, shape (n_features,); it may never be taken."""
        block = self._stream.record(x)
        if block == self._looked_at and self._seen is not None:
            return self._seen
        self._take_back()
        known = self._stream.recalled(block)
        if known is not None:
            return known
        if self._kept is None or len(self._since) >= self.SINCE_MAX:
            self._kept, self._since = self._stream.copy(), []
        self._looked_at, self._seen = block, self._stream.take(block)[0]
        return self._seen

    def settled(self) -> FeatureStream:
        """Return the stream of all that was learned, and of nothing that was only looked at."""
        self._take_back()
        return self._stream

    def __getstate__(self) -> FeatureStream:
        return self.settled()

    def __setstate__(self, stream: FeatureStream) -> None:
        type(self).__init__(self, stream)

    def _take_back(self) -> None:
        if self._looked_at is None or self._kept is None:
            return
        self._stream = self._kept.copy()
        self._stream.take(joined(self._since))
        self._looked_at = self._seen = None
