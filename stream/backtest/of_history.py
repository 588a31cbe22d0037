"""A backtest on what a worker took: from a state that it kept, through its journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from models.states.snapshot import pack, unpack
from schemas.errors import RecoveryError
from stream.backtest.change import Change
from stream.backtest.ledger import Ledger
from stream.backtest.recorded import Recorded
from stream.backtest.times import shown
from stream.engine.engine import Engine
from stream.records.publish import Publisher
from stream.recovery.history import History, Start, Taken, take
from stream.recovery.journal import Kind
from stream.recovery.segments import Chain

END_MS = 2**53


class Window(NamedTuple):
    """Which steps are looked at, by the worker's clock when it took them.

    Attributes
    ----------
    from_ms : int or None
        None: from the oldest state on that is kept.
    to_ms : int
        The first that is too late.
    """

    from_ms: int | None = None
    to_ms: int = END_MS


@dataclass
class Past:
    """How far the past was taken once more.

    Attributes
    ----------
    snapshots : list of int
        From which, by folder; 0: the beginning.
    steps, records : int
    first_ms, last_ms : int
        The worker's clock at the first step in the window and at the last; 0: there is none.
    watermark_us : int
        Event time, at the end.
    """

    snapshots: list[int]
    steps: int = 0
    records: int = 0
    first_ms: int = 0
    last_ms: int = 0
    watermark_us: int = -(2**62)


class HistoryBacktest:
    """Takes the past once more, as it was and as it would have been.

    Parameters
    ----------
    window : Window
    change : Change
    ledger : Ledger
    publisher : callable
        Makes the publisher of an engine.
    recorded : Recorded or None
        What was published, to be compared with.
    on_records : callable
        Told how many records are done.

    Attributes
    ----------
    past : Past
    """

    def __init__(
        self,
        window: Window,
        change: Change,
        ledger: Ledger,
        publisher: Callable[[Engine], Publisher],
        recorded: Recorded | None = None,
        on_records: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.past = Past([])
        self._window = window
        self._change = change
        self._ledger = ledger
        self._publisher = publisher
        self._recorded = recorded
        self._tell = on_records

    def run(self, history: History) -> None:
        """Take what is in one folder.

        Raises
        ------
        RecoveryError
            If nothing is kept from before the window, records of it are gone, or code and
            configuration were others.
        """
        start, chain = self._start(history)
        self.past.snapshots.append(start.snapshot)
        engine, publisher = start.engine, self._publisher(start.engine)
        candidate: Engine | None = None
        inside = self._window.from_ms is None
        for taken in history.steps(start.progress, chain):
            if taken.now_ms >= self._window.to_ms:
                break
            # A clock that steps back does not take the window back.
            inside = inside or taken.now_ms >= (self._window.from_ms or 0)
            if inside and candidate is None and self._change:
                # The same until here; from here on each goes its own way.
                candidate = history.engine()
                candidate.restore(unpack(pack(engine.state())))
                self._change.begin(candidate)
            self._step(taken, inside, engine, candidate, publisher)
        self.past.watermark_us = max(self.past.watermark_us, engine.clock.watermark_us)

    def _step(
        self,
        taken: Taken,
        inside: bool,
        engine: Engine,
        candidate: Engine | None,
        publisher: Publisher,
    ) -> None:
        was = take(engine, taken)
        would = None
        if candidate is not None:
            if taken.kind is Kind.CONTROL:
                orders = self._change.adapted(taken.batch, engine.parameters.hash_key)
                taken = taken._replace(batch=orders)
            would = take(candidate, taken)
        self.past.records += len(taken.batch)
        self._tell(self.past.records)
        if not inside:
            return
        self.past.steps += 1
        self.past.first_ms = min(self.past.first_ms or taken.now_ms, taken.now_ms)
        self.past.last_ms = max(self.past.last_ms, taken.now_ms)
        if was is None:
            return
        if self._recorded is not None:
            self._recorded.compare(publisher, taken.batch, was)
        self._ledger.add(taken.batch, [was], [] if would is None else [would])

    def _start(self, history: History) -> tuple[Start, Chain]:
        """Return the newest state from before the window, and the steps that follow."""
        oldest: tuple[Start, Chain] | None = None
        for start in history.starts():
            chain = _until(history.chain(start), self._window.to_ms)
            if not chain.links:
                continue
            oldest = start, chain
            # Not by the segment's `since_ms`, which may be of an earlier state.
            if self._window.from_ms is not None and _begins_ms(chain) < self._window.from_ms:
                break
        else:
            if oldest is None:
                raise RecoveryError(
                    f"{history.segments.folder}: no journal is kept of that time: recovery.keep "
                    "says how many snapshots are, each with its journal"
                )
            since_ms = _begins_ms(oldest[1])
            if self._window.from_ms is not None and since_ms > self._window.from_ms:
                raise RecoveryError(
                    f"{history.segments.folder}: the oldest state that is kept is of "
                    f"{shown(since_ms * 1000)}: begin there or later; recovery.keep says how many "
                    "are kept"
                )
        start, chain = oldest
        for header, entries in chain.links:
            if entries and (differs := history.identity.differs(header)):
                raise RecoveryError(
                    f"it was decided with another {differs}: give --config of that time, or a "
                    "--from and --to with one configuration"
                )
        return start, chain


def _until(chain: Chain, to_ms: int) -> Chain:
    """Leave out segments that begin too late."""
    links = []
    for header, entries in chain.links:
        if entries and entries[0].now_ms >= to_ms:
            break
        links.append((header, entries))
    return Chain(links)


def _begins_ms(chain: Chain) -> int:
    """Return the worker's clock at the first step of a chain; without one, at its beginning."""
    entries = chain.entries
    return entries[0].now_ms if entries else chain.links[0][0].since_ms
