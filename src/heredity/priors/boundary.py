"""Where a group changes sides: the norm at which it is as likely unneeded as needed.

Two Gaussians of equal sigma (METHODS D):         t = mu_2/2 + (sigma^2/mu_2) ln(alpha_1/alpha_2), for mu_1 = 0
of unequal ones, a root of the quadratic          ln(alpha_1 F_1) - ln(alpha_2 F_2) = 0
other families, or more than two components:      the same by bisection
"""

from __future__ import annotations

import math

import torch

from heredity.errors import InputError
from heredity.priors.mixture import Component, Mixture

STEPS = 512
"""Into which the interval of a boundary is divided before it is bisected."""


def boundary(mixture: Mixture) -> float:
    """The norm below which a group is rather of the first component than of all others together.

    0 if no norm is, infinity if all are up to the largest mean. Sides can change more than once (a narrow component
    within a wide one): what counts is the last change before the largest mean, above which groups are needed.

    Raises:
        InputError: one component has no other side.
    """
    if len(mixture.components) < 2:
        raise InputError.of("a mixture of two components or more", "one", "add that of needed groups")
    first, *others = mixture.components
    top = max(component.mean for component in others)
    if len(others) == 1 and {first.family, others[0].family} == {"gaussian"}:
        roots = [root for root in _gaussian(first, others[0]) if 0 < root < top]
    else:
        roots = _roots(mixture, top)
    if roots:
        return max(roots)
    return math.inf if float(_lead(mixture, torch.tensor([top], dtype=torch.float64))) > 0 else 0.0


def log_odds_for(threshold: float, first: Component, second: Component) -> float:
    """ln(alpha_1 / alpha_2) of two components with which their boundary lies at `threshold`.

    The dial turned backwards: for Gaussians of equal sigma (t - mu_2/2) mu_2/sigma^2. Shares that they have do not
    count.
    """
    at = torch.tensor([threshold], dtype=torch.float64)
    alone = [Mixture((Component(1.0, one.mean, one.scale, one.family),)) for one in (first, second)]
    without, needed = (float(one.penalty().terms(at)) for one in alone)
    return needed - without


def _gaussian(first: Component, second: Component) -> list[float]:
    """Roots of ln(alpha_1 F_1) - ln(alpha_2 F_2) = a t^2 + b t + c, for Gaussians."""
    a = 1 / (2 * second.scale**2) - 1 / (2 * first.scale**2)
    b = first.mean / first.scale**2 - second.mean / second.scale**2
    c = second.mean**2 / (2 * second.scale**2) - first.mean**2 / (2 * first.scale**2)
    c += math.log(first.share * second.scale / (second.share * first.scale))
    if math.isclose(first.scale, second.scale, rel_tol=1e-9):
        return [] if b == 0 else [-c / b]  # the closed form above, where the first mean is 0
    inside = b * b - 4 * a * c
    if inside < 0:
        return []
    larger = -(b + math.copysign(math.sqrt(inside), b)) / 2  # which cancels nothing
    return [larger / a, c / larger] if larger else [0.0]


def _lead(mixture: Mixture, norms: torch.Tensor) -> torch.Tensor:
    """ln(alpha_1 F_1) - ln(sum of the others'), `(n,)`."""
    logs = mixture.penalty().terms(norms)
    return logs[0] - logs[1:].logsumexp(0)


def _roots(mixture: Mixture, top: float) -> list[float]:
    """Where the lead changes sign in (0, top)."""
    grid = torch.linspace(0, top, STEPS + 1, dtype=torch.float64)
    positive = (_lead(mixture, grid) > 0).tolist()
    found: list[float] = []
    for k in range(STEPS):
        if positive[k] != positive[k + 1]:
            low, high = float(grid[k]), float(grid[k + 1])
            for _ in range(60):
                middle = (low + high) / 2
                same = (float(_lead(mixture, torch.tensor([middle], dtype=torch.float64))) > 0) == positive[k]
                low, high = (middle, high) if same else (low, middle)
            found.append(high)
    return found
