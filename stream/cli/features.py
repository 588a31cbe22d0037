"""``fraudstream features``: names, options and help; each command imports what it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stream.cli.options import ConfigOption, JsonOption, StatesOption

features_app = typer.Typer(help="What is computed of a transaction.", no_args_is_help=True)


@features_app.command("list")
def features_list(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show every feature, in the order of the model's inputs, and the memory they take."""
    from stream.commands.features import list_features

    raise typer.Exit(list_features(config, as_json))


@features_app.command("explain")
def features_explain(
    name: Annotated[str, typer.Argument(help="Any feature, listed or not: card.count_1h")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain a feature: which events count, late ones, nulls, unit, memory, fields."""
    from stream.commands.features import explain_feature

    raise typer.Exit(explain_feature(name, config, as_json))


@features_app.command("get")
def features_get(
    entity: Annotated[str, typer.Argument(help="A name of fields.entities: card")],
    entity_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="Its id, as payments have it; - reads it from stdin."),
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what Redis has of one entity: its features at its newest payment."""
    from stream.commands.features_get import get_features

    raise typer.Exit(get_features(entity, entity_id, config, as_json))


@features_app.command("build")
def features_build(
    file: Annotated[
        Path, typer.Option("--input", help="Payments: .parquet, .csv, .jsonl or .avro")
    ],
    out_file: Annotated[Path, typer.Option("--out", help="The table: .parquet or .csv")],
    config: ConfigOption = None,
    dead_letters: Annotated[
        Path | None, typer.Option(help="Write what was refused here, as an Avro file.")
    ] = None,
    states: StatesOption = False,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="At the same time, for Parquet; default: one a core where the file is long.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Build the training table of a file: every row with its features as they were live."""
    from stream.commands.features_build import run_build

    raise typer.Exit(run_build(file, out_file, config, dead_letters, states, as_json, processes))
