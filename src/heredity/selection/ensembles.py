"""Who belongs to an ensemble, and how much each counts: pure functions of losses and costs. Lower is better for all.

`forward_selection` is that of Caruana, Niculescu-Mizil, Crew, Ksikes 2004 ("Ensemble selection from libraries of
models"), with replacement: who is chosen once more counts more. It departs in that costs are bounded, and that it ends
where nothing helps rather than after so many steps. `convex_weights` minimises a convex loss over all weights at once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]
"""`(members,)`: at least 0, of sum 1."""

GAIN = 1e-3
"""The share of its loss that another choice must save an ensemble: less than that is noise, and may cost a member."""

STEPS = 100
"""Choices at most. They usually end at a dozen."""

NEGLIGIBLE = 1e-4
"""A weight below which a member is left out."""


def equal_weights(members: int) -> Weights:
    """All count alike."""
    return np.full(members, 1 / members)


def forward_selection(
    loss: Callable[[Weights], float],
    errors: NDArray[np.float64],
    costs: NDArray[np.float64],
    ceilings: NDArray[np.float64],
) -> Weights:
    """Weights by greedy choice: who alone has the least error first, then whoever lowers the loss the most.

    `errors (members,)` are those of members alone. `costs (members, m)` are of m kinds, and those of all who are chosen
    add up to at most `ceilings (m,)`; a member that is chosen once more costs nothing, since a file holds it once. One
    member at least must keep the ceilings by itself. Of equal members the first is taken.
    """
    members = len(costs)
    affordable = np.flatnonzero((costs <= ceilings).all(1))
    chosen = np.zeros(members)
    chosen[affordable[np.argmin(errors[affordable])]] = 1
    least = loss(chosen)
    for _ in range(STEPS):
        having = costs[chosen > 0].sum(0)
        affordable = np.flatnonzero((chosen > 0) | (having + costs <= ceilings).all(1))
        losses = [loss(_with(chosen, member)) for member in affordable.tolist()]
        best = int(np.argmin(losses))
        if not losses[best] < (1 - GAIN) * least:
            break
        chosen[affordable[best]] += 1
        least = losses[best]
    return chosen / chosen.sum()


def _with(chosen: NDArray[np.float64], member: int) -> Weights:
    more = chosen.copy()
    more[member] += 1
    return more / more.sum()


def convex_weights(loss: Callable[[Weights], tuple[float, NDArray[np.float64]]], members: int) -> Weights:
    """The weights with the least loss, which is convex in them; `loss` gives it with its gradient `(members,)`.

    By sequential quadratic programming (scipy's SLSQP), from equal weights. Never worse than these, whatever comes of
    that.
    """
    from scipy.optimize import minimize  # heavy, and needed here alone

    equal = equal_weights(members)
    summed = {"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones_like(w)}
    found = minimize(loss, equal, jac=True, method="SLSQP", bounds=[(0, 1)] * members, constraints=summed)
    weights = np.where(found.x < NEGLIGIBLE, 0.0, found.x)
    weights /= weights.sum()
    return weights if loss(weights)[0] <= loss(equal)[0] else equal
