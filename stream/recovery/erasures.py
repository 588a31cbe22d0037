"""Who was erased, and may still be known by files: snapshots of before, and copies of them."""

from __future__ import annotations

from collections.abc import Callable

from schemas.errors import StorageError
from stream.snapshots.folder import SnapshotFolder
from stream.store.copier import Copier


class Erasures:
    """The steps that erased somebody whom a snapshot may still know.

    Parameters
    ----------
    snapshots : SnapshotFolder
    copier : Copier, optional
        Copies each snapshot elsewhere.
    tell : callable
        Told in words what an operator should know.
    """

    def __init__(
        self, snapshots: SnapshotFolder, copier: Copier | None, tell: Callable[[str], None]
    ) -> None:
        self._snapshots = snapshots
        self._copier = copier
        self._tell = tell
        self._steps: list[int] = []

    @property
    def pending(self) -> int:
        """How many steps erased somebody whom a snapshot in the folder may know."""
        return len(self._steps)

    @property
    def is_to_forget(self) -> bool:
        """Whether snapshots, or copies of them, may know somebody who was erased."""
        return bool(self._steps) or (self._copier is not None and self._copier.outdated)

    def note(self, step: int) -> None:
        """Note that a step erased somebody."""
        self._steps.append(step)

    def forget(self, number: int, step: int) -> bool:
        """Delete the snapshots that know somebody whom a newer one does not, if there are any.

        Parameters
        ----------
        number, step : int
            Of the newest that is whole.

        Returns
        -------
        bool
            Whether it was the last thing to do.
        """
        waiting = [at for at in self._steps if at > step]
        if len(waiting) == len(self._steps):
            return False
        try:
            self._snapshots.forget_before(number)
        except StorageError as error:
            self._tell(f"somebody who was erased is still known: {error}")
            return False
        if self._copier is not None:
            self._copier.forget_before(number)
        self._steps = waiting
        return not waiting
