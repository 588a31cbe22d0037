"""``fraudstream models``: names, options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stream.cli.options import ByOption, ConfigOption, JsonOption

app = typer.Typer(help="Models: kept ones, and who decides.", no_args_is_help=True)

_Kept = Annotated[
    str,
    typer.Argument(metavar="VERSION", help="forest/3, or forest for its newest, or an alias."),
]
_Name = Annotated[str, typer.Argument(help="A name of model.challengers, or model.name.")]
# Orders to models call it why, as their reigns do.
_Note = Annotated[str, typer.Option("--note", "--why", help="Why; it is kept.")]
_Yes = Annotated[bool, typer.Option("--yes", help="Ask nobody.")]


@app.command("list")
def list_(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show versions that are kept, who decides, and what the gate says of challengers."""
    from stream.commands.models import list_models

    raise typer.Exit(list_models(config, as_json))


@app.command()
def show(version: _Kept, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Verify a version, and show its manifest."""
    from stream.commands.models import show_model

    raise typer.Exit(show_model(version, config, as_json))


@app.command()
def card(version: _Kept, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Verify a version, and show its card."""
    from stream.commands.models import card_model

    raise typer.Exit(card_model(version, config, as_json))


@app.command()
def export(
    name: _Name,
    partition: Annotated[
        int | None,
        typer.Option(min=0, help="Whose, where each has a state.", show_default=False),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep a model of the newest snapshot in model.registry."""
    from stream.commands.models import export_model

    raise typer.Exit(export_model(name, partition, config, as_json))


@app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(help="A version elsewhere, such as models/forest/3.")],
    name: Annotated[str, typer.Option(help="What it is called here; else as there.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a version of another folder, and keep it in model.registry."""
    from stream.commands.models import import_model

    raise typer.Exit(import_model(folder, name, config, as_json))


@app.command()
def promote(
    name: _Name,
    by: ByOption = "",
    note: _Note = "",
    yes: _Yes = False,
    force: Annotated[
        bool, typer.Option("--force", help="Even where the gate does not say so.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Order that a challenger decide, if the gate says that it is better."""
    from stream.commands.promotion import Asker, promote_model

    raise typer.Exit(promote_model(name, Asker(by, note, config, yes, as_json), force))


@app.command()
def rollback(
    by: ByOption = "",
    note: _Note = "",
    yes: _Yes = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Order that the champion before decide again."""
    from stream.commands.promotion import Asker, roll_back

    raise typer.Exit(roll_back(Asker(by, note, config, yes, as_json)))


@app.command()
def disable(
    name: _Name,
    by: ByOption = "",
    note: _Note = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Order that a challenger be asked nothing any more."""
    from stream.commands.promotion import Asker, disable_model

    raise typer.Exit(disable_model(name, Asker(by, note, config, True, as_json), False))


@app.command()
def enable(
    name: _Name,
    by: ByOption = "",
    note: _Note = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Order that a challenger that was disabled be asked again."""
    from stream.commands.promotion import Asker, disable_model

    raise typer.Exit(disable_model(name, Asker(by, note, config, True, as_json), True))
