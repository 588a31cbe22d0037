"""The command ``fraudstream``: names, options and help; each command imports what it runs.

Numba, River and librdkafka take seconds to import, so nothing heavier than typer
is imported before a command is chosen: ``--help`` answers at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import ConfigError, FraudError
from stream.cli import backtest, cases
from stream.cli.console import (
    FAILED,
    INTERRUPTED,
    OK,
    USAGE,
    emit_json,
    emit_report,
    out,
    say,
    say_warnings,
)
from stream.cli.features import features_app
from stream.cli.lists import app as lists_app
from stream.cli.models import app as models_app
from stream.cli.options import (
    ByOption,
    ConfigOption,
    JsonOption,
    NoteOption,
    Preset,
    Protocol,
    RateOption,
    SecondsOption,
    SeedOption,
    StatesOption,
    Target,
)
from stream.cli.rules import rules_app

app = typer.Typer(
    name="fraudstream",
    help="Real-time fraud detection on a stream of Avro transactions.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
topics_app = typer.Typer(help="Kafka topics.", no_args_is_help=True)
schemas_app = typer.Typer(help="Avro contracts.", no_args_is_help=True)
snapshots_app = typer.Typer(help="What a worker has kept of itself.", no_args_is_help=True)
app.add_typer(features_app, name="features")
app.add_typer(lists_app, name="lists")
app.add_typer(rules_app, name="rules")
app.add_typer(snapshots_app, name="snapshots")
app.add_typer(models_app, name="models")
app.add_typer(topics_app, name="topics")
app.add_typer(schemas_app, name="schemas")


@app.command()
def demo(
    seconds: SecondsOption = None,
    rate: RateOption = 500,
    seed: SeedOption = 1,
    as_json: JsonOption = False,
) -> None:
    """Score a live stream on an embedded broker: nothing to install or configure."""
    from stream.commands.demo import run_demo

    raise typer.Exit(run_demo(seconds, rate, seed, as_json))


@app.command()
def broker(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Run a broker to try things on, at kafka.bootstrap of this machine, until Ctrl-C."""
    from stream.commands.broker import run_broker

    raise typer.Exit(run_broker(config, as_json))


@app.command()
def run(
    config: ConfigOption = None,
    page: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Serve the live page here: sets admin.port."),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(min=1, max=256, help="So many that share the partitions, on ports in a row."),
    ] = 1,
    as_json: JsonOption = False,
) -> None:
    """Run a worker on a Kafka cluster until SIGTERM or Ctrl-C."""
    if workers > 1:
        from stream.commands.workers import run_workers

        raise typer.Exit(run_workers(config, workers, as_json, page))
    from stream.commands.worker import run_worker

    raise typer.Exit(run_worker(config, as_json, page))


