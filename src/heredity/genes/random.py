"""Random search: points from all over the space, whatever was told. What every other distribution has to beat."""

from __future__ import annotations

import numpy as np

from heredity.genes.distribution import Distribution, Fates, Theta, beliefs, scattered
from heredity.genes.space import Point
from heredity.rng import numpy_generator


class RandomSearch(Distribution):
    """See the file's head."""

    @property
    def theta(self) -> Theta:
        numbers = len(self.space.free) - len(self.space.sizes)
        return beliefs(
            self.space,
            np.full(numbers, 0.5),
            np.full(numbers, 12**-0.5),  # the deviation of what is even in [0, 1]
            [np.full(size, 1 / size) for size in self.space.sizes],
        )

    def _drawn(self) -> list[Point]:
        return scattered(self.space, self.population, numpy_generator(self.seed, "random search", self.generation))

    def _learn(self, fates: Fates) -> None:
        pass
