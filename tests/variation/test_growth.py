"""Growth changes nothing at birth where it is declared so, whatever has been done to the network before."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.body import anatomy_of, ancestor, build, fresh_tensors
from heredity.anatomy.constructor import describe
from heredity.anatomy.genome import Genome
from heredity.anatomy.inputs import InputForm
from heredity.anatomy.trace import trace
from heredity.errors import InputError
from heredity.testing.organisms import SMALL, TOLERANCE, apart, founder, halved, masked, outputs
from heredity.variation.deepening import Deepening
from heredity.variation.environment import Environment
from heredity.variation.growth import PRESERVING, Variant, Widening, check_growth
from heredity.variation.operator import Organism, mask_digest
from heredity.variation.removal import remove
from heredity.variation.synthesis import Synthesis

VARIANTS: tuple[Variant, ...] = get_args(Variant)


def growing(genome: Genome) -> list[str]:
    found = []
    for family in genome.tags:
        try:
            check_growth(genome, family)
        except InputError:
            continue
        found.append(family)
    return found


def placed(anatomy: Anatomy) -> dict[str, object]:
    return {f.name: [(s.tensor, s.dim, s.role, s.positions.tolist()) for s in f.slices] for f in anatomy.families}


@pytest.mark.parametrize("name", SMALL)
def test_the_anatomy_is_the_one_that_a_trace_of_the_grown_network_finds(name: str) -> None:
    organism = founder(name)
    for family in growing(organism.genome):
        grown = Widening(family, 4, birth=1, variant="random").conceive([organism], 0)
        network = build(grown.genome, {n: t.float() for n, t in grown.tensors.items()})
        assert placed(anatomy_of(grown.genome)) == placed(trace(network, grown.genome.inputs)), family


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", SMALL)
def test_growth_of_fresh_pruned_and_grown_networks(name: str, variant: Variant) -> None:
    fresh = founder(name)
    families = growing(fresh.genome)
    assert families or not fresh.genome.tags
    for parent in (fresh, halved(fresh), grown := halved(fresh, 1)):
        for birth, family in enumerate(families, 1):
            if name == "Tokens" and variant in ("pairs", "net2wider"):
                with pytest.raises(
                    InputError, match=r"came embed\.weight, which makes embed and reads it; take netmorph"
                ):
                    Widening(family, 4, birth, variant).conceive([parent], birth)
                continue
            child = Widening(family, 4, birth, variant).conceive([parent], birth)
            assert child.genome.sizes[family] == parent.genome.sizes[family] + 4
            assert child.genome.tags[family][-4:] == tuple((birth, k) for k in range(4))
            assert {n: tuple(t.shape) for n, t in child.tensors.items()} == anatomy_of(child.genome).shapes
            assert (apart(parent, child) <= TOLERANCE) == PRESERVING[variant], family
            if parent is grown:
                parent = grown = child


@pytest.mark.parametrize("variant", VARIANTS)
def test_absent_synapses_stay_absent_and_new_ones_are_there(variant: Variant) -> None:
    parent = masked(founder("resnet20"))
    child = Widening("stage2.0.conv1", 4, 7, variant).conceive([parent], 0)
    assert (apart(parent, child) <= TOLERANCE) == PRESERVING[variant]
    size = parent.genome.sizes["stage2.0.conv1"]
    for name, mask in child.masks.items():
        assert mask.shape == child.tensors[name].shape
        assert not child.tensors[name][~mask].any()
    made = child.masks["stage2.0.conv1.weight"]
    assert torch.equal(made[:size], parent.masks["stage2.0.conv1.weight"])
    assert bool(made[size:].all()) == (variant != "net2wider")
    assert child.genome.masks == mask_digest(child.masks)


def test_the_halves_of_a_pair_part_as_they_learn() -> None:
    parent = founder("lenet5")
    child = Widening("conv2", 2, 1, "pairs").conceive([parent], 0)
    network = build(child.genome, {n: t.float() for n, t in child.tensors.items()})
    weight, read = (network.get_parameter(name) for name in ("conv2.weight", "fc1.weight"))
    assert torch.equal(weight[-1], weight[-2])
    assert torch.equal(read[:, -4:], -read[:, -8:-4])
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    nn.functional.cross_entropy(network(torch.randn(8, 1, 8, 8)), torch.arange(8)).backward()
    optimiser.step()
    assert not torch.allclose(weight[-1], weight[-2], atol=1e-6)
    assert not torch.allclose(read[:, -4:], -read[:, -8:-4], atol=1e-6)


def test_halves_part_where_nobody_was_heard_before() -> None:
    """Within a block whose weights that read are zero."""
    parent = Deepening("conv2", 1, width=4, variant="netmorph").conceive([founder("lenet5")], 0)
    name = "conv2.grown1.branches.0"
    child = Widening(f"{name}.expand", 2, 2, "pairs").conceive([parent], 0)
    assert apart(parent, child) <= TOLERANCE
    read = child.tensors[f"{name}.project.weight"]
    assert not read[:, :4].any()
    assert torch.equal(read[:, 4], -read[:, 5])
    assert float(read[:, 4:].std()) == pytest.approx((3 * 4 * 9) ** -0.5, rel=0.15)


@pytest.mark.parametrize("variant", ["pairs", "netmorph", "random"])
def test_new_weights_are_as_large_as_old_ones(variant: Variant) -> None:
    parent = founder("resnet20")
    child = Widening("stage1.0.conv1", 64, 1, variant).conceive([parent], 0)
    for name, dim in (("stage1.0.conv1.weight", 0), ("stage1.0.conv2.weight", 1)):
        old, new = parent.tensors[name], child.tensors[name].narrow(dim, parent.tensors[name].shape[dim], 64)
        quiet = variant == "netmorph" and dim == 1
        assert float(new.std()) == pytest.approx(0.0 if quiet else float(old.std()), rel=0.1)
        assert float(new.abs().max()) <= float(old.std()) * 3**0.5 + 1e-6
    assert torch.equal(child.tensors["stage1.0.conv1.weight"][:16], parent.tensors["stage1.0.conv1.weight"])


def test_copies_share_what_reads_them() -> None:
    parent = founder("lenet5")
    child = Widening("fc1", 240, 1, "net2wider").conceive([parent], 0)
    made = child.tensors["fc1.weight"]
    copies = [[k for k in range(len(made)) if torch.equal(made[k], made[j])] for j in range(120)]
    assert sorted(k for own in copies for k in own) == list(range(360))
    for j, own in enumerate(copies):
        for k in own:
            assert torch.allclose(child.tensors["fc2.weight"][:, k], parent.tensors["fc2.weight"][:, j] / len(own))


def test_relatives_that_have_grown_mate() -> None:
    """What is new in both has one tag and comes from both; what is new in one is had by one of two."""
    grown = Widening("conv2", 4, 1).conceive([founder("lenet5")], 0)
    one, other = (Widening("conv1", 2, birth).conceive([grown], birth) for birth in (2, 3))
    both = Synthesis(Environment(1.0)).conceive([one, other], 0)
    assert both.genome.tags == grown.genome.tags
    assert torch.equal(both.tensors["conv2.weight"], grown.tensors["conv2.weight"])
    assert apart(both, remove(one, anatomy_of(one.genome), {"conv1": np.arange(6)})) == 0
    either = Synthesis(Environment(1.0), chi=0.5).conceive([one, other], 0)
    assert either.genome.tags["conv1"] == (*grown.genome.tags["conv1"], (2, 0), (2, 1), (3, 0), (3, 1))
    assert torch.equal(either.tensors["conv1.weight"][:8], one.tensors["conv1.weight"])
    assert torch.equal(either.tensors["conv1.weight"][8:], other.tensors["conv1.weight"][6:])


def test_new_clusters_live_when_all_old_ones_are_gone() -> None:
    grown = Widening("conv2", 4, 1).conceive([founder("lenet5")], 0)
    kept = {"conv2": np.arange(16, 20)}
    anatomy = anatomy_of(grown.genome)
    child = remove(grown, anatomy, kept)
    assert child.genome.tags["conv2"] == ((1, 0), (1, 1), (1, 2), (1, 3))
    assert placed(anatomy_of(child.genome)) == placed(anatomy.select(kept))
    assert outputs(child).isfinite().all()


class HardCodedSlice(nn.Module):
    """The first so many channels, however many of eight there are: they may shrink, but not grow beyond."""

    def __init__(self, most: int = 8) -> None:
        super().__init__()
        self.a, self.b, self.f = nn.Conv2d(3, 8, 3), nn.Linear(8, 6), nn.Linear(6, 5)
        self.part = slice(most)  # a number would follow

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.f(torch.relu(self.b(torch.relu(self.a(x))[:, self.part].mean((2, 3)))))


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("f", "expected a family f that can grow; came channels that are fixed: output of the network; choose among b"),
        ("c", "expected a family c that can grow; came none; choose among b"),
        ("a", r"expected a family a that can grow; came RuntimeError: .* cannot be multiplied .*; choose among b"),
    ],
)
def test_growth_where_nothing_can_grow_is_refused_with_the_reason(family: str, expected: str) -> None:
    constructor = describe(HardCodedSlice(), {})
    parent = Organism(ancestor(constructor, InputForm((3, 8, 8))).genome, fresh_tensors(constructor, 0))
    assert parent.genome.sizes == {"a": 8, "b": 6}
    with pytest.raises(InputError, match=expected):
        Widening(family, 2, 1).conceive([parent], 0)


@pytest.mark.parametrize(("most", "grows"), [(12, 0), (20, 2), (70, 7)])
def test_growth_is_tried_as_far_as_it_goes(most: int, grows: int) -> None:
    """To the next double: what passes can run, however often it grows."""
    constructor = describe(HardCodedSlice(most), {})
    form = InputForm((3, 8, 8))
    grown = Organism(ancestor(constructor, form).genome, fresh_tensors(constructor, 0))
    for birth in range(1, grows + 1):
        child = Widening("a", 2 * birth, birth).conceive([grown], 0)
        assert apart(grown, child) <= 1e-6
        grown = child
    with pytest.raises(InputError, match=r"a family a that can grow; came .*; choose among b"):
        Widening("a", 2 * (grows + 1), grows + 1).conceive([grown], 0)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"clusters": 0}, "at least one new cluster; came 0"),
        ({"clusters": 3}, "an even number of new clusters, which come in pairs; came 3"),
        ({"clusters": 2, "birth": 0}, "a birth after the ancestor's; came 0"),
    ],
)
def test_what_is_no_growth(given: dict[str, int], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        Widening(**{"family": "conv1", "birth": 1} | given)


def test_tags_are_numbered_on() -> None:
    grown = Widening("conv1", 2, 5).conceive([founder("lenet5")], 0)
    with pytest.raises(InputError, match="births that are numbered on; came 5 in the parent, 5 now"):
        Widening("conv1", 2, 5).conceive([grown], 0)
