"""Words of rules, and what is none."""

import pytest

from stream.rules.tokens import TEXT_MAX, RuleTextError, Token, words_of


def kinds(text):
    return [(word.token, word.text) for word in words_of(text)[:-1]]


def test_every_word_has_its_kind_and_its_place():
    text = "a.b >= 0x1F // c\n && `x+y.z`in['q']"
    words = words_of(text)
    assert [(word.token, word.text, word.at) for word in words] == [
        (Token.NAME, "a", 0),
        (Token.SIGN, ".", 1),
        (Token.NAME, "b", 2),
        (Token.SIGN, ">=", 4),
        (Token.INT, "0x1F", 7),
        (Token.SIGN, "&&", 18),
        (Token.QUOTED_NAME, "x+y.z", 21),
        (Token.NAME, "in", 28),
        (Token.SIGN, "[", 30),
        (Token.TEXT, "'q'", 31),
        (Token.SIGN, "]", 34),
        (Token.END, "", 35),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("0x1F", 31),
        ("9223372036854775808", 2**63),
        ("00012", 12),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.5E-3", 0.0015),
        ('"a\\n\\t\\\\\\"\\x41\\u00e9\\U0001F600\\101"', 'a\n\t\\"Aé\U0001f600A'),
        ("'it\\'s'", "it's"),
        ('r"a\\n"', "a\\n"),
        ("'''a\n'b'\n'''", "a\n'b'\n"),
        ('"""a"b"""', 'a"b'),
        ("''", ""),
    ],
)
def test_literals_have_the_value_that_cel_gives_them(text, value):
    (word, end) = words_of(text)
    assert word.value == value
    assert type(word.value) is type(value)
    assert end.at == len(text)


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("a = 1", 2, "write '=='"),
        ("a & b", 2, "write '&&'"),
        ("a | b", 2, "write '||'"),
        ("a > 1u", 5, "unsigned"),
        ("a > 12abc", 6, "put a blank"),
        ("a == 'x", 5, "close it with '"),
        ("a == 'x\n'", 5, "close it with '"),
        ("a == '''x'", 5, "close it with '''"),
        (r"a == 'x\y'", 7, "no escape sequence"),
        (r"a == '\ud800'", 6, "no character of Unicode"),
        (r"a == '\U00110000'", 6, "no character of Unicode"),
        ("a == b'x'", 5, "bytes"),
        ("`a", 0, "close it with another `"),
        ("a ; b", 2, "';' means nothing"),
        ("a > 1e999", 4, "larger than any"),
        ("a > 123456789012345678901", 4, "64 bits"),
        ("a > " + "9" * 5000, 4, "64 bits"),
    ],
)
def test_what_is_no_word_is_told_with_its_place(text, at, words):
    with pytest.raises(RuleTextError) as error:
        words_of(text)
    assert error.value.at == at
    assert words in error.value.problem


def test_a_rule_has_an_end():
    words_of("a" * TEXT_MAX)
    with pytest.raises(RuleTextError, match="at most 10,000 characters"):
        words_of("a" * (TEXT_MAX + 1))
