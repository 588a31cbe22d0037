"""What a verdict may be, and the label that it becomes."""

import pytest

from schemas.records import RecordCodec, builtin
from stream.cases.verdict import (
    NAME_MAX,
    NOTE_MAX,
    Case,
    Verdict,
    VerdictError,
    headers_of_label,
    label_of,
    read_word,
)
from stream.labels.fates import Source
from stream.labels.label_kinds import DELAYED, FEEDBACK, kinds_by_source

ID = "0123456789abcdef" * 2
CASE = Case(ID, "t-1", 1_000_000, 3)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"alert_id": "t-1"}, "no alert's id"),
        ({"alert_id": ID.upper()}, "no alert's id"),
        ({"alert_id": ID + "\n"}, "no alert's id"),
        ({"by": ""}, "--by NAME"),
        ({"by": "  "}, "--by NAME"),
        ({"by": "a" * (NAME_MAX + 1)}, "--by NAME"),
        ({"by": "ann\x1b[31m"}, "--by NAME"),
        ({"note": "x" * (NOTE_MAX + 1)}, "at most 500"),
        ({"note": "bell\x07"}, "at most 500"),
        ({"note": "card 4111 1111 1111 1111 was copied"}, "a card's number"),
        ({"note": "card 4111-1111-1111-1111"}, "a card's number"),
        ({"confidence": 0.0}, "above 0"),
        ({"confidence": 1.01}, "above 0"),
        ({"confidence": float("nan")}, "above 0"),
    ],
)
def test_what_cannot_be_a_verdict_is_said(changes, text):
    given = {"alert_id": ID, "is_fraud": True, "by": "ann"} | changes
    with pytest.raises(VerdictError, match=text):
        Verdict(**given)


def test_a_note_may_have_numbers_and_lines():
    note = "order 4111 1111 1111 1112,\ncalled +43 1 5128888"
    assert Verdict(ID, True, "ann", note).note == note


@pytest.mark.parametrize(("word", "is_fraud"), [("fraud", True), ("legit", False), (" FRAUD", 1)])
def test_two_words_are_verdicts(word, is_fraud):
    assert read_word(word) is bool(is_fraud)
    assert Verdict(ID, is_fraud, "ann").word == word.strip().lower()


def test_another_word_is_none():
    with pytest.raises(VerdictError, match="'fraud' or 'legit', not 'maybe'"):
        read_word("maybe")


def test_a_label_fits_its_contract_and_is_feedback_of_analysts():
    label = label_of(CASE, Verdict(ID, True, "ann", "seen", 0.75), 5_000_000)
    codec = RecordCodec(builtin("label"), 2)
    assert codec.decode(codec.encode(label)) == {
        "transaction_id": "t-1",
        "is_fraud": True,
        "source": "ANALYST_REVIEW",
        "label_time": 5_000_000,
        "confidence": 0.75,
    }
    kinds = kinds_by_source(feedback_apart=True)
    assert kinds[Source[label["source"]]] == FEEDBACK != DELAYED


def test_a_label_is_never_older_than_its_payment():
    """A producer's clock may be ahead of ours; the engine refuses what came before its payment."""
    assert label_of(CASE, Verdict(ID, False, "ann"), 999_999)["label_time"] == 1_000_000


def test_who_and_why_are_headers():
    said = dict(headers_of_label(Verdict(ID, True, "änn", "why")))
    assert said == {
        "fraudstream.by": "änn".encode(),
        "fraudstream.alert_id": ID.encode(),
        "fraudstream.note": b"why",
    }
    assert "fraudstream.note" not in dict(headers_of_label(Verdict(ID, True, "ann")))
