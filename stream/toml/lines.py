"""Where in a TOML text something stands: tomllib tells values, not their lines."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

KeyPath = tuple[str | int, ...]

_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
# The closing quotes of a long text may have up to two more before them.
_LONG = re.compile(r'"""(?:\\.|[^\\])*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:\'{0,2})', re.DOTALL)
_SHORT = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'')
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]+")


class TomlLines:
    """The lines of a TOML text that tomllib reads.

    Parameters
    ----------
    text : str
        Any other text is not looked for mistakes, and the lines mean nothing.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._keys_at: dict[KeyPath, int] = {}
        self._spans: dict[KeyPath, tuple[int, int]] = {}
        self._tables_in: dict[KeyPath, int] = {}  # Arrays of tables, and how many they have so far.
        table: KeyPath = ()
        while self._skip(_BLANK) < len(text):
            table = self._statement(table)

    def line(self, path: KeyPath) -> int | None:
        """Return the line, from 1, of a key or of an element of an array.

        Parameters
        ----------
        path : tuple of str or int
            Keys from the top down, and places in arrays.

        Returns
        -------
        int or None
            None if the text has no such path.
        """
        at = self._keys_at.get(path)
        return None if at is None else self.place(at)[0]

    def start(self, path: KeyPath) -> int | None:
        """Return where a key or an element begins, counted from 0; None as of `line`."""
        return self._keys_at.get(path)

    def span(self, path: KeyPath) -> tuple[int, int] | None:
        """Return where the value of a key, or an element, begins and ends; None as of `line`."""
        return self._spans.get(path)

    def place(self, at: int) -> tuple[int, int]:
        """Return line and column, both from 1, of a character of the text."""
        line = bisect_right(self._starts, at)
        return line, at - self._starts[line - 1] + 1

    def _statement(self, table: KeyPath) -> KeyPath:
        """Read a header or a pair; return the table that the following pairs belong to."""
        here = self._at
        if self._text[here] != "[":
            self._pair(table)
            return table
        many = self._text.startswith("[[", here)
        self._at += 1 + many
        keys = self._keys()
        self._at += 1 + many
        path: KeyPath = ()
        for at, key in enumerate(keys, 1):
            path += (key,)
            self._note(path, here)
            if at == len(keys) and many:
                self._tables_in[path] = self._tables_in.get(path, 0) + 1
            if path in self._tables_in:
                path += (self._tables_in[path] - 1,)
                self._note(path, here)
        return path

    def _pair(self, table: KeyPath) -> None:
        here = self._at
        for key in self._keys():
            table += (key,)
            self._note(table, here)
        self._at += 1  # The equals sign.
        self._skip(_SPACE)
        self._value(table)

    def _keys(self) -> list[str]:
        """Read a key with its dots."""
        keys: list[str] = []
        while True:
            self._skip(_SPACE)
            quoted = _SHORT.match(self._text, self._at)
            found = quoted or _BARE.match(self._text, self._at)
            if found is None:
                return keys
            self._at = found.end()
            keys.append(tomllib.loads(f"k = {found[0]}")["k"] if quoted else found[0])
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return keys
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        start = self._at
        self._read_value(path)
        self._spans.setdefault(path, (start, self._at))

    def _read_value(self, path: KeyPath) -> None:
        opening = self._text[self._at : self._at + 1]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            for pattern in (_LONG, _SHORT, _SCALAR):
                if pattern.match(self._text, self._at):
                    self._skip(pattern)
                    break
            else:
                self._at += 1

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        place = 0
        while self._skip(_BLANK) < len(self._text) and self._text[self._at] != "]":
            self._note((*path, place), self._at)
            self._value((*path, place))
            place += 1
            self._skip_comma()
        self._at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while self._skip(_BLANK) < len(self._text) and self._text[self._at] != "}":
            self._pair(path)
            self._skip_comma()
        self._at += 1

    def _skip(self, pattern: re.Pattern[str]) -> int:
        match = pattern.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
        return self._at

    def _skip_comma(self) -> None:
        self._skip(_BLANK)
        self._at += self._text.startswith(",", self._at)

    def _note(self, path: KeyPath, at: int) -> None:
        self._keys_at.setdefault(path, at)
