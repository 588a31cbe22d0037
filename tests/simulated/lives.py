"""Lives of a worker, one after another, until one of them has taken everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulated.outputs import inputs_of
from simulated.worker import SimWorker
from simulated.world import BEGINS_ANEW, Killed

from schemas.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from simulated.world import World

    from schemas.errors import FraudError
    from stream.store.copies import Copies

# Markers are written some time after a commit; nearly certainly all of them after so long.
MARKERS_TURNS = 100


def one_life(
    world: World,
    steps: int,
    copies: Copies | None = None,
    ends: tuple[type[FraudError], ...] = BEGINS_ANEW,
) -> bool:
    """Let a worker live until it has taken everything, fails, or is killed at a point.

    Returns
    -------
    bool
        Whether it was killed or failed.
    """
    life = None
    world.fuse = steps
    try:
        life = SimWorker(world, copies=copies)
        life.live()
    except Killed:
        return True
    except ends as error:
        # That ends the process, for somebody to mend the cause: here no record is refused.
        if isinstance(error, DeliveryError):
            raise
        world.failures.append(error)
        world.fuse = None
        if life is not None:
            life.close()
        return True
    finally:
        # What a dead process gives back by itself.
        world.bury() if life is None else life.bury()
    return False


def live_and_die(
    world: World, deaths: int, at_death: Callable[[World], None] = lambda _: None
) -> SimWorker:
    """Let worker after worker die; return the last one, which took and committed everything."""
    for _ in range(deaths):
        if one_life(world, int(world.rng.integers(0, int(world.rng.choice([20, 200, 1000]))))):
            at_death(world)
    return settle(world)


def settle(world: World, copies: Copies | None = None) -> SimWorker:
    """Return a worker that lives without trouble: all must be taken, and committed."""
    world.calm()
    last = SimWorker(world, copies=copies)
    last.live()
    assert world.lag == 0
    while last.worker.sink.flush(1):
        pass
    last.worker.finish(1.0)
    assert last.worker.unacknowledged == 0
    for _ in range(MARKERS_TURNS):
        world.pass_time(0.1)
    assert world.broker.transactions.settled
    return last


def without_deaths(world: World, folder: Path) -> tuple[SimWorker, World]:
    """Return the worker that took the same batches and never died, and its world."""
    folder.mkdir()
    other = inputs_of(world, folder)
    reference = SimWorker(other, recovers=False)
    reference.again(world.history)
    while reference.worker.sink.flush(1):
        pass
    return reference, other
