"""How many of what, in words: 1 rule, 2 rules, 1,200 entries."""

from __future__ import annotations

_CONSONANTS = frozenset("bcdfghjklmnpqrstvwxz")


def several(n: int, noun: str) -> str:
    """Return a number with its noun.

    Parameters
    ----------
    n : int
    noun : str
        In the singular; of several words the last one is put in the plural.
    """
    return f"{n:,} {noun if n == 1 else _plural(noun)}"


def are(n: int) -> str:
    """Return the verb of so many: ``is`` of one."""
    return "is" if n == 1 else "are"


def were(n: int) -> str:
    """Return the verb of so many: ``was`` of one."""
    return "was" if n == 1 else "were"


def _plural(noun: str) -> str:
    if noun[-1] == "y" and noun[-2] in _CONSONANTS:
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "z", "ch", "sh")) else f"{noun}s"
