"""The whole body: what may be done to a network, done in any order, and everything that must hold after each step."""

from __future__ import annotations

import os
from typing import ClassVar, get_args

import hypothesis.strategies as st
import msgspec
import numpy as np
import onnx
import pytest
import torch
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from heredity.anatomy.anatomy import Kept
from heredity.anatomy.blocks import Place, sites_of
from heredity.anatomy.body import anatomy_of, ancestor, build, fresh_tensors, root
from heredity.anatomy.canonical import canonicalise
from heredity.anatomy.constructor import describe
from heredity.anatomy.genome import Genome
from heredity.anatomy.inputs import example
from heredity.anatomy.sharing import shared
from heredity.anatomy.trial import silenced
from heredity.errors import InputError
from heredity.export.onnx import to_onnx
from heredity.measures.size import params, synapses
from heredity.store.blobs import _encode, _load, _sorted_out
from heredity.testing.networks import KINDS
from heredity.variation import deepening
from heredity.variation.environment import Environment
from heredity.variation.flattening import Flattening
from heredity.variation.growth import PRESERVING, Variant, Widening
from heredity.variation.operator import Organism, mask_digest, weights_digest
from heredity.variation.removal import remove
from heredity.variation.synthesis import Synthesis

VARIANTS: tuple[Variant, ...] = get_args(Variant)
PLACES: tuple[Place, ...] = get_args(Place)
TOLERANCE = 1e-9
"""Of outputs in float64, relative to the largest."""


