"""Wide arrays on a disk instead of in memory: what waits for weeks need not be RAM.

Each array is a file without a name, mapped into memory: the system keeps what is
touched and writes the rest out. The space is reserved at once, because a full disk met
later would end the process without a word. A file ends with its process, also with
one that is killed, so two processes may use one folder and nothing sensitive stays.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigError

_ITEM_BYTES = 8


class Spill:
    """Makes arrays of zeros on the disk of a folder; an `Allocate` for the engine.

    Parameters
    ----------
    folder : Path
        It must exist, on a disk: in a folder in memory nothing is gained.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name: str, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Return zeros that lie on the disk.

        Raises
        ------
        ConfigError
            If the folder cannot be written to, or its disk has no room.
        """
        size = shape[0] * shape[1] * _ITEM_BYTES
        try:
            with tempfile.TemporaryFile(dir=self.folder, prefix=f"{name}-") as file:
                os.posix_fallocate(file.fileno(), 0, size)
                mapped = np.memmap(file, np.float64, "r+", shape=shape)
        except OSError as error:
            raise ConfigError(
                f"labels.waiting_folder: {self.folder} cannot hold {name} of {size:,} bytes: "
                f"{error.strerror or error}; make the folder, or room on its disk"
            ) from error
        return np.asarray(mapped)
