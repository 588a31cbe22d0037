"""What the guard does where there is nothing to compare with, and whom it names."""

import argparse

import pytest

from benchmarks.guard import command
from benchmarks.guard.command import Limits
from benchmarks.guard.comparison import Compared
from benchmarks.guard.intervals import Interval
from benchmarks.guard.trees import MissingCommitError
from benchmarks.harness import Registry, Result
from benchmarks.machine import ROOT

NOWHERE = "0" * 40


def run(monkeypatch, *words, at_least=None, base=NOWHERE):
    limits = Limits(base, 1.2, 0.95, at_least or {})
    monkeypatch.setattr(Limits, "read", lambda: limits)
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    registry = Registry()
    registry.benchmark("fast", unit="us/event")(lambda _: [Result("fast", "us/event", 1, 9, 9.0)])
    return command.run(parser.parse_args(words), registry, lambda _: None)


@pytest.mark.parametrize(("floor", "good"), [(8.0, True), (9.0, True), (10.0, False)])
def test_a_clone_without_history_is_told_so_and_compared_with_the_libraries(
    monkeypatch, capsys, floor, good
):
    assert run(monkeypatch, at_least={"fast": floor}) == good
    said = capsys.readouterr().out
    assert "NOT COMPARED" in said
    assert "git fetch --unshallow" in said
    assert "fast: 9.0x" in said


def test_a_base_that_was_asked_for_must_be_there(monkeypatch):
    with pytest.raises(MissingCommitError, match=NOWHERE):
        run(monkeypatch, "--base", NOWHERE)


@pytest.mark.parametrize("slower", [False, True])
def test_what_is_slower_is_named_with_the_base_that_it_was_compared_with(
    monkeypatch, capsys, slower
):
    found = [Compared("learn", 16, 1.0, 2.0, Interval(1.9, 2.0, 2.1), slower)]
    monkeypatch.setattr(command, "tree_of", lambda commit: ROOT)
    monkeypatch.setattr(command, "compare", lambda *_: found)
    assert run(monkeypatch, "--only-stages", "--base", "abcdef0123456789") != slower
    said = capsys.readouterr().out
    assert ("SLOWER than abcdef012345 by more than 1.2, 95.0% sure: learn at 16" in said) == slower
