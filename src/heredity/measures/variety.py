"""Variety of a population: how little its members have in common, in clusters and in synapses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from heredity.anatomy.body import ancestor
from heredity.anatomy.genome import Genome, positions
from heredity.anatomy.plan import IndexPlan, Kinship, Layout
from heredity.measures.size import encoded


def mean_distance(sets: NDArray[np.bool_]) -> float | None:
    """The mean Jaccard distance, in [0, 1], of all pairs of rows of `sets (members, elements)`; None without a pair.

    The distance of two sets is 1 - |both| / |either|: 0 for equal ones, empty ones too, 1 for disjoint ones.
    """
    members = len(sets)
    if members < 2:
        return None
    numbers = sets.astype(np.float64)
    both, own = numbers @ numbers.T, numbers.sum(1)
    either = own[:, None] + own[None] - both
    distances = 1 - both / np.maximum(either, 1)
    distances[either == 0] = 0.0
    return float(distances[np.triu_indices(members, 1)].mean())


def cluster_set(genome: Genome) -> NDArray[np.bool_]:
    """Which of the ancestor's clusters an individual has, by their tags: `(the ancestor's clusters,)`."""
    first = ancestor(genome.constructor, genome.inputs).genome
    own = positions(genome, first)
    rows = [np.isin(np.arange(size), own[family]) for family, size in first.sizes.items()]
    return np.concatenate(rows) if rows else np.zeros(0, bool)


def synapse_set(genome: Genome, masks: Mapping[str, torch.Tensor]) -> NDArray[np.bool_]:
    """Which of the ancestor's synapses, as the papers count them, are alive in an individual: `(its synapses,)`."""
    first = ancestor(genome.constructor, genome.inputs)
    own = positions(genome, first.genome)
    anatomy, shapes = first.anatomy.select(own), first.anatomy.shapes
    if not (names := encoded(anatomy)):
        return np.zeros(0, bool)
    whole = Layout([(name,) for name in names], shapes)
    anything = {name: torch.ones(anatomy.shapes[name]) for name in names}
    _, lacks = Kinship(whole, IndexPlan({}), [first.anatomy.plan(own)], shapes).gather([anything], [masks])
    return np.ones(whole.length, bool) if lacks is None else lacks[0].numpy() == 0
