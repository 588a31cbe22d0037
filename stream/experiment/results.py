"""What the runs of an experiment found, as plain values: `fraudstream experiment --json`."""

from __future__ import annotations

from typing import Any

from stream.experiment.measures import MEASURES
from stream.experiment.plan import Configuration, Plan
from stream.experiment.runs import Outcomes
from stream.experiment.statistics import interval


def document(plan: Plan, outcomes: Outcomes) -> dict[str, Any]:
    """Bring the outcomes of a plan together.

    Returns
    -------
    dict
        Of each of ``configurations`` its ``runs``, of each measure the ``mean`` over the seeds
        with its interval and, but for the first, the ``difference`` to the first: of the same
        seeds, with its interval and in how many of them this one was ``better``. A measure that
        is not defined, or of which no run is left, is None.
    """
    first = plan.configurations[0]
    return {
        "stream": plan.stream,
        "warm_up_days": plan.warm_up_days,
        "budget": plan.budget,
        "seeds": list(plan.seeds),
        "compared_with": first.name,
        "notes": _notes(plan, outcomes),
        "configurations": [
            {
                "name": each.name,
                "file": str(each.path),
                "changes": each.changes,
                "runs": [
                    {"seed": seed, **outcomes[each.name, seed]} for seed in plan.seeds_of(each)
                ],
                "mean": {name: _mean(plan, outcomes, each, name) for name in MEASURES},
                "difference": None
                if each is first
                else {name: _difference(plan, outcomes, each, name) for name in MEASURES},
            }
            for each in plan.configurations
        ],
    }


def failures(found: dict[str, Any]) -> list[str]:
    """Return a line for every run that failed, with its configuration and seed."""
    return [
        f"{each['name']}, seed {run['seed']}: {run['error']}"
        for each in found["configurations"]
        for run in each["runs"]
        if "error" in run
    ]


def _notes(plan: Plan, outcomes: Outcomes) -> list[str]:
    """Return what to know before reading: the plan's notes, then what the runs said, once each."""
    notes = list(plan.notes)
    for (name, _), outcome in outcomes.items():
        notes += [f"{name}: {said}" for said in outcome.get("notes", ())]
        if plan.file is not None and outcome.get("protocol_missing"):
            notes.append(f"no Handbook's protocol: {outcome['protocol_missing']}")
    return list(dict.fromkeys(notes))


def _values(
    plan: Plan, outcomes: Outcomes, each: Configuration, measure: str
) -> dict[int, float | None]:
    """Return a measure by seed; a run that stands for all seeds is there for each of them."""
    ran = plan.seeds_of(each)
    return {
        seed: outcomes[each.name, seed if seed in ran else ran[0]].get("measures", {}).get(measure)
        for seed in plan.seeds
    }


def _mean(
    plan: Plan, outcomes: Outcomes, each: Configuration, measure: str
) -> dict[str, Any] | None:
    values = _values(plan, outcomes, each, measure)
    ran = [values[seed] for seed in plan.seeds_of(each)]
    found = interval([value for value in ran if value is not None])
    return None if found is None else found.as_dict()


def _difference(
    plan: Plan, outcomes: Outcomes, each: Configuration, measure: str
) -> dict[str, Any] | None:
    ours = _values(plan, outcomes, each, measure)
    theirs = _values(plan, outcomes, plan.configurations[0], measure)
    pairs = [(ours[seed], theirs[seed]) for seed in plan.seeds]
    both = [one - other for one, other in pairs if one is not None and other is not None]
    if len(plan.seeds_of(each)) == len(plan.seeds_of(plan.configurations[0])) == 1:
        both = both[:1]
    found = interval(both)
    if found is None:
        return None
    sign = -1 if MEASURES[measure].lower_is_better else 1
    return found.as_dict() | {"better": sum(sign * value > 0 for value in both)}
