"""Snapshots written while scoring goes on: from a copy of the state, by a thread.

The caller waits while the state is copied, which takes as long as memory does: a tenth of a
second for some hundred megabytes. Digesting, writing and forcing to the disk let go of the
interpreter for all but moments, so scoring goes on beside them at its own speed.

The copy's memory is kept for the next snapshot. To get it from the system page by page takes
several times as long as the copying, so that is done by the thread too, before anybody waits.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.states.packing import Envelope
from models.states.snapshot import State
from schemas.errors import FraudError
from stream.snapshots.folder import SnapshotFolder

# Scoring comes first where both want the processor.
_NICE = 10
# A state that grows should not want new memory every time.
_SPARE = 1.25


@dataclass(frozen=True)
class Result:
    """What became of a snapshot.

    Attributes
    ----------
    number : int
    path : Path or None
        Where it lies; None if it failed.
    seconds : float
        From the request until it was written.
    bytes : int
    held_up_s : float
        How long the caller waited, for the copy.
    error : str
        Why it failed; empty if it did not.
    """

    number: int
    path: Path | None
    seconds: float
    bytes: int
    held_up_s: float
    error: str = ""


class BackgroundWriter:
    """Writes one snapshot at a time.

    Parameters
    ----------
    folder : SnapshotFolder
    """

    def __init__(self, folder: SnapshotFolder) -> None:
        self.folder = folder
        self._room = np.zeros(0, np.uint8)
        self._no_room = False
        self._making: threading.Thread | None = None
        self._thread: threading.Thread | None = None
        self._given_up = threading.Event()
        self._result: Result | None = None

    @property
    def busy(self) -> bool:
        """Whether one is being written, or was and nobody asked yet what became of it."""
        return self._thread is not None or self._result is not None

    def has_room(self, state: State) -> bool:
        """Tell whether there is memory for a copy; if not, begin to get it.

        Without it `start` gets it while the caller waits.
        """
        size = self.folder.envelope(state).size
        if size <= len(self._room) or self._no_room:
            # If there is none to be had, `start` says so.
            return True
        if self._making is None or not self._making.is_alive():
            self._making = threading.Thread(target=self._make_room, args=(size,), daemon=True)
            self._making.start()
        return False

    def start(self, state: State, number: int) -> bool:
        """Begin to write a state as it is now; return False if another is `busy`.

        Whatever fails is told by `poll`. The state may change once this returns.

        Raises
        ------
        ValueError
            The state holds what has no bytes.
        """
        if self.busy:
            return False
        began_s = time.monotonic()
        envelope = self.folder.envelope(state)
        if envelope.size > len(self._room):
            self._make_room(envelope.size)
        if self._no_room:
            self._no_room = False
            why = f"no memory for a copy of {envelope.size:,} bytes: give the worker more"
            self._result = Result(number, None, 0.0, envelope.size, 0.0, why)
            return True
        envelope = envelope.copied(self._room)
        begun = Result(number, None, began_s, envelope.size, time.monotonic() - began_s)
        self._given_up.clear()
        self._thread = threading.Thread(
            target=self._write, args=(envelope, begun), name="snapshot", daemon=True
        )
        self._thread.start()
        return True

    def poll(self) -> Result | None:
        """Return what became of the snapshot once, when it is over; until then None."""
        return self.wait(0.0)

    def wait(self, timeout_s: float) -> Result | None:
        """Return what became of the snapshot, as soon as it is over; None after the timeout."""
        if self._thread is not None:
            self._thread.join(max(timeout_s, 0.0))
            if self._thread.is_alive():
                return None
            self._thread = None
        result, self._result = self._result, None
        return result

    def stop(self, timeout_s: float = 5.0) -> None:
        """Give the snapshot up that is being written, if any; older ones are whole.

        A disk that hangs may hold the thread for longer: it ends with the process.
        """
        self._given_up.set()
        self.wait(timeout_s)

    def _make_room(self, size: int) -> None:
        try:
            room = np.empty(int(_SPARE * size), np.uint8)
            # Only what has been written to is there.
            room[:] = 0
        except MemoryError:
            self._no_room = True
        else:
            self._no_room, self._room = False, room

    def _write(self, envelope: Envelope, begun: Result) -> None:
        """Be the thread; `begun.seconds` is when it began."""
        path, why = None, ""
        try:
            # Linux: of this thread alone.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
            path = self.folder.write_envelope(envelope, begun.number, self._given_up.is_set)
        except (FraudError, OSError, ValueError, MemoryError) as error:
            why = str(error) or type(error).__name__
        seconds = time.monotonic() - begun.seconds
        self._result = replace(begun, path=path, seconds=seconds, error=why)
