"""Blocks change nothing at birth where they are declared so, and what is of them comes and goes as everything else."""

from __future__ import annotations

import copy
import itertools
import os
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import onnx
import pytest
import torch
from torch import nn

from heredity.anatomy import body
from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.blocks import Added, Block, Place, sites_of
from heredity.anatomy.body import anatomy_of, ancestor, build, fresh_tensors, root
from heredity.anatomy.constructor import describe
from heredity.anatomy.cuts import cuts_of
from heredity.anatomy.genome import Genome
from heredity.anatomy.inputs import InputForm
from heredity.anatomy.trace import trace
from heredity.anatomy.trial import block_problem
from heredity.errors import InputError
from heredity.export.onnx import to_onnx
from heredity.measures.size import params
from heredity.testing.organisms import SMALL, TOLERANCE, apart, founder, halved, masked
from heredity.variation import AnyOperator
from heredity.variation.deepening import PRESERVING, Deepening, Variant
from heredity.variation.environment import Environment
from heredity.variation.flattening import Flattening
from heredity.variation.growth import Widening
from heredity.variation.operator import Organism, weights_digest
from heredity.variation.removal import remove
from heredity.variation.synthesis import Synthesis

PLACES: tuple[Place, ...] = get_args(Place)
VARIANTS: tuple[Variant, ...] = get_args(Variant)
TRACED = [name for name in SMALL if name != "resnet20" or "HEREDITY_LONG" in os.environ]
"""Networks whose grown descendants are traced; there is a small residual one among them."""


def widened(organism: Organism) -> Organism:
    for birth, family in enumerate(organism.genome.tags, 1):
        try:
            organism = Widening(family, 2, birth, "random").conceive([organism], birth)
        except InputError:
            continue  # of which tests of growth say when
    return organism


def born(parent: Organism, site: str, place: Place, **settings: object) -> Organism | None:
    """Somebody with a block, or nobody where that is refused."""
    try:
        return Deepening(site, 100, place, width=4, **settings).conceive([parent], 0)
    except InputError:
        return None


