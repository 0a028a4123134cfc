"""Distributions of genes: each gives a population of points, and learns from what became of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from heredity.genes.gene import Choice, Value
from heredity.genes.space import Point, Space
from heredity.selection.pareto import Objectives, crowding, ranks


@dataclass(frozen=True)
class Fates:
    """What became of a population: `objectives (n, m)`, lower is better, and `excess (n,)`.

    The excess is above 0 where ceilings are broken, by how much. Those who break none and whose objectives are not all
    finite have never lived.
    """

    objectives: Objectives
    excess: NDArray[np.float64]

    @property
    def distance(self) -> NDArray[np.float64]:
        """`(n,)`: the excess, infinite for who never lived."""
        return np.where(self._finite | (self.excess > 0), self.excess, np.inf)

    @property
    def _finite(self) -> NDArray[np.bool_]:
        return np.asarray(np.isfinite(self.objectives).all(axis=1), bool)

    def order(self, *, crowded: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """`(n,)` indices from the best to the worst, and `(n,)` which class each row is in, 0 being the best.

        Those who keep the ceilings come first, by Pareto fronts; then those who break them, by their excess; last who
        never lived. Within a front, who is lonelier comes first if it is to be `crowded` by that; else rows of one
        class stay in the order in which they were drawn.
        """
        finite = self._finite
        rows = np.where(finite[:, None], self.objectives, np.nan)
        front = np.where(finite, ranks(rows), len(rows))
        lonely = np.zeros(len(rows))
        if crowded:
            lonely[finite] = -crowding(self.objectives[finite], front[finite])
        order = np.lexsort((lonely, front, self.distance))
        keys = np.stack([self.distance, front, lonely])[:, order]
        classes = np.zeros(len(rows), np.int64)
        classes[order[1:]] = np.cumsum((keys[:, 1:] != keys[:, :-1]).any(0))
        return order, classes


class Belief(Struct, frozen=True):
    """What a distribution holds of a gene: where its values lie and how far they spread, or how likely each choice is.

    `centre` is a value, `spread` a deviation of coordinates, as a share of the bounds' distance.
    """

    centre: Value | None = None
    spread: float | None = None
    chances: Mapping[str, float] = {}


Theta = dict[str, Belief]
"""By free gene: what a distribution holds of it."""


class Distribution(ABC):
    """Gives points and learns: `points` are the same until `tell` has been told of them.

    Contract: what it gives is a function of its settings, its seed and what it was told.
    """

    def __init__(self, space: Space, population: int, seed: int) -> None:
        self.space, self.population, self.seed = space, population, seed
        self.generation = 0
        self._points: list[Point] | None = None

    @property
    def points(self) -> Sequence[Point]:
        """The population, `population` points."""
        if self._points is None:
            self._points = self._drawn()
        return self._points

    def tell(self, fates: Fates | None) -> None:
        """What became of each of `points`, in their order; None: nothing is to be learnt from it."""
        if fates is not None:
            self._learn(fates)
        self._points = None
        self.generation += 1

    @property
    @abstractmethod
    def theta(self) -> Theta:
        """What it holds of every free gene."""

    @abstractmethod
    def _drawn(self) -> list[Point]: ...

    @abstractmethod
    def _learn(self, fates: Fates) -> None: ...


def beliefs(
    space: Space, centres: NDArray[np.float64], spreads: NDArray[np.float64], chances: Sequence[NDArray[np.float64]]
) -> Theta:
    """Theta, where centres and spreads are those of numbers `(numbers,)`, chances those of choices, in their order."""
    numbers = iter(zip(centres.tolist(), spreads.tolist(), strict=True))
    shares, theta = iter(chances), Theta()
    for name, gene in space.free.items():
        if isinstance(gene, Choice):
            own = zip(gene.values, next(shares).tolist(), strict=True)
            theta[name] = Belief(chances={str(value): share for value, share in own})
        else:
            centre, spread = next(numbers)
            theta[name] = Belief(gene.value(centre), spread)
    return theta


def choices(space: Space) -> NDArray[np.bool_]:
    """`(genes,)`: which free genes are choices."""
    return np.array([isinstance(gene, Choice) for gene in space.free.values()], bool)


def scattered(space: Space, count: int, rng: np.random.Generator) -> list[Point]:
    """Points from all over the space, every value being as likely as any other on its scale."""
    sizes = np.array([gene.count if isinstance(gene, Choice) else 1 for gene in space.free.values()])
    drawn = rng.random((count, len(sizes))) * sizes
    return list(np.where(choices(space), np.floor(drawn), drawn))
