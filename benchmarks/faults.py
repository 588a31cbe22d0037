"""What tests saw that inject faults, summed up, and as a table in a document.

``tests/fault_log.py`` writes the lines: a test's run each, and the real servers that were used.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.report import ReportError, bring_up_to_date, each_as_table, markdown_table

BEGIN, END = "<!-- faults:begin -->", "<!-- faults:end -->"
HEADINGS = ("Fault", "What must hold", "Test", "Runs", "Faults", "Inputs", "Lost", "Twice")
_COUNTS = ("faults", "inputs", "lost", "repeated")


def read_log(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the lines of logs.

    Raises
    ------
    ReportError
        A log cannot be read, or a line of it is none of ours.
    """
    lines = []
    for path in paths:
        try:
            texts = path.read_text(encoding="utf-8").splitlines()
            found = [json.loads(text) for text in texts]
        except (OSError, ValueError) as error:
            raise ReportError(f"{path}: {error}; run the tests with the log once more") from error
        for number, line in enumerate(found, 1):
            if not isinstance(line, dict) or not (
                "server" in line or {"test", "seen"} <= set(line)
            ):
                raise ReportError(f"{path}: line {number} is no line of the fault log")
        lines += found
    return lines


def summed(lines: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a row for each fault and test, in the order of the tests' names, as JSON takes it.

    A run that failed or was skipped is counted, with what it had seen until then.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    servers, commits, days = set(), set(), set()
    for line in lines:
        commits.add((line["commit"], line["dirty"]))
        days.add(line["at"][:10])
        if "server" in line:
            servers.add(line["server"])
            continue
        row = rows.setdefault(
            (line["test"], line["fault"]),
            {
                **{name: line[name] for name in ("test", "fault", "invariant")},
                **dict.fromkeys(("runs", "failed", "skipped"), 0),
                **dict.fromkeys(_COUNTS, None),
            },
        )
        row["runs"] += line["outcome"] != "skipped"
        row["failed"] += line["outcome"] == "failed"
        row["skipped"] += line["outcome"] == "skipped"
        for each in line["seen"]:
            for name in _COUNTS:
                if each[name] is not None:
                    row[name] = (row[name] or 0) + each[name]
    return {
        "faults": [rows[key] for key in sorted(rows)],
        "servers": sorted(servers),
        "commits": [
            {"commit": commit, "dirty": dirty} for commit, dirty in sorted(commits, key=str)
        ],
        "days": sorted(days),
        "machine": {
            name: value
            for name, value in machine.facts(0).items()
            if name in ("cpu", "cores", "memory_gib", "system", "python", "packages")
        },
    }


def failed(found: Mapping[str, Any]) -> bool:
    """Tell whether a run failed."""
    return any(row["failed"] for row in found["faults"])


def markdown(found: Mapping[str, Any]) -> str:
    """Return the table, and a line about where and how often it was run.

    Raises
    ------
    ReportError
        These are no faults that were summed up.
    """
    try:
        rows = [_row(each) for each in found["faults"]]
        return f"{markdown_table(HEADINGS, rows, text_columns=3)}\n\n{_summary(found)}"
    except (KeyError, TypeError, AttributeError) as error:
        raise ReportError(f"holds no faults: {type(error).__name__} {error}") from error


def write_into(results: Sequence[Path], into: Path, *, check: bool = False) -> bool:
    """Bring a table of each file between the markers of a document, as `report.writer_of` does.

    What a later file has of a file of tests stands for all that an earlier one has of it.

    Raises
    ------
    ReportError
        One of them cannot be used.
    """
    run_again: set[str] = set()

    def table(found: Mapping[str, Any]) -> str:
        whole = markdown(found)
        rows = [row for row in found["faults"] if _file(row) not in run_again]
        if len(rows) < len(found["faults"]):
            whole = markdown({**found, "faults": rows}) if rows else ""
        run_again.update(map(_file, found["faults"]))
        return whole

    tables = [each for each in each_as_table(results[::-1], table)[::-1] if each]
    return bring_up_to_date(into, tables, BEGIN, END, check=check)


def _file(row: Mapping[str, Any]) -> str:
    return str(row["test"]).partition("::")[0]


def _row(each: Mapping[str, Any]) -> tuple[str, ...]:
    path, _, function = each["test"].partition("::")
    runs = [str(each["runs"])]
    runs += [f"{each[name]} {name}" for name in ("failed", "skipped") if each[name]]
    counts = ("-" if each[name] is None else f"{each[name]:,}" for name in _COUNTS)
    # One word for a narrow column; the function says the rest.
    words = function.removeprefix("test_").replace("_", " ")
    link = f'[{Path(path).stem.removeprefix("test_")}](../{path} "{words}")'
    return each["fault"], each["invariant"], link, ", ".join(runs), *counts


def _summary(found: Mapping[str, Any]) -> str:
    rows, where = found["faults"], found["machine"]
    runs, faults = sum(row["runs"] for row in rows), sum(row["faults"] or 0 for row in rows)
    failed, skipped = (sum(row[name] for row in rows) for name in ("failed", "skipped"))
    commits = ", ".join(
        f"{str(each['commit'])[:12]}{' with changes' if each['dirty'] else ''}"
        for each in found["commits"]
    )
    parts = [str(where["cpu"] or "an unknown processor"), f"{where['cores']} cores"]
    parts += [str(where["python"]), *found["servers"], f"commit {commits}"]
    days = sorted({found["days"][0], found["days"][-1]})
    return (
        f"{runs:,} runs with {faults:,} faults, of which {failed:,} runs failed; {skipped:,} were "
        f"skipped. {' to '.join(days)}: {', '.join(parts)}."
    )
