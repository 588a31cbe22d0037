"""The optimizers that have a compiled form; `models.linear.steps` is what they do."""

from __future__ import annotations

from typing import NamedTuple

from models.linear.parameters import decay, number

SGD, ADA_GRAD, ADAM, FTRL = range(4)
RULES = ("sgd", "ada_grad", "adam", "ftrl")

# Below this, what FTRL divides by would take its weights out of the finite numbers.
_RATE_MIN = 1e-12
_EPS_MIN = 1e-30


class Optimizer(NamedTuple):
    """A rule and its parameters; those that a rule does not have are 0.

    Attributes
    ----------
    rule : int
        `SGD`, `ADA_GRAD`, `ADAM` or `FTRL`.
    rate : float
        Learning rate; FTRL's alpha.
    beta_1, beta_2 : float
        Adam's decay rates of both averages; FTRL's beta is `beta_1`.
    eps : float
        Added below a fraction's line.
    l1, l2 : float
        FTRL's own penalties.
    """

    rule: int
    rate: float
    beta_1: float = 0.0
    beta_2: float = 0.0
    eps: float = 0.0
    l1: float = 0.0
    l2: float = 0.0


def sgd(lr: float = 0.01) -> Optimizer:
    """Return stochastic gradient descent at a constant rate (Robbins & Monro 1951)."""
    return Optimizer(SGD, number("lr", lr))


def ada_grad(lr: float = 0.1, eps: float = 1e-8) -> Optimizer:
    """Return AdaGrad: the rate of each weight falls with its own gradients.

    Duchi, Hazan & Singer (2011), Adaptive subgradient methods, JMLR 12, figure 1 with
    diagonal matrices; `eps` is added below the root.
    """
    return Optimizer(ADA_GRAD, number("lr", lr), eps=number("eps", eps, _EPS_MIN))


def adam(
    lr: float = 0.1, beta_1: float = 0.9, beta_2: float = 0.999, eps: float = 1e-8
) -> Optimizer:
    """Return Adam: averages of the gradient and of its square.

    Kingma & Ba (2015), Adam: a method for stochastic optimization, algorithm 1 in the
    order of operations given at the end of section 2.
    """
    return Optimizer(
        ADAM,
        number("lr", lr),
        decay("beta_1", beta_1),
        decay("beta_2", beta_2),
        number("eps", eps, _EPS_MIN),
    )


def ftrl(alpha: float = 0.05, beta: float = 1.0, l1: float = 0.0, l2: float = 1.0) -> Optimizer:
    """Return FTRL-Proximal: AdaGrad's rates, and weights that are exactly 0.

    McMahan et al. (2013), Ad click prediction: a view from the trenches, algorithm 1.
    """
    optimizer = Optimizer(
        FTRL,
        number("alpha", alpha, _RATE_MIN),
        beta_1=number("beta", beta),
        l1=number("l1", l1),
        l2=number("l2", l2),
    )
    if optimizer.beta_1 + optimizer.l2 < _RATE_MIN:
        raise ValueError(
            f"beta is {beta!r} and l2 is {l2!r}: give one of them {_RATE_MIN:g} or more, "
            "or the first weights are divided by 0"
        )
    return optimizer
