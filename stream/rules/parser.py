"""From the words of a rule to its tree, by CEL's grammar; what is left out is named."""

from __future__ import annotations

from functools import lru_cache

from stream.rules.syntax import (
    LEVELS,
    Binary,
    Call,
    Conditional,
    ListOf,
    Literal,
    Name,
    Node,
    Unary,
    children,
)
from stream.rules.tokens import INT_MAX, RESERVED, RuleTextError, Token, Word, meant_by, words_of

NESTING_MAX = 32  # Brackets in brackets, and conditions in conditions.
DEPTH_MAX = 250  # Of a tree: whoever walks over it does so by recursion.
# Trees that are kept: of rules that are read again most are as they were.
KEPT_MAX = 8192
_MACROS = frozenset({"all", "exists", "exists_one", "filter", "map"})
_CONSTANTS = {"true": True, "false": False}


@lru_cache(KEPT_MAX)
def parse(text: str) -> Node:
    """Read the text of a rule.

    Raises
    ------
    RuleTextError
        At the first place where it is no rule.
    """
    return _Parser(words_of(text)).whole()


class _Parser:
    def __init__(self, words: list[Word]) -> None:
        self._words = words
        self._place = 0
        self._nesting = 0
        # Of each node that was made; the nodes are kept, or another could get the same id.
        self._depths: dict[int, tuple[int, Node]] = {}

    def whole(self) -> Node:
        """Read all of it."""
        if self._peek().token is Token.END:
            raise RuleTextError(0, "there is nothing here: write a condition such as amount > 100")
        node = self._expression()
        if self._peek().token is not Token.END:
            raise self._unexpected("the rule should end here, or go on with an operator")
        return node

    def _peek(self) -> Word:
        return self._words[self._place]

    def _take(self) -> Word:
        word = self._peek()
        self._place += word.token is not Token.END
        return word

    def _is(self, sign: str) -> bool:
        word = self._peek()
        return word.text == sign and word.token in (Token.SIGN, Token.NAME)

    def _skip(self, sign: str, why: str) -> None:
        if not self._is(sign):
            raise self._unexpected(f"'{sign}' is missing {why}")
        self._take()

    def _unexpected(self, problem: str) -> RuleTextError:
        """Say what is wrong at the next word."""
        word = self._peek()
        # What was read as a name may be meant as an operator of another language.
        for meant in (word, self._words[max(self._place - 1, 0)]):
            if meant.token is Token.NAME and (sign := meant_by(meant.text)):
                return RuleTextError(meant.at, f"'{meant.text}' is no operator: write '{sign}'")
        if word.token is Token.END:
            problem = f"{problem}; the rule ends instead"
        elif word.text == "[":
            problem = "indices are left out: a list is only on the right of 'in'"
        else:
            problem = f"{problem}, not at {_shown(word)}"
        return RuleTextError(word.at, problem)

    def _made(self, node: Node) -> Node:
        """Hold a node to the greatest depth."""
        depth = 1 + max((self._depths[id(child)][0] for child in children(node)), default=0)
        if depth > DEPTH_MAX:
            problem = f"more than {DEPTH_MAX} operators on each other: divide the rule, or use 'in'"
            raise RuleTextError(node.at, problem)
        self._depths[id(node)] = depth, node
        return node

    def _expression(self) -> Node:
        """Read ``condition ? then : otherwise``, or what binds tighter."""
        self._nesting += 1
        if self._nesting > NESTING_MAX:
            problem = f"more than {NESTING_MAX} brackets or conditions in each other"
            raise RuleTextError(self._peek().at, f"{problem}: divide the rule")
        node = self._binary(1)
        if self._is("?"):
            at = self._take().at
            then = self._binary(1)
            self._skip(":", "between the two values of '?'")
            node = self._made(Conditional(node, then, self._expression(), at))
        self._nesting -= 1
        return node

    def _binary(self, level: int) -> Node:
        """Read operators that bind at least so tight; those of a level from left to right."""
        left = self._unary()
        while (own := self._operator_level()) >= level:
            word = self._take()
            left = self._made(Binary(word.text, left, self._binary(own + 1), word.at))
        return left

    def _operator_level(self) -> int:
        word = self._peek()
        if word.token is Token.SIGN or (word.token is Token.NAME and word.text == "in"):
            return LEVELS.get(word.text, 0)
        return 0

    def _unary(self) -> Node:
        sign = self._peek().text if self._is("!") or self._is("-") else ""
        places = []
        while sign and self._is(sign):
            places.append(self._take().at)
        node = self._member(negated=sign == "-")
        for at in reversed(places):
            negative = _negative(node) if sign == "-" else None
            if negative is None:
                node = self._made(Unary(sign, node, at))
            else:
                node = self._made(Literal(negative, at))
        return node

    def _member(self, negated: bool) -> Node:
        """Read a value and the functions that are called on it."""
        node = self._primary(negated)
        while self._is("."):
            self._take()
            name = self._take()
            if name.token is not Token.NAME or not self._is("("):
                raise RuleTextError(name.at, "only a function can follow this dot")
            if name.text in _MACROS:
                raise _macro(name)
            node = self._made(Call(f".{name.text}", (node, *self._arguments()), name.at))
        return node

    def _primary(self, negated: bool) -> Node:
        word = self._peek()
        if word.token in (Token.INT, Token.DOUBLE, Token.TEXT):
            self._take()
            # The least whole number has no positive of its own.
            if isinstance(word.value, int) and word.value > INT_MAX + negated:
                problem = f"a whole number has 64 bits: at most {INT_MAX}"
                raise RuleTextError(word.at, problem)
            return self._made(Literal(word.value, word.at))
        if word.token is Token.QUOTED_NAME:
            self._take()
            return self._made(Name(word.text, word.at))
        if self._is("("):
            self._take()
            node = self._expression()
            self._skip(")", "to close the bracket")
            return node
        if self._is("["):
            return self._list()
        if word.token is Token.NAME and (word.text not in RESERVED or word.text in _CONSTANTS):
            return self._name()
        raise self._unexpected("a value should stand here")

    def _list(self) -> Node:
        at = self._take().at
        items: list[Node] = []
        while not self._is("]"):
            items.append(self._expression())
            if not self._is("]"):
                self._skip(",", "between the elements of the list, or ']' after them")
        self._take()
        return self._made(ListOf(tuple(items), at))

    def _name(self) -> Node:
        """Read a constant, a name with its dots, or a function."""
        first = self._take()
        if first.text in _CONSTANTS:
            return self._made(Literal(_CONSTANTS[first.text], first.at))
        parts = [first]
        while self._is(".") and self._words[self._place + 1].token is Token.NAME:
            self._take()
            parts.append(self._take())
        name = ".".join(part.text for part in parts)
        if not self._is("("):
            self._refuse_reserved(parts)
            return self._made(Name(name, first.at))
        *target, function = parts
        if function.text in _MACROS:
            raise _macro(function)
        if not target or target[0].text == "math":
            return self._made(Call(name, self._arguments(), first.at))
        self._refuse_reserved(target)
        of = self._made(Name(".".join(part.text for part in target), first.at))
        return self._made(Call(f".{function.text}", (of, *self._arguments()), function.at))

    def _refuse_reserved(self, parts: list[Word]) -> None:
        for part in parts:
            if part.text in RESERVED:
                name = ".".join(each.text for each in parts)
                problem = f"'{part.text}' is a word of CEL: write the whole name as `{name}`"
                raise RuleTextError(part.at, problem)

    def _arguments(self) -> tuple[Node, ...]:
        self._skip("(", "before the arguments")
        arguments: list[Node] = []
        while not self._is(")"):
            arguments.append(self._expression())
            if not self._is(")"):
                self._skip(",", "between the arguments, or ')' after them")
        self._take()
        return tuple(arguments)


def _negative(node: Node) -> int | float | None:
    """Return the literal that a minus makes of a literal; None where it makes none."""
    if not isinstance(node, Literal) or isinstance(node.value, (bool, str)):
        return None
    return None if str(node.value).startswith("-") else -node.value


def _macro(word: Word) -> RuleTextError:
    problem = f"macros such as {word.text}() are left out: there is no list to walk over"
    return RuleTextError(word.at, problem)


def _shown(word: Word) -> str:
    text = word.text if len(word.text) <= 40 else f"{word.text[:40]}..."
    return repr(text)
