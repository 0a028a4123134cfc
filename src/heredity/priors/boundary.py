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
"""Into which the interval up to the largest mean is divided before a boundary is bisected, and so the one beyond."""

FAR = 50.0
"""Scales beyond a mean where nothing changes any more."""


def boundary(mixture: Mixture) -> float:
    """The norm below which a group is rather of the first component than of all others together.

    0 if no norm is, infinity if all are. Sides can change more than once (a narrow component within a wide one): what
    counts is the last change from the first component to the others. Where the first takes over again far out, since it
    is the wider one, groups are needed all the same.

    Raises:
        InputError: one component has no other side.
    """
    if len(mixture.components) < 2:
        raise InputError.of("a mixture of two components or more", "one", "add that of needed groups")
    first, *others = mixture.components
    if len(others) == 1 and {first.family, others[0].family} == {"gaussian"}:
        found = _gaussian(first, others[0])
    else:
        found = _bisected(mixture)
    if found is not None:
        return max(found, 0.0)
    return math.inf if float(_lead(mixture, torch.zeros(1, dtype=torch.float64))) > 0 else 0.0


def parts_sides(mixture: Mixture) -> bool:
    """Whether there are norms on either side: the boundary is neither 0 nor infinite.

    Raises:
        InputError: one component has no other side.
    """
    return 0 < boundary(mixture) < math.inf


def log_odds_for(threshold: float, first: Component, second: Component) -> float:
    """ln(alpha_1 / alpha_2) of two components with which their boundary lies at `threshold`.

    The dial turned backwards: for Gaussians of equal sigma (t - mu_2/2) mu_2/sigma^2. Shares that they have do not
    count.
    """
    at = torch.tensor([threshold], dtype=torch.float64)
    alone = [Mixture((Component(1.0, one.mean, one.scale, one.family),)) for one in (first, second)]
    without, needed = (float(one.penalty().terms(at)) for one in alone)
    return needed - without


def _gaussian(first: Component, second: Component) -> float | None:
    """The root at which ln(alpha_1 F_1) - ln(alpha_2 F_2) = a t^2 + b t + c falls below 0, for Gaussians."""
    a = 1 / (2 * second.scale**2) - 1 / (2 * first.scale**2)
    b = first.mean / first.scale**2 - second.mean / second.scale**2
    c = second.mean**2 / (2 * second.scale**2) - first.mean**2 / (2 * first.scale**2)
    c += math.log(first.share * second.scale / (second.share * first.scale))
    if math.isclose(first.scale, second.scale, rel_tol=1e-9):
        return None if b >= 0 else -c / b  # the closed form above, where the first mean is 0
    inside = b * b - 4 * a * c
    if inside < 0:
        return None
    larger = -(b + math.copysign(math.sqrt(inside), b)) / 2  # which cancels nothing
    roots = [larger / a, c / larger] if larger else [0.0]
    return min(roots) if a > 0 else max(roots)


def _lead(mixture: Mixture, norms: torch.Tensor) -> torch.Tensor:
    """ln(alpha_1 F_1) - ln(sum of the others'), `(n,)`."""
    logs = mixture.penalty().terms(norms)
    return logs[0] - logs[1:].logsumexp(0)


def _bisected(mixture: Mixture) -> float | None:
    """The last norm at which the lead falls below 0."""
    top = max(component.mean for component in mixture.components[1:])
    far = max(component.mean + FAR * component.scale for component in mixture.components)
    near = min(component.scale for component in mixture.components) / STEPS
    grid = torch.cat(
        [
            torch.linspace(0, top, STEPS + 1, dtype=torch.float64),
            torch.logspace(math.log10(top or near), math.log10(far), STEPS + 1, dtype=torch.float64)[1:],
        ]
    )
    leads = _lead(mixture, grid) > 0
    falls = torch.nonzero(leads[:-1] & ~leads[1:]).flatten().tolist()
    if not falls:
        return None
    low, high = grid[falls[-1]].item(), grid[falls[-1] + 1].item()
    for _ in range(60):
        middle = (low + high) / 2
        leading = float(_lead(mixture, torch.tensor([middle], dtype=torch.float64))) > 0
        low, high = (middle, high) if leading else (low, middle)
    return high
