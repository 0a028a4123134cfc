"""The dial: which groups go so that the share of a network that was asked for goes.

Groups go in the order of their norms, the weakest first, each measured in the unit of its family, or of layer-adaptive
scores, which need no units; the strongest of every family stays. How many have to go follows from what the network
costs without them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from heredity.anatomy.anatomy import Anatomy, Kept
from heredity.errors import InputError
from heredity.measures.expected import Cost, Sizes

NEAR = 0.03
"""How much more than was asked for may have to go."""

MANY = 4096
"""Ways to choose how many clusters families have: of more, some are taken to be near any share but the least."""

Norms = Mapping[str, NDArray[np.float64]]
"""By family `(clusters,)`: the norms of its groups, in units that compare between families, or scores that do."""


def layer_adaptive(norms: Norms) -> Norms:
    """What of a family's squares each group holds when all weaker ones have gone (LAMP, arXiv 2010.07611).

    The fewer are left the more each holds, so that no family is emptied while others are full; the strongest holds all.
    """
    scores: dict[str, NDArray[np.float64]] = {}
    for name, own in norms.items():
        order = np.argsort(own, kind="stable")
        squares = own[order] ** 2
        left = squares[::-1].cumsum()[::-1]
        scores[name] = np.empty(len(own))
        scores[name][order] = squares / np.maximum(left, np.finfo(float).tiny)
    return scores


@dataclass(frozen=True)
class Cut:
    """Who stays, the `threshold` below which groups went, and the share of the cost that went."""

    kept: Kept
    threshold: float
    share: float


class Dial:
    """How much of `cost` goes with the groups of a network below a threshold; `constant` is added to every size.

    `constant` is in the units of the cost: what a file weighs beside its weights, if bytes are asked for.
    """

    def __init__(self, anatomy: Anatomy, cost: Cost, constant: float = 0.0) -> None:
        self._sizes = Sizes(anatomy, cost)
        self._counts = anatomy.sizes
        self._constant = constant
        self._whole = self._sizes({}) + constant

    @property
    def most(self) -> float:
        """The largest share that can go: all groups but one of every family."""
        return self._gone(dict.fromkeys(self._counts, 1))

    def check(self, share: float) -> None:
        """Refuses a share that cannot go.

        Raises:
            InputError: it is not in (0, 1), or more than all groups but one of every family.
        """
        if not 0 < share < 1:
            raise InputError.of("a share to remove in (0, 1)", share, "give 0.5 for half")
        if share > self.most:
            came = f"{100 * share:.4g} %, with a cluster left of every family at most {self.most:.1%}"
            raise InputError.of("a share that can go", came, f"ask for {math.floor(1000 * self.most) / 10:g} % or less")

    def check_fine(self, share: float) -> None:
        """Refuses a share where clusters are so coarse that more than `NEAR` beyond it goes, or over twice as much.

        Raises:
            InputError: so it is.
        """
        place = int(np.searchsorted(self._possible, share))
        below, above = np.append(self._possible, 0.0)[[place - 1, place]]
        if above > min(share + NEAR, 2 * share):
            nearest = [math.floor(1000 * found) / 10 for found in (below, above) if found > 0]
            came = f"{100 * share:.4g} %, where clusters are too coarse for it"
            raise InputError.of("a share that can go", came, f"ask for {' or '.join(f'{one:g} %' for one in nearest)}")

    def cut(self, norms: Norms, share: float) -> Cut:
        """Who goes: the fewest with whom at least `share` goes.

        Raises:
            InputError: see `check`.
        """
        self.check(share)
        names = list(self._counts)
        values = np.concatenate([norms[name] for name in names])
        family = np.repeat(np.arange(len(names)), [self._counts[name] for name in names])
        starts = np.cumsum([0, *(self._counts[name] for name in names)])[:-1]
        safe = np.array([start + int(norms[name].argmax()) for start, name in zip(starts, names, strict=True)])
        order = np.argsort(values, kind="stable")
        order = order[~np.isin(order, safe)]

        def gone(n: int) -> float:
            lost = np.bincount(family[order[:n]], minlength=len(names))
            return self._gone({name: self._counts[name] - int(lost[k]) for k, name in enumerate(names)})

        low, count = 0, len(order)
        while count - low > 1:
            middle = (low + count) // 2
            low, count = (low, middle) if gone(middle) >= share else (middle, count)
        stays = np.ones(len(values), bool)
        stays[order[:count]] = False
        edge = values[order[count - 1 : count + 1]]  # the last who goes, and the next, if anybody else might
        kept = {
            name: np.flatnonzero(stays[start : start + self._counts[name]])
            for start, name in zip(starts, names, strict=True)
        }
        return Cut(kept, float(edge.mean()), gone(count))

    @cached_property
    def _possible(self) -> NDArray[np.float64]:
        """Every share that can go, ascending; of networks of too many, nothing and what the least cluster takes."""
        numbers = list(self._counts.values())
        if math.prod(numbers) > MANY:
            return np.array([0.0, min(self._gone({name: n - 1}) for name, n in self._counts.items() if n > 1)])
        left = itertools.product(*(range(1, n + 1) for n in numbers))
        return np.unique([self._gone(dict(zip(self._counts, counts, strict=True))) for counts in left])

    def _gone(self, counts: Mapping[str, float]) -> float:
        return 1 - (self._sizes(counts) + self._constant) / self._whole
