"""Lines of keys and elements: against a writer that knows where it wrote them."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from seeds import seeds

from stream.toml.lines import KeyPath, TomlLines


def paths(value: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from paths(inner, (*path, place))


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1", ("a",), 1),
        ("\n\n  a = 1", ("a",), 3),
        ("# a = 1\na = 1", ("a",), 2),
        ("[t]\nb = 1\na = 1", ("t", "a"), 3),
        ("[t]\nb = 1\na = 1", ("t",), 1),
        ("[ t . 'u.v' ]\na = 1", ("t", "u.v", "a"), 2),
        ("[t] # [u]\na = 1\n[u]\na = 2", ("u", "a"), 4),
        ("b = '[t]'\nt.a = 1", ("t", "a"), 2),
        ("b = '''\n[t]\na = 1\n'''\n[t]\na = 1", ("t", "a"), 6),
        ('b = """\n\\"""\na = 1\n"""\na = 1', ("a",), 5),
        ('b = """"quoted""""\na = 1', ("a",), 2),
        ("b = '''''two'''''\na = 1", ("a",), 2),
        ("b = \"\"\nc = ''\na = 1", ("a",), 3),
        ('b = "\\" # \\\\"\na = 1', ("a",), 2),
        ('"a b" = 1\n"a.c" = 2', ("a.c",), 2),
        ('"\\u0061" = 1', ("a",), 1),
        ("'\"' = 1", ('"',), 1),
        ('"" = 1', ("",), 1),
        ("1234 = 1\n-_ = 2", ("-_",), 2),
        ("a . b . c = 1", ("a", "b"), 1),
        ("n = [\n 'a',\n 'b', 'c',\n]", ("n", 2), 3),
        ("n = [ # 'x',\n # ]\n 'a' # ,\n , # 'y'\n 'b'\n]\na = 1", ("n", 1), 5),
        ("n = [ # 'x',\n # ]\n 'a' # ,\n , # 'y'\n 'b'\n]\na = 1", ("a",), 7),
        ("n = [[\n1], [2,\n3]]", ("n", 1, 1), 3),
        ("n = [{a = 1},\n{a = [\n2]}]", ("n", 1, "a", 0), 3),
        ("n = ['']\na = 1", ("a",), 2),
        ("n = []\nm = {}\na = 1", ("a",), 3),
        ("n = [\n'''\nx''', 'a',\n 'b']", ("n", 2), 4),
        ("t = { a = 1, b = { c = 2 } }\nd = 1", ("t", "b", "c"), 1),
        ("d = 1979-05-27 07:32:00 # x\na = 1", ("a",), 2),
        ("d = -inf\ne = 1_000.5e-3\nf = 0xff\ng = true\na = 1", ("a",), 5),
        ("[[t]]\na = 1\n[[t]]\na = 2\n[t.u]\nb = 3", ("t", 1, "a"), 4),
        ("[[t]]\na = 1\n[[t]]\na = 2\n[t.u]\nb = 3", ("t", 1, "u", "b"), 6),
        ("[[t.v]]\n[[t.v.w]]\na = 1\n[[t.v.w]]\na = 2", ("t", "v", 0, "w", 1, "a"), 5),
        ("a = 1\r\nb = 2\r\n[t]\r\nc = 3\r\n", ("t", "c"), 4),
        ("a = '\u2028\u0085'\nb = 2", ("b",), 2),
        ("a = 1", ("b",), None),
        ("a = 1", ("a", 0), None),
        ("a = [1]", ("a", 1), None),
        ("a = 1", (), None),
        ("", ("a",), None),
    ],
)
def test_a_key_has_its_line(text: str, path: KeyPath, line: int | None) -> None:
    known = set(paths(tomllib.loads(text)))
    assert (path in known) == (line is not None)
    assert TomlLines(text).line(path) == line
    assert all(TomlLines(text).line(one) for one in known)


ODD = ("k", "-", "7", "a b", "#", ".", "[", "=", '"')


