"""The grammar: what is read as what, and where it is none."""

import random

import pytest

from stream.rules.parser import DEPTH_MAX, NESTING_MAX, parse
from stream.rules.syntax import Binary, Call, Conditional, ListOf, Literal, Name, Unary, written
from stream.rules.tokens import RuleTextError

A, B, C, D = map(Name, "abcd")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a || b && c", Binary("||", A, Binary("&&", B, C))),
        ("a || b || c", Binary("||", Binary("||", A, B), C)),
        ("a - (b - c)", Binary("-", A, Binary("-", B, C))),
        ("a - b - c", Binary("-", Binary("-", A, B), C)),
        ("a + b * c", Binary("+", A, Binary("*", B, C))),
        ("(a + b) * c", Binary("*", Binary("+", A, B), C)),
        ("a < b == c", Binary("==", Binary("<", A, B), C)),
        ("a + b in [1, -2]", Binary("in", Binary("+", A, B), ListOf((Literal(1), Literal(-2))))),
        ("a ? b : c ? d : a", Conditional(A, B, Conditional(C, D, A))),
        ("(a ? b : c) ? d : a", Conditional(Conditional(A, B, C), D, A)),
        ("a || b ? c : d", Conditional(Binary("||", A, B), C, D)),
        ("!a && b", Binary("&&", Unary("!", A), B)),
        ("!!a", Unary("!", Unary("!", A))),
        ("-a * b", Binary("*", Unary("-", A), B)),
        ("--5", Unary("-", Literal(-5))),
        ("-(5)", Literal(-5)),
        ("-9223372036854775808", Literal(-(2**63))),
        ("1--1", Binary("-", Literal(1), Literal(-1))),
        ("true", Literal(True)),
        ("card.count_1h", Name("card.count_1h")),
        ("`card+merchant.count_1h`", Name("card+merchant.count_1h")),
        ("`package.count_1h`", Name("package.count_1h")),
        ("has(card.count_1h)", Call("has", (Name("card.count_1h"),))),
        ("math.greatest(a, b, 1)", Call("math.greatest", (A, B, Literal(1)))),
        ("event_time.getHours()", Call(".getHours", (Name("event_time"),))),
        ("(a).f()", Call(".f", (A,))),
        ("a in lists.stolen", Binary("in", A, Name("lists.stolen"))),
        ("a in []", Binary("in", A, ListOf(()))),
    ],
)
def test_operators_bind_as_in_cel(text, tree):
    assert parse(text) == tree
    assert parse(written(tree)) == tree


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("", 0, "nothing here"),
        ("// nothing", 0, "nothing here"),
        ("a >", 3, "a value should stand here; the rule ends"),
        ("a b", 2, "should end here, or go on with an operator, not at 'b'"),
        ("(a > 1", 6, "')' is missing"),
        ("a > 1)", 5, "should end here"),
        ("a and b", 2, "write '&&'"),
        ("a or b", 2, "write '||'"),
        ("not a", 0, "write '!'"),
        ("a > and b", 4, "write '&&'"),
        ("a ? b", 5, "':' is missing"),
        ("a in [1, 2", 10, "',' is missing between the elements"),
        ("a[0] > 1", 1, "indices are left out"),
        ("[1, 2].all(x, x > 1)", 7, "macros such as all()"),
        ("a.exists(x, x)", 2, "macros such as exists()"),
        ("a.(b)", 2, "only a function"),
        ("(a).b", 4, "only a function"),
        ("null == a", 0, "a value should stand here"),
        ("card.in > 1", 5, "write the whole name as `card.in`"),
        ("-!a", 1, "a value should stand here"),
        ("a > 9223372036854775808", 4, "64 bits"),
        ("a > -(9223372036854775808)", 6, "64 bits"),
        ("a == b'x'", 5, "bytes"),
    ],
)
def test_what_is_no_rule_is_told_with_its_place(text, at, words):
    with pytest.raises(RuleTextError) as error:
        parse(text)
    assert words in error.value.problem
    assert error.value.at == at


@pytest.mark.parametrize("opening", ["(", "[", "f(", "a ? b : ", "!(", "-("])
def test_what_is_nested_too_deep_is_refused_and_not_followed(opening):
    with pytest.raises(RuleTextError, match=f"more than {NESTING_MAX}"):
        parse(opening * 1000 + "a")


@pytest.mark.parametrize("text", ["!" * 9000 + "a", "a" + " + a" * 2400, "-" * 9000 + "a"])
def test_what_is_too_long_on_end_is_refused_and_not_followed(text):
    with pytest.raises(RuleTextError, match=f"more than {DEPTH_MAX} operators"):
        parse(text)


def test_what_is_as_deep_as_allowed_is_read_and_written():
    deep = "(" * (NESTING_MAX - 1) + "a" + ")" * (NESTING_MAX - 1)
    assert parse(deep) == A
    long = " && ".join("a" * DEPTH_MAX)
    assert written(parse(long)) == long


def read_or_refused(text):
    try:
        return parse(text), 0
    except RuleTextError as error:
        return None, error.at


def test_no_text_makes_it_fail_otherwise():
    """Whatever is made of the words of rules, it is read or it is told what is wrong."""
    rng = random.Random(1)
    words = ["a", "b.c", "`d+e`", "1", "2.5", "'x'", *"[](),.!-+<?:", "&&", "||", "==", "in", "has"]
    words += ["math.abs", "//\n", "\\", '"']
    read = 0
    for _ in range(5000):
        text = " ".join(rng.choices(words, k=rng.randint(1, 9)))
        tree, at = read_or_refused(text)
        assert 0 <= at <= len(text)
        if tree is not None:
            assert parse(written(tree)) == tree
            read += 1
    assert read > 50
