"""River's own checks of an estimator, for the tests of every one that has its name."""

import pytest
from river import checks


def every_check(models):
    """Return a case for each of River's checks of each model, by name: the model, the check."""
    return [
        pytest.param(model, check, id=f"{name}-{check.__name__}")
        for name, model in models.items()
        for check in checks.yield_checks(model)
    ]


def assert_passes(model, check):
    """Run a check on a fresh model; it must not ask to be left out."""
    assert check.__name__ not in model._unit_test_skips()
    check(model.clone())
