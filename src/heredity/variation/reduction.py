"""Reduction: an offspring without the groups that are on the wrong side of their prior's boundary.

Source: patent JP7085158B2; NOTICE says that patents cover this method. What a prior has pulled to zero goes without a
trace, so that the offspring is as good as its parent before it learns anything.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from heredity.anatomy.body import anatomy_of
from heredity.errors import InputError
from heredity.priors.boundary import boundary
from heredity.priors.dial import Dial
from heredity.priors.groups import groups_of
from heredity.priors.prior import GroupPrior
from heredity.variation.operator import Operator, Organism
from heredity.variation.removal import remove


class Reduction(Operator, frozen=True, tag="reduction"):
    """The parent without its unneeded groups; a family keeps its strongest cluster whatever happens.

    `prior` is the one that the parent has been trained with. Where it says which share goes, the weakest groups go that
    make up this share; else all whose norms are below the boundary of their family's mixture.
    """

    prior: GroupPrior

    def __post_init__(self) -> None:
        if self.prior.share is None and not self.prior.mixtures:
            raise InputError.of("a prior that says who goes: a share, or a mixture", "neither", "give a share")

    def conceive(self, parents: Sequence[Organism], seed: int) -> Organism:
        (parent,) = parents
        prior, anatomy = self.prior, anatomy_of(parent.genome)
        groups = groups_of(anatomy, prior.members)
        prior.check(groups)
        norms = prior.ranks(groups, parent.tensors)
        if prior.share is not None:
            return remove(parent, anatomy, Dial(anatomy, prior.cost, prior.constant).cut(norms, prior.share).kept)
        last = prior.mixtures_at(1.0)
        edges = {name: boundary(last.get(name) or last[""]) for name in norms}
        return remove(parent, anatomy, {name: _needed(own, edges[name]) for name, own in norms.items()})


def _needed(norms: NDArray[np.float64], edge: float) -> NDArray[np.int64]:
    """Positions of those on the right side; of the strongest if nobody is."""
    kept = np.flatnonzero(norms >= edge)
    return kept if len(kept) else np.array([int(norms.argmax())])
