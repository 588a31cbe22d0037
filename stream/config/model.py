"""The configuration's section on models: the champion, and what is tried beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from stream.config.sections import Section
from stream.config.values import Duration, Number, read_max_features

# The keys and places in lists that lead to it, and what is wrong there.
Problem = tuple[tuple[str | int, ...], str]
ModelKind = Literal["logistic", "additive", "forest", "river", "onnx"]


class LearnerSection(Section):
    """A model."""

    kind: Literal["logistic", "additive", "forest", "river", "onnx", "blend"] = "logistic"
    """`logistic`: logistic regression on standardised features. `additive`: logistic regression
    with a curve of each feature in place of a weight. `forest`: bagged Hoeffding trees over all
    features and without drift detection, which `max_features` and `drift` change; slower, and
    more exact than `logistic`. `river`: a River model of your own, untrained, compiled where it
    can be. `onnx`: a model trained elsewhere, which learns nothing here. `blend`: several of
    these, weighted by who was right."""
    source: str = ""
    """Of `river`: `file.py:name` or `package.module:name`, a River model or a function that
    returns one; it is run as code. Of `onnx`: the file."""
    members: Annotated[tuple[ModelKind, ...], Field(min_length=2)] = ("logistic", "forest")
    """Of `blend`: what it is made of."""
    trees: Annotated[int, Field(ge=1, le=1000)] = 10
    """Of `forest`: how many."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    """Of `forest`: of all that is drawn at random."""
    max_features: Annotated[str | int | float, BeforeValidator(read_max_features)] = "all"
    """Of `forest`: how many features, drawn at random, a leaf looks at: `"all"`, so that its few
    frauds are seen in every one, `"sqrt"` (River's default) or `"log2"` of their number, a whole
    number, or a share such as `0.5`."""
    drift: bool = False
    """Of `forest`: whether a tree is replaced once its error rate rises, found by ADWIN with
    River's defaults; where fraud is rare that rate moves little, whatever a tree misses."""
    feedback: Literal["mixed", "separate"] = "mixed"
    """`mixed`: one model learns all labels alike. `separate`: one learns analysts' feedback on
    alerts (labels whose source is ANALYST_REVIEW), another of the same kind the delayed labels:
    all others, and what is known of payments once they are mature; both speak."""
    feedback_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Of `feedback = "separate"`: the weight of what the first of them says, in log-odds."""
    unknown_value: Number | None = None
    """Of `onnx`: what the model gets for an unknown value; left out it gets NaN."""
    frauds_min: Annotated[int, Field(ge=1)] = 20
    """Frauds it must have learned from before it gives a score."""
    genuine_min: Annotated[int, Field(ge=1)] = 1000
    """Genuine payments it must have learned from before it gives a score."""

    def kinds(self) -> set[str]:
        """Return every kind that is to be built."""
        return set(self.members) if self.kind == "blend" else {self.kind}


class ChallengerSection(LearnerSection):
    """A model that is tried beside the champion."""

    sample: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of payments that it scores and learns, for a slow one."""
    cost_max_us: Annotated[Number, Field(ge=0)] = 0
    """Microseconds of processor time that a payment may cost in the mean of ten seconds, scoring
    and learning together; beyond it the worker orders that it be disabled, which needs
    `topics.control`. 0: it may cost what it will."""
    start: str = ""
    """A version of `model.registry` that it begins with, such as `forest/3`, when a worker first
    has it; empty: it has learned nothing."""


class ModelSection(LearnerSection):
    """The champion: the model whose scores decide, until a challenger is promoted."""

    name: Annotated[str, Field(min_length=1)] = "model"
    """What it is called in orders, once another one decides, and in the registry."""
    start: str = ""
    """A version of `model.registry` that it begins with, such as `forest/3`, where there is no
    snapshot yet; empty: it has learned nothing."""
    registry: str = ""
    """The folder of models that are kept; see docs/registry.md."""
    version_interval: Annotated[Duration, Field(ge=1_000)] = 10_000_000
    """Of `topics.models`: how much event time lies between two versions of the model that is
    learned for all partitions; models of megabytes, such as a forest, want minutes."""
    challengers: dict[str, ChallengerSection] = Field(default_factory=dict)
    """By name, models that score the same payments, learn the same labels and are judged by
    them, but decide nothing."""

    def problems(self) -> Iterator[Problem]:
        """Find what no single key can tell: the keys that lead to it, and what is wrong."""
        yield from _problems(self, ("model",))
        for name, challenger in self.challengers.items():
            yield from _problems(challenger, ("model", "challengers", name))
            if name == self.name:
                text = f"model.challengers.{name}: so is the champion called: give another name"
                yield ("model", "challengers", name), text
        starts: dict[tuple[str, ...], str] = {("model",): self.start}
        starts |= {("model", "challengers", n): it.start for n, it in self.challengers.items()}
        for path, start in starts.items():
            if start and not self.registry:
                yield (*path, "start"), f"{'.'.join(path)}.start: set model.registry, its folder"


def _problems(model: LearnerSection, place: tuple[str, ...]) -> Iterator[Problem]:
    """Find what does not go together in a model."""
    where = ".".join(map(str, place))
    for at, member in enumerate(model.members):
        if model.kind == "blend" and member in model.members[:at]:
            text = f"{where}.members: {member!r} is there twice"
            yield (*place, "members", at), text
    if model.feedback == "separate" and model.kinds() == {"onnx"}:
        text = f"{where}.feedback: a model of kind 'onnx' learns nothing here: leave it 'mixed'"
        yield (*place, "feedback"), text
    elsewhere = model.kinds() & {"river", "onnx"}
    at_source = (*place, "source" if model.source else "kind")
    if len(elsewhere) > 1:
        text = f"{where}.members: there is one source, so only one of 'river' and 'onnx'"
        yield (*place, "members"), text
    elif "river" in elsewhere and not all(model.source.rpartition(":")):
        text = (
            f"{where}.source: {model.source!r} does not name a River model; write 'file.py:name' "
            "or 'package.module:name'"
        )
        yield at_source, text
    elif "onnx" in elsewhere and not model.source:
        yield at_source, f"{where}.source: 'onnx' needs the file of the model"
