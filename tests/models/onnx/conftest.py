"""Models that were trained once for all tests of this folder."""

import pytest


@pytest.fixture(scope="session")
def fitted():
    # Here, not above: without ONNX only the tests that need it are skipped.
    from inputs.onnx_models import MODELS, payments, single

    X, y = payments()
    return {name: build().fit(single(X), y) for name, build in MODELS.items()}


@pytest.fixture(scope="session")
def regression(fitted):
    from inputs.onnx_models import export

    return export(fitted["logistic regression"])
