"""Densities on the line, from which priors are mixed: F(w; mu, sigma) = f((w - mu) / sigma) / sigma.

Each family is its standard form: log f and the slope of that, which is all that a prior's gradient needs. The patent
names the Gaussian and the Laplace and allows any other; tails decide what it does to groups far from every mode:

    family       log f(z)                          slope           far from its mode a group is pulled
    gaussian     -z^2/2 - log(2 pi)/2              -z              ever harder
    laplace      -|z| - log 2                      -sign(z)        with equal force; no slope at 0, 0 here
    logistic     -|z| - 2 log(1 + exp(-|z|))       -tanh(z / 2)    with equal force, and smoothly at 0
    student-t    -(n+1)/2 log(1 + z^2/n) + c       -(n+1) z/(n + z^2)   ever less; n = 4 degrees of freedom
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn import functional as F

Family = Literal["gaussian", "laplace", "logistic", "student-t"]

FREEDOM = 4.0
"""Degrees of freedom of Student's t: the fewest whole ones with a variance and tails that let go of what is far."""


@dataclass(frozen=True)
class Density:
    """A standard density: `log` f and its `slope` d log f / dz, elementwise."""

    log: Callable[[torch.Tensor], torch.Tensor]
    slope: Callable[[torch.Tensor], torch.Tensor]


def _log_student(z: torch.Tensor) -> torch.Tensor:
    constant = math.lgamma((FREEDOM + 1) / 2) - math.lgamma(FREEDOM / 2) - math.log(FREEDOM * math.pi) / 2
    return constant - (FREEDOM + 1) / 2 * torch.log1p(z.square() / FREEDOM)


DENSITIES: Mapping[Family, Density] = {
    "gaussian": Density(lambda z: -z.square() / 2 - math.log(2 * math.pi) / 2, torch.neg),
    "laplace": Density(lambda z: -z.abs() - math.log(2), lambda z: -z.sign()),
    "logistic": Density(lambda z: -z.abs() - 2 * F.softplus(-z.abs()), lambda z: -torch.tanh(z / 2)),
    "student-t": Density(_log_student, lambda z: -(FREEDOM + 1) * z / (FREEDOM + z.square())),
}
"""By name."""
