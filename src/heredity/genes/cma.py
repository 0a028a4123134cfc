"""CMA-ES on mixed genes: one Gaussian of all numbers, and for each choice the chances of its values.

    theta = (mean, sigma, covariance; chances)         begins around the ancestor, with deviation sigma_0 on [0, 1]
    fitness = the number of the Pareto front           peeled anew for every population; ties are left as they are

Sources: METHODS E for Pareto fronts as fitness and sigma_0 = 0.1; CatCMA with Margin (Hamano et al. 2025) for whole
numbers and choices, by the package `cmaes`. Whole numbers keep a margin, so that none dies out.
Departures: told is a row's place in the order of fronts, not the front's number. CMA-ES looks at the order alone, but
the penalty beyond bounds, which looks at quartiles, is then of one size in every generation, and never NaN. Where
everybody is of one class nothing is learnt. Of a choice, the ancestor's value has half of the chances.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heredity.errors import InputError
from heredity.genes.distribution import Distribution, Fates, Theta, beliefs
from heredity.genes.gene import Choice, Gene, Integer
from heredity.genes.space import Point, Space
from heredity.rng import derive

FEWEST = 4
"""A population that a covariance can be learnt from."""

GRIDDED = 1000
"""Values up to which a whole number keeps a margin; of more each is so unlikely that it is drawn as a real number."""


class CMA(Distribution):
    """See the file's head; `crowded`: within a front, the lonelier is the better.

    Raises:
        InputError: a population too small.
    """

    def __init__(self, space: Space, population: int, seed: int, *, sigma: float, crowded: bool) -> None:
        from cmaes import CatCMAwM  # loads scipy.stats, for which nobody else should wait

        super().__init__(space, population, seed)
        if population < FEWEST:
            raise InputError.of(f"a population of at least {FEWEST} for cma", population, "raise it")
        self._crowded = crowded
        kinds = [_kind(gene) for gene in space.free.values()]
        self._places = [np.flatnonzero(np.array(kinds) == kind) for kind in range(3)]
        reals, whole, named = self._places
        genes, start = list(space.free.values()), space.start
        numbers = np.concatenate([reals, whole])
        self._cma = CatCMAwM(
            x_space=[[0.0, 1.0] for _ in reals] or None,
            z_space=[_grid(gene) for gene in genes if isinstance(gene, Integer) and _kind(gene) == 1] or None,
            c_space=list(space.sizes) or None,
            population_size=population,
            mean=start[numbers],
            sigma=sigma,
            cov=np.eye(len(numbers)),
            cat_param=_chances(space.sizes, start[named].astype(int)) if len(named) else None,
            seed=derive(seed, "cma") % 2**32,
        )
        self._solutions: list[Any] = []

    @property
    def theta(self) -> Theta:
        reals, whole, named = self._places
        held: Any = self._cma  # the package tells of its state by no public name
        numbers = np.zeros(len(self.space.free)), np.zeros(len(self.space.free))
        if len(reals) + len(whole):
            at = np.concatenate([reals, whole])
            numbers[0][at] = held._mean
            numbers[1][at] = held._sigma * held._A * np.sqrt(np.diag(held._C))
        chances = [held._q[k, :size].copy() for k, size in enumerate(self.space.sizes)]
        rest = np.setdiff1d(np.arange(len(self.space.free)), named)
        return beliefs(self.space, numbers[0][rest], numbers[1][rest], chances)

    def _drawn(self) -> list[Point]:
        self._solutions = [self._cma.ask() for _ in range(self.population)]
        return [self._point(solution) for solution in self._solutions]

    def _point(self, solution: Any) -> Point:
        point = np.zeros(len(self.space.free))
        reals, whole, named = self._places
        if len(reals):
            point[reals] = solution.x
        if len(whole):
            point[whole] = solution.z
        if len(named):
            point[named] = solution.c.argmax(1)
        return point

    def _learn(self, fates: Fates) -> None:
        order, classes = fates.order(crowded=self._crowded)
        if classes.any():
            self._cma.tell([(self._solutions[k], float(place)) for place, k in enumerate(order)])


def _kind(gene: Gene) -> int:
    """0 is drawn as a real number, 1 from a grid of whole ones, 2 as a choice."""
    return 2 if isinstance(gene, Choice) else int(isinstance(gene, Integer) and gene.count <= GRIDDED)


def _grid(gene: Integer) -> list[float]:
    """Coordinates of all values, ascending."""
    return [gene.coordinate(value) for value in range(gene.low, gene.high + 1)]


def _chances(sizes: Sequence[int], start: NDArray[np.int64]) -> NDArray[np.float64]:
    """`(choices, most values)`: half for the ancestor's value, the rest shared out among the others."""
    chances = np.zeros((len(sizes), max(sizes)))
    for own, size, first in zip(chances, sizes, start, strict=True):
        own[:size] = 0.5 / (size - 1)
        own[first] = 0.5
    return chances
