"""The commands ``fraudstream lists``: names, options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stream.cli.options import ByOption, ConfigOption, JsonOption

app = typer.Typer(
    help="Who is allowed, denied or watched, until when and why.", no_args_is_help=True
)

NameArgument = Annotated[str, typer.Argument(help="The list, as [lists.NAME] declares it.")]
ValueArgument = Annotated[
    str,
    typer.Argument(
        metavar="VALUE", help="As payments have it; '-' reads it from stdin, unseen by others."
    ),
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is kept with the entry.")]
FromOption = Annotated[
    str,
    typer.Option(
        "--from",
        help="Only payments made from then on: 2026-12-24, in UTC. Else all that arrive after it.",
        show_default=False,
    ),
]
UntilOption = Annotated[
    str,
    typer.Option(
        help="Only payments made before: 2026-12-31, its beginning in UTC, or 2026-12-31T18:00.",
        show_default=False,
    ),
]
ForOption = Annotated[
    str,
    typer.Option("--for", help="The same, so long from now, or from --from on: 30d."),
]


@app.command()
def add(
    name: NameArgument,
    value: ValueArgument,
    reason: ReasonOption,
    by: ByOption = "",
    begins: FromOption = "",
    until: UntilOption = "",
    lasts: ForOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Order that a value be on a list, or that its entry say something else."""
    from stream.commands.lists import Asked, change_list

    asked = Asked(reason, by, begins, until, lasts)
    raise typer.Exit(change_list(name, value, asked, config, as_json))


@app.command()
def remove(
    name: NameArgument,
    value: ValueArgument,
    reason: ReasonOption,
    by: ByOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Order that a value be taken off a list."""
    from stream.commands.lists import Asked, change_list

    raise typer.Exit(change_list(name, value, Asked(reason, by), config, as_json, remove=True))


@app.command("import")
def import_(
    name: NameArgument,
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV with the column value, and if they differ: since, until, reason.",
        ),
    ],
    by: ByOption = "",
    reason: Annotated[
        str, typer.Option(help="Why, where the file says nothing.", show_default=False)
    ] = "",
    begins: FromOption = "",
    until: UntilOption = "",
    lasts: ForOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Order that all values of a file be on a list; a second time does no harm."""
    from stream.commands.lists import Asked
    from stream.commands.lists_import import import_list

    asked = Asked(reason, by, begins, until, lasts)
    raise typer.Exit(import_list(name, file, asked, config, as_json))


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Only this one, with its entries.")] = "",
    at: Annotated[
        str,
        typer.Option(
            help="As of then: 2026-11-22T10:30, in UTC, or 6h for six hours ago; default: now.",
            show_default=False,
        ),
    ] = "",
    value: Annotated[
        str,
        typer.Option(
            help="Whether this is on it, and all that was ordered of it; exit 1 if it is not. "
            "'-' reads it from stdin.",
            show_default=False,
        ),
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who is or was on a list, from all orders in the control topic."""
    from stream.commands.lists_show import show_lists

    raise typer.Exit(show_lists(name, at, value, config, as_json))
