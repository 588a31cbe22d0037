"""Brackets in declarations: which close which, and what braces stand for."""

from __future__ import annotations

from stream.features.grammar import FEATURES_MAX, DeclarationError, TextError

NESTING_MAX = 8  # Brackets of either kind inside each other.
TEXT_MAX = 4096  # Characters of one declaration.
_CLOSES = {"{": "}", "(": ")"}


def expand(text: str) -> list[str]:
    """Write out the braces: ``card.count_{1h,1d}`` is ``card.count_1h`` and ``card.count_1d``.

    Raises
    ------
    DeclarationError
        If a bracket has no partner, nothing stands in a brace, brackets are nested more
        than `NESTING_MAX` deep, or more than `FEATURES_MAX` names would come of it.
    """
    try:
        check_brackets(text)
        if _count(text) > FEATURES_MAX:
            raise TextError(f"it stands for more than {FEATURES_MAX:,} features")
        return _expanded(text)
    except TextError as wrong:
        raise DeclarationError(text, str(wrong)) from None


def check_brackets(text: str) -> None:
    """Check that every bracket has its partner, and how long and deep a text is.

    Raises
    ------
    TextError
    """
    if len(text) > TEXT_MAX:
        raise TextError(f"it is longer than {TEXT_MAX:,} characters")
    open_ends: list[str] = []
    for character in text:
        if character in _CLOSES:
            open_ends.append(_CLOSES[character])
            if len(open_ends) > NESTING_MAX:
                raise TextError(f"brackets are nested more than {NESTING_MAX} deep")
        elif character in "})" and (not open_ends or open_ends.pop() != character):
            raise TextError(f"a '{character}' closes nothing")
    if open_ends:
        raise TextError(f"a '{open_ends[-1]}' is missing")


def split_arguments(text: str) -> list[str]:
    """Split at the commas that stand in no bracket."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character in "{(") - (character in "})")
        if character == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [part.strip() for part in [*parts, text[start:]]]


def _brace(text: str) -> tuple[str, list[str], str] | None:
    """Divide at the first brace: what stands before, its alternatives, what stands after."""
    first = text.find("{")
    if first < 0:
        return None
    depth = 0
    for last in range(first, len(text)):
        depth += (text[last] == "{") - (text[last] == "}")
        if depth == 0:
            break
    alternatives = split_arguments(text[first + 1 : last])
    if not all(alternatives):
        raise TextError("a brace is empty, or one of its alternatives")
    return text[:first], alternatives, text[last + 1 :]


def _count(text: str) -> int:
    """Count what a text stands for, without writing it out."""
    count = 1
    while (parts := _brace(text)) is not None:
        _, alternatives, text = parts
        count *= sum(map(_count, alternatives))
    return count


def _expanded(text: str) -> list[str]:
    names = [""]
    while (parts := _brace(text)) is not None:
        before, alternatives, text = parts
        middles = [name for alternative in alternatives for name in _expanded(alternative)]
        names = [f"{name}{before}{middle}" for name in names for middle in middles]
    return [f"{name}{text}".strip() for name in names]
