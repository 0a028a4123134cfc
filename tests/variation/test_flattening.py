from __future__ import annotations

import pytest
import torch

from heredity.errors import InputError
from heredity.testing.organisms import TOLERANCE, apart, founder
from heredity.variation.deepening import Deepening
from heredity.variation.flattening import Flattening, contributions
from heredity.variation.operator import Organism


def deepened() -> Organism:
    """With a block that changes nothing, one within it, an identity, and a block that changes much."""
    first = Deepening("conv1", 1, width=4).conceive([founder("lenet5")], 0)
    second = Deepening("conv1.grown1.branches.0.expand", 2, width=2).conceive([first], 1)
    third = Deepening("relu1", 3, "identity").conceive([second], 2)
    return Deepening("conv2", 4, "beside", width=4, variant="random").conceive([third], 3)


def test_a_block_contributes_what_it_changes() -> None:
    organism = deepened()
    shares = contributions(organism)
    assert {birth: share for birth, share in shares.items() if share > TOLERANCE} == {4: shares[4]}
    assert shares[4] > 0.05
    name = "conv1.grown1.branches.0.project.bias"
    louder = Organism(organism.genome, {**organism.tensors, name: organism.tensors[name] + 0.01})
    assert 0 < contributions(louder)[1] < 0.02


def test_blocks_that_are_nearly_the_identity_go() -> None:
    organism = deepened()
    flat = Flattening(below=0.01).conceive([organism], 0)
    assert [block.birth for block in flat.genome.blocks] == [4]
    assert apart(organism, flat) <= TOLERANCE
    assert Flattening(below=1.0).conceive([organism], 0).genome.blocks == ()
    assert Flattening().conceive([organism], 0).genome == organism.genome


def test_a_block_within_another_goes_with_it() -> None:
    flat = Flattening((1,)).conceive([deepened()], 0)
    assert [block.birth for block in flat.genome.blocks] == [3, 4]
    assert not any("grown1" in name or "grown2" in name for name in flat.tensors)


def test_what_a_trained_identity_does_counts() -> None:
    organism = deepened()
    name = "relu1.grown3.layer.weight"
    other = Organism(organism.genome, {**organism.tensors, name: torch.zeros_like(organism.tensors[name])})
    assert contributions(other)[3] > 1


@pytest.mark.parametrize("below", [-0.1, 1.5])
def test_no_share(below: float) -> None:
    with pytest.raises(InputError, match="a contribution in"):
        Flattening(below=below)
