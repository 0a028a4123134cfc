"""From a genome to a network: the ancestor is built and traced once per process, everything else is slicing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import cast

import msgspec
import numpy as np
import torch
from torch import nn

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.blocks import Added, Block, Site, put, sites_of
from heredity.anatomy.build import load, skeleton, tensors_of
from heredity.anatomy.composition import composed
from heredity.anatomy.conform import conform
from heredity.anatomy.constructor import Constructor
from heredity.anatomy.cuts import Cut, cuts_of, cuts_with
from heredity.anatomy.genome import Genome, Tag, arisen_in, first_genome, positions
from heredity.anatomy.inputs import InputForm, example
from heredity.anatomy.trace import trace
from heredity.anatomy.trial import block_problem, growth_problems


@dataclass(frozen=True, eq=False)
class Ancestor:
    """The network that a line descends from, with blocks if any: a pristine module, its anatomy, and its genome."""

    module: nn.Module
    anatomy: Anatomy
    genome: Genome
    before: Ancestor | None = None
    """It, as it was before the last of its blocks."""
    composed: bool = False
    """Whether its anatomy follows from that one's, since a block at such a site changes nothing by construction."""

    @cached_property
    def sites(self) -> Mapping[str, Site]:
        """The modules that blocks may be put to."""
        if self.before is None:
            return sites_of(self.module, self.genome.inputs)
        name = self.genome.blocks[-1].name
        added = cast("Added", self.module.get_submodule(name))
        return {**self.before.sites, **{f"{name}.{within}": site for within, site in added.sites.items()}}

    @cached_property
    def cuts(self) -> Mapping[str, Cut]:
        """Layers behind which an identity may be, and those who read them, as far as they can be told."""
        if self.before is None or not self.composed:
            return cuts_of(self.module, self.genome.inputs)
        block = self.genome.blocks[-1]
        return cuts_with(self.before.cuts, block, cast("Added", self.module.get_submodule(block.name)))

    def stunted(self, times: int = 2) -> Mapping[str, str]:
        """Families that cannot become so many times as large as they are here, which a trial tells, and why."""
        if self.before is not None and self.composed:
            return self.before.stunted(times)
        if times not in self._stunted:
            batch = example(self.genome.inputs, 2, dtype=torch.float64)
            self._stunted[times] = growth_problems(self.module, self.anatomy, batch, times)
        return self._stunted[times]

    @cached_property
    def _stunted(self) -> dict[int, Mapping[str, str]]:
        """What trials have told."""
        return {}

    @cached_property
    def misplaced(self) -> str | None:
        """Why its last block may not be where it is, which a trial tells; None if it may."""
        if self.before is None or self.composed:
            return None
        block = self.genome.blocks[-1]
        coupled = [s for f in self.anatomy.families for s in f.slices if s.tensor == f"{block.name}.layer.weight"]
        if any(s.positions.shape[1] > 1 for s in coupled):
            return "channels that an identity would part go together"
        return block_problem(self.module, self.before.module, self.before.anatomy, block, self.genome.inputs)


def ancestor(constructor: Constructor, inputs: InputForm, blocks: tuple[Block, ...] = ()) -> Ancestor:
    """The ancestor, with these blocks in it if any, built and traced once per process while it is in use.

    Raises:
        ModelError: it cannot be built or traced.
        InputError: a block does not fit.
    """
    return _ancestor(msgspec.json.encode((constructor, inputs, blocks), order="deterministic"), constructor.instance)


def root(genome: Genome) -> Ancestor:
    """The network that an individual is a part of, or has grown from: its ancestor, with its blocks."""
    return ancestor(genome.constructor, genome.inputs, genome.blocks)


@lru_cache(maxsize=64)
def _ancestor(encoded: bytes, instance: nn.Module | None) -> Ancestor:
    constructor, inputs, blocks = msgspec.json.decode(encoded, type=tuple[Constructor, InputForm, tuple[Block, ...]])
    if blocks:
        return _deepened(ancestor(constructor, inputs, blocks[:-1]), blocks[-1])
    with torch.random.fork_rng(devices=[]):
        module = constructor.build()
    anatomy = trace(module, inputs)
    return Ancestor(module, anatomy, first_genome(constructor, inputs, anatomy))


def _deepened(before: Ancestor, block: Block) -> Ancestor:
    """The network with one more block; traced where its anatomy does not follow."""
    constructor, inputs, blocks = before.genome.constructor, before.genome.inputs, (*before.genome.blocks, block)
    module = skeleton(before.module)
    with torch.random.fork_rng(devices=[]):
        added = put(module, block, before.sites, inputs)
    cut = before.cuts.get(block.site) if block.place == "identity" else None
    follows = composed(before.anatomy, block, added, module.get_submodule(block.site), cut)
    origin, pools = before.anatomy.origin or before.anatomy, before.anatomy.pools + block.kernels.count(0)
    anatomy = replace(follows or trace(module, inputs), origin=origin, pools=pools)
    genome = first_genome(constructor, inputs, anatomy, blocks)
    return Ancestor(module, anatomy, genome, before, composed=follows is not None)


