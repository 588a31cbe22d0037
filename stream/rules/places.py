"""Where in a file something stands, down to the character of a text."""

from __future__ import annotations

from dataclasses import dataclass

from stream.toml.lines import KeyPath, TomlLines
from stream.toml.texts import character_places


@dataclass(frozen=True, order=True)
class Problem:
    """What is wrong with a file of rules, and where.

    Attributes
    ----------
    file : str
    line, column : int
        From 1.
    text : str
    """

    file: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.text}" if self.line else self.text


class File:
    """A file of TOML that has been read without an error.

    Parameters
    ----------
    name : str
    text : str
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        # As tomllib reads it.
        self._text = text.replace("\r\n", "\n")
        self._lines = TomlLines(self._text)

    def problem(self, path: KeyPath, text: str) -> Problem:
        """Say what is wrong with a key, or with the nearest above it that is written."""
        at = None
        while path and at is None:
            at = self._lines.start(path)
            path = path[:-1]
        return self._at(at or 0, text)

    def problem_of_value(self, path: KeyPath, text: str) -> Problem:
        """Say what is wrong with the value of a key."""
        span = self._lines.span(path)
        return self.problem(path, text) if span is None else self._at(span[0], text)

    def problem_in(self, path: KeyPath, at: int, text: str) -> Problem:
        """Say what is wrong with a character, counted from 0, of the text at a key."""
        span = self._lines.span(path)
        if span is None:
            return self.problem(path, text)
        _, places = character_places(self._text[slice(*span)])
        return self._at(span[0] + places[min(at, len(places) - 1)], text)

    def _at(self, at: int, text: str) -> Problem:
        return Problem(self.name, *self._lines.place(at), text)
