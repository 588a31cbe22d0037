"""An experiment's results as a person sees them."""

from __future__ import annotations

import pytest
from inputs.experiments import outcome, plan_by_hand
from rich.console import Console

from stream.experiment import table
from stream.experiment.measures import MEASURES, PARTS
from stream.experiment.results import document
from stream.experiment.table import show

NAMES = ["plain", "other[b]", "a_name_much_longer_than_its_column_is[b]"]


def test_every_measure_and_configuration_has_its_line_of_80_columns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = plan_by_hand(NAMES, 3, notes=("be careful",))
    outcomes = {
        (name, seed): outcome(
            whole__ap=0.5 + seed / 10 + at * seed / 50, events_per_cpu_s=48_123.0 + seed * 9_876
        )
        for at, name in enumerate(NAMES)
        for seed in range(3)
    }
    outcomes["other[b]", 2] = {"error": "there is no file [x].py"}
    show(document(plan, outcomes))
    said = capsys.readouterr().out
    for part, measures in PARTS.items():
        assert part.format(days="10 days") in said
        for measure in measures.values():
            words = measure.words.format(k=100)
            assert words + (", low is good" if measure.lower_is_better else "") in said
    lines = [line.rstrip() for line in said.splitlines()]
    assert sum("a_name_much_longer" in line for line in lines) == len(MEASURES)
    assert max(map(len, lines)) <= 80
    assert sum(" other[b] " in line for line in lines) == len(MEASURES)
    assert any(line.split() == ["plain", "0.6000", "±", "0.2484"] for line in lines)
    assert any("+0.0400 ± 0.0994     2 of 3" in line for line in lines)
    assert any("57,999 ± 24,533" in line for line in lines)
    assert "note: be careful" in lines
    assert "failed: other[b], seed 2: there is no file [x].py" in lines


def test_without_a_protocol_there_is_no_part_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    plan = plan_by_hand(["a"], 1)
    none = {"protocol__auc": None, "protocol__ap": None, "protocol__cp100": None}
    show(document(plan, {("a", 0): outcome(**none)}))
    said = capsys.readouterr().out
    assert "1 configuration, 1 seed" in said
    assert "protocol" not in said
    assert "±" not in said


def test_nothing_left_is_only_failures(capsys: pytest.CaptureFixture[str]) -> None:
    plan = plan_by_hand(["a"], 1)
    show(document(plan, {("a", 0): {"error": "x"}}))
    assert "failed: a, seed 0: x" in capsys.readouterr().out


def test_a_terminal_without_unicode_gets_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Plain:
        encoding = "ascii"

        def print(self, *parts: object, **_: object) -> None:
            console.print(*parts, markup=False)

    console = Console(soft_wrap=True, width=80)
    monkeypatch.setattr(table, "out", Plain())
    plan = plan_by_hand(NAMES, 2)
    show(document(plan, {(name, seed): outcome() for name in NAMES for seed in (0, 1)}))
    said = capsys.readouterr().out
    assert "0.5000 +- 0.0000" in said
    assert "±" not in said
    assert "…" not in said
