"""The command line of the benchmarks: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

import benchmarks
from benchmarks import machine, report
from benchmarks.guard import command as guard
from benchmarks.harness import (
    REGISTRY,
    Benchmark,
    BenchmarkError,
    Registry,
    Result,
    discover,
)
from benchmarks.pace import Pace, words

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
# Commands that bring a document up to date, and the module that writes into it.
_WRITERS = {"report": "report", "experiment": "experiments", "waterfall": "waterfall"}
# Commands that sum logs up first.
_SUMMED = {"faults": "benchmarks.faults", "shown": "benchmarks.guard.shown"}


def _seed(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure ours beside the reference, in turn, and say by how much they differ.",
        epilog="Data goes to stdout, progress to stderr. Exit status: 0 measured, 1 a benchmark "
        "failed, 2 wrong usage, 130 interrupted.",
    )
    parser.add_argument("--only", metavar="NAME", action="append", default=[], help="may repeat")
    parser.add_argument("--full", action="store_true", help="the long ones too: an hour and more")
    parser.add_argument("--quick", action="store_true", help="rough numbers, soon")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--out", metavar="FILE", type=Path, help="write the results file as well")
    parser.add_argument("--seed", metavar="N", type=_seed, default=1, help="default: %(default)s")
    parser.add_argument("--list", action="store_true", help="list the benchmarks and run none")
    commands = parser.add_subparsers(
        dest="command",
        metavar="[report | leaderboard | experiment | drift | one-model | faults | waterfall | "
        "guard | shown]",
    )
    for name, what in (
        ("report", "bring the table in a document up to date"),
        ("experiment", "the same of what `fraudstream experiment --out` wrote"),
        ("waterfall", "draw where the time of a payment goes, from results of `stage_*`"),
    ):
        into = commands.add_parser(name, help=what)
        into.add_argument(
            "--results",
            metavar="FILE",
            type=Path,
            required=True,
            action="append",
            help="may repeat: the newer last",
        )
        into.add_argument("--into", metavar="DOCUMENT", type=Path, required=True)
        if name == "report":
            into.add_argument(
                "--row", metavar="NAME", action="append", default=[], help="only it; may repeat"
            )
        into.add_argument(
            "--check", action="store_true", help="change nothing; exit 1 if it differs"
        )
    board = commands.add_parser(
        "leaderboard", help="run every model over the Handbook's stream, or write their table"
    )
    board.add_argument("--quick", action="store_true", help="a tenth of the stream: rough numbers")
    board.add_argument("--only", metavar="TEXT", default="", help="rows with this in their name")
    board.add_argument("--out", metavar="FILE", type=Path, help="run, and write the results file")
    board.add_argument("--results", metavar="FILE", type=Path, help="of a run before")
    board.add_argument("--into", metavar="DOCUMENT", type=Path, help="write the table there")
    board.add_argument("--check", action="store_true", help="change nothing; exit 1 if it differs")
    for name, what in (
        ("drift", "watch streams with drifts in them and without, or write their table"),
        ("one-model", "partitions that learn alone beside one model, or write their table"),
    ):
        own = commands.add_parser(name, help=what)
        own.add_argument("--quick", action="store_true", help="one small world: rough numbers")
        own.add_argument("--out", metavar="FILE", type=Path, help="run, and write the results file")
        own.add_argument("--results", metavar="FILE", type=Path, action="append", default=[])
        own.add_argument("--into", metavar="DOCUMENT", type=Path, help="write the table there")
        own.add_argument(
            "--check", action="store_true", help="change nothing; exit 1 if it differs"
        )
    for name, what in (
        ("faults", "sum up what tests that inject faults saw, or write their table"),
        ("shown", "sum up what `guard --out` wrote, or write the table of it"),
    ):
        summing = commands.add_parser(name, help=what)
        summing.add_argument(
            "--log", metavar="FILE", type=Path, action="append", default=[], help="may repeat"
        )
        summing.add_argument(
            "--out", metavar="FILE", type=Path, help="sum the logs up in this file"
        )
        summing.add_argument("--results", metavar="FILE", type=Path, action="append", default=[])
        summing.add_argument("--into", metavar="DOCUMENT", type=Path, help="write the table there")
        summing.add_argument(
            "--check", action="store_true", help="change nothing; exit 1 if it differs"
        )
    guard.add_arguments(commands.add_parser("guard", help="fail if a stage has become slower"))
    return parser


def main(argv: Sequence[str] | None = None, registry: Registry | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv
        The arguments; those of the process by default.
    registry
        The benchmarks; by default those of this package's ``bench_*`` modules.

    Returns
    -------
    int
        The exit status.
    """
    options = _parser().parse_args(argv)
    try:
        if options.command in _WRITERS:
            # They import what the other benchmarks do not need.
            writer = importlib.import_module(f"benchmarks.{_WRITERS[options.command]}")
            more = {"only": options.row} if options.command == "report" else {}
            return _report(options, partial(writer.write_into, **more))
        if options.command in _OWN:
            return _OWN[options.command](options)
        if options.command in _SUMMED:
            return _summed(options, importlib.import_module(_SUMMED[options.command]))
        if registry is None:
            registry = _found()
        if options.command == "guard":
            return _guard(options, registry)
        chosen = registry.select(options.only, full=options.full or options.list)
        if options.list:
            _list(chosen)
            return OK
        return _measure(chosen, options)
    except (BenchmarkError, report.ReportError) as error:
        return _usage(str(error))
    except KeyboardInterrupt:
        return INTERRUPTED


