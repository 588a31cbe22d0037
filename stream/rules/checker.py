"""Names and types of a rule, checked as CEL does; every mistake at once."""

from __future__ import annotations

from stream.rules import functions
from stream.rules.comparing import as_double, compared
from stream.rules.names import LISTS, Kind, RuleInputs, Value
from stream.rules.operations import Op
from stream.rules.syntax import (
    Binary,
    Call,
    Conditional,
    ListOf,
    Literal,
    Name,
    Node,
    Unary,
    literal_text,
    written,
)
from stream.rules.terms import Term, constant
from stream.rules.tokens import RuleTextError

LITERALS_MAX = 1000  # Of a list that is written into a rule.

_LOADS = {Kind.DOUBLE: Op.NUMBER, Kind.KEY: Op.KEY, Kind.TIME: Op.TIME}
_ARITHMETIC = {
    "+": (Op.ADD, Op.INT_ADD),
    "-": (Op.SUBTRACT, Op.INT_SUBTRACT),
    "*": (Op.MULTIPLY, Op.INT_MULTIPLY),
    "/": (Op.DIVIDE, Op.INT_DIVIDE),
    "%": (None, Op.INT_REMAINDER),
}
_NUMBERS = (Kind.INT, Kind.DOUBLE)
_TEXT = "a text is only compared with a category or an entity: by ==, != or in"
_HASHED = "it is known by its keyed hash alone: ==, !=, in and has() are all there is for it"


def check(node: Node, inputs: RuleInputs) -> tuple[Term | None, list[RuleTextError]]:
    """Check a rule.

    Returns
    -------
    term : Term or None
        What is to be computed; None if anything is wrong.
    problems : list of RuleTextError
        All that is wrong, in the order of the text.
    """
    checker = _Checker(inputs)
    term = checker.wanted(node, Kind.BOOL)
    problems = sorted(checker.problems, key=lambda problem: problem.at)
    return None if problems else term, problems


