"""The codes of reasons: a versioned table that says in words what a feature stands for.

A code stands for a group of features, named by their kind, their entity, what they are of and how
long their window is. The first entry of a table that fits a feature gives the code; a table of a
user's own is laid over the one that ships by being asked first.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from schemas.errors import ConfigError
from stream.features.explain import condition_words, span_words
from stream.features.grammar import AtFraud, Derived, Feature, Inputs, TextError, Windowed, nearest
from stream.features.kinds import KINDS, entity_of, kind_of, of_what, span_us
from stream.features.names import duration

HOLES = ("entity", "window", "of", "condition", "feature", "first", "second")
TEXT_MAX = 200  # Letters, with the holes filled.
_CODE_MAX, _VERSION_MAX = 16, 64


@dataclass(frozen=True)
class ReasonCode:
    """An entry of a table.

    Attributes
    ----------
    code : str
        Stable: it never changes its meaning.
    kinds : tuple of str
        Of `stream.features.kinds.KINDS`; empty: all.
    names, entity, of : str
        Patterns of the feature's name, its entity (``card+merchant`` is a pair) and the number,
        key or condition that it is of; ``*`` fits anything.
    window_max_us : int
        The longest window, or half-life, that fits; 0: any.
    text, high, low : str
        What is said of a value: where nothing is known that it could be beside, where it is
        above, and below, what is usual. They have holes, `HOLES`.
    protected : bool
        Whether such a feature is never a reason.
    """

    code: str
    text: str = ""
    high: str = ""
    low: str = ""
    kinds: tuple[str, ...] = ()
    names: str = "*"
    entity: str = "*"
    of: str = "*"
    window_max_us: int = 0
    protected: bool = False

    def fits(self, feature: Feature) -> bool:
        """Tell whether it speaks of a feature."""
        return (
            (not self.kinds or kind_of(feature) in self.kinds)
            and (not self.window_max_us or 0 < span_us(feature) <= self.window_max_us)
            and fnmatchcase(str(feature), self.names)
            and fnmatchcase("+".join(entity_of(feature)), self.entity)
            and fnmatchcase(of_what(feature), self.of)
        )


@dataclass(frozen=True)
class ReasonWords:
    """What alerts say of one feature; see `ReasonCode`."""

    code: str
    text: str
    high: str
    low: str
    protected: bool = False


@dataclass(frozen=True)
class ReasonTable:
    """A versioned table of codes.

    Attributes
    ----------
    version : str
    codes : tuple of ReasonCode
        The first that fits a feature speaks of it.
    """

    version: str
    codes: tuple[ReasonCode, ...]

    def over(self, other: ReasonTable) -> ReasonTable:
        """Return this table laid over another."""
        return ReasonTable(f"{other.version}+{self.version}", (*self.codes, *other.codes))

    def words(self, feature: Feature, inputs: Inputs) -> ReasonWords:
        """Return what alerts say of a feature that was declared over `inputs`."""
        one = next((each for each in self.codes if each.fits(feature)), _NO_CODE)
        inner = [self.words(each, inputs) for each in _arguments(feature)]
        filled = {**_filling(feature, inputs), **_of_arguments(inner)}
        text, high, low = (
            _bounded((each or one.text).format_map(filled))
            for each in (one.text, one.high, one.low)
        )
        # What is made of something protected would tell it.
        protected = one.protected or any(each.protected for each in inner)
        return ReasonWords(one.code, text, high, low, protected)


# For a table that has no entry for a feature, which ours always has.
_NO_CODE = ReasonCode("R000", "{feature}")


def read_table(text: str, where: str) -> ReasonTable:
    """Read a table from TOML.

    Parameters
    ----------
    text : str
    where : str
        Names the file in messages.

    Raises
    ------
    ConfigError
        Every problem at once, each with its entry.
    """
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{where} is not TOML: {error}") from error
    problems = list(_problems(content))
    if problems:
        told = "".join(f"\n  - {problem}" for problem in problems)
        raise ConfigError(f"{where} cannot be used as a table of reason codes:{told}")
    return ReasonTable(content["version"], tuple(map(_entry, content.get("codes", ()))))


def _entry(raw: Mapping[str, Any]) -> ReasonCode:
    values = {key: raw[key] for key in raw if key not in ("kinds", "window_max")}
    window_max = duration(raw["window_max"]) if "window_max" in raw else 0
    return ReasonCode(**values, kinds=tuple(raw.get("kinds", ())), window_max_us=window_max)


_KEYS: dict[str, type] = {
    **dict.fromkeys(("code", "text", "high", "low", "names", "entity", "of", "window_max"), str),
    "kinds": list,
    "protected": bool,
}


def _problems(content: Mapping[str, Any]) -> Iterator[str]:
    """Find what is wrong with a table."""
    version = content.get("version")
    if not isinstance(version, str) or not 0 < len(version) <= _VERSION_MAX:
        yield f"version: write a text of 1 to {_VERSION_MAX} letters, and a new one at each change"
    for key in content.keys() - {"version", "codes"}:
        yield f"{key}: no such key; a table has 'version' and [[codes]]"
    codes = content.get("codes", [])
    if not isinstance(codes, list) or not all(isinstance(each, dict) for each in codes):
        yield "codes: write each entry under [[codes]]"
        return
    for at, raw in enumerate(codes):
        for problem in _entry_problems(raw):
            yield f"codes[{at}] ({raw.get('code', 'without a code')}): {problem}"


def _entry_problems(raw: Mapping[str, Any]) -> Iterator[str]:
    for key, value in raw.items():
        if key not in _KEYS:
            yield f"{key}: no such key{nearest(key, _KEYS)}"
        elif not isinstance(value, _KEYS[key]):
            yield f"{key}: {value!r} is not a {_WORDS[_KEYS[key]]}"
        elif isinstance(value, str) and key in ("text", "high", "low"):
            yield from _hole_problems(key, value)
    code = raw.get("code", "")
    if not (isinstance(code, str) and 0 < len(code) <= _CODE_MAX and code.isascii()):
        yield f"code: write a text of 1 to {_CODE_MAX} plain letters and digits, such as 'A101'"
    if not raw.get("text") and raw.get("protected") is not True:
        yield "text: say what is read in alerts, or set protected = true"
    if isinstance(raw.get("kinds", []), list):
        for kind in raw.get("kinds", []):
            if kind not in KINDS:
                yield f"kinds: no kind {kind!r}{nearest(str(kind), KINDS)}"
    if isinstance(raw.get("window_max", ""), str) and "window_max" in raw:
        try:
            duration(raw["window_max"])
        except TextError as wrong:
            yield f"window_max: {wrong}"


_WORDS = {str: "text", list: "list", bool: "truth value"}


def _hole_problems(key: str, text: str) -> Iterator[str]:
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as wrong:
        yield f"{key}: {text!r}: {wrong}; a brace that is none of a hole is written twice"
        return
    for _, hole, form, conversion in parts:
        if hole is not None and (hole not in HOLES or form or conversion):
            yield f"{key}: no hole {{{hole}}}{nearest(hole, HOLES)}"


def _arguments(feature: Feature) -> tuple[Feature, ...]:
    if isinstance(feature, Derived):
        return feature.arguments
    return (feature.argument,) if isinstance(feature, AtFraud) else ()


def _of_arguments(words: Sequence[ReasonWords]) -> dict[str, str]:
    first, second = (*(each.text for each in words), "", "")[:2]
    return {"first": first, "second": second[:1].lower() + second[1:]}


def _filling(feature: Feature, inputs: Inputs) -> dict[str, str]:
    """Return what is put into the holes, but for what is said of arguments."""
    of = of_what(feature)
    return {
        "entity": " and ".join(entity_of(feature)) or "payment",
        "window": _window(feature),
        "of": of,
        "condition": condition_words(inputs.conditions[of]) if of in inputs.conditions else of,
        "feature": str(feature),
    }


def _window(feature: Feature) -> str:
    if not span_us(feature):
        return "all time"
    words = span_words(span_us(feature), "1 ")
    if isinstance(feature, Windowed) and feature.delay_us:
        return f"the {words} up to {span_words(feature.delay_us, '1 ')} ago"
    return words


def _bounded(text: str) -> str:
    return text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 3]}..."
