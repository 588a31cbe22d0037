"""Many verdicts at once, from a table."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from schemas.errors import InputFileError
from stream.cases.verdict import Verdict, VerdictError, read_word

COLUMNS = ("alert_id", "verdict", "note", "confidence", "by")
_NEEDED = COLUMNS[:2]
# More are no day's work of people, and all of them are looked for at once.
ROWS_MAX = 10_000
_SHOWN = 10


def read_verdicts(path: Path, by: str, note: str = "", confidence: float = 1.0) -> list[Verdict]:
    """Read a CSV file with a header.

    Parameters
    ----------
    path : Path
        Columns `alert_id` and `verdict`, and `note`, `confidence` and `by` where they differ from
        row to row.
    by, note, confidence
        Of rows that have none of their own.

    Raises
    ------
    InputFileError
        If it is no such file; every wrong row is named with its line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _verdicts(csv.DictReader(file, strict=True), path, Verdict, by, note, confidence)
    except OSError as error:
        raise InputFileError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputFileError(f"{path} is no CSV file in UTF-8: {error}") from error


def _verdicts(
    rows: csv.DictReader[str],
    path: Path,
    make: type[Verdict],
    by: str,
    note: str,
    confidence: float,
) -> list[Verdict]:
    header = tuple(rows.fieldnames or ())
    wrong = [name for name in header if name not in COLUMNS]
    missing = [name for name in _NEEDED if name not in header]
    if wrong or missing:
        raise InputFileError(
            f"{path}: the header is {','.join(header)[:200]!r}: it must have {', '.join(_NEEDED)}, "
            f"and may have {', '.join(COLUMNS[2:])}"
        )
    found: list[Verdict] = []
    problems: list[str] = []
    lines: dict[str, int] = {}
    for row in rows:
        line = rows.line_num
        if len(found) + len(problems) >= ROWS_MAX:
            raise InputFileError(f"{path}: more than {ROWS_MAX:,} rows: divide it")
        try:
            one = make(
                (row["alert_id"] or "").strip(),
                read_word(row["verdict"] or ""),
                row.get("by") or by,
                row.get("note") or note,
                _number(row.get("confidence") or "", confidence),
            )
            if one.alert_id in lines:
                raise VerdictError(f"the alert of line {lines[one.alert_id]} once more")
        except VerdictError as error:
            problems.append(f"line {line}: {error}")
            continue
        lines[one.alert_id] = line
        found.append(one)
    if problems or not found:
        raise InputFileError(f"{path}:{_listed(problems) or ' there is no row in it'}")
    return found


def _number(text: str, otherwise: float) -> float:
    try:
        return float(text) if text else otherwise
    except ValueError:
        raise VerdictError(f"{text[:40]!r} is no confidence: a number above 0 to 1") from None


def _listed(problems: list[str]) -> str:
    def lines() -> Iterator[str]:
        yield from problems[:_SHOWN]
        if len(problems) > _SHOWN:
            yield f"and {len(problems) - _SHOWN} more"

    return "".join(f"\n  - {line}" for line in lines())
