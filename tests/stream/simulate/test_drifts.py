"""What is written after --drift, and what it means."""

from __future__ import annotations

import pytest

from schemas.errors import ConfigError
from stream.simulate.drifts import Drift, DriftKind, drift_of

DAY_US = 86_400_000_000


def test_what_is_not_said_has_a_default() -> None:
    assert drift_of("covariate", DAY_US) == Drift(DriftKind.COVARIATE, DAY_US, 1.25)
    assert drift_of("prior:2d", DAY_US) == Drift(DriftKind.PRIOR, 2 * DAY_US, 3.0)
    assert drift_of("missing:3d:0.5", DAY_US) == Drift(DriftKind.MISSING, 3 * DAY_US, 0.5)
    assert drift_of("concept::2", DAY_US) == Drift(DriftKind.CONCEPT, DAY_US, 2.0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("season", "'season' is no kind of drift: take one of covariate, prior, concept, missing"),
        ("prior:90", "a duration is a number with a unit"),
        ("prior:90d:0.5", "the size of a prior drift is a number from 1 to 20, not '0.5'"),
        ("missing:90d:nan", "the size of a missing drift is a number from 0 to 1, not 'nan'"),
        ("missing:90d:", "not ''"),
        ("missing:90d:0.5:1", "too many parts"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        drift_of(text, DAY_US)
    assert says in str(error.value)
