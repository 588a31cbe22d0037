"""What is there beside the workers and outlives them: a clock, a disk, and all that is drawn."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from simulated.broker import Broker
from simulated.setting import CONTROL, IN, LABELS, START_MS

from schemas.errors import BrokerError, FencedError, RecoveryError, StorageError, TransactionError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stream.recovery.journal import Entry

# After these a worker is closed and the next one begins, in the same process or another.
BEGINS_ANEW = TransactionError, FencedError, BrokerError
# And after these where the disk fails; else what a worker left must always be found again.
ON_A_BAD_DISK = *BEGINS_ANEW, RecoveryError, StorageError


class Killed(BaseException):
    """The worker is no more; nothing of ours may catch this."""


class World:
    """What is there beside the worker, and outlives it.

    Parameters
    ----------
    seed : int
    folder : Path
        The worker's disk.
    exactly_once : bool
        Whether workers write in transactions.
    setting : str
        How workers are configured, see `simulated.setting`.

    Attributes
    ----------
    troubled : bool
        Whether faults happen; without them all that was sent must be taken soon.
    """

    def __init__(
        self, seed: int, folder: Path, exactly_once: bool = False, setting: str = "plain"
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.folder = folder
        self.exactly_once = exactly_once
        self.setting = setting
        self.broker = Broker()
        self.seconds = 0.0
        self.troubled = True
        # How many snapshots stay: with one, that one is relied on.
        self.keep = 3
        # Every batch that a journal was told of, in order; this is what must have happened.
        self.history: list[Entry] = []
        self.fuse: int | None = None
        self.deaths = 0
        self.passed: list[str] = []
        # Turns until commits are heard again.
        self.unheard = 0
        self.at_death: list[Any] = []
        # Requests of the dead that are still on their way.
        self.late: list[Callable[[], None]] = []
        # Bytes of each file that were waited for.
        self.durable: dict[str, int] = {}
        self.told: list[str] = []
        # Of which code a life is: mostly of another than the one before.
        self.codes = cycle(("old", "old", "new"))
        # Why workers ended that were not killed.
        self.failures: list[Exception] = []

    @property
    def now_ms(self) -> int:
        """A wall clock that steps to and fro."""
        return START_MS + int(1000 * self.seconds) + int(self.rng.integers(-3000, 3000))

    @property
    def lag(self) -> int:
        """Records that nobody has committed."""
        return self.broker.lag(IN, LABELS, CONTROL)

    def pass_time(self, seconds: float) -> None:
        """Let the clock go on, and the brokers do what is due."""
        self.seconds += seconds
        self.broker.transactions.expire(self.seconds)
        self.broker.transactions.mark_some(self.rng)
        while self.late and self.chance(0.3):
            self.late.pop(int(self.rng.integers(0, len(self.late))))()

    def point(self, name: str) -> None:
        """Pass a place where the worker may die, and do if it is time."""
        self.passed.append(name)
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.deaths += 1
                raise Killed(name)

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def trouble(self, share: float) -> bool:
        """Draw whether a fault happens."""
        return self.chance(share) and self.troubled

    def calm(self) -> None:
        """Let no more faults happen."""
        self.troubled, self.unheard = False, 0

    def is_member(self, member: Any) -> bool:
        """Tell whether somebody is in the group; where there is no group, everybody is."""
        return True

    def bury(self) -> None:
        """Let happen what a death does not stop."""
        self.fuse = None
        for last_act in self.at_death:
            last_act()
        self.at_death = []
        self.pass_time(5.0)
