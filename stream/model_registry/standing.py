"""How the models of a kept engine stand, and each of them by itself, without the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.states.snapshot import State
from schemas.errors import SnapshotError
from stream.champion.contenders import Contender, contender_of
from stream.champion.other_challengers import CHALLENGER, challengers_of
from stream.champion.reigns import Cause, Reign, reign_of
from stream.config.configuration import Config
from stream.model_registry.manifest import (
    calibration_of,
    features_of,
    libraries,
    metrics_of,
    thresholds_of,
)
from stream.monitor.monitor import Monitor
from stream.promotion.gate import Gate
from stream.promotion.recommendation import Recommendation

CHAMPION = "champion"


@dataclass(frozen=True)
class ModelsStanding:
    """How the models of an engine's state stand.

    Attributes
    ----------
    state : State
        Of the engine.
    names : tuple of str
        Of all contenders, by slot.
    reigns : list of Reign
        Those who decided, the champion last.
    recommendations : mapping of str to Recommendation
        The gate's, by challenger.
    """

    state: State
    names: tuple[str, ...]
    reigns: list[Reign]
    recommendations: Mapping[str, Recommendation]

    @property
    def champion(self) -> str:
        """The name of who decides."""
        return self.reigns[-1].model

    @property
    def former(self) -> str | None:
        """The champion before; None if there was none."""
        return self.reigns[-2].model if len(self.reigns) > 1 else None

    def role(self, name: str) -> str:
        """Return ``champion`` or ``challenger``."""
        return CHAMPION if name == self.champion else CHALLENGER.strip()

    def part(self, name: str) -> State:
        """Return the state of a contender."""
        part = self.state.parts.get(CHAMPION if name == self.champion else f"{CHALLENGER}{name}")
        if part is None:
            raise SnapshotError(f"the snapshot has no model {name!r}")
        return part


def standing_of(config: Config, engine: State) -> ModelsStanding:
    """Return how the models of an engine's state stand.

    Raises
    ------
    SnapshotError
        The state is damaged, or of other models than are configured.
    """
    names = (config.model.name, *challengers_of(engine))
    reigns = [reign_of(engine, each) for each in engine.header.get("reigns", [])]
    reigns = reigns or [Reign(names[0], 0, 0, Cause.START.value)]
    recommendations: dict[str, Recommendation] = {}
    if "gate" in engine.parts:
        gate = Gate(names, config.promotion.parameters())
        gate.restore(engine.parts["gate"])
        recommendations = {each.compared.challenger: each for each in gate.recommendations()}
    return ModelsStanding(engine, names, reigns, recommendations)


def contender_in(config: Config, standing: ModelsStanding, name: str) -> Contender:
    """Build a contender, and let it be what it was.

    Raises
    ------
    SnapshotError
        It is of another kind than is configured.
    """
    # Not to look at what models are like, which takes none of their libraries.
    from stream.model_factory import challenger_of, learner_of

    features = tuple(map(str, config.declared()))
    section = config.model.challengers.get(name)
    if section is None:
        learner = learner_of(config.model, features)
    else:
        learner = challenger_of(section, features, name)
    contender = contender_of(learner, config.decision.calibrate)
    contender.restore(standing.part(name))
    return contender


def manifest_of(
    config: Config,
    standing: ModelsStanding,
    name: str,
    contender: Contender,
    source: Mapping[str, Any],
) -> dict[str, Any]:
    """Return all that is known of a contender, as plain values.

    Parameters
    ----------
    config : Config
    standing : ModelsStanding
    name : str
    contender : Contender
        Of that name.
    source : mapping
        Where it is from: the snapshot, its step and offsets.
    """
    section = config.model.challengers.get(name, config.model)
    recommendation = standing.recommendations.get(name)
    quality, header = contender.prequential, standing.state.header
    interval_us = config.labels.learn_interval
    parameters = section.model_dump(mode="json", exclude={"challengers", "registry", "start"})
    return {
        "role": standing.role(name),
        "kind": section.kind,
        "parameters": parameters,
        "sample": getattr(section, "sample", 1.0),
        "features": features_of([str(each) for each in config.declared()]),
        "libraries": libraries(),
        "source": dict(source),
        "trained_until_us": int(header["barrier"]) * interval_us,
        "learned": contender.learner.learned,
        "maturity_us": config.labels.maturity,
        "metrics": metrics_of(quality),
        "calibrator": contender.calibration,
        "calibration": calibration_of(quality.reliability),
        "thresholds": thresholds_of(quality.reliability),
        "comparison": None if recommendation is None else recommendation.as_dict(),
        "segments": _segments(config, standing) if name == standing.champion else [],
        "reigns": [reign._asdict() for reign in standing.reigns if reign.model == name],
    }


def monitor_in(config: Config, standing: ModelsStanding) -> Monitor | None:
    """Build what watches, and let it be what it was; None: nothing was watched.

    Raises
    ------
    SnapshotError
        Its state is damaged.
    """
    features, labels = config.declared(), config.labels
    parameters = config.monitor.parameters(features, labels.maturity, labels.correctable)
    part = standing.state.parts.get("monitor")
    if parameters is None or part is None:
        return None
    monitor = Monitor([str(each) for each in features], parameters)
    monitor.restore(part)
    return monitor


def _segments(config: Config, standing: ModelsStanding) -> list[dict[str, Any]]:
    """Return the champion's quality by segment, as far as the monitor knows it."""
    monitor = monitor_in(config, standing)
    if monitor is None:
        return []
    return [
        {
            "feature": each.feature,
            "value": each.value,
            "decisions": each.decisions,
            "frauds": each.frauds,
            "recall": each.recall,
            "false_positive_rate": each.false_positive_rate,
        }
        for each in monitor.quality.segments()
    ]
