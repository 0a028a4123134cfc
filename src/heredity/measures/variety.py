"""Variety of a population: how little its members have in common, in clusters and in synapses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from heredity.anatomy.body import anatomy_of
from heredity.anatomy.genome import Genome, Tag
from heredity.anatomy.sharing import shared
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


def cluster_sets(genomes: Sequence[Genome]) -> NDArray[np.bool_]:
    """`(members, clusters)`: which of the clusters that any relative has each of them has, by their tags."""
    sets = [{(family, tag) for family, tags in genome.tags.items() for tag in tags} for genome in genomes]
    anyone = sorted(set[tuple[str, Tag]]().union(*sets))
    return np.array([[cluster in own for cluster in anyone] for own in sets], bool).reshape(len(sets), len(anyone))


def synapse_sets(genomes: Sequence[Genome], masks: Sequence[Mapping[str, torch.Tensor]]) -> NDArray[np.bool_]:
    """`(members, synapses)`: which of the synapses that any relative has live in each, as the papers count them."""
    sharing = shared(genomes)
    sets = torch.zeros(len(genomes), sharing.layout.length, dtype=torch.bool)
    for k, (genome, own) in enumerate(zip(genomes, masks, strict=True)):
        places, counted = sharing.index(k), encoded(anatomy_of(genome))
        for name in counted:
            sets[k, places[name][own[name]] if name in own else places[name].flatten()] = True
    return sets.numpy()
