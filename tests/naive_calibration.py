"""The oracle of calibration: plain loops over lists, obviously right and slow.

Matrices of two by two are written out as the textbook has them: gradient, Hessian, solve.
"""

import math


def log_odds(p):
    """Log-odds of a score; beyond 12 a thousandth of the rest."""
    p = min(max(p, 1e-15), 1 - 1e-15)
    z = math.log(p / (1 - p))
    if abs(z) <= 12:
        return z
    return math.copysign(12 + (abs(z) - 12) / 1000, z)


def sigmoid(z):
    return 1 / (1 + math.exp(-z)) if z > -700 else 0.0


class NaiveCalibrator:
    """Slope and offset, and the Hessian of the loss of all labels, the older the less."""

    def __init__(self, memory_labels=50_000, prior_frauds=50.0):
        self.keep = math.exp(-1 / memory_labels)
        self.prior = [[prior_frauds * 16, 0.0], [0.0, prior_frauds]]
        self.line = [1.0, 0.0]
        self.hessian = [row.copy() for row in self.prior]
        self.learned = 0

    def calibrate(self, score):
        """Return the probability; None stays."""
        if score is None:
            return None
        slope, offset = self.line
        return sigmoid(slope * log_odds(score) + offset)

    def learn(self, score, fraud):
        """Learn one label; a score of None teaches nothing."""
        if score is None:
            return
        self.learned += 1
        x = [log_odds(score), 1.0]
        p, lost = self.calibrate(score), 1 - self.keep
        start = [1.0, 0.0]
        gradient = [
            (p - fraud) * x[i]
            + sum(lost * self.prior[i][j] * (self.line[j] - start[j]) for j in range(2))
            for i in range(2)
        ]
        self.hessian = [
            [
                self.keep * self.hessian[i][j] + lost * self.prior[i][j] + p * (1 - p) * x[i] * x[j]
                for j in range(2)
            ]
            for i in range(2)
        ]
        (a, b), (c, d) = self.hessian
        inverse = [
            [d / (a * d - b * c), -b / (a * d - b * c)],
            [-c / (a * d - b * c), a / (a * d - b * c)],
        ]
        line = [self.line[i] - sum(inverse[i][j] * gradient[j] for j in range(2)) for i in range(2)]
        slope = min(max(line[0], 0.02), 20.0)
        offset = line[1] - self.hessian[1][0] / self.hessian[1][1] * (slope - line[0])
        self.line = [slope, min(max(offset, -100.0), 100.0)]
