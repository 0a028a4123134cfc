from __future__ import annotations

import itertools

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays

from heredity.anatomy.body import anatomy_of, ancestor
from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm
from heredity.measures.size import encoded, encoded_synapses
from heredity.measures.variety import cluster_sets, mean_distance, synapse_sets
from heredity.testing.organisms import founder
from heredity.variation.deepening import Deepening
from heredity.variation.growth import Widening

INPUTS = InputForm((1, 8, 8))


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=7)))
def test_distances_by_sets(rows: np.ndarray) -> None:
    sets = [frozenset(np.flatnonzero(row).tolist()) for row in rows]
    distances = [1 - len(a & b) / len(a | b) if a | b else 0.0 for a, b in itertools.combinations(sets, 2)]
    found = mean_distance(rows)
    if not distances:
        assert found is None
    else:
        assert found == pytest.approx(sum(distances) / len(distances), abs=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_sets_are_those_of_the_ancestor(seed: int) -> None:
    """Against numbers that every cluster and synapse of the ancestor has, and which descend with them."""
    first = ancestor(describe("lenet5", {"input_shape": (1, 8, 8), "n_classes": 10}), INPUTS)
    rng = np.random.default_rng(seed)
    kept = {
        family.name: np.sort(rng.choice(family.size, rng.integers(1, family.size + 1), replace=False))
        for family in first.anatomy.families
    }
    genome = first.genome.select(kept)
    expected, start = set[int](), 0
    for family, size in first.genome.sizes.items():
        expected |= {start + int(position) for position in kept[family]}
        start += size
    whole, own = cluster_sets([first.genome, genome])
    assert whole.all()
    assert set(np.flatnonzero(own).tolist()) == expected

    numbers, start = dict[str, torch.Tensor](), 0
    for name in encoded(first.anatomy):
        shape = first.anatomy.shapes[name]
        numbers[name] = torch.arange(start, start + int(np.prod(shape))).reshape(shape)
        start += int(np.prod(shape))
    own = first.anatomy.plan(kept).apply(numbers)
    masks = {name: torch.from_numpy(rng.random(own[name].shape) < 0.5) for name in list(own)[::2]}
    alive = {int(n) for name, number in own.items() for n in (number[masks[name]] if name in masks else number.ravel())}
    everything, found = synapse_sets([first.genome, genome], [{}, masks])
    synapses = np.flatnonzero(everything)
    assert len(synapses) == start
    assert {int(np.searchsorted(synapses, place)) for place in np.flatnonzero(found)} == alive
    assert {name: tuple(t.shape) for name, t in own.items()} == {name: anatomy_of(genome).shapes[name] for name in own}


def test_what_has_grown_counts() -> None:
    parent = founder("lenet5")
    wider = Widening("conv1", 2, 1).conceive([parent], 1)
    deeper = Deepening("conv2", 2, width=2).conceive([parent], 2)
    genomes = [parent.genome, wider.genome, deeper.genome]
    assert cluster_sets(genomes).sum(1).tolist() == [sum(genome.sizes.values()) for genome in genomes]
    counted = [encoded_synapses(anatomy_of(genome), {}) for genome in genomes]
    assert synapse_sets(genomes, [{}, {}, {}]).sum(1).tolist() == counted
    assert counted[0] < min(counted[1:])
