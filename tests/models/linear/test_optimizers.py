"""The optimizers' parameters."""

import pytest

from models.linear import optimizers
from models.linear.optimizers import ADA_GRAD, ADAM, FTRL, SGD


def test_the_defaults():
    assert optimizers.sgd() == (SGD, 0.01, 0, 0, 0, 0, 0)
    assert optimizers.ada_grad() == (ADA_GRAD, 0.1, 0, 0, 1e-8, 0, 0)
    assert optimizers.adam() == (ADAM, 0.1, 0.9, 0.999, 1e-8, 0, 0)
    assert optimizers.ftrl() == (FTRL, 0.05, 1.0, 0, 0, 0, 1.0)


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: optimizers.sgd(-1), "lr is -1"),
        (lambda: optimizers.ada_grad(eps=0), "eps is 0"),
        (lambda: optimizers.adam(beta_1=1), "beta_1 is 1"),
        (lambda: optimizers.adam(beta_2=-1), "beta_2 is -1"),
        (lambda: optimizers.adam(eps=0), "eps is 0"),
        (lambda: optimizers.ftrl(alpha=0), "alpha is 0"),
        (lambda: optimizers.ftrl(l1="x"), "l1 is 'x'"),
        (lambda: optimizers.ftrl(beta=0, l2=0), "beta is 0 and l2 is 0: give one"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused(build, text):
    with pytest.raises(ValueError, match=text):
        build()
