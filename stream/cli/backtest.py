"""``fraudstream backtest``: names, options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stream.cli.options import ConfigOption, JsonOption

_TIME = "2026-11-22T10:30 in UTC, or 6h for six hours ago"


def backtest(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Payments with their truth: .parquet, .csv, .jsonl. Without it, what the "
            "configuration's workers took and keep.",
            show_default=False,
        ),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(
            help="Rules in place of those in force: a folder or a file.", show_default=False
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(help="The challenger that decides, by its name.", show_default=False),
    ] = "",
    began: Annotated[
        str, typer.Option("--from", help=f"Begin here: {_TIME}.", show_default=False)
    ] = "",
    ended: Annotated[
        str, typer.Option("--to", help="End before this time.", show_default=False)
    ] = "",
    page: Annotated[
        Path | None, typer.Option("--out", help="Write the report here, as a page of HTML.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide the past once more, as it was and with other rules or another model, and compare.

    Lists, labels and models are those of the time. With nothing changed, what comes out is held
    against what was published; a difference is exit status 1.
    """
    from stream.commands.backtest import run_backtest

    raise typer.Exit(run_backtest(file, config, rules, model, began, ended, page, as_json))


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(backtest)
