"""Copies each snapshot to its places beside the loop, and brings the newest back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from schemas.errors import SnapshotError, StoreError
from stream.snapshots.folder import SnapshotFolder
from stream.store.breaker import Breaker
from stream.store.copies import Copies

# A copy that takes longer is given up: the next snapshot is newer.
COPY_MAX_S = 300.0


class Copier:
    """Copies the newest snapshot from a thread of its own; one that fails stops nobody.

    Parameters
    ----------
    places : sequence of Copies
    tell : callable
        Told in words what an operator should know.
    clock : callable
        Seconds, never going back.
    """

    def __init__(
        self,
        places: Sequence[Copies],
        tell: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.copied = 0
        self.failed = 0
        self._places = [
            (place, Breaker(clock, failures_max=2, pause_s=30.0, pause_max_s=600.0))
            for place in places
        ]
        self._tell = tell
        self._clock = clock
        self._wanted: tuple[Path, int] | None = None
        # Of each place: copies before this number know somebody who was erased.
        self._outdated: dict[Copies, int] = {}
        self._asked = False
        self._busy = False
        self._changed = threading.Condition()
        self._ended = False
        self._thread: threading.Thread | None = None

    def copy(self, path: Path, number: int) -> None:
        """Have a snapshot copied; one that still waits for it is left out. Never waits."""
        with self._changed:
            self._wanted = path, number
            self._ask()

    def forget_before(self, number: int) -> None:
        """Have all copies before one deleted; where that fails, again with every copy.

        It never waits. What is not deleted yet is counted: `as_dict`.
        """
        with self._changed:
            self._outdated = {place: number for place, _ in self._places}
            self._ask()

    def forget_now(self) -> None:
        """Delete what is outdated, as far as places answer."""
        for place, breaker in self._places:
            with self._changed:
                number = self._outdated.get(place)
            if number is None or not breaker.allows():
                continue
            try:
                place.forget_before(number)
            except StoreError as error:
                breaker.failed()
                self._tell(f"copies that know somebody who was erased are still there: {error}")
                continue
            breaker.succeeded()
            with self._changed:
                if self._outdated.get(place) == number:
                    del self._outdated[place]

    def _ask(self) -> None:
        """Wake the thread; the lock is held."""
        self._asked = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="copies", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def copy_now(self, path: Path, number: int) -> None:
        """Copy a snapshot to every place, and count what became of it."""
        end_s = self._clock() + COPY_MAX_S
        for place, breaker in self._places:
            if not breaker.allows():
                self.failed += 1
                continue
            try:
                place.put(path, number, lambda: not self._ended and self._clock() < end_s)
            except StoreError as error:
                breaker.failed()
                self.failed += 1
                self._tell(f"snapshot {number} was not copied, the worker goes on: {error}")
            else:
                breaker.succeeded()
                self.copied += 1

    def bring_back(self, snapshots: SnapshotFolder) -> None:
        """Fill an empty folder with the newest copy that is whole and is taken by it.

        A place that does not answer is passed over, with a word: the worker then begins as if
        there were no copies.

        Raises
        ------
        SnapshotError
            There are copies, and none can be used; the text names why of each.
        """
        found: list[tuple[int, Copies]] = []
        for place, _ in self._places:
            try:
                found += [(number, place) for number in place.numbers()]
            except StoreError as error:
                self._tell(f"whether there are copies of snapshots is not known: {error}")
        refused = []
        for number, place in sorted(found, key=lambda each: -each[0]):
            path = snapshots.path(number)
            try:
                place.fetch(number, path)
                snapshots.verify(number)
            except (StoreError, SnapshotError) as error:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
                refused.append(f"copy {number} in {place.name}: {error}")
                self._tell(f"{refused[-1]}; it is passed over")
                continue
            self._tell(
                f"recovery.folder was empty: the worker goes on from copy {number} in {place.name}"
            )
            return
        if refused:
            raise SnapshotError(
                f"none of the {len(refused)} copies of snapshots can be used: "
                f"{'; '.join(refused)}. To begin without what was remembered, give another "
                "recovery.name and another recovery.copy_folder"
            )

    @property
    def outdated(self) -> bool:
        """Whether copies may be there that know somebody who was erased."""
        return bool(self._outdated)

    def as_dict(self) -> dict[str, Any]:
        """Return how many were made and failed, and how many places hold some that should go."""
        return {
            "snapshot_copies": self.copied,
            "snapshot_copies_failed": self.failed,
            "snapshot_copies_outdated": len(self._outdated),
        }

    def close(self, timeout_s: float = 1.0) -> None:
        """Let what is under way come to its end within this time, and give it up then.

        Places are let go of by whoever asked them last: the thread, if there is one.
        """
        end_s = self._clock() + timeout_s
        with self._changed:
            while self._thread and (self._asked or self._busy) and self._clock() < end_s:
                self._changed.wait(0.05)
            self._ended = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(1.0)
        else:
            self._let_go()

    def _let_go(self) -> None:
        for place, _ in self._places:
            place.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                while not (self._asked or self._ended):
                    self._changed.wait()
                if self._ended:
                    break
                wanted, self._wanted, self._asked = self._wanted, None, False
                self._busy = True
            if wanted is not None:
                self.copy_now(*wanted)
            self.forget_now()
        self._let_go()
