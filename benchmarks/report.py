"""What becomes of results: a table on a terminal, a file, a table in a document."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.harness import Result

BEGIN = "<!-- bench:begin -->"
END = "<!-- bench:end -->"

_KEYS = ("name", "unit", "value", "reference", "ratio")


class ReportError(Exception):
    """A results file or a document cannot be used; the text says why."""


def document(
    results: Sequence[Result],
    machine: Mapping[str, Any],
    *,
    quick: bool,
    failed: Sequence[str] = (),
) -> dict[str, Any]:
    """Return everything a run found, as JSON takes it."""
    return {
        "results": [result.as_json() for result in results],
        "machine": dict(machine),
        "quick": quick,
        "failed": list(failed),
        "taken_at": now(),
    }


def now() -> str:
    """Return the time as results files have it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_json(found: Mapping[str, Any]) -> str:
    """Return the text of a results file."""
    return json.dumps(found, indent=2, allow_nan=False) + "\n"


def load(path: Path) -> dict[str, Any]:
    """Read a results file.

    Raises
    ------
    ReportError
        It cannot be read, or does not hold results.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReportError(f"{path}: {error}") from error
    results = found.get("results") if isinstance(found, dict) else None
    if not isinstance(results, list):
        raise ReportError(f"{path}: holds no list of results")
    for number, result in enumerate(results):
        missing = [key for key in _KEYS if not isinstance(result, dict) or key not in result]
        if missing:
            raise ReportError(f"{path}: result {number} lacks {', '.join(missing)}")
    return dict(found)


def number(value: float | None) -> str:
    """Write a number for a reader: three digits that count, thousands set apart."""
    if value is None:
        return "-"
    # Rounded first: 9.999 is 10.0, not 10.00.
    rounded = float(f"{value:.3g}")
    whole = math.floor(math.log10(abs(rounded))) if rounded else 2
    return f"{rounded:,.{max(0, 2 - whole)}f}"


def times(ratio: float | None) -> str:
    """Write how many times better ours is."""
    return "-" if ratio is None else f"{number(ratio)}x"


def _spread(result: Mapping[str, Any]) -> str:
    detail = result.get("detail") or {}
    low, high = detail.get("ratio_low"), detail.get("ratio_high")
    return "-" if low is None or high is None else f"{number(low)} to {number(high)}"


def _rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            str(result["name"]),
            str(result["unit"]),
            number(result["value"]),
            number(result["reference"]),
            times(result["ratio"]),
            _spread(result),
        )
        for result in found["results"]
    ]


_HEADINGS = ("Benchmark", "Unit", "Ours", "Reference", "Ratio", "Lowest to highest")


def print_table(found: Mapping[str, Any], console: Console) -> None:
    """Show the results on a console."""
    table = Table()
    for index, heading in enumerate(_HEADINGS):
        text = index < 2
        table.add_column(heading, justify="left" if text else "right", overflow="fold")
    for row in _rows(found):
        table.add_row(*map(escape, row))
    console.print(table)
    console.print(summary(found), markup=False, highlight=False, soft_wrap=True)


def summary(found: Mapping[str, Any]) -> str:
    """Return one sentence on what the results were measured on."""
    machine = found.get("machine") or {}
    parts = [str(machine.get("cpu") or "an unknown processor")]
    if machine.get("cores"):
        parts.append(f"{machine['cores']} cores")
    if machine.get("python"):
        parts.append(str(machine["python"]))
    packages = machine.get("packages") or {}
    parts += [f"{name} {version}" for name, version in packages.items() if version]
    if machine.get("commit"):
        changed = " with changes" if machine.get("dirty") else ""
        parts.append(f"commit {str(machine['commit'])[:12]}{changed}")
    if machine.get("load_average"):
        parts.append(f"load {machine['load_average'][0]}")
    if machine.get("seed") is not None:
        parts.append(f"seed {machine['seed']}")
    quick = " A quick run: the numbers are rough." if found.get("quick") else ""
    when = f" on {str(found['taken_at'])[:10]}" if found.get("taken_at") else ""
    return f"Measured{when}: {', '.join(parts)}.{quick}"


def markdown(found: Mapping[str, Any]) -> str:
    """Return the results as a Markdown table with a line about the machine."""
    return f"{markdown_table(_HEADINGS, _rows(found), text_columns=2)}\n\n{summary(found)}"


def markdown_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int
) -> str:
    """Return a Markdown table; behind the columns of text come those of figures."""
    figures = len(headings) - text_columns
    lines = [
        _line(headings),
        _line(["---"] * text_columns + ["---:"] * figures),
        *(_line([cell.replace("|", "\\|") for cell in row]) for row in rows),
    ]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def splice(text: str, table: str, begin: str = BEGIN, end: str = END) -> str:
    """Return the document with the table between its markers.

    Raises
    ------
    ReportError
        The markers do not stand in it once each, the beginning first.
    """
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ReportError(f"needs {begin} and then {end}, once each")
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    return f"{head}{begin}\n{table}\n{end}{tail}"


def each_as_table(
    results: Sequence[Path], markdown: Callable[[Mapping[str, Any]], str]
) -> list[str]:
    """Return the table of each results file.

    Raises
    ------
    ReportError
        One cannot be read, or holds something else.
    """
    tables = []
    for path in results:
        try:
            tables.append(markdown(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, ReportError) as error:
            raise ReportError(f"{path}: {error}") from error
    return tables


def newest(files: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Leave out of each file what a later one has measured again, and files with nothing left."""
    kept: list[dict[str, Any]] = []
    seen: set[str] = set()
    for found in reversed(files):
        results = [result for result in found["results"] if result["name"] not in seen]
        seen |= {result["name"] for result in results}
        if results:
            kept.insert(0, {**found, "results": results})
    return kept


