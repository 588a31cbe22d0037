"""River's logistic regression has a compiled form, or is refused by the parameter that has none."""

import pytest
from river import linear_model, optim

from models.linear import optimizers
from models.linear.translate import dense_of
from schemas.errors import ModelError


def test_every_parameter_is_translated():
    dense = dense_of(
        linear_model.LogisticRegression(
            optim.Adam(optim.schedulers.Constant(0.2), 0.8, 0.9, 1e-6),
            loss=optim.losses.Log(weight_pos=3.0, weight_neg=0.5),
            l2=0.1,
            intercept_init=-1.0,
            intercept_lr=0.03,
            clip_gradient=7.0,
        ),
        5,
    )
    assert dense.width == 5
    assert dense.optimizer == optimizers.adam(0.2, 0.8, 0.9, 1e-6)
    assert dense.settings._asdict() == {
        "l2": 0.1,
        "l1": 0.0,
        "intercept_lr": 0.03,
        "clip_gradient": 7.0,
        "weight_pos": 3.0,
        "weight_neg": 0.5,
    }
    assert dense.intercept == -1.0
    assert dense_of(linear_model.LogisticRegression(l1=0.2), 5).settings.l1 == 0.2


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, optimizers.sgd(0.01)),
        (optim.SGD(1), optimizers.sgd(1)),
        (optim.AdaGrad(0.2, 1e-5), optimizers.ada_grad(0.2, 1e-5)),
        (optim.FTRLProximal(0.2, 0.3, 0.4, 0.5), optimizers.ftrl(0.2, 0.3, 0.4, 0.5)),
    ],
)
def test_every_optimizer_is_translated(given, expected):
    assert dense_of(linear_model.LogisticRegression(given), 5).optimizer == expected


class Other(linear_model.LogisticRegression):
    """A subclass, which may do anything."""


class OtherSGD(optim.SGD):
    """A subclass, which may do anything."""


class OtherRate(optim.schedulers.Constant):
    """A subclass, which may do anything."""


def learned(regression):
    regression.learn_one({"a": 1.0}, True)
    return regression


def used(optimizer):
    learned(linear_model.LogisticRegression(optimizer))
    return optimizer


def regression(**given):
    return linear_model.LogisticRegression(**given)


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (linear_model.LinearRegression(), "LinearRegression has no compiled form"),
        (Other(), "Other has no compiled form"),
        (None, "NoneType"),
        (learned(regression()), "already learned"),
        (learned(regression(intercept_lr=0.0)), "already learned"),
        (regression(optimizer=optim.Momentum()), "optimizer=Momentum .* use optim.SGD"),
        (regression(optimizer=OtherSGD()), "optimizer=OtherSGD has no compiled form"),
        (regression(optimizer=used(optim.SGD())), "optimizer=SGD has already taken 1 steps"),
        (regression(optimizer=used(optim.Adam())), "optimizer=Adam has already taken 1 steps"),
        (
            regression(optimizer=optim.SGD(optim.schedulers.InverseScaling(0.1))),
            "the optimizer's lr=InverseScaling has no compiled form",
        ),
        (regression(optimizer=optim.SGD(OtherRate(0.1))), "lr=OtherRate"),
        (
            regression(intercept_lr=optim.schedulers.InverseScaling(0.1)),
            "intercept_lr=InverseScaling has no compiled form",
        ),
        (regression(loss=optim.losses.Hinge()), "loss=Hinge has no compiled form"),
        (
            regression(initializer=optim.initializers.Normal(seed=1)),
            "initializer=Normal has no compiled form",
        ),
        (regression(l2=-1.0), "LogisticRegression: l2 is -1.0"),
        (regression(optimizer=optim.SGD(-1.0)), "lr is -1.0"),
        (regression(l1=0.1, optimizer=optim.FTRLProximal()), "FTRL has an l1 of its own"),
    ],
)
def test_whatever_has_no_compiled_form_is_refused_by_name(model, text):
    with pytest.raises(ModelError, match=text):
        dense_of(model, 3)
