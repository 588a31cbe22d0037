"""What a River object is asked for: probabilities of a classifier, scores of a detector."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from enum import Enum
from typing import Any

from river import base, compose

from schemas.errors import ModelError

Row = dict[str, float]


class Kind(Enum):
    """What a River object is."""

    CLASSIFIER = "classifier"
    DETECTOR = "anomaly detector"


def kind_of(model: Any) -> Kind:
    """Return what an object is, or the last step of a pipeline.

    Raises
    ------
    schemas.errors.ModelError
        It is neither, or gives classes without probabilities.
    """
    last = _last(model)
    if _scores_targets(last):
        raise ModelError(
            f"{_name(last)} scores how strange a target value is, and not a payment: "
            "take a detector of features, for example river.anomaly.HalfSpaceTrees"
        )
    if isinstance(last, (base.AnomalyDetector, base.AnomalyFilter)):
        return Kind.DETECTOR
    if _gives_probabilities(last):
        return Kind.CLASSIFIER
    if hasattr(last, "score_one"):
        return Kind.DETECTOR
    raise ModelError(
        f"{_name(last)} gives no probability of fraud: take a classifier with predict_proba_one "
        "or an anomaly detector with score_one"
    )


def teacher_of(model: Any, kind: Kind, *, weighing: bool) -> Callable[[Row, bool, float], None]:
    """Return what teaches a row, its label and, if `weighing`, its weight.

    A detector is told neither label nor weight.

    Raises
    ------
    schemas.errors.ModelError
        It is a classifier that is to weigh rows and cannot.
    """
    learn_one = model.learn_one
    if kind is Kind.DETECTOR:
        return lambda x, _, __: learn_one(x)
    if not weighing:
        return lambda x, y, _: learn_one(x, y)
    last = _last(model)
    # River's ensembles take anything beside the label, and pass nothing of it on.
    if "w" not in inspect.signature(last.learn_one).parameters:
        raise ModelError(
            f"{_name(last)} takes no weight w in learn_one, so a payment cannot stand for others: "
            "set labels.genuine_share = 1, or take a model that does"
        )
    return lambda x, y, w: learn_one(x, y, w=w)


def scorer_of(model: Any, kind: Kind) -> Callable[[Row], float]:
    """Return what scores a row from 0 to 1, or NaN where the object's own is not finite.

    A classifier's score is its probability of True, under whatever label equals it (1,
    1.0, NumPy's True); 0 before it saw fraud. A detector's is its own, cut to 0..1: some
    of River's are no share of anything, and only their order below 1 is left then.
    """
    if kind is Kind.CLASSIFIER:
        predict = model.predict_proba_one

        def score(x: Row) -> float:
            return _share(predict(x).get(True, 0.0))

    else:
        score_one = model.score_one

        def score(x: Row) -> float:
            return _share(score_one(x))

    return score


def _last(model: Any) -> Any:
    while isinstance(model, compose.Pipeline):
        if not model.steps:
            raise ModelError("the pipeline is empty: end it in a classifier or a detector")
        model = list(model.steps.values())[-1]
    return model


def _name(model: Any) -> str:
    return f"{type(model).__module__}.{type(model).__name__}"


def _scores_targets(last: Any) -> bool:
    inner = last.anomaly_detector if isinstance(last, base.AnomalyFilter) else last
    return isinstance(inner, base.SupervisedAnomalyDetector)


def _gives_probabilities(last: Any) -> bool:
    given = getattr(type(last), "predict_proba_one", None)
    # River's base class has the method, and it raises.
    return given is not None and given is not base.Classifier.predict_proba_one


def _share(score: float) -> float:
    return min(max(float(score), 0.0), 1.0) if math.isfinite(score) else math.nan
