"""Card numbers as the industry makes them, and where they are found in bytes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# A run of 13 to 19 digits that begins as card numbers do; a part of a longer word is none.
_DIGITS = re.compile(rb"(?<![0-9A-Za-z.])[3-6][0-9]{12,18}(?![0-9A-Za-z])")


def passes_luhn(digits: str) -> bool:
    """Tell whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)
    return total % 10 == 0


def card_numbers(rng: np.random.Generator, n: int) -> list[str]:
    """Make n different card numbers of 16 digits."""
    found: dict[str, None] = {}
    while len(found) < n:
        front = "4" + "".join(map(str, rng.integers(0, 10, 14)))
        (number,) = (front + str(d) for d in range(10) if passes_luhn(front + str(d)))
        found[number] = None
    return list(found)


def numbers_in(data: bytes) -> list[str]:
    """Find what looks like a card number."""
    found = [match.group().decode() for match in _DIGITS.finditer(data)]
    return [digits for digits in found if passes_luhn(digits)]
