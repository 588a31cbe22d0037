"""The commands of those who work on alerts: names, options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stream.cli.options import ByOption, ConfigOption, JsonOption, NoteOption


def verdict(
    alert_id: Annotated[
        str | None, typer.Argument(help="The alert's id, as it was published.", show_default=False)
    ] = None,
    said: Annotated[
        str | None, typer.Argument(metavar="fraud|legit", help="What it was.", show_default=False)
    ] = None,
    by: ByOption = "",
    note: NoteOption = "",
    confidence: Annotated[float, typer.Option(help="How sure, above 0 to 1.")] = 1.0,
    file: Annotated[
        Path | None,
        typer.Option(
            help="Many at once: a CSV file with the columns alert_id and verdict, and where they "
            "differ note, confidence and by.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what an alert was: fraud or legit. The engine learns it as a label of analysts."""
    if (file is None) == (alert_id is None or said is None):
        raise typer.BadParameter("give ALERT_ID and fraud or legit, or --file FILE")
    from stream.cases.verdict import Verdict, VerdictError, read_word
    from stream.cases.verdict_file import read_verdicts
    from stream.commands.verdict import give_verdicts

    try:
        if file is not None:
            verdicts = read_verdicts(file, by, note, confidence)
        else:
            verdicts = [Verdict(alert_id or "", read_word(said or ""), by, note, confidence)]
    except VerdictError as error:
        raise typer.BadParameter(str(error)) from error
    raise typer.Exit(give_verdicts(verdicts, config, as_json))


def explain(
    alert_id: Annotated[str, typer.Argument(help="The alert's id, as it was published.")],
    html: Annotated[
        Path | None,
        typer.Option(
            help="Write it here, as a fragment of HTML that needs nothing beside it.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show why an alert was raised: reasons, what is usual, rules, what would have changed it."""
    from stream.commands.explain import explain_alert

    raise typer.Exit(explain_alert(alert_id, config, html, as_json))


def alerts(
    last: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 10,
    rule: Annotated[
        str,
        typer.Option(metavar="ID", help="Only those that this rule asked for.", show_default=False),
    ] = "",
    ids: Annotated[bool, typer.Option("--ids", help="Only their ids, one a line.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the newest alerts, the newest first."""
    from stream.commands.alerts import show_alerts

    raise typer.Exit(show_alerts(config, last, rule, ids, as_json))


def webhook(
    config: ConfigOption = None,
    from_beginning: Annotated[
        bool,
        typer.Option(
            "--from-beginning", help="Begin with the oldest alert where the group is new."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Send each alert to webhook.url, signed, until SIGTERM or Ctrl-C."""
    from stream.commands.webhook import run_webhook

    raise typer.Exit(run_webhook(config, from_beginning, as_json))


def approve(
    request_id: Annotated[str, typer.Argument(help="The request's id, as it was told.")],
    by: ByOption = "",
    note: NoteOption = "",
    refuse: Annotated[
        bool, typer.Option("--refuse", help="It is not to be sent; nobody can approve it then.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve what somebody else has asked for, and send it; --refuse: refuse it."""
    from stream.commands.approve import approve_request

    raise typer.Exit(approve_request(request_id, by, note, refuse, config, as_json))


trail_app = typer.Typer(help="Who ordered what: the audit trail.", no_args_is_help=True)


@trail_app.command("show")
def trail_show(
    request: Annotated[
        str, typer.Option(help="Only the entries of this request.", show_default=False)
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write all entries, oldest first; --json: one a line."""
    from stream.commands.audit_trail import show_trail

    raise typer.Exit(show_trail(config, request, as_json))


@trail_app.command("verify")
def trail_verify(
    head: Annotated[
        str,
        typer.Option(
            metavar="NUMBER:HASH", help="An end that was noted before.", show_default=False
        ),
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check that all entries are one chain; exit 1 if one was altered, left out or put in."""
    from stream.commands.audit_trail import verify_trail

    raise typer.Exit(verify_trail(config, head, as_json))


snooze_app = typer.Typer(
    help="Rules that raise no alerts about somebody for a while.", no_args_is_help=True
)

RuleArgument = Annotated[
    str, typer.Argument(help="A rule's id, score for the model, or '*' for all of them.")
]
EntityArgument = Annotated[str, typer.Argument(help="A name of fields.entities, such as card.")]
ValueArgument = Annotated[
    str,
    typer.Argument(
        metavar="VALUE", help="As payments have it; '-' reads it from stdin, unseen by others."
    ),
]
HashedOption = Annotated[
    bool, typer.Option("--hashed", help="VALUE is its keyed hash, as entities of an alert has it.")
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is kept with the snooze.")]


@snooze_app.command("add")
def snooze_add(
    rule: RuleArgument,
    entity: EntityArgument,
    value: ValueArgument,
    reason: ReasonOption,
    by: ByOption = "",
    until: Annotated[
        str,
        typer.Option(
            help="Of payments made before: 2026-12-31, its beginning in UTC, or 2026-12-31T18:00.",
            show_default=False,
        ),
    ] = "",
    lasts: Annotated[
        str, typer.Option("--for", help="The same, so long from now: 7d.", show_default=False)
    ] = "",
    hashed: HashedOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Order that what a rule says of somebody raises no alert by itself, until a time."""
    from stream.commands.snooze import Wanted, snooze

    wanted = Wanted(rule, entity, value, hashed, reason, by, until, lasts)
    raise typer.Exit(snooze(wanted, config, as_json))


@snooze_app.command("end")
def snooze_end(
    rule: RuleArgument,
    entity: EntityArgument,
    value: ValueArgument,
    reason: ReasonOption,
    by: ByOption = "",
    hashed: HashedOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Order that a snooze be over before its time."""
    from stream.commands.snooze import Wanted, snooze

    wanted = Wanted(rule, entity, value, hashed, reason, by, end=True)
    raise typer.Exit(snooze(wanted, config, as_json))


@snooze_app.command("show")
def snooze_show(
    at: Annotated[
        str,
        typer.Option(
            help="As of then: 2026-11-22T10:30, in UTC, or 6h for six hours ago; default: now.",
            show_default=False,
        ),
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the snoozes in force, from all orders in the control topic."""
    from stream.commands.snooze import show_snoozes

    raise typer.Exit(show_snoozes(at, config, as_json))


def add_to(app: typer.Typer) -> None:
    """Give an application these commands."""
    app.command()(alerts)
    app.command()(verdict)
    app.command()(explain)
    app.command()(webhook)
    app.command()(approve)
    app.add_typer(trail_app, name="audit-trail")
    app.add_typer(snooze_app, name="snooze")
