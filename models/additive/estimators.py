"""The additive model as River's classifier: dictionaries and frames."""

from __future__ import annotations

from models.additive.additive import AdditiveLogistic
from models.dense.classifier import NamedClassifier
from models.dense.named import Named


class AdditiveLogisticRegression(NamedClassifier):
    """A logistic regression with a curve a feature where River's has a weight.

    See `models.additive.additive.AdditiveLogistic`. River has no such model. It needs no
    scaler. A value that is not there (None, NaN) has a weight of its own. A frame is learned
    one row after the other.

    Parameters
    ----------
    lr : float
        Learning rate: the longest step of a weight.

    Attributes
    ----------
    intercept : float
        The log-odds that are no feature's.
    n_learned : int
        How many rows it has learned.

    Raises
    ------
    ValueError
        The rate is out of its range.
    """

    def __init__(self, lr: float = 0.05) -> None:
        self.lr = lr
        self._named = Named(AdditiveLogistic(0, lr))

    @property
    def intercept(self) -> float:
        """The log-odds that are no feature's."""
        return self._named.dense.intercept
