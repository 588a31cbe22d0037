"""Codes of reasons: every feature has one, tables are laid over each other, and none is silent."""

from __future__ import annotations

import hashlib

import pytest
from inputs.grammar_names import FEATURES, INPUTS

from schemas.errors import ConfigError
from stream.evidence.reason_codes import TEXT_MAX, ReasonTable, ReasonWords, read_table
from stream.explanation.reason_files import SHIPPED
from stream.features.declare import parse
from stream.features.kinds import KINDS

# Each version that was published, and the digest of its entries. An entry that is changed makes a
# new version: add it here.
PUBLISHED = {"1": "0d8e04862a304c63"}


def shipped() -> ReasonTable:
    return read_table(SHIPPED.read_text(encoding="utf-8"), "reason_codes.toml")


def said(name: str, table: ReasonTable | None = None) -> ReasonWords:
    return (table or shipped()).words(parse(name, INPUTS), INPUTS)


def laid_over(text: str) -> ReasonTable:
    return read_table(f'version = "mine-3"\n{text}', "mine.toml").over(shipped())


def test_a_changed_table_is_a_new_version() -> None:
    table = shipped()
    digest = hashlib.sha256(repr(table.codes).encode()).hexdigest()[:16]
    assert PUBLISHED.get(table.version) == digest, "give the table a new version, and pin it here"


@pytest.mark.parametrize("feature", FEATURES, ids=str)
def test_every_feature_of_the_grammar_has_a_code_and_words(feature) -> None:
    words = shipped().words(feature, INPUTS)
    assert words.code != "R000"
    assert not words.protected
    for text in (words.text, words.high, words.low):
        assert 0 < len(text) <= TEXT_MAX
        assert text[0].isupper() or text[0].isdigit()
        assert "{" not in text


def test_every_kind_has_an_entry_and_every_entry_is_reached() -> None:
    table = shipped()
    assert {kind for code in table.codes for kind in code.kinds} == set(KINDS)
    first = {next(code for code in table.codes if code.fits(feature)) for feature in FEATURES}
    assert first == set(table.codes)
    names = [code.code for code in table.codes]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("name", "code", "high"),
    [
        ("card.count_1h", "R101", "Many payments on this card in 1 hour"),
        ("card.count_61m", "R102", "Many payments on this card in 61 minutes"),
        ("card+shop.count_7d", "R102", "Many payments on this card and shop in 7 days"),
        (
            "card.count_1d_delay_7d",
            "R102",
            "Many payments on this card in the 1 day up to 7 days ago",
        ),
        ("card.new_shop", "R107", "First payment of this card with this shop"),
        ("card.age_sum_1h", "R302", "Values of age on this card in 1 hour"),
        ("is_large", "R405", "This payment: amount is above 500"),
        (
            "ratio(amount, card.count_1h)",
            "R601",
            "Amount of this payment, divided by: payments on this card in 1 hour",
        ),
        (
            "at_fraud(card, amount)",
            "R507",
            "Amount of this payment, at the latest known fraud of this card",
        ),
    ],
)
def test_words_are_of_the_feature(name: str, code: str, high: str) -> None:
    words = said(name)
    assert (words.code, words.high) == (code, high)


def test_a_table_of_ones_own_is_asked_first() -> None:
    table = laid_over("""
        [[codes]]
        code = "A1"
        kinds = ["count"]
        entity = "card+*"
        text = "Often at this {entity}"
    """)
    assert table.version == "1+mine-3"
    assert said("card+shop.count_1h", table) == ReasonWords(
        "A1", *["Often at this card and shop"] * 3
    )
    assert said("card.count_1h", table) == said("card.count_1h")


def test_what_is_protected_is_so_in_whatever_is_made_of_it() -> None:
    table = laid_over('[[codes]]\ncode = "P1"\nof = "age"\nprotected = true')
    inner = ["input.age", "card.age_mean_1h"]
    for name in [*inner, "log(input.age)", "ratio(amount, card.age_sum_1h)"]:
        assert said(name, table).protected, name
    assert not said("card.amount_mean_1h", table).protected


def test_texts_that_would_be_too_long_are_cut() -> None:
    table = laid_over('[[codes]]\ncode = "A1"\ntext = "{feature} {feature} {feature}"')
    name = "ratio(card+channel.amount_mean_1d_delay_7d, card+shop.amount_mean_1d_delay_7d)"
    assert len(said(name, table).text) == TEXT_MAX


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("codes = 3", "write each entry under [[codes]]"),
        ("other = 1", "other: no such key"),
        ('[[codes]]\ntext = "x"', "code: write a text of 1 to 16"),
        ('[[codes]]\ncode = "A1"', "text: say what is read"),
        ('[[codes]]\ncode = "A1"\ntext = "{card}"', "text: no hole {card}; the nearest is"),
        ('[[codes]]\ncode = "A1"\ntext = "{entity.name}"', "no hole {entity.name}"),
        ('[[codes]]\ncode = "A1"\ntext = "{entity!r}"', "no hole {entity}"),
        ('[[codes]]\ncode = "A1"\ntext = "{"', "a brace that is none of a hole"),
        ('[[codes]]\ncode = "A1"\ntext = 3', "text: 3 is not a text"),
        ('[[codes]]\ncode = "A1"\ntext = "x"\nkinds = ["counts"]', "the nearest is 'count'"),
        (
            '[[codes]]\ncode = "A1"\ntext = "x"\nwindow_max = "1w"',
            "window_max: '1w' is no duration",
        ),
        ('[[codes]]\ncode = "A1"\ntext = "x"\nentities = "card"', "entities: no such key"),
    ],
)
def test_a_wrong_table_is_told_with_its_entry(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as told:
        laid_over(text)
    assert problem in str(told.value)
    assert "mine.toml" in str(told.value)


@pytest.mark.parametrize("text", ["", "version = 3", 'version = ""', "version ="])
def test_a_table_without_a_version_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="mine"):
        read_table(text, "mine.toml")