def chosen(files: Sequence[Mapping[str, Any]], only: Sequence[str]) -> str:
    """Return one table of some results in the order asked for, and what they were measured on.

    Raises
    ------
    ReportError
        None of the files has one of them.
    """
    rows = {row[0]: row for found in files for row in _rows(found)}
    if missing := [name for name in only if name not in rows]:
        raise ReportError(f"no results file has {', '.join(missing)}")
    used = [found for found in files if any(each["name"] in only for each in found["results"])]
    table = markdown_table(_HEADINGS, [rows[name] for name in only], text_columns=2)
    return "\n\n".join([table, *map(summary, used)])


def write_into(
    results: Sequence[Path], into: Path, *, check: bool = False, only: Sequence[str] = ()
) -> bool:
    """Bring the tables in a document up to date.

    Parameters
    ----------
    results
        The results files, a table each; what a later one holds is left out of the earlier.
    into
        The document with the markers.
    check
        Change nothing.
    only
        Names of the results that the document has, in one table; all of them for none.

    Returns
    -------
    bool
        Whether the document already said what the results say.

    Raises
    ------
    ReportError
        One of the two cannot be used.
    """
    files = newest([load(path) for path in results])
    tables = [chosen(files, only)] if only else [markdown(found) for found in files]
    return bring_up_to_date(into, tables, check=check)


def writer_of(
    markdown: Callable[[Mapping[str, Any]], str], begin: str, end: str
) -> Callable[..., bool]:
    """Return what brings the tables of results files between two markers of a document.

    It takes the files, the document, and whether to change nothing (``check``); it tells whether
    they stood there already, and raises ReportError if one of them cannot be used.
    """

    def write_into(results: Sequence[Path], into: Path, *, check: bool = False) -> bool:
        tables = each_as_table(results, markdown)
        return bring_up_to_date(into, tables, begin, end, check=check)

    return write_into


def bring_up_to_date(
    into: Path, tables: Sequence[str], begin: str = BEGIN, end: str = END, *, check: bool = False
) -> bool:
    """Put tables between a document's markers; tell whether they stood there already.

    Raises
    ------
    ReportError
        The document cannot be read, or has not its markers.
    """
    try:
        text = into.read_text(encoding="utf-8")
        wanted = splice(text, "\n\n".join(tables), begin, end)
    except (OSError, ValueError, ReportError) as error:
        raise ReportError(f"{into}: {error}") from error
    if wanted != text and not check:
        into.write_text(wanted, encoding="utf-8")
    return wanted == text
