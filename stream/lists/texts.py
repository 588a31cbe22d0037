"""Texts that many entries share, each kept once and only as long as an entry has it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


class Texts:
    """Texts by number; a number is never given to another text."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: dict[int, str] = {}
        self._counts: dict[int, int] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, number: int) -> str:
        return self._texts[number]

    def hold(self, text: str, times: int) -> int:
        """Return the number of a text that so many more entries have, at least one."""
        number = self._numbers.get(text)
        if number is None:
            number, self._next = self._next, self._next + 1
            self._numbers[text], self._texts[number], self._counts[number] = number, text, 0
        self._counts[number] += times
        return number

    def release(self, numbers: NDArray[np.int64]) -> None:
        """Let go of the texts of entries that are gone, by the number of each."""
        gone, times = np.unique(numbers, return_counts=True)
        for number, less in zip(gone.tolist(), times.tolist(), strict=True):
            self._counts[number] -= less
            if self._counts[number] == 0:
                del self._numbers[self._texts.pop(number)], self._counts[number]


def packed(texts: Iterable[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Lay texts end to end; return their bytes, and where each ends, shape (n,)."""
    encoded = [text.encode() for text in texts]
    stops = np.cumsum([len(each) for each in encoded], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), stops


def unpacked(data: NDArray[np.uint8], stops: NDArray[np.int64]) -> list[str]:
    """Return the texts that `packed` was given.

    Raises
    ------
    ValueError
        They lie otherwise than it lays them, or are no UTF-8.
    """
    starts = np.append(np.int64(0), stops)
    if starts[-1] != len(data) or (np.diff(starts) < 0).any():
        raise ValueError("texts do not lie end to end")
    whole = data.tobytes()
    places = zip(starts[:-1].tolist(), stops.tolist(), strict=True)
    return [whole[start:stop].decode() for start, stop in places]
