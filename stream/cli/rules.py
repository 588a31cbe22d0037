"""The commands ``fraudstream rules``: names, options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stream.cli.options import ByOption, ConfigOption, JsonOption, NoteOption

rules_app = typer.Typer(help="Rules that people write.", no_args_is_help=True)

FolderArgument = Annotated[Path, typer.Argument(help="Folder of .toml files, or one file.")]


@rules_app.command("check")
def check(folder: FolderArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Find all that is wrong with rules, their own tests included; exit 1 if anything is."""
    from stream.commands.rules import check_rules

    raise typer.Exit(check_rules(folder, config, as_json))


@rules_app.command("apply")
def apply(
    folder: FolderArgument,
    by: ByOption = "",
    note: NoteOption = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put rules in force in place of all that are; every worker hears of it."""
    from stream.commands.rules_apply import apply_rules

    raise typer.Exit(apply_rules(folder, config, by, note, yes, as_json))


@rules_app.command("list")
def list_(folder: FolderArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show all rules: what they do, in which mode, until when, whose they are."""
    from stream.commands.rules import list_rules

    raise typer.Exit(list_rules(folder, config, as_json))


@rules_app.command("explain")
def explain(
    folder: FolderArgument,
    rule: Annotated[str, typer.Argument(help="The id of a rule.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put one rule in words, with the values that it reads."""
    from stream.commands.rules import explain_one

    raise typer.Exit(explain_one(folder, rule, config, as_json))


@rules_app.command("matches")
def matches(
    last: Annotated[int, typer.Option(min=1, help="How many decisions are looked at.")] = 20_000,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what each rule matched among the newest decisions, and what is known of those."""
    from stream.commands.rules_matches import show_matches

    raise typer.Exit(show_matches(config, last, as_json))