class _Checker:
    """Turns nodes into terms; of what is wrong it says so and gives None."""

    def __init__(self, inputs: RuleInputs) -> None:
        self.inputs = inputs
        self.problems: list[RuleTextError] = []

    def wanted(self, node: Node, kind: Kind) -> Term | None:
        """Return the term of a node that must be of a kind."""
        term = self.term(node)
        if term is not None and term.kind is not kind:
            return self._wrong(node, f"{_named(node, term)}, not {kind.value}{_meant(node, term)}")
        return term

    def term(self, node: Node) -> Term | None:
        """Return the term of a node of any kind."""
        if isinstance(node, Literal):
            if isinstance(node.value, str):
                return self._wrong(node, _TEXT)
            return constant(node.value)
        if isinstance(node, ListOf):
            return self._wrong(node, "a list is only on the right of 'in'")
        if isinstance(node, Binary):
            return self._binary(node)
        if isinstance(node, Unary):
            return self._unary(node)
        if isinstance(node, Conditional):
            return self._conditional(node)
        return self._call(node) if isinstance(node, Call) else self._value(node)

    def _binary(self, node: Binary) -> Term | None:
        if node.sign in ("&&", "||"):
            left, right = self.wanted(node.left, Kind.BOOL), self.wanted(node.right, Kind.BOOL)
            return _made(Op.AND if node.sign == "&&" else Op.OR, Kind.BOOL, left, right)
        if node.sign == "in":
            return self._membership(node)
        return self._arithmetic(node) if node.sign in _ARITHMETIC else self._comparison(node)

    def _wrong(self, node: Node, text: str) -> Term | None:
        """Note what is wrong with a node; return that there is no term of it."""
        self.problems.append(RuleTextError(node.at, text))
        return None

    def _value(self, node: Name) -> Term | None:
        value = self.inputs.values.get(node.name)
        if value is None:
            return self._wrong(node, self.inputs.unknown(node.name))
        return Term(_LOADS[value.kind], value.kind, (), value)

    def _unary(self, node: Unary) -> Term | None:
        if node.sign == "!":
            return _made(Op.NOT, Kind.BOOL, self.wanted(node.operand, Kind.BOOL))
        operand = self._number(node.operand)
        if operand is None:
            return None
        op = Op.NEGATE if operand.kind is Kind.DOUBLE else Op.INT_NEGATE
        return Term(op, operand.kind, (operand,))

    def _number(self, node: Node) -> Term | None:
        term = self.term(node)
        if term is not None and term.kind not in _NUMBERS:
            return self._wrong(node, f"{_named(node, term)}, not a number")
        return term

    def _conditional(self, node: Conditional) -> Term | None:
        condition = self.wanted(node.condition, Kind.BOOL)
        then, otherwise = self.term(node.then), self.term(node.otherwise)
        for part, term in ((node.then, then), (node.otherwise, otherwise)):
            if term is not None and term.kind not in (Kind.BOOL, *_NUMBERS):
                self._wrong(part, "'?' gives numbers, or true and false")
                return None
        if condition is None or then is None or otherwise is None:
            return None
        if then.kind is not otherwise.kind:
            ways = f"{then.kind.value} one way and {otherwise.kind.value} the other"
            return self._wrong(node, f"'?' gives {ways}{_remedy(node.then, node.otherwise)}")
        op = Op.CHOOSE_FLAG if then.kind is Kind.BOOL else Op.CHOOSE
        return Term(op, then.kind, (condition, then, otherwise))

    def _call(self, node: Call) -> Term | None:
        if node.function == functions.HAS:
            return self._has(node)
        if not functions.known(node.function):
            return self._wrong(node, functions.unknown(node.function))
        terms = [self.term(argument) for argument in node.arguments]
        arguments = [term for term in terms if term is not None]
        if len(arguments) < len(terms):
            return None
        made = functions.call(node.function, arguments)
        return self._wrong(node, made) if isinstance(made, str) else made

    def _has(self, node: Call) -> Term | None:
        if len(node.arguments) != 1 or not isinstance(node.arguments[0], Name):
            return self._wrong(node, "has() takes one name: has(card.count_1h)")
        return _made(Op.HAS, Kind.BOOL, self._value(node.arguments[0]))

    def _arithmetic(self, node: Binary) -> Term | None:
        left, right = self._number(node.left), self._number(node.right)
        if left is None or right is None:
            return None
        if left.kind is not right.kind:
            text = f"'{node.sign}' has {left.kind.value} and {right.kind.value}"
            text = text.replace("a number", "one that is not whole")
            return self._wrong(node, f"{text}{_remedy(node.left, node.right)}")
        of_doubles, of_integers = _ARITHMETIC[node.sign]
        op = of_doubles if left.kind is Kind.DOUBLE else of_integers
        if op is None:
            text = "'%' is for whole numbers: write int(amount) % 100"
            return self._wrong(node, text)
        return Term(op, left.kind, (left, right))

    def _comparison(self, node: Binary) -> Term | None:
        for one, other in ((node.left, node.right), (node.right, node.left)):
            key = self._key(one)
            if key is not None and isinstance(other, Literal):
                return self._key_among(node, key, (other,))
            if isinstance(other, Literal) and isinstance(other.value, str):
                return self._text_with(one, other)
        left, right = self.term(node.left), self.term(node.right)
        if left is None or right is None:
            return None
        if Kind.TIME in (left.kind, right.kind):
            text = f"times are not compared: ask for {functions.OF_TIME}"
            return self._wrong(node, text)
        if left.kind in _NUMBERS and right.kind in _NUMBERS:
            return compared(node.sign, left, right)
        if left.kind is not right.kind:
            text = f"'{node.sign}' has {left.kind.value} and {right.kind.value}"
            return self._wrong(node, text)
        if node.sign not in ("==", "!="):
            why = _HASHED if left.kind is Kind.KEY else "true and false have no order"
            return self._wrong(node, f"'{node.sign}': {why}")
        same = Term(Op.KEY_EQUAL if left.kind is Kind.KEY else Op.SAME, Kind.BOOL, (left, right))
        return _unless(node.sign == "!=", same)

    def _text_with(self, node: Node, text: Literal) -> Term | None:
        """Refuse what a text cannot be compared with, unless it is nothing at all."""
        if isinstance(node, Literal):
            return self._wrong(text, _TEXT)
        term = self.term(node)
        return None if term is None else self._wrong(text, f"{_TEXT}; {_named(node, term)}")

    def _key(self, node: Node) -> Value | None:
        """Return the category or entity that a node names."""
        value = self.inputs.values.get(node.name) if isinstance(node, Name) else None
        return value if value is not None and value.kind is Kind.KEY else None

    def _key_among(self, node: Binary, key: Value, literals: tuple[Node, ...]) -> Term | None:
        if node.sign not in ("==", "!=", "in"):
            return self._wrong(node, f"'{node.sign}': {_HASHED}")
        values = [literal.value for literal in literals if isinstance(literal, Literal)]
        for literal in literals:
            if isinstance(literal, Literal) and isinstance(literal.value, float):
                text = f"{key.name} is a text or a whole number, never {literal.value!r}"
                return self._wrong(literal, text)
        if len({type(value) for value in values}) > 1:
            return self._wrong(node, "a list has elements of one type: of texts or of numbers")
        load = Term(Op.KEY, Kind.KEY, (), key)
        # true and false are the integers 1 and 0 wherever a category is hashed; and texts are
        # told apart from integers, which Python does too.
        plain = tuple(sorted({int(it) if isinstance(it, bool) else it for it in values}))
        return _unless(node.sign == "!=", Term(Op.KEY_AMONG, Kind.BOOL, (load,), plain))

    def _membership(self, node: Binary) -> Term | None:
        if isinstance(node.right, Name) and node.right.name.partition(".")[0] == LISTS:
            return self._member(node, node.right)
        if not isinstance(node.right, ListOf):
            self.term(node.left)
            text = "on the right of 'in' is a list: ['a', 'b'] or lists.NAME"
            return self._wrong(node.right, text)
        return self._among(node, node.right)

    def _among(self, node: Binary, items: ListOf) -> Term | None:
        """Look a value up among literals."""
        found = self.problems.copy()
        for item in items.items:
            if not isinstance(item, Literal):
                text = f"the elements of a list are literals, not {written(item)}"
                self._wrong(item, text)
        if len(items.items) > LITERALS_MAX:
            text = f"at most {LITERALS_MAX:,} elements: make it one of the lists, lists.NAME"
            self._wrong(items, text)
        key = self._key(node.left)
        if key is not None:
            return None if self.problems != found else self._key_among(node, key, items.items)
        left = self._number(node.left)
        if left is None or self.problems != found:
            return None
        return self._number_among(node, left, items)

    def _number_among(self, node: Binary, left: Term, items: ListOf) -> Term | None:
        values: list[int | float] = []
        for item in items.items:
            value = item.value if isinstance(item, Literal) else ""
            if isinstance(value, (bool, str)):
                text = f"{_named(node.left, left)}, and {literal_text(value)} is none"
                return self._wrong(item, text)
            values.append(value)
        if left.kind is Kind.INT and all(isinstance(value, int) for value in values):
            return Term(Op.INT_AMONG, Kind.BOOL, (left,), tuple(sorted(set(values))))
        doubles = sorted({float(value) for value in values})
        return Term(Op.AMONG, Kind.BOOL, (as_double(left),), tuple(doubles))

    def _member(self, node: Binary, name: Name) -> Term | None:
        """Look a value up in one of the lists."""
        key = self._key(node.left)
        if key is None:
            term = self.term(node.left)
            if term is not None:
                text = f"lists hold categories and entities; {_named(node.left, term)}"
                self._wrong(node.left, text)
        listed = name.name.partition(".")[2]
        known = self.inputs.lists
        if not listed:
            return self._wrong(name, "which list? write lists.NAME")
        if known is not None and listed not in known:
            return self._wrong(name, f"no list '{listed}'{functions.near(listed, known, 'lists')}")
        return None if key is None else _member_of(key, listed)


