"""What people see: data on stdout, everything else on stderr, no stack trace for a mistake."""

from __future__ import annotations

import json
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


def say(text: str) -> None:
    """Tell a person something; scripts do not read it."""
    err.print(text, markup=False)


def say_warnings() -> None:
    """Show warnings as lines for a person, without the source that gave them."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        say(f"note: {message}")

    warnings.showwarning = show


def emit_json(value: Any) -> None:
    """Write one JSON value on stdout."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def emit_report(report: dict[str, Any], title: str) -> None:
    """Write a report on stdout for a person to read."""
    table = Table(title=title, show_header=False, title_justify="left", min_width=46)
    for name, value in _flat(report):
        table.add_row(name.replace("_", " "), _plain(value))
    out.print(table)


def print_table(table: Table, wrapped_at: int = 0) -> None:
    """Print a table; where no person looks, as wide as it is, so that no name is broken."""
    if out.is_terminal:
        out.print(table, soft_wrap=False)
        return
    width = wrapped_at
    if not width:
        wide = Console(width=10_000)
        width = Measurement.get(wide, wide.options, table).maximum
    Console(width=width, highlight=False).print(table)


@contextmanager
def row_progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show how many rows are done, on a terminal only; the function yielded is told it."""
    # Here, not above: --help does not need it.
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda rows: progress.update(task, completed=rows)


@contextmanager
def step_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show step after step, each with a bar, on a terminal only; the function yielded is told.

    It takes what is done, how much of it, and how much there is.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        steps: dict[str, Any] = {}

        def tell(step: str, done: int, total: int) -> None:
            if step not in steps:
                steps[step] = progress.add_task(step, total=total)
            progress.update(steps[step], completed=done)

        yield tell


def alert_line(alert: dict[str, Any]) -> str:
    """Put an alert in one line."""
    score = alert["score"]
    reasons = ", ".join(f"{r['feature']} {r['value']:.4g}" for r in alert["reasons"])
    return (
        f"{alert['decision']:<9} {alert['amount_minor'] / 100:>10.2f}  "
        f"score {'  -  ' if score is None else f'{score:.3f}'}  "
        f"{alert['transaction_id']:<14} {reasons}"
    )


@contextmanager
def until_signalled(stop: Callable[[], None]) -> Iterator[list[int]]:
    """Call `stop` on SIGINT and SIGTERM; the list yielded holds the signals that came.

    A second SIGINT is the person's last word and raises KeyboardInterrupt. What `stop` raises can
    come up inside a callback from C (LLVM makes them while kernels compile), where Python drops it
    and prints a trace: the trace is left out, and the list still tells.
    """
    came: list[int] = []

    def handler(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and signal.SIGINT in came:
            raise KeyboardInterrupt
        came.append(number)
        stop()

    def unraisable(dropped: sys.UnraisableHookArgs) -> None:
        if not (came and issubclass(dropped.exc_type, KeyboardInterrupt)):
            report(dropped)

    numbers = (signal.SIGINT, signal.SIGTERM)
    report, sys.unraisablehook = sys.unraisablehook, unraisable
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield came
    finally:
        sys.unraisablehook = report
        for number, old in before.items():
            signal.signal(number, old)


def _flat(report: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in report.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name} ")
        else:
            yield prefix + name, value


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return (
        f"{value:,}"
        if isinstance(value, int)
        else f"{value:,.4g}"
        if value < 1000
        else f"{value:,.0f}"
    )
