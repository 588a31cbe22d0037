"""``fraudstream models promote``, ``rollback``, ``disable`` and ``enable``: orders about models."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from schemas.errors import ConfigError, FraudError
from stream.audit_trail.chain import Step
from stream.cases.administration import Administration, Order, asked, own_name, require_control
from stream.cli.console import FAILED, OK, emit_json, out, say
from stream.commands.confirming import confirm
from stream.commands.moments import now_us
from stream.config.configuration import Config, load
from stream.features.grammar import nearest, quoted
from stream.model_registry.standing import ModelsStanding
from stream.models_at_work import standings
from stream.promotion.recommendation import Answer, Recommendation


@dataclass(frozen=True)
class Asker:
    """Who asks for something, and how they want to be answered.

    Attributes
    ----------
    by, note : str
        Who, and why.
    path : Path or None
        Of the configuration.
    yes : bool
        Nobody is asked whether it is meant.
    as_json : bool
    """

    by: str
    note: str
    path: Path | None
    yes: bool
    as_json: bool


def promote_model(name: str, asker: Asker, force: bool) -> int:
    """Order that a challenger decide, if the gate is for it; 1 if it is not."""
    config = _loaded(asker)
    _require_name(config, name)
    found = standings(config, required=False)
    recommendations = _recommendations(found, name)
    refused = _refused(name, recommendations)
    for partition, recommendation in recommendations:
        where = f"partition {partition}: " if partition else ""
        say(f"{where}{recommendation.answer.replace('_', ' ')}: {recommendation.why}")
    gate = [
        {"partition": at or None, **recommendation.as_dict()}
        for at, recommendation in recommendations
    ]
    if refused and not force:
        if asker.as_json:
            emit_json({"ordered": False, "why": refused, "gate": gate})
        else:
            say(f"not ordered: {refused}. With --force it is ordered all the same.")
        return FAILED
    confirm(f"{name} will decide every payment from then on.", "Order it?", asker.yes)
    said = sorted({f"{each.answer}: {each.why}" for _, each in recommendations})
    before = _champions(found)
    after = {"champion": name, "gate": said, "forced": bool(refused)}
    return _order(config, "promote", "PROMOTE", name, asker, before, after, {"gate": gate})


def roll_back(asker: Asker) -> int:
    """Order that the champion before decide again; nobody asks the gate."""
    config = _loaded(asker)
    found = standings(config)
    former = {standing.former for _, _, standing in found}
    names = sorted(name for name in former if name)
    if len(former) != 1 or not names:
        text = "there was no champion before" if not names else "partitions had different ones"
        raise ConfigError(f"{text}: name one with `fraudstream models promote NAME --force`")
    confirm(f"{names[0]} will decide every payment again.", "Order it?", asker.yes)
    after = {"champion": names[0]}
    return _order(config, "rollback", "PROMOTE", names[0], asker, _champions(found), after)


def disable_model(name: str, asker: Asker, back: bool) -> int:
    """Order that a challenger be asked nothing any more, or again."""
    config = _loaded(asker)
    _require_name(config, name)
    what = "enable" if back else "disable"
    before, after = _aside(config, name), {"disabled": not back}
    return _order(config, what, what.upper(), name, asker, before, after)


def _loaded(asker: Asker) -> Config:
    config = load(asker.path)
    require_control(config)
    return config


def _require_name(config: Config, name: str) -> None:
    names = [config.model.name, *config.model.challengers]
    if name not in names:
        raise ConfigError(f"no contender is {quoted(name)}{nearest(name, names, 'the list')}")


def _champions(
    found: list[tuple[str, dict[str, Any], ModelsStanding]],
) -> dict[str, list[str]] | None:
    """Return who decides by the newest snapshots; None where there are none."""
    names = {standing.champion for _, _, standing in found}
    return {"champions": sorted(names)} if names else None


def _aside(config: Config, name: str) -> dict[str, Any] | None:
    """Return why a model is set aside by the newest snapshots; None where nobody knows."""
    try:
        known = [each for _, _, each in standings(config, required=False) if name in each.names]
        why = [each.part(name).header.get("aside") for each in known]
    except FraudError:
        # To disable a model that does harm must not need a snapshot.
        return None
    return {"set_aside": why} if why else None


def _recommendations(
    found: list[tuple[str, dict[str, Any], ModelsStanding]], name: str
) -> list[tuple[str, Recommendation]]:
    """Return what the gate says in the newest snapshots; nothing where there are none."""
    return [
        (partition, standing.recommendations[name])
        for partition, _, standing in found
        if name in standing.recommendations
    ]


def _refused(name: str, recommendations: list[tuple[str, Recommendation]]) -> str:
    if not recommendations:
        return f"no snapshot compares {name} with the champion"
    against = [
        recommendation
        for _, recommendation in recommendations
        if recommendation.answer is not Answer.PROMOTE
    ]
    return f"the gate does not say that {name} is better" if against else ""


def _order(
    config: Config,
    what: str,
    kind: str,
    name: str,
    asker: Asker,
    before: Any,
    after: Any,
    told: dict[str, Any] | None = None,
) -> int:
    """Note an act and send its order, or ask for approval; return the exit status."""
    request_id, by = str(uuid.uuid4()), own_name(asker.by)
    wanted = {"model": name, "by": by, "why": asker.note}
    record = {
        "kind": kind,
        "entity": "",
        "key": msgspec.json.encode(wanted).decode(),
        "requested_at": now_us(),
        "request_id": request_id,
    }
    # One key for all: orders about models are taken in the order in which they were given.
    orders = [Order("models", record)]
    with Administration(config, say) as administration:
        ordered = administration.order(
            what, by, f"model {name}", orders, before, after, asker.note, request_id
        )
    topic = config.topics.control
    places = [place for each in ordered.places for place in each]
    if asker.as_json:
        report = {"ordered": ordered.step is Step.DONE, "kind": kind, **wanted}
        report |= {"request_id": request_id, "step": ordered.step.value.lower(), **(told or {})}
        emit_json({**report, "topic": topic, "places": [list(place) for place in places]})
    elif ordered.step is Step.REQUESTED:
        out.print(asked(f"{what} of model {name}", request_id, asker.path), markup=False)
    else:
        for partition, offset in places:
            out.print(f"ordered: {kind} {name} ({topic}[{partition}] at {offset})", markup=False)
        out.print("`fraudstream models list` shows it once a snapshot has it.", markup=False)
    return OK
