"""An engine that is stopped at some arrival of a log, kept as bytes and taken up by another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from inputs.streams import Log, Run, build_engine, rows, run_engine
from numpy.typing import NDArray

from models.states.snapshot import State, pack, unpack
from stream.engine.engine import Engine
from stream.engine.parameters import EngineParameters


def tail(log: Log, n: int) -> Log:
    """Leave the first n arrivals out."""
    labels = sum(log.order[:n])
    return Log(
        rows(log.transactions, n - labels, len(log.transactions)),
        rows(log.labels, labels, len(log.labels)),
        log.order[n:],
        tuple((at - n, name, key) for at, name, key in log.erasures if at >= n),
        tuple((at - n, kind, text) for at, kind, text in log.orders if at >= n),
        tuple((at - n, name) for at, name in log.promotions if at >= n),
    )


def run_with_restarts(
    parameters: EngineParameters, log: Log, stops: list[int], cuts: frozenset[int] = frozenset()
) -> tuple[Engine, list[Run]]:
    """Run a log through one engine after the other, each taking up what the last one was.

    Returns
    -------
    engine : Engine
        The last one.
    runs : list of Run
        What each of them said.
    """
    engine, runs, done = build_engine(parameters), [], 0
    for stop in [*sorted(stops), len(log.order)]:
        part = tail(log.head(stop), done)
        there = frozenset(cut - done for cut in cuts if done < cut < stop)
        runs.append(run_engine(engine, part, there))
        done = stop
        if stop < len(log.order):
            engine = restarted(engine)
    return engine, runs


def restarted(engine: Engine) -> Engine:
    """Return a new engine that was given the bytes of another's state."""
    kept = pack(engine.state())
    other = build_engine(engine.parameters)
    other.restore(unpack(kept, copy=False))
    assert pack(other.state()) == kept
    return other


def every_array(state: State, path: str = "") -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield every array of a state and its parts."""
    for name, array in state.arrays.items():
        yield f"{path}{name}", array
    for name, part in state.parts.items():
        yield from every_array(part, f"{path}{name}.")


def every_part(state: State) -> Iterator[State]:
    """Yield a state and all its parts."""
    yield state
    for part in state.parts.values():
        yield from every_part(part)


def changed(state: State, at: State, change: Callable[[State], State]) -> State:
    """Return a state in which one of its parts is another."""
    if state is at:
        return change(state)
    parts = {name: changed(part, at, change) for name, part in state.parts.items()}
    return replace(state, parts=parts)
