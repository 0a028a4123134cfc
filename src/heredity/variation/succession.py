"""Succession: a network that genes have made, with new weights, or with what it has in common with an earlier one.

Networks of different genes have no ancestor in common, only a constructor. Clusters are taken to be the same if their
families have the same name and they have the same number there; a weight is inherited where both ends of it are, and if
its kernel is as large. So a wider layer begins with the narrower one's filters, and the rest is new.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.body import anatomy_of, ancestor, fresh_tensors
from heredity.anatomy.constructor import Constructor
from heredity.anatomy.genome import Genome
from heredity.anatomy.inputs import InputForm
from heredity.anatomy.labels import Integers
from heredity.anatomy.plan import Overlap
from heredity.errors import InputError
from heredity.types import Tensors
from heredity.variation.operator import Operator, Organism


class Succession(Operator, frozen=True, tag="succession"):
    """The constructor's network with new weights, `scale` times as large; a parent's where they have them in common.

    Weights are matrices and kernels; biases and norms begin as the constructor has them.
    """

    constructor: Constructor
    inputs: InputForm
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.scale < math.inf:
            raise InputError.of("a scale of new weights above 0", self.scale, "change it")

    def conceive(self, parents: Sequence[Organism], seed: int) -> Organism:
        first = ancestor(self.constructor, self.inputs)
        scaled = {name for name in first.anatomy.parameters if len(first.anatomy.shapes[name]) > 1}
        tensors: Tensors = {
            name: tensor * self.scale if name in scaled else tensor
            for name, tensor in fresh_tensors(self.constructor, seed).items()
        }
        for parent in parents[:1]:
            common = overlap(first.genome, first.anatomy, parent.genome, anatomy_of(parent.genome))
            tensors = common.apply(tensors, parent.tensors)
        return Organism(first.genome, tensors)


def overlap(one: Genome, anatomy: Anatomy, other: Genome, others: Anatomy) -> Overlap:
    """What two networks have in common, by names of families and ordinals of clusters."""
    same: dict[str, tuple[Integers, Integers]] = {}
    for family in one.tags.keys() & other.tags.keys():
        ours, yours = (np.array([ordinal for _, ordinal in genome.tags[family]]) for genome in (one, other))
        _, own, theirs = np.intersect1d(ours, yours, return_indices=True)
        same[family] = own, theirs
    coupled, coupled_there = _coupled(anatomy), _coupled(others)
    places: dict[str, list[tuple[Integers, Integers]]] = {}
    for name, shape in anatomy.shapes.items():
        if len(others.shapes.get(name, ())) == len(shape) > 0:
            found = [
                _along(coupled.get((name, dim), {}), coupled_there.get((name, dim), {}), same, ends)
                for dim, ends in enumerate(zip(shape, others.shapes[name], strict=True))
            ]
            if all(len(own) for own, _ in found):
                places[name] = found
    return Overlap(places)


Coupled = Mapping[str, Integers]
"""By family: `(clusters, k)`, positions of its clusters along a dimension."""


def _coupled(anatomy: Anatomy) -> dict[tuple[str, int], dict[str, Integers]]:
    found: dict[tuple[str, int], dict[str, Integers]] = {}
    for family in anatomy.families:
        for s in family.slices:
            found.setdefault((s.tensor, s.dim), {})[family.name] = s.positions
    return found


def _along(
    own: Coupled, theirs: Coupled, same: Mapping[str, tuple[Integers, Integers]], ends: tuple[int, int]
) -> tuple[Integers, Integers]:
    """Positions along a dimension that are the same: those of clusters, and what no cluster has if it is as long."""
    rest = _rest(own, ends[0]), _rest(theirs, ends[1])
    pairs = [rest] if len(rest[0]) == len(rest[1]) else []
    for family in own.keys() & theirs.keys():
        if own[family].shape[1] == theirs[family].shape[1]:
            here, there = same[family]
            pairs.append((own[family][here].ravel(), theirs[family][there].ravel()))
    nothing = np.zeros(0, np.int64)
    return np.concatenate([nothing, *(a for a, _ in pairs)]), np.concatenate([nothing, *(b for _, b in pairs)])


def _rest(coupled: Coupled, length: int) -> NDArray[np.int64]:
    taken = np.zeros(length, bool)
    for positions in coupled.values():
        taken[positions.ravel()] = True
    return np.flatnonzero(~taken)
