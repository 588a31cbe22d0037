"""Whether a replay comes to what was decided the first time."""

from __future__ import annotations

from collections.abc import Callable

from schemas.errors import RecoveryError
from stream.recovery.journal import Entry, Header


class ReplayCheck:
    """Compares the steps of a replay with what the journal says of each.

    Parameters
    ----------
    code : str
        The code's version that replays.
    tell : callable
        Told in words if this very code comes to something else.

    Attributes
    ----------
    otherwise : int
        Steps at which it did.
    """

    def __init__(self, code: str, tell: Callable[[str], None]) -> None:
        self.otherwise = 0
        self._code = code
        self._tell = tell
        self._by = ""
        self._entry: Entry | None = None

    def begin(self, header: Header, entry: Entry) -> None:
        """Turn to the next step."""
        self._by, self._entry = header.code, entry

    def require(self, outcome: int) -> None:
        """Compare what the step came to; without one, nothing was published of it.

        Raises
        ------
        RecoveryError
            If other code had come to something else: what is published would not be what the
            state says.
        """
        entry = self._entry
        if entry is None or entry.outcome is None or entry.outcome == outcome:
            return
        if self._by != self._code:
            raise RecoveryError(
                f"step {entry.step} was decided by other code ({self._by}), and this code "
                f"({self._code}) decides it otherwise: start the worker once more with the "
                "release that it was, and stop it with SIGTERM, which leaves a snapshot and no "
                "steps to take again; then start this one"
            )
        if not self.otherwise:
            self._tell(
                f"step {entry.step} comes to another end than the first time: what was published "
                "stands, and what follows may differ in the last digits. Was it another kind of "
                "processor?"
            )
        self.otherwise += 1