@pytest.mark.parametrize("name", TRACED)
def test_blocks_anywhere_in_fresh_pruned_and_grown_networks(name: str) -> None:
    fresh = founder(name)
    sites = list(sites_of(root(fresh.genome).module, fresh.genome.inputs))
    chosen = sites if len(sites) < 8 else sites[:: len(sites) // 5]
    there = 0
    parents = fresh, halved(fresh), widened(fresh)
    for site, place, parent in itertools.product(chosen, PLACES, parents):  # a network with a block is traced once
        child = born(parent, site, place)
        if child is None:
            continue
        there += 1
        assert apart(parent, child) <= TOLERANCE, (site, place)
        assert {n: tuple(t.shape) for n, t in child.tensors.items()} == anatomy_of(child.genome).shapes
        assert all(torch.equal(child.tensors[n], t) for n, t in parent.tensors.items())
        assert msgspec.json.decode(msgspec.json.encode(child.genome), type=Genome) == child.genome
    assert there >= len(chosen), "after a site there can be a block nearly always"


def shape_of(anatomy: Anatomy) -> dict[str, object]:
    """What an anatomy says, whatever the order in which it says it; what is fixed is said of sites."""
    families = {
        f.name: {(s.tensor, s.dim, s.role, s.run): s.positions.tolist() for s in f.slices} for f in anatomy.families
    }
    said = {name: getattr(anatomy, name) for name in ("shapes", "parameters", "positions", "outputs", "folds", "work")}
    return {**said, "families": families, "follows": set(anatomy.follows)}


@pytest.mark.parametrize("name", TRACED)
def test_an_anatomy_that_is_composed_is_the_one_that_a_trace_finds(name: str) -> None:
    fresh = root(founder(name).genome)
    met = Counter[bool]()
    sites = [site for site in fresh.sites if not isinstance(fresh.module.get_submodule(site), nn.Sequential)]
    chosen = sites if len(sites) < 10 else sites[:: len(sites) // 8]
    for number, site in enumerate(chosen):
        kernels, norm = ((1, 3), (3,), (1, 0), (5,))[number % 4], number % 2 == 1
        for place in ("after", "beside"):
            grown = with_blocks(fresh, Block(site, place, 1, 2, kernels, norm=norm))
            met.update([] if grown is None else [grown.composed])
    assert met[True] or not any(type(m) in (nn.Linear, nn.Conv2d, nn.Conv1d) for m in fresh.module.modules())


def with_blocks(first: body.Ancestor, *blocks: Block) -> body.Ancestor | None:
    """A network with blocks, which is as a trace finds it and as a trial tells; None where they do not fit."""
    form = first.genome.inputs
    try:
        grown = ancestor(first.genome.constructor, form, blocks)
    except InputError:
        return None
    if grown.composed:
        assert grown.before is not None
        assert shape_of(grown.anatomy) == shape_of(trace(grown.module, form)), blocks
        assert grown.sites == sites_of(grown.module, form)
        assert grown.cuts.items() <= cuts_of(grown.module, form).items()
        assert block_problem(grown.module, grown.before.module, grown.before.anatomy, blocks[-1], form) is None
    return grown


@pytest.mark.parametrize("name", TRACED)
def test_identities_that_are_composed_are_those_that_a_trace_finds(name: str) -> None:
    """One alone, and one after another block at every site that has to do with it."""
    fresh = root(founder(name).genome)
    for site in [site for site, cut in fresh.cuts.items() if cut.takes_identity][:1]:
        with_blocks(fresh, identity := Block(site, "identity", 1))
        with_blocks(fresh, identity, Block(f"{site}.grown1.layer", "identity", 2))
        for other, place in itertools.product((site, fresh.cuts[site].readers[0].rpartition(".")[0]), PLACES):
            with_blocks(fresh, Block(other, place, 1, 0 if place == "identity" else 2), Block(site, "identity", 2))


def test_variants_differ_in_what_they_change() -> None:
    parent = founder("resnet20")
    for variant, place in itertools.product(VARIANTS, ("after", "beside")):
        child = Deepening("stage2.1.conv2", 3, place, 6, norm=True, variant=variant).conceive([parent], 1)
        assert (apart(parent, child) <= TOLERANCE) == PRESERVING[variant]
        assert params(anatomy_of(child.genome)) > params(anatomy_of(parent.genome))
        name = "stage2.1.conv2.grown3"
        expand, project = (
            child.tensors[f"{name}.branches.0.expand.weight"],
            child.tensors[f"{name}.branches.0.project.weight"],
        )
        scale = float(parent.tensors["stage2.1.conv2.weight"].std())
        assert float(expand.std()) == pytest.approx(scale, rel=0.1)
        assert float(project.std()) == pytest.approx(0.0 if variant == "netmorph" else scale, rel=0.1)


def test_a_block_follows_from_its_seed() -> None:
    """Whatever has been drawn before, and whether or not its network has been built already."""
    parent = founder("lenet5")
    for site, scale in (("conv1", float(parent.tensors["conv1.weight"].std())), ("relu1", (3 * 6 * 9) ** -0.5)):
        first, again, other = (Deepening(site, 1, width=64).conceive([parent], seed) for seed in (3, 3, 4))
        body._ancestor.cache_clear()  # pyright: ignore[reportPrivateUsage]  # as in another process
        torch.manual_seed(1)
        anew = Deepening(site, 1, width=64).conceive([parent], 3)
        name = f"{site}.grown1.branches.0.expand.weight"
        assert weights_digest(first) == weights_digest(again) == weights_digest(anew)
        assert not torch.equal(first.tensors[name], other.tensors[name])
        assert float(first.tensors[name].std()) == pytest.approx(scale, rel=0.1)


def test_the_halves_of_a_block_part_as_they_learn() -> None:
    child = Deepening("conv1", 1, width=4).conceive([founder("lenet5")], 0)
    network = build(child.genome, {n: t.float() for n, t in child.tensors.items()})
    expand, project = (
        network.get_parameter(f"conv1.grown1.branches.0.{name}.weight") for name in ("expand", "project")
    )
    assert torch.equal(expand[:2], expand[2:])
    assert torch.equal(project[:, :2], -project[:, 2:])
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    nn.functional.cross_entropy(network(torch.randn(8, 1, 8, 8)), torch.arange(8)).backward()
    optimiser.step()
    assert not torch.allclose(expand[:2], expand[2:], atol=1e-6)
    assert not torch.allclose(project[:, :2], -project[:, 2:], atol=1e-6)


def test_a_site_stays_what_it_is() -> None:
    child = Deepening("conv1", 1, width=4).conceive([founder("lenet5")], 0)
    network = build(child.genome, child.tensors)
    site = network.get_submodule("conv1")
    assert isinstance(site, nn.Conv2d)
    assert site.out_channels == 6
    names = {name for name, _ in network.named_parameters()}
    assert names >= {
        "conv1.weight",
        "conv1.bias",
        "conv1.grown1.branches.0.expand.weight",
        "conv1.grown1.branches.0.project.bias",
    }
    assert names == set(network.state_dict())


def test_clusters_of_a_block_come_and_go_like_others() -> None:
    """They have the block's birth in their tags; pruned, widened and stacked they compute what they should."""
    parent = founder("lenet5")
    child = Deepening("conv1", 5, width=4).conceive([parent], 0)
    inside = "conv1.grown5.branches.0.expand"
    assert child.genome.tags[inside] == ((5, 0), (5, 1), (5, 2), (5, 3))
    assert {name: own for name, own in child.genome.tags.items() if name != inside} == parent.genome.tags
    smaller = remove(child, anatomy_of(child.genome), {inside: np.array([0, 2]), "conv2": np.arange(7)})
    assert apart(smaller, remove(parent, anatomy_of(parent.genome), {"conv2": np.arange(7)})) <= TOLERANCE
    larger = Widening(inside, 2, 6).conceive([smaller], 0)
    assert larger.genome.tags[inside] == ((5, 0), (5, 2), (6, 0), (6, 1))
    stacked = Deepening("conv1", 7, "beside", width=2).conceive([larger], 0)
    deeper = Deepening("conv1.grown7.branches.0.expand", 8, width=2).conceive([stacked], 0)
    assert [block.birth for block in deeper.genome.blocks] == [5, 7, 8]
    assert apart(smaller, deeper) <= TOLERANCE


@pytest.mark.parametrize("place", ["after", "beside"])
def test_what_goes_in_comes_out(place: Place) -> None:
    parent = masked(founder("resnet20"))
    child = Deepening("stage1.1.conv1", 4, place, width=2).conceive([parent], 0)
    again = Flattening((4,)).conceive([child], 0)
    assert again.genome == parent.genome
    assert all(torch.equal(again.tensors[name], tensor) for name, tensor in parent.tensors.items())
    assert again.masks.keys() == parent.masks.keys()


def test_an_identity_comes_out_again() -> None:
    parent = halved(founder("lenet5"))
    child = Deepening("relu1", 4, "identity").conceive([parent], 0)
    assert apart(parent, child) <= TOLERANCE
    again = Flattening((4,)).conceive([child], 0)
    assert again.genome == parent.genome
    assert apart(parent, again) == 0


@pytest.mark.parametrize("place", ["after", "beside"])
def test_a_block_where_an_identity_is(place: Place) -> None:
    """What the site returns then is coupled as the identity is, not as the site's own weight."""
    parent = Deepening("conv1", 1, "identity").conceive([halved(founder("lenet5"))], 0)
    wider = Widening("conv1.grown1.layer", 2, 2).conceive([parent], 1)
    child = Deepening("conv1", 3, place, width=2).conceive([wider], 2)
    assert not root(child.genome).composed
    assert apart(wider, child) <= TOLERANCE


def test_an_export_of_a_deepened_network_holds_what_was_counted() -> None:
    parent = halved(founder("lenet5"))
    child = Widening("conv2", 2, 2).conceive([Deepening("conv1", 1, width=4, norm=True).conceive([parent], 0)], 0)
    single = Organism(child.genome, {n: t.float() + 0.01 for n, t in child.tensors.items()})  # zeros would be left out
    held = sum(int(np.prod(t.dims)) for t in onnx.load_from_string(to_onnx(single)).graph.initializer)
    assert held == params(anatomy_of(single.genome))


def test_relatives_share_the_blocks_that_enough_of_them_have() -> None:
    first = Deepening("conv1", 1, width=4).conceive([founder("lenet5")], 0)
    one = Deepening("conv2", 2, width=4).conceive([first], 0)
    other = Widening("fc1", 2, 3).conceive([first], 0)
    child = Synthesis(Environment(1.0)).conceive([one, other], 0)
    assert child.genome.blocks == first.genome.blocks
    assert child.genome.tags == first.genome.tags
    assert apart(child, first) <= TOLERANCE
    most = Synthesis(Environment(1.0), chi=0.5).conceive([one, other], 0)
    assert most.genome.blocks == one.genome.blocks
    assert {*most.genome.tags["fc1"]} <= {*other.genome.tags["fc1"]}
    assert most.genome.tags["conv2.grown2.branches.0.expand"] == one.genome.tags["conv2.grown2.branches.0.expand"]
    assert not most.masks
    stayed = torch.tensor([one.genome.tags["conv2"].index(tag) for tag in most.genome.tags["conv2"]])
    name = "conv2.grown2.branches.0.expand.weight"
    assert torch.equal(most.tensors[name], one.tensors[name][:, stayed])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"width": 0}, "at least one cluster in a block; came 0"),
        ({"width": 3}, "an even number of clusters, which come in pairs; came 3"),
        ({"birth": 0}, "a birth after the ancestor's; came 0"),
        ({"kernels": (2,)}, r"odd kernels, or 0 for a branch that pools; came \(2,\)"),
        ({"kernels": (-1,)}, r"odd kernels, or 0 for a branch that pools; came \(-1,\)"),
        ({"kernels": ()}, r"odd kernels, or 0 for a branch that pools; came \(\)"),
        ({"kernels": (1, 3), "place": "identity"}, r"one odd kernel of an identity; came \(1, 3\)"),
    ],
)
def test_what_is_no_block(given: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        Deepening(**{"site": "conv1", "birth": 1} | given)


class Twice(nn.Module):
    """A layer that is called twice, one that is read, one with a keyword, one of pairs, and a sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.f = nn.Linear(6, 6), nn.Linear(6, 6), nn.Sequential(nn.Linear(6, 4), nn.ReLU())
        self.g, self.h = Scaled(), nn.LSTM(6, 6, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.g(nn.functional.linear(torch.relu(self.a(torch.relu(self.a(x)))), self.b.weight), scale=2.0)
        return self.f(self.h(x[:, None])[0][:, 0])


class Scaled(nn.Module):
    def forward(self, x: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        return x * scale


@pytest.mark.parametrize(
    ("site", "place", "expected"),
    [
        ("a", "after", "once, with one tensor; came a, which is called 2 times; choose among f.0, f.1$"),
        (
            "b",
            "after",
            "once, with one tensor; came b, which is never called, but perhaps read; choose among f.0, f.1$",
        ),
        ("g", "after", "once, with one tensor; came g, which is called with scale by name; choose among f.0, f.1$"),
        ("h", "after", "came h, which takes or returns something else than one tensor"),
        ("f", "after", "a site that is one layer; came f, a sequence; choose one of its layers"),
        ("f.0", "beside", ""),
        ("f.1", "identity", ""),
        ("c", "after", "a site for a block: .*; came c, which is none of its modules; choose among f.0, f.1$"),
    ],
)
def test_sites_where_no_block_can_be(site: str, place: Place, expected: str) -> None:
    constructor = describe(Twice(), {})
    parent = Organism(ancestor(constructor, InputForm((6,))).genome, fresh_tensors(constructor, 0))
    if not expected:
        assert apart(parent, Deepening(site, 1, place, width=2).conceive([parent], 0)) <= 1e-6
        return
    with pytest.raises(InputError, match=expected):
        Deepening(site, 1, place, width=2).conceive([parent], 0)


def test_a_deepened_network_is_pickled_and_copied_as_any_module(tmp_path: Path) -> None:
    """With a block within a block, of which torch knows no class."""
    child = Deepening("conv1", 1, width=4).conceive([founder("lenet5")], 0)
    child = Deepening("conv1.grown1.branches.0.expand", 2, width=4).conceive([child], 0)
    network, batch = child.deployed(), torch.rand(3, 1, 8, 8, dtype=torch.float64)
    torch.save(network, tmp_path / "network.pt")
    for again in (torch.load(tmp_path / "network.pt", weights_only=False), copy.deepcopy(network)):
        assert torch.equal(again(batch), network(batch))
        with torch.no_grad():
            again.network.get_submodule("conv1").weight.add_(1.0)
        assert not torch.equal(again(batch), network(batch))
        assert isinstance(again.network.get_submodule("conv1.grown1"), Added)


def test_an_identity_where_it_would_change_something_is_refused() -> None:
    with pytest.raises(InputError, match=r"a site fc3 where a block changes nothing; came outputs differ by .*"):
        Deepening("fc3", 1, "identity").conceive([founder("lenet5")], 0)


def test_blocks_are_numbered_on() -> None:
    child = Deepening("conv1", 5, width=2).conceive([founder("lenet5")], 0)
    with pytest.raises(InputError, match="births that are numbered on; came 5 in the parent, 5 now"):
        Deepening("conv2", 5, width=2).conceive([child], 0)
    with pytest.raises(InputError, match="births of the parent's blocks; came 4; choose among 5"):
        Flattening((4,)).conceive([child], 0)


def test_operators_come_back_from_records() -> None:
    for operator in (Deepening("conv1", 5), Flattening((5,)), Widening("conv1", 2, 6, "netmorph")):
        assert msgspec.json.decode(msgspec.json.encode(operator), type=AnyOperator) == operator
