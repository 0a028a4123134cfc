"""Removal of clusters, and the two baselines that every comparison carries: at random, and by magnitude.

Removed clusters are gone from the tensors. `remove` is the one way in which any operator takes clusters from a parent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from heredity.anatomy.anatomy import Anatomy, Family, Kept
from heredity.anatomy.body import anatomy_of
from heredity.measures.expected import Cost
from heredity.rng import numpy_generator
from heredity.variation.environment import Environment, scale_to_share
from heredity.variation.operator import Operator, Organism, mask_digest


def remove(parent: Organism, anatomy: Anatomy, kept: Kept) -> Organism:
    """The organism with only these clusters; weights, masks and genome follow one index plan."""
    plan = anatomy.plan(kept)
    masks = plan.apply(parent.masks)
    genome = parent.genome.select(kept).with_masks(mask_digest(masks))
    return Organism(genome, plan.apply(parent.tensors), masks, tuple(map(plan.apply, parent.moments)))


Sums = Mapping[tuple[str, int], NDArray[np.float64]]
"""By weight and dimension `(..., length)`: magnitudes, summed over the other dimensions."""


def made_in(anatomy: Anatomy) -> list[tuple[str, int]]:
    """The weights, and dimensions of them, by which clusters are made; vectors (biases) do not count."""
    made = {(s.tensor, s.dim) for family in anatomy.families for s in family.slices if s.role == "made"}
    return sorted((name, dim) for name, dim in made if len(anatomy.shapes[name]) > 1)


def sums_of(made: Sequence[tuple[str, int]], tensors: Mapping[str, torch.Tensor]) -> Sums:
    """What `cluster_sums` needs of a network's weights: sums for each filter of a layer, `(length,)`."""
    return {
        (name, dim): tensors[name].detach().abs().movedim(dim, 0).flatten(1).sum(1).cpu().numpy().astype(np.float64)
        for name, dim in made
    }


def cluster_sums(family: Family, sums: Sums) -> NDArray[np.float64]:
    """`(..., clusters)`: sum of the magnitudes of each cluster's filters."""
    made = [s for s in family.slices if s.role == "made" and (s.tensor, s.dim) in sums]
    return sum((sums[s.tensor, s.dim][..., s.positions].sum(-1) for s in made), np.zeros(family.size))


def climate(rng: np.random.Generator, sizes: Mapping[str, int], spread: float, crowding: float) -> dict[str, float]:
    """By family, of these sizes: the factor by which its clusters' chances differ from the environment's.

    The formulas of the methods set chances within a layer, and one share for the whole network lets narrow layers
    starve. So life is harder in crowded families, by their size to the power -`crowding`; around that, proportions
    between layers are left to variation (log-normal with this `spread`) and selection.
    """
    return {name: float(size**-crowding * np.exp(spread * rng.standard_normal())) for name, size in sizes.items()}


def draw(rng: np.random.Generator, probabilities: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.int64]]:
    """Clusters passed on, each by its own coin; a family that would lose its last keeps its most probable one."""
    kept: dict[str, NDArray[np.int64]] = {}
    for name, p in probabilities.items():
        chosen = np.flatnonzero(rng.random(len(p)) < p)
        kept[name] = chosen if len(chosen) else np.array([int(p.argmax())])
    return kept


class RandomRemoval(Operator, frozen=True, tag="random-removal"):
    """Baseline: every cluster has the same chance, so that the expected share of `cost` is the environment's."""

    environment: Environment
    cost: Cost = "params"
    spread: float = 0.0
    crowding: float = 0.0

    def conceive(self, parents: Sequence[Organism], seed: int) -> Organism:
        (parent,) = parents
        rng, anatomy = numpy_generator(seed), anatomy_of(parent.genome)
        factor = climate(rng, parent.genome.sizes, self.spread, self.crowding)
        weights = {family.name: np.full(family.size, factor[family.name]) for family in anatomy.families}
        return remove(parent, anatomy, draw(rng, scale_to_share(anatomy, weights, self.environment.share, self.cost)))


class MagnitudeRemoval(Operator, frozen=True, tag="magnitude-removal"):
    """Baseline: the filters with the largest sum of magnitudes stay, as many a family as the environment leaves."""

    environment: Environment
    cost: Cost = "params"
    spread: float = 0.0
    crowding: float = 0.0

    def conceive(self, parents: Sequence[Organism], seed: int) -> Organism:
        (parent,) = parents
        rng, anatomy = numpy_generator(seed), anatomy_of(parent.genome)
        factor = climate(rng, parent.genome.sizes, self.spread, self.crowding)
        weights = {family.name: np.full(family.size, factor[family.name]) for family in anatomy.families}
        kept: dict[str, NDArray[np.int64]] = {}
        sums = sums_of(made_in(anatomy), parent.tensors)
        for name, p in scale_to_share(anatomy, weights, self.environment.share, self.cost).items():
            count = max(1, round(float(p.sum())))
            strongest = np.argsort(-cluster_sums(anatomy.by_name[name], sums), kind="stable")[:count]
            kept[name] = np.sort(strongest)
        return remove(parent, anatomy, kept)