def _member_of(key: Value, listed: str) -> Term:
    return Term(Op.MEMBER, Kind.BOOL, (Term(Op.KEY, Kind.KEY, (), key),), listed)


def _made(op: Op, kind: Kind, *operands: Term | None) -> Term | None:
    whole = tuple(operand for operand in operands if operand is not None)
    return Term(op, kind, whole) if len(whole) == len(operands) else None


def _unless(negated: bool, term: Term) -> Term:
    return Term(Op.NOT, Kind.BOOL, (term,)) if negated else term


def _named(node: Node, term: Term) -> str:
    text = written(node)
    return f"{text if len(text) <= 60 else f'{text[:60]}...'} is {term.kind.value}"


def _meant(node: Node, term: Term) -> str:
    """Say what may have been meant by a value that is no condition."""
    if not isinstance(node, Name):
        return ""
    meant = {Kind.DOUBLE: "== 1", Kind.KEY: '== "..."'}.get(term.kind)
    return f": compare it, such as {written(node)} {meant}" if meant else ""


def _remedy(*nodes: Node) -> str:
    """Say how a whole number becomes one that goes with the others."""
    for node in nodes:
        if isinstance(node, Literal) and type(node.value) is int:
            return f": write {float(node.value)!r}"
    return ": write double(...) around the whole one"
