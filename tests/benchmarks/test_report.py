"""Results as tables in documents."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import report
from benchmarks.__main__ import main
from benchmarks.machine import ROOT
from tests.benchmarks.registries import a_registry, measurement, sample_result

DOCUMENT = f"# Numbers\n\nbefore\n\n{report.BEGIN}\nold\n{report.END}\n\nafter\n"


def test_results_go_into_a_document_and_the_check_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, into = tmp_path / "results.json", tmp_path / "README.md"
    into.write_text(DOCUMENT)
    assert main(["--quick", "--out", str(results)], a_registry()) == 0
    command = ["report", "--results", str(results), "--into", str(into)]
    capsys.readouterr()

    assert main([*command, "--check"]) == 1
    assert "bring it up to date with" in capsys.readouterr().err
    assert into.read_text() == DOCUMENT, "a check changes nothing"

    assert main(command) == 0
    assert main([*command, "--check"]) == 0
    text = into.read_text()
    assert "| decode.batch | us/event | 0.500 | 6.00 | 12.0x | - |" in text
    assert text.startswith(f"# Numbers\n\nbefore\n\n{report.BEGIN}\n| Benchmark |")
    assert text.endswith(f"seed 1. A quick run: the numbers are rough.\n{report.END}\n\nafter\n")
    assert "old" not in text

    into.write_text(text.replace("12.0x", "13.0x"))
    assert main([*command, "--check"]) == 1


def test_what_a_later_file_measured_again_leaves_the_earlier_table(tmp_path: Path) -> None:
    files = []
    for number, names in enumerate((["a", "b"], ["b", "c"], ["c"])):
        files.append(tmp_path / f"{number}.json")
        found = report.document(
            [sample_result(name) for name in names], {"cpu": f"cpu {number}"}, quick=False
        )
        files[-1].write_text(report.to_json(found))
    into = tmp_path / "README.md"
    into.write_text(DOCUMENT)
    report.write_into(files, into)
    tables = into.read_text().split("| Benchmark |")[1:]
    rows = [[n for n in "abc" if f"| {n} |" in table] for table in tables]
    assert rows == [["a"], ["b"], ["c"]]
    assert [f"cpu {number}" in table for number, table in enumerate(tables)] == [True] * 3
    assert report.write_into(files, into, check=True)
    report.write_into(files[:2], into)
    assert into.read_text().count("| Benchmark |") == 2


def test_a_document_may_have_some_rows_in_an_order_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "0.json", tmp_path / "1.json"]
    for number, names in enumerate((["a", "b"], ["c", "b"])):
        samples = [sample_result(name) for name in names]
        found = report.document(samples, {"cpu": f"cpu {number}"}, quick=False)
        files[number].write_text(report.to_json(found))
    into = tmp_path / "README.md"
    into.write_text(DOCUMENT)
    command = ["report", "--into", str(into)]
    command += [part for file in files for part in ("--results", str(file))]
    assert main([*command, "--row", "b", "--row", "c"]) == 0
    text = into.read_text()
    assert text.count("| Benchmark |") == 1
    assert text.index("| b |") < text.index("| c |")
    assert "| a |" not in text
    # What the other file measured is not shown, so neither is where.
    assert "cpu 1" in text
    assert "cpu 0" not in text
    assert main([*command, "--row", "b", "--row", "c", "--check"]) == 0
    assert main([*command, "--row", "d"]) == 2
    assert "no results file has d" in capsys.readouterr().err


def test_text_outside_the_markers_is_not_checked(tmp_path: Path) -> None:
    results, into = tmp_path / "results.json", tmp_path / "README.md"
    results.write_text(report.to_json(report.document([sample_result()], {}, quick=False)))
    into.write_text(DOCUMENT)
    report.write_into([results], into)
    into.write_text(into.read_text().replace("after", "later"))
    assert report.write_into([results], into, check=True)


@pytest.mark.parametrize(
    "text",
    [
        "no markers",
        report.BEGIN,
        f"{report.END}\n{report.BEGIN}",
        f"{report.BEGIN}{report.END}{report.BEGIN}{report.END}",
    ],
)
def test_a_document_needs_its_markers(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, into = tmp_path / "results.json", tmp_path / "README.md"
    results.write_text(report.to_json(report.document([], {}, quick=False)))
    into.write_text(text)
    assert main(["report", "--results", str(results), "--into", str(into)]) == 2
    assert "once each" in capsys.readouterr().err
    assert into.read_text() == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "No such file"),
        ("{", "Expecting"),
        ("[]", "holds no list of results"),
        ('{"results": [{"name": "a"}]}', "result 0 lacks unit, value"),
        ('{"results": [3]}', "result 0 lacks name"),
    ],
)
def test_a_file_that_is_no_results_file_is_named(
    text: str | None, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.json"
    if text is not None:
        results.write_text(text)
    into = tmp_path / "README.md"
    into.write_text(DOCUMENT)
    assert main(["report", "--results", str(results), "--into", str(into)]) == 2
    err = capsys.readouterr().err
    assert complaint in err
    assert "results.json" in err


def test_a_name_cannot_break_the_table() -> None:
    found = report.document([sample_result("a|b")], {}, quick=False)
    assert "| a\\|b | us/event |" in report.markdown(found)


def test_a_name_is_no_markup_on_a_terminal() -> None:
    out = io.StringIO()
    found = report.document([sample_result("[red]a[/]")], {}, quick=False)
    report.print_table(found, Console(file=out, width=160))
    assert "[red]a[/]" in out.getvalue()


def test_the_spread_of_the_ratios_is_shown() -> None:
    found = report.document([measurement().result("x", "us/event")], {}, quick=False)
    assert "| x | us/event | 2.00 | 10.0 | 5.00x | 4.00 to 6.00 |" in report.markdown(found)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0"),
        (0.00012345, "0.000123"),
        (0.15, "0.150"),
        (1.0, "1.00"),
        (9.999, "10.0"),
        (99.96, "100"),
        (123.4, "123"),
        (-2.5, "-2.50"),
        (512_345.0, "512,000"),
    ],
)
def test_three_digits_are_enough(value: float | None, text: str) -> None:
    assert report.number(value) == text


def test_the_readme_has_its_markers() -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert report.splice(text, "table").count("table\n") >= 1