class WholeBody(RuleBasedStateMachine):
    """One line of descent. Weights are float64, so that what is neutral shows as such."""

    steps: ClassVar[int] = 0
    """Of all lines together."""

    organism: Organism
    exports = 0
    births = 0

    @initialize(kind=st.sampled_from(sorted(KINDS)), seed=st.integers(0, 99))
    def begin(self, kind: str, seed: int) -> None:
        _, form = KINDS[kind]
        constructor = describe(f"heredity.testing.networks:{kind}", {})
        tensors = {name: t.double() for name, t in fresh_tensors(constructor, seed).items()}
        generator = torch.Generator().manual_seed(seed)
        for name, t in tensors.items():  # norms and biases that say something
            if t.dim() == 1:
                tensors[name] = 0.5 + torch.rand(t.shape, generator=generator, dtype=t.dtype)
        self.organism = Organism(ancestor(constructor, form).genome, tensors)
        self.batch = example(form, 3, seed, torch.float64)

    def outputs(self, organism: Organism) -> torch.Tensor:
        network = build(organism.genome, {n: t.clone() for n, t in organism.tensors.items()}).double().eval()
        with torch.no_grad():
            return network(self.batch)

    def same(self, came: torch.Tensor, expected: torch.Tensor) -> None:
        assert came.shape == expected.shape
        assert (came - expected).abs().max() <= TOLERANCE * max(1.0, float(expected.abs().max()))

    def draw(self, data: st.DataObject) -> dict[str, np.ndarray]:
        kept = {}
        for family in anatomy_of(self.organism.genome).families:
            if data.draw(st.booleans()):
                stays = data.draw(st.sets(st.integers(0, family.size - 1), min_size=1))
                kept[family.name] = np.array(sorted(stays))
        return kept

    def silenced(self, parent: Organism, kept: Kept) -> Organism:
        """The parent, with nobody reading the clusters that are not kept."""
        return Organism(parent.genome, silenced(parent.tensors, anatomy_of(parent.genome), kept), parent.masks)

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        """Removing clusters is the same as reading nothing of them, and the size is as predicted."""
        kept, parent = self.draw(data), self.organism
        child = remove(parent, anatomy := anatomy_of(parent.genome), kept)
        self.same(self.outputs(child), self.outputs(self.silenced(parent, kept)))
        for name, which in kept.items():
            assert child.genome.tags[name] == tuple(parent.genome.tags[name][i] for i in which)
        assert params(anatomy.select(kept)) == params(anatomy_of(child.genome)) <= params(anatomy)
        self.organism = child

    @rule(data=st.data(), share=st.floats(0.1, 1.0))
    def mask(self, data: st.DataObject, share: float) -> None:
        """Synapses die: their weights are zero, and they are counted."""
        parent, anatomy = self.organism, anatomy_of(self.organism.genome)
        layers = [n for n in sorted(anatomy.positions) if anatomy.positions[n] and parent.tensors[n].dim() > 1]
        name = data.draw(st.sampled_from(layers))
        generator = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
        alive = torch.rand(parent.tensors[name].shape, generator=generator) < share
        masks = {**parent.masks, name: parent.masks.get(name, torch.ones_like(alive)) & alive}
        tensors = {**parent.tensors, name: parent.tensors[name] * masks[name]}
        child = Organism(parent.genome.with_masks(mask_digest(masks)), tensors, masks)
        assert synapses(anatomy, child.masks) <= synapses(anatomy, parent.masks)
        assert params(anatomy) - synapses(anatomy, masks) == sum(int((~m).sum()) for m in masks.values())
        self.organism = child

    @rule(data=st.data(), variant=st.sampled_from(VARIANTS), pairs=st.integers(1, 3))
    def widen(self, data: st.DataObject, variant: Variant, pairs: int) -> None:
        """A family grows; what is declared to change nothing changes nothing."""
        family = data.draw(st.sampled_from(sorted(self.organism.genome.tags)))
        self.births += 1
        try:
            child = Widening(family, 2 * pairs, self.births, variant).conceive([self.organism], self.births)
        except InputError:
            return  # of which tests of growth say when
        if PRESERVING[variant]:
            self.same(self.outputs(child), self.outputs(self.organism))
        assert params(anatomy_of(child.genome)) > params(anatomy_of(self.organism.genome))
        self.organism = child

    @precondition(lambda self: len(self.organism.genome.blocks) < 3)
    @rule(
        data=st.data(),
        place=st.sampled_from(PLACES),
        variant=st.sampled_from(get_args(deepening.Variant)),
        norm=st.booleans(),
    )
    def deepen(self, data: st.DataObject, place: Place, variant: deepening.Variant, norm: bool) -> None:
        """A block comes to a site; what is declared to change nothing changes nothing."""
        first, form = root(self.organism.genome), self.organism.genome.inputs
        assert first.sites == sites_of(first.module, form)
        site = data.draw(st.sampled_from(sorted(first.sites)))
        kernels = (3,) if place == "identity" else data.draw(st.sampled_from([(3,), (1, 3), (5, 0)]))
        self.births += 1
        operator = deepening.Deepening(site, self.births, place, 2, kernels, norm=norm, variant=variant)
        try:
            child = operator.conceive([self.organism], self.births)
        except InputError:
            return  # of which tests of deepening say when
        if deepening.PRESERVING[variant]:
            self.same(self.outputs(child), self.outputs(self.organism))
        self.organism = child

    @precondition(lambda self: any(block.place != "identity" for block in self.organism.genome.blocks))
    @rule(data=st.data())
    def flatten(self, data: st.DataObject) -> None:
        """A block goes, with those within it; one that adds nothing goes unnoticed."""
        blocks = [block for block in self.organism.genome.blocks if block.place != "identity"]
        gone = data.draw(st.sampled_from(blocks))
        births = tuple(
            b.birth for b in self.organism.genome.blocks if f"{b.site}.".startswith(f"{gone.name}.") or b == gone
        )
        said = tuple(f"{gone.name}.branches.{k}.project." for k in range(len(gone.kernels)))
        silent = {
            name: torch.zeros_like(tensor) if name.startswith(said) else tensor
            for name, tensor in self.organism.tensors.items()
        }
        parent = Organism(self.organism.genome, silent, self.organism.masks)
        child = Flattening(births).conceive([parent], 0)
        assert not {block.birth for block in child.genome.blocks} & {*births}
        self.same(self.outputs(child), self.outputs(parent))
        self.organism = child

    @rule(data=st.data(), chi=st.sampled_from((0.5, 1.0)))
    def mate(self, data: st.DataObject, chi: float) -> None:
        """With a relative that has lost some clusters; whatever comes is made of what either has."""
        kept, one = self.draw(data), self.organism
        other = remove(one, anatomy_of(one.genome), kept)
        child = Synthesis(Environment(0.9), chi=chi).conceive([one, other], self.births)
        assert child.genome.blocks == one.genome.blocks
        for family, tags in child.genome.tags.items():
            assert {*tags} <= {*(one if chi < 1 else other).genome.tags[family]}
        self.organism = child

    @precondition(lambda self: self.organism.masks)
    @rule()
    def canonicalise(self) -> None:
        """No cluster without live synapses stays, and their going is a removal like any other."""
        parent, anatomy = self.organism, anatomy_of(self.organism.genome)
        kept, masks = canonicalise(anatomy, parent.masks)
        tensors = {name: t * masks[name] if name in masks else t for name, t in parent.tensors.items()}
        cleaned = Organism(parent.genome.with_masks(mask_digest(masks)), tensors, masks)
        child = remove(cleaned, anatomy, kept)
        self.same(self.outputs(child), self.outputs(self.silenced(cleaned, kept)))
        again, _ = canonicalise(anatomy_of(child.genome), child.masks)
        assert all(len(again[name]) == size for name, size in child.genome.sizes.items())
        self.organism = child

    @rule()
    def save_and_load(self) -> None:
        """What is stored is what comes back."""
        tensors, masks, _ = _sorted_out(_load(_encode(self.organism.tensors, self.organism.masks)))
        genome = msgspec.json.decode(msgspec.json.encode(self.organism.genome), type=Genome)
        loaded = Organism(genome, tensors, masks)
        assert genome == self.organism.genome
        assert genome.digest == self.organism.genome.digest
        assert weights_digest(loaded) == weights_digest(self.organism)
        assert torch.equal(self.outputs(loaded), self.outputs(self.organism))
        self.organism = loaded

    @precondition(lambda self: self.exports < 1)
    @rule()
    def export(self) -> None:
        """The file holds as many weights as were counted; that it equals its module is checked as it is made."""
        self.exports += 1
        tensors = {n: t.float() for n, t in self.organism.tensors.items()}
        for k, (name, tensor) in enumerate(tensors.items(), 1):  # newborn blocks' zeros would not be held
            tensors[name] = tensor if tensor.any() else tensor + 0.01 * k * self.organism.masks.get(name, 1)
        single = Organism(self.organism.genome, tensors, self.organism.masks)
        model = onnx.load_from_string(to_onnx(single))
        # beside a norm of one channel, what inputs are normalised by lies where weights do, else in a node
        weights = [t for t in model.graph.initializer if t.name not in ("mean", "std")]
        held = sum(int(np.prod(t.dims)) for t in weights)
        assert held == params(anatomy_of(single.genome))

    @rule(data=st.data())
    def share(self, data: st.DataObject) -> None:
        """What it shares with an offspring that has grown is all that it has."""
        sizes = self.organism.genome.sizes
        if not (growing := [name for name in sizes if name not in root(self.organism.genome).stunted()]):
            return
        self.births += 1
        family = data.draw(st.sampled_from(growing))
        child = Widening(family, 2, self.births, "random").conceive([self.organism], self.births)
        sharing = shared([self.organism.genome, child.genome])
        bank = sharing.bank([self.organism.tensors, child.tensors])
        for k, own in enumerate((self.organism, child)):
            assert all(torch.equal(bank[at], own.tensors[name]) for name, at in sharing.index(k).items())

    @invariant()
    def shapes_and_masks_agree(self) -> None:
        organism = self.organism
        WholeBody.steps += 1
        anatomy = anatomy_of(organism.genome)
        assert {name: tuple(t.shape) for name, t in organism.tensors.items()} == anatomy.shapes
        assert all(mask.shape == organism.tensors[name].shape for name, mask in organism.masks.items())
        assert all(not bool(organism.tensors[n][~m].any()) for n, m in organism.masks.items())
        assert organism.genome.masks == mask_digest(organism.masks)
        for family, tags in organism.genome.tags.items():
            assert len(tags) == anatomy.sizes[family] >= 1
            assert list(tags) == sorted(set(tags))
        assert self.outputs(organism).isfinite().all()


LONG = "HEREDITY_LONG" in os.environ
"""Whether there is time: 120 lines of descent of up to 25 steps, half an hour or more."""

TestWholeBody = WholeBody.TestCase
TestWholeBody.settings = settings(
    max_examples=120 if LONG else 10, stateful_step_count=25 if LONG else 8, deadline=None, derandomize=LONG
)


@pytest.mark.skipif(not LONG, reason="only the long run is long")
def test_the_long_run_is_long() -> None:
    assert WholeBody.steps >= 2000
