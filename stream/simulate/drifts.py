"""Drifts on purpose: from some moment on the made-up world is another one.

covariate. Genuine payments grow: their amounts are multiplied. Fraud stays as it was.
prior. There is more fraud of the kinds that there were, so many times as much.
concept. Frauds of the kinds that there were stop, and another kind begins, so many times as
frequent: small amounts, that were harmless before. What is paid looks as it did.
missing. A producer loses a field in a share of its payments: the device of live traffic, the
terminal of the Handbook's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from schemas.errors import ConfigError
from stream.config.values import parse_duration


class DriftKind(StrEnum):
    """What changes."""

    COVARIATE = "covariate"
    PRIOR = "prior"
    CONCEPT = "concept"
    MISSING = "missing"


_SIZES = {
    DriftKind.COVARIATE: 1.25,
    DriftKind.PRIOR: 3.0,
    DriftKind.CONCEPT: 1.0,
    DriftKind.MISSING: 0.1,
}
# Between which a size makes sense.
_BOUNDS = {
    DriftKind.COVARIATE: (0.01, 100.0),
    DriftKind.PRIOR: (1.0, 20.0),
    DriftKind.CONCEPT: (0.0, 4.0),
    DriftKind.MISSING: (0.0, 1.0),
}


@dataclass(frozen=True)
class Drift:
    """One change of the world.

    Attributes
    ----------
    kind : DriftKind
    at_us : int
        From when on, microseconds from the beginning of the stream.
    size : float
        Factor of amounts, of fraud, frauds of the new kind for each that there was; share of
        payments without the field.
    """

    kind: DriftKind
    at_us: int
    size: float


def drift_of(text: str, at_us: int) -> Drift:
    """Read ``KIND[:AT[:SIZE]]``, such as ``covariate:90d:1.5``.

    Parameters
    ----------
    text : str
    at_us : int
        From when on, where the text does not say.

    Raises
    ------
    schemas.errors.ConfigError
        Naming the part that cannot be read.
    """
    name, *more = text.split(":")
    try:
        kind = DriftKind(name)
    except ValueError:
        kinds = ", ".join(DriftKind)
        raise ConfigError(f"--drift: {name!r} is no kind of drift: take one of {kinds}") from None
    if len(more) > 2:
        raise ConfigError(f"--drift: {text!r} has too many parts: write KIND:AT:SIZE")
    if more and more[0]:
        try:
            at_us = int(str(parse_duration(more[0])))
        except ValueError as error:
            raise ConfigError(f"--drift: {text!r}: {error}") from error
    return Drift(kind, at_us, _size(kind, more[1]) if len(more) > 1 else _SIZES[kind])


def _size(kind: DriftKind, text: str) -> float:
    least, most = _BOUNDS[kind]
    try:
        size = float(text)
    except ValueError:
        size = float("nan")
    if not (isfinite(size) and least <= size <= most):
        raise ConfigError(
            f"--drift: the size of a {kind} drift is a number from {least:g} to {most:g}, "
            f"not {text!r}"
        )
    return size
