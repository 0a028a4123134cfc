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
from heredity.measures.expected import Cost, Sizes

Probabilities = Mapping[str, NDArray[np.float64]]
"""By family: `(clusters,)`, probability of each cluster to be passed on."""


class Environment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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


def kappa_for(sizes: Sizes, weights: Probabilities, size: float) -> float:
    """The kappa under which probabilities min(1, kappa * weight) leave an expected `size`, in the units of `sizes`.

    `weights` are those of all families, in the anatomy's order. The calibration of METHODS A, by bisection; at least
    one cluster a family is expected to stay.
    """
    together = np.concatenate(list(weights.values())) if weights else np.zeros(0)
    starts = np.cumsum([0, *map(len, weights.values())])[:-1]
    low, high = 0.0, 1.0 / float(min(together[together > 0], default=1.0))
    for _ in range(60):
        middle = (low + high) / 2
        counts = np.maximum(1.0, np.add.reduceat(np.minimum(1.0, middle * together), starts)) if weights else together
        low, high = (low, middle) if sizes.of(counts) > size else (middle, high)
    return high


def scaled(weights: Probabilities, kappa: float) -> dict[str, NDArray[np.float64]]:
    """Probabilities min(1, kappa * weight)."""
    return {name: np.minimum(1.0, kappa * w) for name, w in weights.items()}


def scale_to_share(anatomy: Anatomy, weights: Probabilities, share: float, cost: Cost) -> Probabilities:
    """Probabilities in proportion to `weights` that leave this share of `cost`, see `kappa_for`."""
    sizes, ordered = Sizes(anatomy, cost), {family.name: weights[family.name] for family in anatomy.families}
    return scaled(weights, kappa_for(sizes, ordered, share * sizes({})))
