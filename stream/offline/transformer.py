"""`FraudFeatures`: the live features as a transformer of scikit-learn and of River.

    pipeline = make_pipeline(FraudFeatures("fraudstream.toml"), HistGradientBoostingClassifier())
    pipeline.fit(january, january["is_fraud"]).predict_proba(february)

    model = FraudFeatures("fraudstream.toml") | StandardScaler() | LogisticRegression()
    model.predict_proba_one(x); model.learn_one(x, y)

Both are one stream through the engine that runs live. In scikit-learn's words `fit` is the
past and `transform` goes on from its end, on a copy: it may be repeated, and what is
transformed first changes nothing for what is transformed next. So `fit_transform` of one
month and `transform` of the next are what one stream of both would give. In River's,
`learn_one` takes a payment and `transform_one` only looks at it; a payment that was taken
keeps the features it got then.

scikit-learn is not needed to import this, and neither is any library of frames.
"""

from __future__ import annotations

import inspect
import math
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from river import base

from models.dense.model import VALUE_MAX
from stream.config.configuration import Config, load
from stream.offline.feature_stream import FeatureStream, Glance
from stream.offline.frames import column_names, truths_of

Sections = dict[str, Any] | None


class RowsNotTakenWarning(UserWarning):
    """Some rows changed nothing, and have no features; the text says why and how many."""