def anatomy_of(genome: Genome) -> Anatomy:
    """An individual's anatomy, without tracing it."""
    first = root(genome)
    if not (arisen := arisen_in(genome, first.genome)):
        return first.anatomy.select(positions(genome, first.genome))
    # where clusters lie follows from how many there are: of a family whose first clusters are all gone one stands in
    native = dict(genome.tags)
    for family, new in arisen.items():
        native[family] = tuple(tag for tag in genome.tags[family] if tag not in new) or first.genome.tags[family][:1]
    old = msgspec.structs.replace(genome, tags=native)
    more = {family: np.zeros(len(genome.tags[family]) - len(native[family]), np.int64) for family in arisen}
    return first.anatomy.select(positions(old, first.genome)).widened(more)[0]


@dataclass(frozen=True)
class Body:
    """An anatomy, and the genome that says which clusters are where in it."""

    anatomy: Anatomy
    genome: Genome


def encompassing(genomes: Sequence[Genome]) -> Body:
    """The body of the ancestor of some relatives, with all clusters that have arisen in them since."""
    first = root(genomes[0])
    arisen: dict[str, set[Tag]] = {}
    for genome in genomes:
        for family, tags in arisen_in(genome, first.genome).items():
            arisen.setdefault(family, set()).update(tags)
    if not arisen:
        return Body(first.anatomy, first.genome)
    tags = {family: tuple(sorted({*own, *arisen.get(family, ())})) for family, own in first.genome.tags.items()}
    anatomy, _ = first.anatomy.widened({family: np.zeros(len(own), np.int64) for family, own in arisen.items()})
    return Body(anatomy, msgspec.structs.replace(first.genome, tags=tags))


def build(genome: Genome, tensors: Mapping[str, torch.Tensor]) -> nn.Module:
    """An individual's network with these weights; it takes normalised input (see `deploy` for the user's form).

    Convolutions on images lie in memory channels last: on a CPU a LeNet of 20-50 filters is then twice as fast forward
    and 1.5 times in training; one of 3-6 filters is a tenth slower. `_spared` are left as they were.
    """
    first = root(genome)
    module = skeleton(first.module)
    load(module, tensors)
    conform(module, first.anatomy.follows)
    if any(tensor.dim() == 4 for tensor in tensors.values()):
        module.to(memory_format=torch.channels_last)
        for layer in filter(_spared, module.modules()):
            layer.to(memory_format=torch.contiguous_format)
            layer.register_forward_pre_hook(_contiguous)
    return module


BLOCK = 16
"""Channels that oneDNN works on at a time, at most: 8 with AVX2, 16 with AVX-512."""


def _spared(layer: nn.Module) -> bool:
    """Whether a layer must not lie channels last: a strided 1x1 convolution of few inputs.

    oneDNN writes past its memory there when it computes the weights' gradient (uxlfoundation/oneDNN, issue 6035); seen
    with torch 2.15. Projections of residual networks become such layers as they shrink.
    """
    if not isinstance(layer, nn.Conv2d):
        return False
    return layer.kernel_size == (1, 1) and max(layer.stride) > 1 and layer.weight.shape[1] < BLOCK


def _contiguous(_: nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    return (inputs[0].contiguous(),)


def fresh_tensors(constructor: Constructor, seed: int) -> dict[str, torch.Tensor]:
    """The weights that the constructor gives a new ancestor under this seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return {name: tensor.clone() for name, tensor in tensors_of(constructor.build()).items()}


class Deployed(nn.Module):
    """A network as a user has it: input in the user's own form, normalisation inside, numbers in the user's units."""

    mean: torch.Tensor
    std: torch.Tensor
    answer_mean: torch.Tensor
    answer_std: torch.Tensor

    def __init__(self, network: nn.Module, inputs: InputForm) -> None:
        super().__init__()
        shape = (-1, *[1] * (len(inputs.shape) - 1))
        self.network = network
        self.register_buffer("mean", torch.tensor(inputs.mean).reshape(shape), persistent=False)
        self.register_buffer("std", torch.tensor(inputs.std).reshape(shape), persistent=False)
        self.answers_in_units = bool(inputs.answer_mean)
        if self.answers_in_units:
            self.register_buffer("answer_mean", torch.tensor(inputs.answer_mean), persistent=False)
            self.register_buffer("answer_std", torch.tensor(inputs.answer_std), persistent=False)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Inputs `(n, *shape)` to what the network returns, `(n, ...)`; tokens pass as they are."""
        answers = self.network((inputs - self.mean) / self.std if inputs.is_floating_point() else inputs)
        if not self.answers_in_units:
            return answers
        shape = (-1, *[1] * (answers.dim() - 2))
        return answers * self.answer_std.reshape(shape) + self.answer_mean.reshape(shape)


def deploy(genome: Genome, tensors: Mapping[str, torch.Tensor]) -> Deployed:
    """An individual's network in evaluation mode, taking input as the user has it."""
    return Deployed(build(genome, tensors), genome.inputs).eval()