def _found() -> Registry:
    """Return the benchmarks of this package."""
    try:
        discover(benchmarks)
    except ModuleNotFoundError as error:
        raise BenchmarkError(
            f"{error}: what benchmarks compare with comes with `make .venv/.dev`"
        ) from error
    return REGISTRY


def _usage(text: str) -> int:
    print(f"python -m benchmarks: {text}", file=sys.stderr)
    return USAGE


def _report(options: argparse.Namespace, write_into: Callable[..., bool]) -> int:
    same = write_into(options.results, options.into, check=options.check)
    if options.check and not same:
        files = " ".join(f"--results {path}" for path in options.results)
        files += "".join(f" --row {name}" for name in getattr(options, "row", []))
        print(
            f"{options.into} does not say what the results say; bring it up to date with: "
            f"python -m benchmarks {options.command} {files} --into {options.into}",
            file=sys.stderr,
        )
        return FAILED
    return OK


def _leaderboard(options: argparse.Namespace) -> int:
    # It imports what the other benchmarks do not need.
    from benchmarks import leaderboard

    if (options.out is None) == (options.results is None):
        return _usage("leaderboard: either --out FILE, to run it, or --results FILE of a run")
    if options.results is not None:
        if options.into is None:
            return _usage("leaderboard: --results FILE needs --into DOCUMENT")
        same = leaderboard.write_into(options.results, options.into, check=options.check)
        if options.check and not same:
            print(
                f"{options.into} does not say what the results say; bring it up to date with: "
                f"python -m benchmarks leaderboard --results {options.results} "
                f"--into {options.into}",
                file=sys.stderr,
            )
            return FAILED
        return OK
    if (why := _unwritable(options.out)) is not None:
        return _usage(why)
    found = leaderboard.measure(
        quick=options.quick, only=options.only, tell=lambda text: print(text, file=sys.stderr)
    )
    options.out.write_text(report.to_json(found), encoding="utf-8")
    print(leaderboard.markdown(found))
    return FAILED if found["failed"] else OK


def _experiment(options: argparse.Namespace) -> int:
    # It imports what the other benchmarks do not need.
    name = options.command
    package = f"benchmarks.{name.replace('-', '_')}"
    table = importlib.import_module(f"{package}.table")
    if (options.out is None) == (not options.results):
        return _usage(f"{name}: either --out FILE, to run it, or --results FILE of a run")
    if options.results:
        if options.into is None:
            return _usage(f"{name}: --results FILE needs --into DOCUMENT")
        return _report(options, table.write_into)
    if (why := _unwritable(options.out)) is not None:
        return _usage(why)
    found = importlib.import_module(f"{package}.experiment").measure(
        quick=options.quick,
        seed=options.seed,
        tell=lambda text: print(text, file=sys.stderr),
    )
    options.out.write_text(report.to_json(found), encoding="utf-8")
    if options.into is not None:
        table.write_into([options.out], options.into)
    print(table.markdown(found))
    return OK