@app.command()
def simulate(
    preset: Annotated[Preset, typer.Option(help="What to simulate.")] = Preset.LIVE,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", help="Write to a file: .parquet, .csv, .jsonl or .avro."),
    ] = None,
    to: Annotated[Target | None, typer.Option(help="Send it live.")] = None,
    rate: RateOption = 500,
    seconds: SecondsOption = None,
    seed: SeedOption = 1,
    label_delay: Annotated[
        str, typer.Option(help="Labels follow their payment after this much event time.")
    ] = "",
    bootstrap: Annotated[str, typer.Option(help="Brokers, instead of kafka.bootstrap.")] = "",
    lag_max: Annotated[
        int, typer.Option(min=1, help="Hold back when the consumer group is this far behind.")
    ] = 10_000,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="The broker is the demo's embedded one.")
    ] = False,
    drift: Annotated[
        str,
        typer.Option(
            metavar="KIND[:AT[:SIZE]]",
            help="Change the world at a time: covariate, prior, concept or missing; "
            "covariate:90d:1.5 lets amounts grow by half on day 90.",
        ),
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make payments with fraud among them: to a file, or live to Kafka with late labels."""
    if (out_file is None) == (to is None):
        raise typer.BadParameter("say where to: --out FILE or --to kafka")
    if out_file is not None:
        from stream.commands.simulate import simulate_to_file

        raise typer.Exit(
            simulate_to_file(preset.value, out_file, rate, seconds, seed, as_json, drift)
        )
    from stream.commands.simulate import LivePlan, simulate_to_kafka

    plan = LivePlan(
        preset.value, rate, seconds, seed, label_delay, bootstrap, lag_max, embedded, drift
    )
    raise typer.Exit(simulate_to_kafka(plan, config, as_json))


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help=".parquet, .csv, .jsonl or .avro")],
    config: ConfigOption = None,
    alerts: Annotated[Path | None, typer.Option(help="Write alerts here, as JSON Lines.")] = None,
    drifts: Annotated[
        Path | None,
        typer.Option(help="Write drifts that began or were over here, as JSON Lines."),
    ] = None,
    dead_letters: Annotated[
        Path | None, typer.Option(help="Write what was refused here, as an Avro file.")
    ] = None,
    features_out: Annotated[
        Path | None,
        typer.Option(help="Write every row with its features here: .parquet or .csv"),
    ] = None,
    states: StatesOption = False,
    label_delay: Annotated[
        str,
        typer.Option(help="Labels follow their payment after this much event time, such as 7d."),
    ] = "",
    protocol: Annotated[
        Protocol | None,
        typer.Option(help="Also judge as the Fraud Detection Handbook does.", show_default=False),
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, help="So many read ahead of the one that learns; Parquet only.")
    ] = 1,
    as_json: JsonOption = False,
) -> None:
    """Run a file through the engine in event time, labels late, and report how good it was."""
    from stream.commands.replay import run_replay

    if states and features_out is None:
        raise typer.BadParameter("--states belongs to --features-out FILE")
    raise typer.Exit(
        run_replay(
            file,
            config,
            alerts,
            dead_letters,
            features_out,
            states,
            as_json,
            label_delay,
            protocol is not None,
            drifts,
            processes,
        )
    )


@app.command()
def experiment(
    config: Annotated[
        list[Path],
        typer.Option(help="A configuration; repeat it. The others are compared with the first."),
    ],
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A stream for all runs; without it the Handbook's, another one for each seed.",
            show_default=False,
        ),
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            help="The first configuration with other keys, by a name: "
            "'apart: model.feedback = \"separate\"'; repeat it.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            min=1,
            max=1000,
            help="How many, from 0 on. Seed 0 is the published stream and the models as they are "
            "configured; seed i draws a stream anew and adds i to the seed of every model. "
            "With FILE seeds are the models' only.",
        ),
    ] = 5,
    days: Annotated[
        int | None,
        typer.Option(min=1, help="Days of a simulated stream; default: 183.", show_default=False),
    ] = None,
    warm_up: Annotated[
        int,
        typer.Option(
            min=0, help="Days at the beginning that are not judged, but by the Handbook's protocol."
        ),
    ] = 30,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Processes at the same time; default: one a core."),
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Write the results here, as JSON.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the results here: .svg")] = None,
    as_json: JsonOption = False,
) -> None:
    """Replay several configurations over several seeds, and say how they differ."""
    from stream.commands.experiment import Asked, run_experiment

    if file is not None and days is not None:
        raise typer.BadParameter("--days is of a simulated stream, and FILE is one already")
    asked = Asked(
        file, tuple(config), tuple(variant or ()), seeds, days, warm_up, jobs, out_file, plot
    )
    raise typer.Exit(run_experiment(asked, as_json))


@app.command()
def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check everything a worker needs; exit 1 if something is wrong."""
    from stream.config.configuration import load
    from stream.doctor import as_json as findings_as_json
    from stream.doctor import examine

    findings = []
    for finding in examine(load(config)):
        findings.append(finding)
        if not as_json:
            mark = "ok  " if finding.ok else "FAIL"
            out.print(f"{mark} {finding.check}: {finding.text}", markup=False)
    if as_json:
        emit_json(findings_as_json(findings))
    raise typer.Exit(OK if all(finding.ok for finding in findings) else FAILED)


@app.command("warm-up")
def warm_up(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Compile all that a worker runs, before one starts: no broker, no secret."""
    from stream.commands.warm_up import compile_all

    raise typer.Exit(compile_all(config, as_json))


@topics_app.command("create")
def topics_create(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Create the configured topics that are missing."""
    from stream.commands.topics import create_topics

    raise typer.Exit(create_topics(config, as_json))


@schemas_app.command("check")
def schemas_check(
    folder: Annotated[
        Path | None, typer.Option(help="A folder with a registry.toml; default: ours.")
    ] = None,
    config: ConfigOption = None,
    write: Annotated[
        bool, typer.Option("--write", help="Fill in the digests of new versions.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check that every published schema version can be read by those who must; exit 1 if not."""
    from stream.commands.schemas import check_schemas

    raise typer.Exit(check_schemas(folder, config, write, as_json))


FolderArgument = Annotated[Path, typer.Argument(help="The folder of a worker's snapshots.")]


@snapshots_app.command("list")
def snapshots_list(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """Show every snapshot: number, size, version, next offsets, and whether it is whole."""
    from stream.commands.snapshots import list_snapshots

    raise typer.Exit(list_snapshots(folder, as_json))


@snapshots_app.command("verify")
def snapshots_verify(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """Show the same; exit 1 if one is not whole, or there is none."""
    from stream.commands.snapshots import verify_snapshots

    raise typer.Exit(verify_snapshots(folder, as_json))


@app.command()
def reproduce(
    alert_id: Annotated[str, typer.Argument(help="The alert's id, as it was published.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replay the journal up to an alert; exit 1 if it does not come out the same."""
    from stream.commands.reproduce import reproduce_alert

    raise typer.Exit(reproduce_alert(alert_id, config, as_json))


@app.command()
def erase(
    entity: Annotated[str, typer.Argument(help="A name of fields.entities, such as card.")],
    of_id: Annotated[
        str, typer.Argument(metavar="ID", help="Its id; '-' reads it from stdin, unseen by others.")
    ],
    config: ConfigOption = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Order nothing: look for it in the recovery folder.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option(
            help="With --verify: another folder than recovery.folder.", show_default=False
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
    by: ByOption = "",
    note: NoteOption = "",
    as_json: JsonOption = False,
) -> None:
    """Order that somebody be forgotten; --verify: look for it, exit 1 if it is there."""
    from stream.commands.erase import erase_entity, verify_erasure

    if verify:
        raise typer.Exit(verify_erasure(entity, of_id, config, folder, as_json))
    if folder is not None:
        raise typer.BadParameter("--folder belongs to --verify")
    raise typer.Exit(erase_entity(entity, of_id, config, yes, as_json, by, note))


@app.command()
def report(
    out: Annotated[Path, typer.Option("--out", help="The file that is written.")],
    url: Annotated[
        str, typer.Option(help="Of the worker's admin port; else the configuration's.")
    ] = "",
    began: Annotated[str, typer.Option("--from", help="From when: 2026-11-22T10:30, or 6h.")] = "",
    ended: Annotated[str, typer.Option("--to", help="Until when.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the live page as one HTML file: of a running worker, or of what one left."""
    from stream.commands.report import write_report

    raise typer.Exit(write_report(url, began, ended, out, config, as_json))


@app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def bench(context: typer.Context) -> None:
    """Measure how fast it is, beside what one would use otherwise; `bench --help` says more."""
    from stream.commands.bench import run_bench

    run_bench(context.args)


@app.command()
def version(as_json: JsonOption = False) -> None:
    """Print the versions of fraudstream and of what it stands on."""
    from importlib.metadata import version as version_of

    names = ("fraudstream", "confluent-kafka", "river", "numpy", "numba", "fastavro")
    found = {name: version_of(name) for name in names}
    if as_json:
        emit_json(found)
    else:
        emit_report(found, "versions")


cases.add_to(app)
backtest.add_to(app)


def main() -> None:
    """Run the command; a person's mistake is a line on stderr, never a stack trace."""
    say_warnings()
    try:
        app(standalone_mode=True)
    except ConfigError as error:
        say(f"error: {error}")
        sys.exit(USAGE)
    except FraudError as error:
        say(f"error: {error}")
        sys.exit(FAILED)
    except OSError as error:
        # A file that cannot be written, a full disk: the system's words say it best.
        say(f"error: {error.strerror or error}" + (f": {error.filename}" if error.filename else ""))
        sys.exit(FAILED)
    except MemoryError as error:
        say(f"error: not enough memory ({error}): lower entities_max, events_max or waiting_max")
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
