"""Which character of a TOML text each character of a value comes from."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\(?:([btnfr\"\\])|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))")
_ESCAPED = dict(zip('btnfr"\\', '\b\t\n\f\r"\\', strict=True))
# A backslash at the end of a line leaves out all blanks up to the next word.
_LINE_END = re.compile(r"\\[ \t]*\n[ \t\n]*")


def character_places(literal: str) -> tuple[str, list[int]]:
    """Read a text as TOML writes it.

    Parameters
    ----------
    literal : str
        With its quotes, as tomllib reads it without an error; lines end with a newline alone.

    Returns
    -------
    value : str
        What it means.
    places : list of int, shape (len(value) + 1,)
        Where in `literal` each character of the value begins, and where the value ends.
    """
    quote = literal[:3] if literal[:3] in ('"""', "'''") else literal[:1]
    at, stop = len(quote), len(literal) - len(quote)
    if len(quote) == 3 and literal[at : at + 1] == "\n":
        at += 1
    value, places = [], []
    while at < stop:
        letter, end = literal[at], at + 1
        if letter == "\\" and quote[0] == '"':
            skipped = _LINE_END.match(literal, at)
            if skipped:
                at = skipped.end()
                continue
            letter, end = _escaped(literal, at)
        value.append(letter)
        places.append(at)
        at = end
    return "".join(value), [*places, stop]


def _escaped(literal: str, at: int) -> tuple[str, int]:
    """Return what an escape sequence means, and where it ends."""
    match = _ESCAPE.match(literal, at)
    if match is None:
        raise ValueError(f"no text of TOML: an unknown escape sequence at {at}")
    plain, short, long = match.groups()
    return _ESCAPED[plain] if plain else chr(int(short or long, 16)), match.end()
