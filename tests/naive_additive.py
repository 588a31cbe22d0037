"""The additive model in plain Python: a dictionary of knots, a loop a row. Slow and obvious."""

import math
from collections import defaultdict

UNIT, OCTAVES, PER_OCTAVE = 1 / 128, 40, (1, 4, 16)
USUAL_OVER = 10_000


def position_of(value):
    """Octaves from zero, with the sign of the value: powers of 2, and straight lines between."""
    mantissa, exponent = math.frexp(1.0 + min(abs(value), 1e300) / UNIT)
    octaves = min(exponent - 1 + 2 * mantissa - 1, OCTAVES)
    return math.copysign(octaves, value)


def hats(value):
    """The knots that a value hangs between, counted from the lowest, and how much on each."""
    if math.isnan(value):
        return {"unknown": 1.0}
    found = {}
    for per_octave in PER_OCTAVE:
        place = (OCTAVES + position_of(value)) * per_octave
        for knot in (math.floor(place), math.floor(place) + 1):
            found[per_octave, knot] = 1.0 - abs(place - knot)
    return found


class NaiveAdditive:
    """Weights and sums of squared gradients by (feature, knot); AdaGrad on the logistic loss."""

    def __init__(self, lr=0.05):
        self.lr = lr
        self.weights = defaultdict(float)
        self.squares = defaultdict(lambda: 1.0)
        self.usual = defaultdict(float)
        self.genuine = 0.0

    def heights(self, x):
        return [
            math.fsum(part * self.weights[j, knot] for knot, part in hats(value).items())
            for j, value in enumerate(x)
        ]

    def log_odds(self, x):
        return self.weights["intercept"] + math.fsum(self.heights(x))

    def score(self, x):
        z = self.log_odds(x)
        return 1 / (1 + math.exp(-z)) if z > 0 else math.exp(z) / (1 + math.exp(z))

    def learn(self, x, is_fraud, weight=1.0):
        if weight == 0:
            return
        slope = weight * (self.score(x) - is_fraud)
        if not is_fraud:
            self.genuine = min(self.genuine + weight, USUAL_OVER)
            for j, height in enumerate(self.heights(x)):
                self.usual[j] += min(weight / self.genuine, 1) * (height - self.usual[j])
        self.step("intercept", slope)
        for j, value in enumerate(x):
            for knot, part in hats(value).items():
                self.step((j, knot), slope * part)

    def step(self, name, gradient):
        self.squares[name] += gradient**2
        self.weights[name] -= self.lr * gradient / math.sqrt(self.squares[name])

    def contributions(self, x):
        parts = [height - self.usual[j] for j, height in enumerate(self.heights(x))]
        return self.weights["intercept"] + math.fsum(self.usual.values()), parts
