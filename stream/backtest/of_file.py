"""A backtest on a file: payments with their truth, each label when it would have come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.states.snapshot import pack, unpack
from schemas.columns import Reason, Transactions
from stream.app import engine_of
from stream.backtest.change import Change
from stream.backtest.ledger import Ledger
from stream.config.configuration import Config
from stream.engine.effects import Effects
from stream.engine.engine import Engine
from stream.evaluation.ledger import truths_of
from stream.files.inputs import FileBlock, open_file
from stream.offline.playback import LATEST_US, REPLAY_HASH_KEY, Playback

_BLOCK_ROWS = 4096
END_US = 2**62


@dataclass(frozen=True)
class EventWindow:
    """Which payments are looked at, by their own times.

    Attributes
    ----------
    from_us, to_us : int
        From the first payment at or after the one, to that before the first at or after the
        other.
    """

    from_us: int = -END_US
    to_us: int = END_US


class FileBacktest:
    """Plays a file as it is configured and as it would be.

    Parameters
    ----------
    path : Path
    config : Config
    window : EventWindow
    change : Change
    ledger : Ledger

    Attributes
    ----------
    rows : int or None
        In the file.
    """

    def __init__(
        self, path: Path, config: Config, window: EventWindow, change: Change, ledger: Ledger
    ) -> None:
        self._config = config
        self._window = window
        self._change = change
        self._ledger = ledger
        self._input = open_file(path, config, REPLAY_HASH_KEY, _BLOCK_ROWS)
        self._live = self._playback()
        self._candidate: Playback | None = None
        # Late rows behind the first of the window are in it.
        self._begun = False
        self.rows = self._input.rows

    @property
    def watermark_us(self) -> int:
        """Event time, at the end."""
        return self._live.engine.clock.watermark_us

    def run(self, on_rows: Callable[[int], None] = lambda _: None) -> int:
        """Play to the end of the window; return the rows that were played."""
        for block in self._input.blocks:
            batch = self._decoded(block)
            times_us = np.where(batch.reason == Reason.OK, batch.event_time_us, -END_US)
            first = 0 if self._begun else self._first(times_us, self._window.from_us)
            self._begun = first < len(batch)
            behind = self._first(times_us, self._window.to_us)
            self._play(batch, block, 0, min(first, behind), inside=False)
            self._play(batch, block, first, behind, inside=True)
            on_rows(self._live.rows)
            if behind < len(batch):
                break
        return self._live.rows

    def _play(
        self, batch: Transactions, block: FileBlock, start: int, stop: int, inside: bool
    ) -> None:
        if start >= stop:
            return
        rows = slice(start, stop)
        part = Transactions(batch.layout, batch.longs[:, rows], batch.data)
        readable, truths = block.readable[rows], block.is_fraud[rows]
        if inside and self._change and self._candidate is None:
            engine = self._engine()
            engine.restore(unpack(pack(self._live.engine.state())))
            self._change.begin(engine)
            self._candidate = self._live.fork(engine)

        def played(side: Playback) -> list[Effects]:
            return [effects for _, _, effects in side.play(part, readable, truths)]

        was = played(self._live)
        would = [] if self._candidate is None else played(self._candidate)
        if inside:
            self._ledger.add(part, was, would, truths_of(truths))

    def _first(self, times_us: NDArray[np.int64], at_us: int) -> int:
        """Return the first row of a time or later; behind all if there is none."""
        late = np.flatnonzero(times_us >= at_us)
        return int(late[0]) if len(late) else len(times_us)

    def _decoded(self, block: FileBlock) -> Transactions:
        offsets = np.arange(self._live.rows, self._live.rows + len(block.values))
        return self._input.decoder.decode(block.values, LATEST_US, 0, offsets)

    def _playback(self) -> Playback:
        replay = self._config.replay
        limits = self._config.limits.limits()
        return Playback(self._engine(), limits, replay.label_delay, replay.analyst_delay)

    def _engine(self) -> Engine:
        return engine_of(self._config, REPLAY_HASH_KEY)
