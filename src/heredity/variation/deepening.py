"""Deepening: an offspring with a block that its parent does not have, which changes nothing until it learns.

    after, beside   z = [beta -beta] relu([W; W] .)     pairs: zero whatever W and beta; the halves part as they learn
                    z = 0 relu(W .)                     netmorph
                    z = beta relu(W .)                  random, which changes what the network computes
    identity        relu(I y), which is Net2Deeper

`heredity.anatomy.blocks` says what places there are. W and beta are drawn from U(-s root 3, s root 3), s the standard
deviation of the site's own weights; of a site without any, 1/root(3 inputs), that of torch's initial weights.

Sources: Painter, "Deep Neuroevolution with Shared Parameters" (METHODS F: f + z(f) deepens, x + F(x) + z(x) widens);
Chen et al. 2016 (Net2Net); Wei et al. 2016 (network morphism).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import torch

from heredity.anatomy.blocks import Block, Place, quiet
from heredity.anatomy.body import anatomy_of, root
from heredity.anatomy.genome import Genome
from heredity.anatomy.relatives import with_blocks
from heredity.errors import InputError
from heredity.rng import generator
from heredity.types import Tensors
from heredity.variation.growth import drawn, usual_spread
from heredity.variation.operator import Operator, Organism

Variant = Literal["pairs", "netmorph", "random"]

PRESERVING: dict[Variant, bool] = {"pairs": True, "netmorph": True, "random": False}
"""Whether a newborn computes what its parent does, in evaluation mode."""


class Deepening(Operator, frozen=True, tag="deepening"):
    """The parent with a block at a site.

    `birth` is the number of the birth in which the block arises. It has a branch for each of `kernels`, the positions a
    side that its convolutions see, or 0 for one that pools; `width` clusters are within a branch, and with a `norm` a
    batch norm follows the first convolution. An `identity` has none of these but one kernel, and no variants.
    """

    site: str
    birth: int
    place: Place = "after"
    width: int = 8
    kernels: tuple[int, ...] = (3,)
    norm: bool = False
    variant: Variant = "pairs"

    def __post_init__(self) -> None:
        if self.width < 1:
            raise InputError.of("at least one cluster in a block", self.width, "raise it")
        if self.place != "identity" and self.variant == "pairs" and self.width % 2:
            raise InputError.of("an even number of clusters, which come in pairs", self.width, "add one")
        if not self.kernels or any(kernel < 0 or (kernel and kernel % 2 == 0) for kernel in self.kernels):
            raise InputError.of("odd kernels, or 0 for a branch that pools", self.kernels, "choose 1, 3, 5 ...")
        if self.place == "identity" and (len(self.kernels) != 1 or 0 in self.kernels):
            raise InputError.of("one odd kernel of an identity", self.kernels, "choose 1, 3, 5 ...")
        if self.birth < 1:
            raise InputError.of("the number of a birth after the ancestor's", self.birth, "raise it")

    @property
    def block(self) -> Block:
        """What comes to the genome."""
        if self.place == "identity":
            return Block(self.site, self.place, self.birth, kernels=self.kernels)
        return Block(self.site, self.place, self.birth, self.width, self.kernels, self.norm)

    def conceive(self, parents: Sequence[Organism], seed: int) -> Organism:
        (parent,) = parents
        if parent.genome.blocks and parent.genome.blocks[-1].birth >= self.birth:
            came = f"{parent.genome.blocks[-1].birth} in the parent, {self.birth} now"
            raise InputError.of("births that are numbered on", came, "give the offspring its own number")
        genome = with_blocks(parent.genome, (*parent.genome.blocks, self.block))
        if problem := root(genome).misplaced:
            raise InputError.of(f"a site {self.site} where a block changes nothing", problem, "choose another")
        shapes = anatomy_of(genome).shapes
        if unlike := [name for name, tensor in parent.tensors.items() if tuple(tensor.shape) != shapes[name]]:
            came = f"another coupling of {unlike[0]}"
            raise InputError.of(f"a site {self.site} where a block leaves clusters as they are", came, "choose another")
        fresh = self._fresh(genome, parent.tensors, seed)
        unknown = {name: torch.zeros_like(fresh[name]) for name in fresh.keys() & anatomy_of(genome).parameters}
        moments = tuple({**plane, **unknown} for plane in parent.moments)
        return Organism(genome.with_masks(parent.genome.masks), {**parent.tensors, **fresh}, parent.masks, moments)

    def _fresh(self, genome: Genome, old: Tensors, seed: int) -> Tensors:
        """The tensors of the block."""
        block, dtype = self.block, next(iter(old.values())).dtype
        shapes = {n: shape for n, shape in anatomy_of(genome).shapes.items() if n.startswith(f"{block.name}.")}
        tensors = {n: quiet(block, n, torch.empty(shape, dtype=dtype)) for n, shape in shapes.items()}
        if self.place == "identity":
            return tensors
        own, coins = old.get(f"{self.site}.weight"), generator(seed, "weights")
        known = None if own is None or own.dim() < 2 else float(own.std(correction=0))
        layers = ("expand", 0), ("project", 1)
        for branch, (layer, dim) in itertools.product(range(len(block.kernels)), layers):
            name = f"{block.name}.branches.{branch}.{layer}.weight"
            spread = known or usual_spread(shapes[name])
            silent = layer == "project" and self.variant == "netmorph"
            tensors[name] = drawn(tensors[name], 0.0 if silent else spread, coins)
            if self.variant == "pairs":
                half = tensors[name].narrow(dim, 0, self.width // 2)
                tensors[name] = torch.cat([half, -half if layer == "project" else half], dim)
        return tensors
