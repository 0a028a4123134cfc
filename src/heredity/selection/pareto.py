"""Pareto dominance: which individuals nobody beats. All objectives are costs: lower is better."""

from __future__ import annotations

import numpy as np
from moocore import is_nondominated, pareto_rank
from numpy.typing import NDArray

Objectives = NDArray[np.float64]
"""`(n, m)`: n individuals, m objectives, lower is better."""


def nondominated(objectives: Objectives) -> NDArray[np.bool_]:
    """`(n,)`: True where no other row is at least as good in all objectives and better in one.

    Of equal rows the first counts. A row with a NaN is never on the front; infinities compare as numbers do.
    """
    finite = ~np.isnan(objectives).any(axis=1)
    front = np.zeros(len(objectives), bool)
    if finite.any():
        front[finite] = is_nondominated(_ordinal(objectives[finite]), keep_weakly=False)
    return front


def ranks(objectives: Objectives) -> NDArray[np.int64]:
    """`(n,)`: 0 for the front, 1 for the front of the rest, and so on; rows with a NaN share the last rank."""
    finite = ~np.isnan(objectives).any(axis=1)
    rank = np.zeros(len(objectives), np.int64)
    if finite.any():
        rank[finite] = pareto_rank(_ordinal(objectives[finite]))
    rank[~finite] = rank[finite].max(initial=-1) + 1
    return rank


def crowding(objectives: Objectives, rank: NDArray[np.int64]) -> NDArray[np.float64]:
    """`(n,)`: how far apart each row's neighbours on its front are, summed over objectives; higher is lonelier.

    NSGA-II (Deb et al. 2002): ends of a front are infinitely lonely; objectives are measured by the front's range.
    """
    distance = np.zeros(len(objectives))
    for front in (np.flatnonzero(rank == number) for number in np.unique(rank)):
        for values in objectives[front].T:
            order = np.argsort(values, kind="stable")
            own, extent = values[order], values[order[-1]] - values[order[0]]
            distance[front[order[[0, -1]]]] = np.inf
            if extent > 0:
                distance[front[order[1:-1]]] += (own[2:] - own[:-2]) / extent
    return distance


def _ordinal(objectives: Objectives) -> Objectives:
    """Each column as places in its order, which is all that dominance asks for.

    Infinities go this way: on them moocore 0.3.2 calls dominated rows non-dominated, or crashes.
    """
    return np.stack([np.unique(column, return_inverse=True)[1] for column in objectives.T], axis=1).astype(np.float64)
