"""Sizes of networks that are not there yet: as functions of how many clusters their families have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from heredity.anatomy.anatomy import Anatomy
from heredity.measures.size import deployed

Cost = Literal["params", "macs", "clusters"]
"""What a share of a network is a share of: weights, multiplications, or the number of filters."""


class Sizes:
    """Weights, multiplications ("macs") or clusters of a network, as a function of how many clusters its families have.

    Every dimension of every tensor is a constant and so many for each cluster of some families; what counts of a tensor
    is the product of its dimensions. Products of activations are so many multiplications for each cluster.
    """

    def __init__(self, anatomy: Anatomy, cost: Cost) -> None:
        self._families = {family.name: place for place, family in enumerate(anatomy.families)}
        self._whole = np.array([float(family.size) for family in anatomy.families])
        counted = anatomy.positions if cost == "macs" else dict.fromkeys(deployed(anatomy), 1)
        self._counts_clusters = cost == "clusters"
        self._weights = np.array([float(weight) for weight in counted.values()])
        shapes = {name: anatomy.shapes[name] or (1,) for name in counted}
        self._starts = np.cumsum([0, *map(len, shapes.values())])[:-1]
        row = dict(zip(shapes, self._starts.tolist(), strict=True))
        self._constant = np.array([float(length) for shape in shapes.values() for length in shape])
        self._slope = np.zeros((len(self._constant), len(self._whole)))
        for family in anatomy.families:
            for s in family.slices:
                if s.tensor in row:
                    self._slope[row[s.tensor] + s.dim, self._families[family.name]] += s.positions.shape[1]
        self._constant -= self._slope @ self._whole
        work = anatomy.work if cost == "macs" else {}
        self._products = np.array([float(work.get(name, 0)) for name in self._families])
        self._work = float(sum(each for name, each in work.items() if name not in self._families))

    def __call__(self, counts: Mapping[str, float]) -> float:
        """The size where families have so many clusters, which need not be whole; others are whole."""
        own = self._whole.copy()
        for name, count in counts.items():
            own[self._families[name]] = count
        return self.of(own)

    def of(self, counts: NDArray[np.float64]) -> float:
        """The same for the counts of all families, in the anatomy's order."""
        if self._counts_clusters:
            return float(counts.sum())
        dims = self._constant + self._slope @ counts
        return float(self._weights @ np.multiply.reduceat(dims, self._starts) + self._products @ counts + self._work)
