"""A trail that was tampered with is told from one that was not, beside a plain check."""

import random

import pytest
from seeds import seeds

from stream.audit_trail.chain import FIRST_PREVIOUS, Act, Step, following
from stream.audit_trail.verifying import Head, Kind, verify


def act(number):
    return Act(f"p{number % 3}", "erase", Step.ORDERED, f"r-{number}", "card", note=str(number))


def chain(n, start=None):
    entries = [] if start is None else [start]
    for number in range(n):
        entries.append(following(entries[-1] if entries else None, act(number), number))
    return entries if start is None else entries[1:]


def kinds(entries, expected=None):
    return [finding.kind for finding in verify(enumerate(entries), expected).findings]


def is_whole(entries):
    """The same question asked plainly: every entry is intact, and is the one after the last."""
    previous = [FIRST_PREVIOUS, *(each.hash for each in entries)]
    return all(
        each.is_intact and each.sequence == at and each.previous == previous[at]
        for at, each in enumerate(entries)
    )


@pytest.mark.parametrize("n", [0, 1, 2, 30])
def test_a_whole_trail_is_whole(n):
    entries = chain(n)
    found = verify(enumerate(entries))
    assert found.findings == []
    assert found.entries == n
    assert found.head == (Head(n - 1, entries[-1].hash) if n else None)
    assert is_whole(entries)


def test_what_was_altered_is_named_by_its_place():
    entries = chain(5)
    entries[2] = entries[2]._replace(act=entries[2].act._replace(who="mallory"))
    (finding,) = verify([(10 + at, each) for at, each in enumerate(entries)]).findings
    assert (finding.offset, finding.kind) == (12, Kind.ALTERED)
    assert "entry 2" in finding.text


def test_an_alteration_with_a_hash_of_its_own_breaks_the_chain():
    entries = chain(5)
    entries[2] = following(entries[1], act(99), 2)
    assert kinds(entries) == [Kind.GAP]


def test_two_who_wrote_at_once_are_a_fork_whichever_is_followed():
    entries = chain(3)
    other = following(entries[1], act(7), 2)
    on_first, on_second = following(entries[2], act(8), 3), following(other, act(8), 3)
    assert kinds([*entries, other]) == [Kind.FORK]
    assert kinds([*entries, other, on_second]) == [Kind.FORK]
    assert kinds([*entries, other, on_first]) == [Kind.FORK, Kind.FORK]
    assert kinds([entries[0], following(None, act(7), 1)]) == [Kind.FORK]


def test_an_entry_that_comes_twice_is_a_fork():
    entries = chain(3)
    assert kinds([*entries, entries[2]]) == [Kind.FORK]


def test_what_was_left_out_is_a_gap():
    entries = chain(5)
    assert kinds([*entries[:2], *entries[3:]]) == [Kind.GAP]


def test_a_beginning_that_was_cut_off_is_told():
    assert kinds(chain(5)[2:]) == [Kind.NO_BEGINNING]


def test_an_end_that_was_cut_off_is_told_to_whoever_noted_it():
    entries = chain(5)
    head = verify(enumerate(entries)).head
    assert kinds(entries[:3]) == [], "nobody can tell without having noted the end"
    assert kinds(entries[:3], head) == [Kind.ANOTHER_END]
    assert kinds([*entries, following(entries[-1], act(9), 9)], head) == []


def test_a_wrong_number_is_told():
    entries = chain(2)
    wrong = following(entries[1]._replace(sequence=7), act(3), 3)
    assert kinds([*entries, wrong]) == [Kind.MISNUMBERED]


def test_what_is_no_entry_is_told_and_passed_over():
    entries = chain(3)
    assert kinds([entries[0], "no record", *entries[1:]]) == [Kind.UNREADABLE]


@seeds(200)
def test_whatever_is_done_to_a_trail_is_found(seed):
    draw = random.Random(seed)
    entries = chain(draw.randint(2, 12))
    original = list(entries)
    for _ in range(draw.randint(1, 3)):
        if not entries:
            break
        at = draw.randrange(len(entries))
        what = draw.choice(["alter", "rehash", "drop", "swap", "repeat", "insert", "fork"])
        if what == "alter":
            entries[at] = entries[at]._replace(at_us=draw.randrange(100))
        elif what == "rehash":
            before = entries[at - 1] if at else None
            entries[at] = following(before, act(50), 50)
        elif what == "drop":
            del entries[at]
        elif what == "swap":
            to = draw.randrange(len(entries))
            entries[at], entries[to] = entries[to], entries[at]
        elif what == "repeat":
            entries.insert(at, entries[at])
        elif what == "insert":
            entries.insert(at, following(draw.choice(original), act(60), 60))
        else:
            entries.append(following(entries[at], act(70), 70))
    assert (kinds(entries) == []) == is_whole(entries)
    # What looks whole is the same, or another end of it, which its noted end gives away.
    if is_whole(entries) and entries[: len(original)] != original:
        assert kinds(entries, Head(original[-1].sequence, original[-1].hash)) == [Kind.ANOTHER_END]
