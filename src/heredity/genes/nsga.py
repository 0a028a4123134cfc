"""NSGA-II on genes: whoever is best of all that have lived is parent of the next.

    parents        binary tournament: the better front, then the lonelier
    numbers        simulated binary crossover (index 15, nine of ten pairs), polynomial mutation (index 20)
    choices        either parent's, and mutation to any value
    survivors      as many as a population has, the best of the last survivors and the newly told

Source: Deb, Pratap, Agarwal, Meyarivan 2002; crossover Deb & Agrawal 1995; ceilings come first, as there. A gene
mutates with a chance of one in the number of genes. Whole numbers are crossed as real coordinates, and rounded when
read. The first population is drawn from all over the space.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heredity.genes.distribution import Distribution, Fates, Theta, beliefs, choices, scattered
from heredity.genes.random import RandomSearch
from heredity.genes.space import Point, Space
from heredity.rng import numpy_generator

CROSSED, CROSSING, MUTATION = 0.9, 15.0, 20.0
"""Share of pairs that are crossed; distribution indices of crossover and mutation: high ones stay near the parents."""


class NSGA(Distribution):
    """See the file's head."""

    def __init__(self, space: Space, population: int, seed: int) -> None:
        super().__init__(space, population, seed)
        self._genes = np.zeros((0, len(space.free)))
        self._fates: Fates | None = None
        self._choices = choices(space)

    @property
    def theta(self) -> Theta:
        """Of the survivors; before there are any, of the space."""
        if not len(self._genes):
            return RandomSearch(self.space, self.population, self.seed).theta
        numbers, named = self._genes[:, ~self._choices], self._genes[:, self._choices]
        shares = [
            np.bincount(column.astype(int), minlength=size) / len(column)
            for column, size in zip(named.T, self.space.sizes, strict=True)
        ]
        return beliefs(self.space, numbers.mean(0), numbers.std(0), shares)

    def _drawn(self) -> list[Point]:
        rng = numpy_generator(self.seed, "nsga", self.generation)
        if len(self._genes) < 2:
            return scattered(self.space, self.population, rng)
        offspring: list[Point] = []
        while len(offspring) < self.population:
            offspring += self._pair(rng)
        return offspring[: self.population]

    def _learn(self, fates: Fates) -> None:
        """Keeps the best of all that have lived; survivors lie from the best to the worst."""
        genes, told = np.concatenate([self._genes, np.stack(self.points)]), fates
        if self._fates is not None:
            told = Fates(
                np.concatenate([self._fates.objectives, fates.objectives]),
                np.concatenate([self._fates.excess, fates.excess]),
            )
        order, _ = told.order(crowded=True)
        kept = order[np.isfinite(told.distance[order])][: self.population]
        self._genes, self._fates = genes[kept], Fates(told.objectives[kept], told.excess[kept])

    def _pair(self, rng: np.random.Generator) -> list[Point]:
        """Two offspring of two parents; of two who are drawn, the one who lies before the other is a parent."""
        one, other = self._genes[rng.integers(len(self._genes), size=(2, 2)).min(1)]
        if rng.random() < CROSSED:
            one, other = _crossed(one, other, self._choices, rng)
        return [self._mutated(one, rng), self._mutated(other, rng)]

    def _mutated(self, genes: Point, rng: np.random.Generator) -> Point:
        strikes = rng.random(len(genes)) < 1 / len(genes)
        u, numbers = rng.random(len(genes)), np.where(self._choices, 0.0, genes)
        down = np.abs(2 * u + (1 - 2 * u) * (1 - numbers) ** (MUTATION + 1)) ** (1 / (MUTATION + 1)) - 1
        up = 1 - np.abs(2 * (1 - u) + (2 * u - 1) * numbers ** (MUTATION + 1)) ** (1 / (MUTATION + 1))
        numbers = np.clip(numbers + np.where(u < 0.5, down, up), 0, 1)
        (named,) = scattered(self.space, 1, rng)
        return np.where(strikes, np.where(self._choices, named, numbers), genes)


def _crossed(one: Point, other: Point, named: NDArray[np.bool_], rng: np.random.Generator) -> tuple[Point, Point]:
    """Simulated binary crossover of half of the numbers; choices change places by a coin."""
    u, coins = rng.random((2, len(one)))
    spread = np.where(u <= 0.5, 2 * u, 1 / np.maximum(2 * (1 - u), 1e-12)) ** (1 / (CROSSING + 1))
    mean, half = (one + other) / 2, spread * (one - other) / 2
    numbers = np.clip([mean + half, mean - half], 0, 1)
    first, second = np.where(named, [other, one], numbers)
    chosen = coins < 0.5
    return np.where(chosen, first, one), np.where(chosen, second, other)
