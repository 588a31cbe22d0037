"""From the text of a rule to its words, each with its place; as CEL's own lexer has them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

TEXT_MAX = 10_000  # Characters of a rule.
INT_MAX = 2**63 - 1

# CEL's words that no name may be.
RESERVED = frozenset(
    {"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in"}
    | {"let", "loop", "namespace", "null", "package", "return", "true", "var", "void", "while"}
)


class Token(Enum):
    """What a word is."""

    NAME = "a name"
    QUOTED_NAME = "a quoted name"
    INT = "a whole number"
    DOUBLE = "a number"
    TEXT = "a text"
    SIGN = "a sign"
    END = "the end"


@dataclass(frozen=True)
class Word:
    """A word of a rule.

    Attributes
    ----------
    token : Token
    text : str
        As it is written; of a quoted name what is between the quotes.
    at : int
        Where it begins, counted from 0.
    value : int, float or str
        Of numbers and texts; an int may be one too large, which only a minus can mend.
    """

    token: Token
    text: str
    at: int
    value: int | float | str = 0


class RuleTextError(Exception):
    """What is wrong with a rule, and where.

    Attributes
    ----------
    at : int
        Place in the text of the rule, counted from 0.
    problem : str
    """

    def __init__(self, at: int, problem: str) -> None:
        super().__init__(problem)
        self.at, self.problem = at, problem


_BLANK = re.compile(r"(?:[ \t\n\f\r]|//[^\n]*)*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUOTED_NAME = re.compile(r"`([^`\n]+)`")
_DOUBLE = re.compile(r"[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+")
_INT = re.compile(r"0x[0-9a-fA-F]+|[0-9]+")
_NUMBERS = ((Token.DOUBLE, _DOUBLE), (Token.INT, _INT))
_SIGN = re.compile(r"&&|\|\||==|!=|<=|>=|[-<>!+*/%?:.,()\[\]]")
_QUOTES = re.compile(r"([bBrR]{0,2})(\"\"\"|'''|\"|')")
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})"
    r"|([0-3][0-7]{2}))"
)
_ESCAPED = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))
_MEANT = {"&": "&&", "|": "||", "=": "=="}
_MEANT_NAME = {"and": "&&", "or": "||", "not": "!"}


def words_of(text: str) -> list[Word]:
    """Divide the text of a rule into words; the last one is the end.

    Raises
    ------
    RuleTextError
        At what is no word of CEL, or is one that is left out here.
    """
    if len(text) > TEXT_MAX:
        raise RuleTextError(TEXT_MAX, f"a rule has at most {TEXT_MAX:,} characters: divide it")
    words: list[Word] = []
    at = _skip_blank(text, 0)
    while at < len(text):
        word, stop = _word(text, at)
        words.append(word)
        at = _skip_blank(text, stop)
    words.append(Word(Token.END, "", len(text)))
    return words


def _skip_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _word(text: str, at: int) -> tuple[Word, int]:
    """Read the word that begins here; return it and where it ends."""
    letter = text[at]
    quotes = _QUOTES.match(text, at) if letter in "\"'bBrR" else None
    if quotes:
        return _text(text, at, quotes)
    name = _NAME.match(text, at)
    if name:
        return Word(Token.NAME, name[0], at), name.end()
    for token, pattern in _NUMBERS if letter in ".0123456789" else ():
        match = pattern.match(text, at)
        if match:
            return _number(token, match[0], at), _end_of_number(text, match.end())
    sign = _SIGN.match(text, at)
    if sign:
        return Word(Token.SIGN, sign[0], at), sign.end()
    quoted = _QUOTED_NAME.match(text, at)
    if quoted:
        return Word(Token.QUOTED_NAME, quoted[1], at), quoted.end()
    if letter == "`":
        raise RuleTextError(at, "the quoted name does not end: close it with another `")
    if letter in _MEANT:
        raise RuleTextError(at, f"'{letter}' is no operator: write '{_MEANT[letter]}'")
    raise RuleTextError(at, f"{letter!r} means nothing in a rule")


def _number(token: Token, text: str, at: int) -> Word:
    if token is Token.DOUBLE:
        number = float(text)
        if number == float("inf"):
            raise RuleTextError(at, "this number is larger than any that can be held")
        return Word(token, text, at, number)
    # Python reads no numbers of more than some thousand digits, and none here needs twenty.
    digits = text[2:].lstrip("0") if text.startswith("0x") else text.lstrip("0")
    if len(digits) > 19:
        raise RuleTextError(at, "a whole number has 64 bits, and this one needs more")
    return Word(token, text, at, int(text, 16) if text.startswith("0x") else int(text))


def _end_of_number(text: str, stop: int) -> int:
    """Return where a number ends.

    Raises
    ------
    RuleTextError
        If what follows belongs to it and cannot.
    """
    after = text[stop : stop + 1]
    if after in ("u", "U"):
        raise RuleTextError(stop, "unsigned numbers are left out: leave the 'u' away")
    if after.isalnum() or after == "_":
        raise RuleTextError(stop, f"a number ends before {after!r}: put a blank between them")
    return stop


def _text(text: str, at: int, quotes: re.Match[str]) -> tuple[Word, int]:
    """Read a text in quotes."""
    prefix, quote = quotes[1].lower(), quotes[2]
    if "b" in prefix or prefix == "rr":
        raise RuleTextError(at, "texts of bytes are left out: leave the prefix away")
    place, parts = quotes.end(), []
    while not text.startswith(quote, place):
        letter = text[place : place + 1]
        if not letter or (letter in "\r\n" and len(quote) == 1):
            raise RuleTextError(at, f"the text does not end: close it with {quote}")
        if letter == "\\" and not prefix:
            meant, place = _escape(text, place)
            parts.append(meant)
        else:
            parts.append(letter)
            place += 1
    stop = place + len(quote)
    return Word(Token.TEXT, text[at:stop], at, "".join(parts)), stop


def _escape(text: str, at: int) -> tuple[str, int]:
    """Read an escape sequence; return what it means and where it ends."""
    match = _ESCAPE.match(text, at)
    if match is None:
        shown = text[at : at + 2]
        raise RuleTextError(at, f"'{shown}' is no escape sequence: write '\\\\' for a backslash")
    plain, *hexadecimal, octal = match.groups()
    if plain:
        return _ESCAPED.get(plain, plain), match.end()
    code = int(octal, 8) if octal else int(next(filter(None, hexadecimal)), 16)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise RuleTextError(at, f"'{match[0]}' is no character of Unicode")
    return chr(code), match.end()


def meant_by(name: str) -> str:
    """Return the operator that a word of another language stands for; empty for none."""
    return _MEANT_NAME.get(name, "")