class Writer:
    """Writes TOML in every way there is, and keeps where it wrote each key and element."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.text = ""
        self.lines: dict[KeyPath, int] = {}
        self.serial = 0

    def put(self, *texts: str) -> None:
        self.text += self.random.choice(texts)

    def note(self, path: KeyPath) -> None:
        self.lines.setdefault(path, self.text.count("\n") + 1)

    def document(self) -> str:
        self.pairs(())
        for _ in range(self.random.randrange(5)):
            self.table()
        return self.text

    def table(self) -> None:
        name = self.name()
        many = self.random.random() < 0.4
        repeats = self.random.randrange(1, 4) if many else 1
        for place in range(repeats):
            opening, closing = ("[[", "]]") if many else ("[", "]")
            self.put("", "  ", "# [x]\n")
            path: KeyPath = (name,)
            self.note(path)
            path += (place,) if many else ()
            self.note(path)
            self.put(opening + " ", opening)
            self.key(name)
            self.put(closing + "\n", f"{closing} # ]]\n")
            self.pairs(path)
            if self.random.random() < 0.3:
                inner = self.name()
                self.note((*path, inner))
                self.put("[")
                self.key(name)
                self.put(".", " . ")
                self.key(inner)
                self.put("]\n")
                self.pairs((*path, inner))

    def pairs(self, path: KeyPath) -> None:
        for _ in range(self.random.randrange(7)):
            self.put("", " ", "\n", "# 'x' = [\n", "\t#\n\n")
            self.pair(path)
            self.put("\n", " # \"\"\" '''\n", "\n\n")

    def pair(self, path: KeyPath, deep: int = 0) -> None:
        for at in range(self.random.choice([1, 1, 1, 2, 3])):
            if at:
                self.put(".", " . ")
            path += (self.name(),)
            self.note(path)
            self.key(str(path[-1]))
        self.put("=", " = ", "\t=\t")
        self.value(path, deep)

    def name(self) -> str:
        """A name that is new, with something odd in it."""
        self.serial += 1
        return f"{self.random.choice(ODD)}{self.serial}"

    def key(self, name: str) -> None:
        escaped = name.replace('"', '\\"')
        bare = re.fullmatch("[A-Za-z0-9_-]+", name) is not None
        self.put(f'"{escaped}"', f"'{name}'", name if bare else f"'{name}'")

    def value(self, path: KeyPath, deep: int) -> None:
        kind = self.random.randrange(8 if deep < 3 else 6)
        if kind < 3:
            self.put("1", "-1.5e3", "true", "1979-05-27T07:32:00Z", "07:32:00", "nan")
        elif kind < 5:
            self.put("'#]'", '"}, \\" \\\\"', "''", '""', '"\\u0022"')
        elif kind == 5:
            # Inside an inline table only values may have line breaks.
            self.put(
                "'''\n[x]\n# '' ''''", '"""\n\n\\" "" \\\n x"""', "''''''", '""""""', '""""a"""""'
            )
        elif kind == 6:
            self.array(path, deep)
        else:
            self.put("{", "{ ")
            for at in range(self.random.randrange(3)):
                if at:
                    self.put(",", ", ")
                self.pair(path, deep + 1)
            self.put("}", " }")

    def array(self, path: KeyPath, deep: int) -> None:
        gaps = ("", " ", "\n", "# ], '\n", "\n\n\t")
        self.put("[")
        length = self.random.randrange(4)
        for place in range(length):
            self.put(*gaps)
            self.note((*path, place))
            self.value((*path, place), deep + 1)
            self.put(*gaps)
            self.put(",") if place < length - 1 else self.put("", ",")
        self.put(*gaps)
        self.put("]")


@seeds(200)
def test_whatever_is_written_is_found_where_it_was_written(seed: int) -> None:
    writer = Writer(seed)
    text = writer.document()
    known = set(paths(tomllib.loads(text)))
    assert known == set(writer.lines), text
    lines = TomlLines(text)
    assert {path: lines.line(path) for path in known} == writer.lines, text


@pytest.mark.parametrize(
    "text", ["= 1", "[", "a = [", "a = {", '"a', "[[a]", "a = '''", "]", "a =", "\x00"]
)
def test_a_text_that_is_no_toml_is_passed_over_in_finite_time(text: str) -> None:
    TomlLines(text)
