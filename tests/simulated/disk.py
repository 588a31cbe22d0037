"""The worker's folder: its journal, its snapshots and their copies, each at a moment of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.states.snapshot import pack, unpack
from schemas.errors import FraudError
from stream.recovery.segments import Journal
from stream.snapshots.background import Result
from stream.store.copier import Copier

if TYPE_CHECKING:
    from pathlib import Path

    from simulated.world import World

    from models.states.snapshot import State
    from stream.recovery.journal import Entry, Header
    from stream.snapshots.folder import SnapshotFolder
    from stream.store.copies import Copies


class SimJournal(Journal):
    """A journal whose entries are known to the world too."""

    def __init__(self, world: World) -> None:
        super().__init__(world.folder)
        self._world = world

    def begin(self, header: Header, durable: bool = False) -> None:
        self._world.point("before segment")
        super().begin(header, durable)
        if durable:
            self._world.durable[self.path(header.number).name] = self._length
        self._world.point("after segment")

    def append(self, entry: Entry) -> None:
        self._world.point("before journal")
        super().append(entry)
        self._world.history.append(entry)
        self._world.point("after journal")

    def append_outcome(self, step: int, outcome: int) -> None:
        self._world.point("before outcome")
        super().append_outcome(step, outcome)
        self._world.point("after outcome")


class SimWriter:
    """Writes a snapshot some time after it was asked to; a parent's death may not stop it."""

    def __init__(self, world: World, folder: SnapshotFolder) -> None:
        self._world = world
        self._folder = folder
        self._waiting: tuple[bytes, int] | None = None
        world.at_death.append(self._last_act)

    @property
    def busy(self) -> bool:
        return self._waiting is not None

    def has_room(self, state: State) -> bool:
        return True

    def start(self, state: State, number: int) -> bool:
        self._world.point("snapshot begins")
        self._waiting = pack(state), number
        return True

    def poll(self) -> Result | None:
        return self._write() if self._waiting and self._world.chance(0.2) else None

    def wait(self, timeout_s: float) -> Result | None:
        return self._write() if self._waiting else None

    def _write(self) -> Result:
        assert self._waiting is not None
        data, number = self._waiting
        self._waiting = None
        self._world.point("snapshot is written")
        try:
            path = self._folder.write(unpack(data), number)
        except FraudError as error:
            return Result(number, None, 0.1, len(data), 0.0, str(error))
        self._world.point("snapshot is there")
        return Result(number, path, 0.1, len(data), 0.0)

    def stop(self) -> None:
        self._waiting = None

    def _last_act(self) -> None:
        if self._waiting is not None and self._world.chance(0.5):
            try:
                self._folder.write(unpack(self._waiting[0]), self._waiting[1])
            except FraudError:
                self._world.passed.append("nowhere to write")


class SimCopier(Copier):
    """Copies at once, or not at all, or half."""

    def __init__(self, world: World, copies: Copies) -> None:
        super().__init__([copies], world.told.append, lambda: world.seconds)
        self._world = world

    def copy(self, path: Path, number: int) -> None:
        self._world.point("copy begins")
        if self._world.chance(0.3):
            return  # One that waited, and was left out.
        self._ended = self._world.chance(0.2)
        self.copy_now(path, number)
        self._ended = False
        self._world.point("copy is there")