# Commands that run something of their own.
_OWN = {"leaderboard": _leaderboard, "drift": _experiment, "one-model": _experiment}


def _summed(options: argparse.Namespace, summing: Any) -> int:
    """Sum logs up, or write the table of what was; `summing` is the module that does it."""
    name = options.command
    if bool(options.log) != bool(options.out) or bool(options.out) == bool(options.results):
        return _usage(f"{name}: either --log FILE --out FILE, to sum up, or --results FILE")
    if options.results:
        if options.into is None:
            return _usage(f"{name}: --results FILE needs --into DOCUMENT")
        return _report(options, summing.write_into)
    if (why := _unwritable(options.out)) is not None:
        return _usage(why)
    found = summing.summed(summing.read_log(options.log))
    options.out.write_text(report.to_json(found), encoding="utf-8")
    if options.into is not None:
        summing.write_into([options.out], options.into)
    return FAILED if summing.failed(found) else OK


def _guard(options: argparse.Namespace, registry: Registry) -> int:
    if options.out is not None and (why := _unwritable(options.out)) is not None:
        return _usage(why)
    try:
        with _progress() as tell:
            return OK if guard.run(options, registry, tell) else FAILED
    except BenchmarkError as error:
        print(f"python -m benchmarks guard: {error}", file=sys.stderr)
        return FAILED


def _unwritable(out: Path | None) -> str | None:
    # An hour of measuring must not end in a file that cannot be written.
    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        return f"--out: {out} cannot be written: no such folder, or a folder itself"
    return None


def _list(chosen: Sequence[Benchmark]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("Name", "Unit", "What"):
        table.add_column(heading, overflow="fold")
    for each in chosen:
        for name, unit in each.units.items():
            left = " (--full)" if each.full else ""
            table.add_row(escape(name), escape(unit), escape(each.title + left))
    _stdout().print(table)


def _measure(chosen: Sequence[Benchmark], options: argparse.Namespace) -> int:
    if (why := _unwritable(options.out)) is not None:
        return _usage(why)
    # Before the benchmarks themselves load the machine.
    facts = machine.facts(options.seed)
    only = frozenset(options.only)
    results: list[Result] = []
    failed: list[str] = []
    seconds: dict[str, float] = {}
    pace = Pace([each.takes_s for each in chosen], quick=options.quick)
    with _progress() as tell:
        for number, each in enumerate(chosen, 1):
            names = ", ".join(name for name in each.units if not only or name in only)
            began = time.perf_counter()
            progress = _after(f"[{number}/{len(chosen)}] {names}", pace, began, tell)
            progress("beginning")
            try:
                results += each.run(
                    quick=options.quick,
                    seed=options.seed,
                    only=only,
                    progress=progress,
                )
            except Exception:  # One broken benchmark must not cost the others' results.
                failed.append(names)
                print(f"{names} failed:\n{traceback.format_exc()}", file=sys.stderr, end="")
            seconds[names] = round(time.perf_counter() - began, 1)
            pace.took(seconds[names])
    found = report.document(results, facts, quick=options.quick, failed=failed)
    found["load_average_after"] = machine.load_average()
    found["took_s"] = seconds
    if options.out is not None:
        options.out.write_text(report.to_json(found), encoding="utf-8")
    if options.json:
        sys.stdout.write(report.to_json(found))
    else:
        report.print_table(found, _stdout())
    return FAILED if failed else OK


def _after(
    prefix: str, pace: Pace, began: float, tell: Callable[[str], None]
) -> Callable[[str], None]:
    def progress(text: str) -> None:
        tell(f"{prefix}: {text} ({words(pace.left_s(time.perf_counter() - began))})")

    return progress


def _stdout() -> Console:
    # A file or a pipe has no width of its own, and a wrapped table is of no use in it.
    return Console() if sys.stdout.isatty() else Console(width=160, no_color=True)


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show a line of progress on stderr, if a person is looking."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    console = Console(stderr=True)
    with console.status("") as status:
        yield lambda text: status.update(escape(text))


if __name__ == "__main__":
    sys.exit(main())