class FraudFeatures(base.Transformer):
    """Point-in-time features of payments, equal to the live ones.

    The configuration is that of a worker: a file, sections laid over it, and
    ``FRAUD_*`` variables over both. A frame's columns, or a dictionary's keys, are named
    by its ``[fields]``.

    Parameters
    ----------
    config : str, optional
        A configuration file; without it the defaults.
    features : list of str, or dict, optional
        Names of the features, or all of ``[features]``.
    fields, windows, limits, labels : dict, optional
        Sections of the configuration.
    replay : dict, optional
        ``label``, the column with the truth, and ``label_delay``. In a frame ``y`` takes
        the column's place. Features that know of frauds see a label only after the delay.

    Attributes
    ----------
    not_taken : Counter of str
        Why rows had no features, and how many: since `fit`, or since the first `learn_one`.

    Notes
    -----
    Pickled, it holds what it remembers of the payments, ids as hashes under a key that is no
    secret: keep it as you keep the payments.

    Examples
    --------
    >>> FraudFeatures(
    ...     features=["amount", "card.count_{1h,1d}"],
    ...     fields={"entities": {"card": "card_id"}, "amount": "amount", "amount_unit": "major"},
    ... ).get_feature_names_out().tolist()
    ['amount', 'card.count_1h', 'card.count_1d']
    """

    def __init__(
        self,
        config: str | None = None,
        features: list[str] | tuple[str, ...] | dict[str, Any] | None = None,
        fields: Sections = None,
        windows: Sections = None,
        limits: Sections = None,
        labels: Sections = None,
        replay: Sections = None,
    ) -> None:
        self.config = config
        self.features = features
        self.fields = fields
        self.windows = windows
        self.limits = limits
        self.labels = labels
        self.replay = replay
        self._glance: Glance | None = None

    @property
    def not_taken(self) -> Counter[str]:
        """Why rows had no features, and how many."""
        return Counter() if self._glance is None else self._glance.settled().not_taken

    def _loaded(self) -> Config:
        features = self.features
        sections = {
            "features": {"names": tuple(features)}
            if isinstance(features, list | tuple)
            else features,
            "fields": self.fields,
            "windows": self.windows,
            "limits": self.limits,
            "labels": self.labels,
            "replay": self.replay,
        }
        given = {name: section for name, section in sections.items() if section is not None}
        return load(Path(self.config) if self.config else None, **given)

    # As a transformer of River.

    def _begun(self) -> Glance:
        if self._glance is None:
            self._glance = Glance(FeatureStream(self._loaded()))
        return self._glance

    def learn_one(self, x: dict[Any, Any]) -> None:
        """Take a payment; its truth, if ``replay.label`` is in it, is known after the delay."""
        self._begun().learn(x)

    def transform_one(self, x: dict[Any, Any]) -> dict[Any, Any]:
        """Return the features of a payment, itself included; unknown ones are absent.

        A payment that was taken keeps the features it got then, as long as it waits for its
        label (``labels.maturity``, ``labels.waiting_max``).
        """
        values = np.clip(self._begun().look(x), -VALUE_MAX, VALUE_MAX).tolist()
        named = zip(self._names(), values, strict=True)
        return {name: value for name, value in named if not math.isnan(value)}

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        small = {"events_max": 200, "entities_max": 50}
        yield {"windows": small, "labels": {"waiting_max": 2048}}

    # As a transformer of scikit-learn.

    def fit(self, X: Any, y: Any = None) -> Self:
        """Begin anew and take the rows of a frame, in its order.

        Parameters
        ----------
        X : pandas.DataFrame, polars.DataFrame, pyarrow.Table, duckdb.DuckDBPyRelation
            Payments in order of time.
        y : array-like, optional
            The truth: 1, true or ``fraud``.
        """
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """`fit`, and return the features of the rows; see `transform`."""
        stream = FeatureStream(self._loaded())
        matrix = stream.take_frame(X, None if y is None else truths_of(y))
        _warn(stream.not_taken, len(matrix))
        self._glance = Glance(stream)
        self.feature_names_in_ = np.array(column_names(X), object)
        self.n_features_in_ = len(self.feature_names_in_)
        return self._wrapped(matrix, X)

    def transform(self, X: Any) -> Any:
        """Return the features of the rows of a frame that comes after what was fitted.

        Returns
        -------
        ndarray of float64, shape (n, n_features), or a frame
            A row for each row, in the same order; NaN where a value is not known. See
            `set_output`.

        Raises
        ------
        ValueError
            If there are rows and none of them could be taken.
        """
        stream = self._fitted().copy()
        before = stream.not_taken.copy()
        matrix = stream.take_frame(X)
        not_taken = stream.not_taken - before
        if len(matrix) and not_taken.total() == len(matrix):
            raise ValueError(
                f"none of the {len(matrix)} rows could be taken: {_told(not_taken)}. transform "
                "goes on where fit ended; the features of the rows that were fitted are what "
                "fit_transform returns"
            )
        _warn(not_taken, len(matrix))
        return self._wrapped(matrix, X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the features, in order."""
        names = self._names() if self._glance else tuple(map(str, self._loaded().declared()))
        return np.array(names, object)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return what this was built with."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Change what this was built with; `fit` begins anew with it."""
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise ValueError(f"{name} is none of the parameters {', '.join(known)}")
            setattr(self, name, value)
        return self

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose what `transform` returns: ``default`` (an array), ``pandas`` or ``polars``."""
        if transform not in (None, "default", "pandas", "polars"):
            raise ValueError(f"transform must be default, pandas or polars, not {transform!r}")
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return self._glance is not None

    def __sklearn_tags__(self) -> Any:
        tags = import_module("sklearn.utils")
        return tags.Tags(
            estimator_type="transformer",
            target_tags=tags.TargetTags(required=False),
            transformer_tags=tags.TransformerTags(preserves_dtype=[]),
            input_tags=tags.InputTags(string=True, allow_nan=True),
        )

    def _names(self) -> tuple[str, ...]:
        return self._begun().names

    def _fitted(self) -> FeatureStream:
        if self._glance is None:
            raise ValueError("not fitted yet: call fit, fit_transform or learn_one first")
        return self._glance.settled()

    def _wrapped(self, matrix: NDArray[np.float64], X: Any) -> Any:
        kind = getattr(self, "_sklearn_output_config", {}).get("transform")
        if kind is None:
            sklearn = sys.modules.get("sklearn")
            kind = sklearn.get_config()["transform_output"] if sklearn else "default"
        if kind == "default":
            return matrix
        names = self.get_feature_names_out().tolist()
        if kind == "pandas":
            return import_module("pandas").DataFrame(
                matrix, columns=names, index=getattr(X, "index", None)
            )
        return import_module("polars").DataFrame(matrix, schema=names)


def _told(not_taken: Counter[str]) -> str:
    return ", ".join(f"{why} {count:,}" for why, count in not_taken.most_common())


def _warn(not_taken: Counter[str], rows: int) -> None:
    if not_taken:
        text = (
            f"{not_taken.total():,} of {rows:,} rows were not taken and have no features: "
            f"{_told(not_taken)}"
        )
        if "event_too_late" in not_taken:
            text += "; are the rows in order of time, or windows.allowed_lateness too short?"
        warnings.warn(text, RowsNotTakenWarning, stacklevel=3)
