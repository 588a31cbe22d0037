"""Where River's defaults meet fraud: each trap measured, a subcommand each.

python examples/river_traps.py tree-defaults
python examples/river_traps.py --into docs/river-traps.md    # write all outputs into the page
python examples/river_traps.py --check docs/river-traps.md   # compare them with the page

Everything is made from fixed seeds and nothing is timed, so the outputs are the same
wherever River's version is.
"""

from __future__ import annotations

import argparse
import math
import pickle
import pickletools
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import river
from numpy.typing import NDArray
from river import (
    compose,
    drift,
    feature_extraction,
    forest,
    linear_model,
    metrics,
    preprocessing,
    stats,
    tree,
    utils,
)
from river.tree.nodes.leaf import HTLeaf

from models.river.adapter import RiverLearner
from stream.offline.transformer import FraudFeatures

NAMES = tuple(f"f{i}" for i in range(6))
# River's windows compare with a datetime that has no zone.
BEGIN = datetime(2026, 1, 1)


def payments(
    n: int, fraud: float, seed: int, shift: float = 1.5
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Make rows of six features of which fraud moves three, and their labels."""
    rng = np.random.default_rng(seed)
    y = rng.random(n) < fraud
    X = rng.normal(size=(n, len(NAMES)))
    X[:, :3] += shift * y[:, None]
    return X, y


def dictionaries(X: NDArray[np.float64]) -> list[dict[str, float]]:
    """Return rows as River takes them."""
    return [dict(zip(NAMES, row, strict=True)) for row in X.tolist()]


def pipeline() -> compose.Pipeline:
    """Return scaled logistic regression."""
    return compose.Pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression())


def average_precision(y: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Return the mean of precision over the frauds, equal scores taken together."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(y) - 1)
    hits = np.cumsum(y[order])[ends]
    return float(np.sum(np.diff(hits, prepend=0) * hits / (ends + 1)) / y.sum())


def exact_auc(y: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Return the share of pairs of a fraud and a genuine payment in the right order."""
    genuine = np.sort(scores[~y])
    below = np.searchsorted(genuine, scores[y], "left")
    equal = np.searchsorted(genuine, scores[y], "right") - below
    return float((below + equal / 2).sum() / (y.sum() * (~y).sum()))


def tree_defaults(n: int = 60_000) -> Iterator[str]:
    """Grow Hoeffding trees below 1 % fraud, where a split attempt switches the leaf off."""
    safe = {"max_share_to_split": 1.0, "min_branch_fraction": 1e-4}
    yield f"{n:,} payments, HoeffdingTreeClassifier, scored before they are learned"
    yield "fraud   settings      leaves   leaves switched off   average precision"
    for fraud in (0.05, 0.009, 0.004):
        X, y = payments(n, fraud, seed=1, shift=2.0)
        rows = dictionaries(X)
        for name, settings in (("default", {}), ("fraud-safe", safe)):
            model = tree.HoeffdingTreeClassifier(leaf_prediction="mc", **settings)
            scores = np.empty(n)
            switch_off = HTLeaf.deactivate
            with patch.object(HTLeaf, "deactivate", autospec=True, side_effect=switch_off) as off:
                for i, (x, label) in enumerate(zip(rows, y.tolist(), strict=True)):
                    scores[i] = model.predict_proba_one(x).get(True, 0.0)
                    model.learn_one(x, label)
            ap = average_precision(y, scores)
            leaves = model.n_leaves or 1
            yield f"{fraud:5.1%}   {name:<10}  {leaves:8}   {off.call_count:19}   {ap:.3f}"
    yield f"fraud-safe: {safe}"


def nan_poisoning(n: int = 2_000) -> Iterator[str]:
    """Teach a scaled regression one NaN, and count what it says afterwards."""
    X, y = payments(n, 0.05, seed=2)
    rows = dictionaries(X)
    model = pipeline()
    for x, label in zip(rows[: n // 2], y[: n // 2].tolist(), strict=True):
        model.learn_one(x, label)
    yield f"StandardScaler | LogisticRegression after {n // 2:,} payments"
    yield f"score of a payment:                {model.predict_proba_one(rows[0])[True]:.4f}"
    model.learn_one({**rows[0], "f0": math.nan}, False)
    scores = []
    for x, label in zip(rows[n // 2 :], y[n // 2 :].tolist(), strict=True):
        scores.append(model.predict_proba_one(x)[True])
        model.learn_one(x, label)
    yield f"one value is NaN; scores after it:  {np.isnan(scores).sum():,} of {len(scores):,} NaN"
    learner = RiverLearner(pipeline(), NAMES)
    learner.learn_many(X[: n // 2], y[: n // 2])
    holed = X[:1].copy()
    holed[0, 0] = np.nan
    learner.learn_many(holed, y[:1])
    learner.learn_many(X[n // 2 :], y[n // 2 :])
    ours = np.isnan(learner.predict_proba_many(X[n // 2 :])).sum()
    yield f"the same through RiverLearner:      {ours:,} of {len(scores):,} NaN"


def roc_auc(n: int = 10_000) -> Iterator[str]:
    """Judge scores that are all below the first of ten thresholds."""
    rng = np.random.default_rng(3)
    y = rng.random(n) < 0.01
    scores = 0.09 / (1 + np.exp(-rng.normal(-3, 1, n) - 3.0 * y))
    yield f"{n:,} scores, all below 0.1, as they are at 1 % fraud; greatest {scores.max():.4f}"
    for thresholds in (10, 100):
        metric = metrics.ROCAUC(n_thresholds=thresholds)
        for label, score in zip(y.tolist(), scores.tolist(), strict=True):
            metric.update(label, score)
        default = "  (default)" if thresholds == 10 else ""
        yield (
            f"metrics.ROCAUC(n_thresholds={thresholds}):".ljust(38) + f"{metric.get():.4f}{default}"
        )
    yield "from the order of the scores:".ljust(38) + f"{exact_auc(y, scores):.4f}"


def idle_keys(keys: int = 1_000) -> Iterator[str]:
    """Read the window of a card that sleeps, and look at cards that were never learned."""
    window = utils.TimeRolling(stats.Mean, period=timedelta(days=1))
    mean = feature_extraction.Agg(on="amount", by="card_id", how=window)
    ours = FraudFeatures(
        features=["card.count_1d", "card.amount_mean_1d"],
        fields={
            "entities": {"card": "card_id"},
            "event_time": "t",
            "amount": "amount",
            "amount_unit": "major",
        },
    )
    for hour, amount in enumerate((2.0, 4.0)):
        t = BEGIN + timedelta(hours=hour)
        x = {"transaction_id": str(hour), "t": t, "card_id": "a", "amount": amount}
        mean.learn_one(x, t=t)
        ours.learn_one(x)
    late = {"transaction_id": "9", "t": BEGIN + timedelta(days=5), "card_id": "a", "amount": 10.0}
    yield "a card pays 2 and 4; then it pays nothing for 5 days; its mean of 1 day is"
    yield f"River's Agg(TimeRolling(Mean)):        {mean.transform_one(late)}"
    yield f"fraudstream, with the payment of 10:   {ours.transform_one(late)}"
    before = len(mean.state)
    for key in range(keys):
        mean.transform_one({"card_id": f"unseen {key}", "amount": 1.0})
    after = len(mean.state)
    yield f"River's groups, before and after {keys:,} looks at unseen cards: {before}, {after:,}"


def learn_many(n: int = 5_120, batch: int = 256) -> Iterator[str]:
    """Learn the same rows one by one, and as mini-batches: one step by the mean gradient each."""
    X, y = payments(n, 0.05, seed=4)
    regressions = {name: linear_model.LogisticRegression() for name in ("one", "many")}
    rows = dictionaries(X)
    frames = pd.DataFrame(X, columns=list(NAMES))
    for start in range(0, n, batch):
        stop = start + batch
        for x, label in zip(rows[start:stop], y[start:stop].tolist(), strict=True):
            regressions["one"].learn_one(x, label)
        regressions["many"].learn_many(frames[start:stop], pd.Series(y[start:stop]))
    yield f"LogisticRegression, {n:,} payments, 5 % fraud, the same optimizer"
    yield "                            weight of f0   average precision   log loss"
    for name, model in regressions.items():
        scores = np.array([model.predict_proba_one(x)[True] for x in rows])
        lost = -np.mean(np.where(y, np.log(scores), np.log1p(-scores)))
        how = "learn_one" if name == "one" else f"learn_many, {batch} at once"
        weight, ap = model.weights["f0"], average_precision(y, scores)
        yield f"{how:<27} {weight:12.4f}   {ap:17.3f}   {lost:8.4f}"


def pickles(n: int = 200) -> Iterator[str]:
    """List what a pickle must find again when it is loaded, and look for a version in it."""
    model = pipeline()
    X, y = payments(n, 0.05, seed=5)
    for x, label in zip(dictionaries(X), y.tolist(), strict=True):
        model.learn_one(x, label)
    data = pickle.dumps(model)
    texts = [str(arg) for _, arg, _ in pickletools.genops(data) if isinstance(arg, str)]
    modules = sorted({text for text in texts if text.startswith("river.")})
    private = sorted({text for text in texts if text.startswith("_") and text[1:2] != "_"})
    yield f"StandardScaler | LogisticRegression, pickled by River {river.__version__}"
    yield f"modules it must find by name when it is loaded: {len(modules)}"
    yield from (f"  {module}" for module in modules)
    yield "private names in it:"
    yield from (f"  {name}" for name in private)
    named = [text for text in texts if river.__version__ in text or "version" in text.lower()]
    yield f"texts in it that name a version: {len(named)}"


def arf_drift(n: int = 1_000) -> Iterator[str]:
    """Ask for no drift detectors by None and by NoDrift(), and look for them."""
    X, y = payments(n, 0.3, seed=6)
    yield "ARFClassifier(n_models=3, drift_detector=D, warning_detector=D)"
    for name, detector in (("None", None), ("drift.NoDrift()", drift.NoDrift())):
        model = forest.ARFClassifier(3, seed=1, drift_detector=detector, warning_detector=detector)
        for x, label in zip(dictionaries(X), y.tolist(), strict=True):
            model.learn_one(x, label)
        # Private, but there is no other way to see them.
        found = [*getattr(model, "_drift_detectors", []), *getattr(model, "_warning_detectors", [])]
        kinds = sorted({type(one).__name__ for one in found})
        yield f"D = {name:<16} detectors at work: {len(found)} {', '.join(kinds)}".rstrip()


TRAPS: dict[str, Callable[..., Iterator[str]]] = {
    "tree-defaults": tree_defaults,
    "nan": nan_poisoning,
    "roc-auc": roc_auc,
    "idle-keys": idle_keys,
    "learn-many": learn_many,
    "pickles": pickles,
    "arf-drift": arf_drift,
}


def written(page: str, outputs: dict[str, str]) -> str:
    """Return a page with the block of each trap replaced by an output."""
    for name, output in outputs.items():
        block = re.compile(rf"(<!-- output: {name} -->\n```text\n).*?(```\n)", re.DOTALL)
        page, found = block.subn(lambda m, text=output: m[1] + text + m[2], page)
        if found != 1:
            sys.exit(f"the page needs one block '<!-- output: {name} -->', and has {found}")
    return page


def output_of(name: str) -> str:
    """Run a trap."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return "".join(f"{line}\n" for line in TRAPS[name]())


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; 1 where a page is not what it should be."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("trap", nargs="*", metavar="TRAP", help=f"some of {', '.join(TRAPS)}")
    parser.add_argument("--into", type=Path, help="write the outputs into this page")
    parser.add_argument("--check", type=Path, help="compare the outputs with this page")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.trap if name not in TRAPS]
    if unknown:
        parser.error(f"no trap {unknown[0]!r}: there are {', '.join(TRAPS)}")
    outputs = {name: output_of(name) for name in options.trap or TRAPS}
    page = options.into or options.check
    if page is None:
        sys.stdout.write("\n".join(outputs.values()))
        return 0
    text = page.read_text("utf-8")
    new = written(text, outputs)
    if options.into:
        page.write_text(new, "utf-8")
    elif new != text:
        sys.stderr.write(f"{page} is not what the traps print: run with --into {page}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
