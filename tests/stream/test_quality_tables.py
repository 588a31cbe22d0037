"""The measures as a person sees them."""

from __future__ import annotations

import pytest
from inputs.decisions import decisions_of

from stream.evaluation.ledger import DAY_US
from stream.evaluation.report import quality_report
from stream.quality_tables import MEASURES, plot, show_protocol, show_quality


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], ""),
        ([None], " "),
        ([0.5], "."),
        ([1.0, 2.0, None, 3.0], ".* @"),
        ([0.0] * 3, "..."),
        # Brought together by their means; a gap is what has no value at all.
        ([0.0, 0.0, 1.0, None, None, None, 2.0, 2.0], ".* @"),
    ],
)
def test_days_are_drawn_from_the_lowest_to_the_highest(
    values: list[float | None], drawn: str
) -> None:
    assert plot(values, ".*@", width=4) == drawn


def test_a_plot_is_never_wider_than_it_may_be() -> None:
    for n in (1, 31, 32, 33, 183, 10_000):
        assert len(plot([float(i) for i in range(n)], "ab", 32)) == min(n, 32)


def test_every_measure_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    rows = decisions_of(4_000, 1, "nobody", days=90, unknown=0.2)
    report = quality_report(rows, "card", 7, [3 * DAY_US, 40 * DAY_US])
    show_quality(report)
    said = capsys.readouterr().out
    measures = {name: words for part in MEASURES.values() for name, words in part.items()}
    assert list(measures) == list(report["fading"]["3d"])
    for words in [*MEASURES, *measures.values()]:
        assert words.format(k=7) in said
    # Nothing is cut off on a terminal of 80 columns.
    for shown in (report["whole"], *report["fading"].values()):
        for name in measures:
            assert f"{shown[name]:.{3 if shown[name] >= 0.01 else 4}f} " in said, name
    assert "lowest  highest" in said
    assert "fading" in said
    assert max(map(len, said.splitlines()[1:])) <= 80
    assert f"{report['whole']['auc']:.3f}" in said
    assert "payments have no card" in said
    assert "their truth is not known" in said
    assert "had no score" not in said


def test_nothing_to_judge_is_said_with_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    show_quality(quality_report(decisions_of(5, 1, unknown=1.0), "card", 100, [DAY_US]))
    assert "replay.label" in capsys.readouterr().out


def test_the_handbooks_rows_stand_beside_ours(capsys: pytest.CaptureFixture[str]) -> None:
    ours = {"auc": 0.5, "ap": None, "cp100": 0.0012}
    fold = {**ours, "first_test_day": "2018-08-08", "unscored": 3}
    show_protocol({"single": ours, "folds_mean": ours, "folds_std": ours, "folds": [fold, fold]})
    said = capsys.readouterr().out
    assert "0.871" in said
    assert "0.687" in said
    assert "test week of 2018-08-08" in said
    assert "0.500 ± 0.500" in said
    assert "6 payments of the test weeks had no score" in said
