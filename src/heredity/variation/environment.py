"""Environments: how much of a parent an offspring may have, and which size of network follows.

Two published readings (METHODS A and C): `keep`, the share of the parent's resources that an offspring may have, and
`scarcity`, the share that is taken away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from heredity.anatomy.anatomy import Anatomy
from heredity.errors import InputError

Cost = Literal["params", "macs", "clusters"]
"""What an environment's share of filters is a share of: weights, multiplications, or the number of filters."""

Probabilities = Mapping[str, NDArray[np.float64]]
"""By family: `(clusters,)`, probability of each cluster to be passed on."""


class Environment(msgspec.Struct, frozen=True):
    """How scarce a resource is: `value` is the parent's share to keep, (0, 1], or (`scarcity`) to take away, [0, 1)."""

    value: float
    reading: Literal["keep", "scarcity"] = "keep"

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise InputError.of("an environment that leaves a share in (0, 1]", self.share, f"change {self.value}")

    @property
    def share(self) -> float:
        """The share of the parent's that the offspring may have."""
        return self.value if self.reading == "keep" else 1 - self.value


def expected_size(anatomy: Anatomy, kept: Mapping[str, float], cost: Cost) -> float:
    """Weights, multiplications ("macs") or clusters that are left when each family keeps so many clusters.

    `kept` are counts, which need not be whole: every tensor shrinks with each of its dimensions. Families that are not
    named stay whole.
    """
    if cost == "clusters":
        return sum(kept.get(family.name, family.size) for family in anatomy.families)
    lost: dict[str, dict[int, float]] = {}
    for family in anatomy.families:
        gone = family.size - kept.get(family.name, family.size)
        for s in family.slices:
            by_dim = lost.setdefault(s.tensor, {})
            by_dim[s.dim] = by_dim.get(s.dim, 0.0) + gone * s.positions.shape[1]
    size = 0.0
    for name, shape in anatomy.shapes.items():
        weight = anatomy.positions.get(name, 0) if cost == "macs" else int(name in anatomy.parameters)
        left = np.array(shape, float) - [lost.get(name, {}).get(d, 0.0) for d in range(len(shape))]
        size += weight * float(left.prod())
    return size


def kappa_for(anatomy: Anatomy, weights: Probabilities, size: float, cost: Cost) -> float:
    """The kappa under which probabilities min(1, kappa * weight) leave an expected `size`, in units of `cost`.

    The calibration of METHODS A, by bisection; at least one cluster a family is expected to stay.
    """
    low, high = 0.0, 1.0 / min((float(w[w > 0].min()) for w in weights.values() if (w > 0).any()), default=1.0)
    for _ in range(60):
        middle = (low + high) / 2
        counts = {name: max(1.0, float(p.sum())) for name, p in scaled(weights, middle).items()}
        low, high = (low, middle) if expected_size(anatomy, counts, cost) > size else (middle, high)
    return high


def scaled(weights: Probabilities, kappa: float) -> dict[str, NDArray[np.float64]]:
    """Probabilities min(1, kappa * weight)."""
    return {name: np.minimum(1.0, kappa * w) for name, w in weights.items()}


def scale_to_share(anatomy: Anatomy, weights: Probabilities, share: float, cost: Cost) -> Probabilities:
    """Probabilities in proportion to `weights` that leave this share of `cost`, see `kappa_for`."""
    return scaled(weights, kappa_for(anatomy, weights, share * expected_size(anatomy, {}, cost), cost))
