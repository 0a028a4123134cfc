"""Growth: an offspring with more clusters than its parent, which computes the same until it learns.

A family of width n becomes one of width n + m. Of the tensors that make its clusters, and of those that read them:

    pairs         W' = [W; U; U]    W'_next = [W_next  V  -V]    whatever U and V; the halves part as they learn
    netmorph      W' = [W; U]       W'_next = [W_next  0]
    net2wider     new clusters are copies of others; what reads one is divided by the number of its copies
    random        W' = [W; U]       W'_next = [W_next  V]        which changes what the network computes

U and V are drawn from U(-s root 3, s root 3), s the standard deviation of the tensor that they become part of; of one
that has none, as what reads a fresh block by netmorph, 1/root(3 inputs), that of torch's initial weights: of V = 0 both
halves would learn the same for ever. Biases, and what a norm knows of a channel, are those of another cluster.

Sources: Painter, "Deep Neuroevolution with Shared Parameters" (METHODS F) for pairs, of which the zero block
z(x) = [beta -beta] sigma([W; W] x) is a case; Chen et al. 2016 (Net2Net); Wei et al. 2016 (network morphism).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import torch

from heredity.anatomy.anatomy import Family
from heredity.anatomy.body import anatomy_of, root
from heredity.anatomy.genome import Genome
from heredity.anatomy.labels import Integers
from heredity.errors import InputError
from heredity.rng import generator, numpy_generator
from heredity.types import Tensors
from heredity.variation.operator import Operator, Organism, mask_digest

Variant = Literal["pairs", "net2wider", "netmorph", "random"]

PRESERVING: dict[Variant, bool] = {"pairs": True, "net2wider": True, "netmorph": True, "random": False}
"""Whether a newborn computes what its parent does, in evaluation mode; random padding hears new clusters at once."""


class Widening(Operator, frozen=True, tag="widening"):
    """The parent with `clusters` more in a family; they have the tags (`birth`, 0), (`birth`, 1), ...

    `birth` is the number of the birth in which they arise.
    """

    family: str
    clusters: int
    birth: int
    variant: Variant = "pairs"

    def __post_init__(self) -> None:
        if self.clusters < 1:
            raise InputError.of("at least one new cluster", self.clusters, "raise it")
        if self.variant == "pairs" and self.clusters % 2:
            raise InputError.of("an even number of new clusters, which come in pairs", self.clusters, "add one")
        if self.birth < 1:
            raise InputError.of("the number of a birth after the ancestor's", self.birth, "raise it")

    def conceive(self, parents: Sequence[Organism], seed: int) -> Organism:
        (parent,) = parents
        check_growth(parent.genome, self.family, self.clusters)
        anatomy, size = anatomy_of(parent.genome), parent.genome.sizes[self.family]
        rng, coins = numpy_generator(seed, "copied"), generator(seed, "weights")
        copied = rng.integers(size, size=self.clusters)
        if self.variant == "pairs":
            copied[1::2] = copied[::2]
        if self.variant in ("pairs", "net2wider"):
            _check_untied(anatomy.by_name[self.family], self.variant)
        grown, plan = anatomy.widened({self.family: copied})
        tensors, masks = plan.apply(parent.tensors), plan.apply(parent.masks)
        family = grown.by_name[self.family]
        if self.variant == "net2wider":
            _share_out(tensors, family, copied)
        else:
            _fill(tensors, parent.tensors, family, size, self.variant, coins)
            for s in family.slices:
                if s.tensor in masks:
                    index = torch.from_numpy(s.positions[size:].ravel())
                    masks[s.tensor] = masks[s.tensor].index_fill(s.dim, index, value=True)
        moments = tuple(_forgotten(plan.apply(plane), family, size) for plane in parent.moments)
        return Organism(self._genome(parent.genome).with_masks(mask_digest(masks)), tensors, masks, moments)

    def _genome(self, parent: Genome) -> Genome:
        more = tuple((self.birth, k) for k in range(self.clusters))
        tags = {**parent.tags, self.family: tuple(sorted((*parent.tags[self.family], *more)))}
        if tags[self.family][-len(more) :] != more:
            came = f"{parent.tags[self.family][-1][0]} in the parent, {self.birth} now"
            raise InputError.of("births that are numbered on", came, "give the offspring its own number")
        return msgspec.structs.replace(parent, tags=tags)


def check_growth(genome: Genome, family: str, clusters: int = 1) -> None:
    """Refuses a family that cannot have so many clusters more.

    Raises:
        InputError: there is no such family, its channels are fixed, or more of them go wrong; with the reason.
    """
    first, why = root(genome), None
    times = 2
    if family not in genome.tags:
        why = next((f"channels that are fixed: {f.reason}" for f in first.anatomy.fixed if f.name == family), "none")
    else:
        while times * first.genome.sizes[family] < genome.sizes[family] + clusters:
            times *= 2  # sizes that share a trial
        why = first.stunted(times).get(family)
    if why is not None:
        others = ", ".join(name for name in genome.tags if name not in first.stunted(times))
        remedy = f"choose among {others}" if others else "there is none"
        raise InputError.of(f"a family {family} that can grow", why, remedy)


def _check_untied(family: Family, variant: Variant) -> None:
    """Refuses a family that is made and read by the same weights, which cannot be alike and opposite at once."""
    made, read = ({(s.tensor, s.dim) for s in family.slices if s.role == role} for role in ("made", "read"))
    if tied := sorted(made & read):
        came = f"{tied[0][0]}, which makes {family.name} and reads it"
        raise InputError.of(f"weights of which {variant} can make new clusters", came, "take netmorph, or random")


def _forgotten(plane: Tensors, family: Family, size: int) -> Tensors:
    """A plane of moments, of which nothing is known where there are new clusters, those from `size` on."""
    for s in family.slices:
        if s.tensor in plane:
            new = torch.from_numpy(s.positions[size:].ravel())
            plane[s.tensor] = plane[s.tensor].index_fill(s.dim, new, 0.0)
    return plane


def _share_out(tensors: Tensors, family: Family, copied: Integers) -> None:
    """What reads a cluster is divided by the number of its copies."""
    size = family.size - len(copied)
    copies = np.bincount(copied, minlength=size) + 1
    share = torch.from_numpy(1 / copies[np.concatenate([np.arange(size), copied])])
    for s in family.slices:
        if s.role == "read":
            tensor, k = tensors[s.tensor], s.positions.shape[1]
            factor = torch.ones(tensor.shape[s.dim], dtype=torch.float64)
            factor[torch.from_numpy(s.positions.ravel())] = share.repeat_interleave(k)
            shape = [-1 if d == s.dim else 1 for d in range(tensor.dim())]
            tensors[s.tensor] = tensor * factor.view(shape).to(tensor.dtype)


def _fill(tensors: Tensors, old: Tensors, family: Family, size: int, variant: Variant, coins: torch.Generator) -> None:
    """New weights in place of the copies: what makes the clusters, then what reads them; one may be the other."""
    layers = [s for s in family.slices if old[s.tensor].dim() > 1]
    for role in ("made", "read"):
        for s in (s for s in layers if s.role == role):
            new = torch.from_numpy(s.positions[size:].ravel())
            quiet = role == "read" and variant == "netmorph"
            known = float(old[s.tensor].std(correction=0))
            spread = 0.0 if quiet else known or usual_spread(old[s.tensor].shape)
            values = drawn(tensors[s.tensor].index_select(s.dim, new), spread, coins)
            tensors[s.tensor] = tensors[s.tensor].index_copy(s.dim, new, values)
    if variant == "pairs":
        for role, sign in (("read", -1.0), ("made", 1.0)):  # what both makes and reads a pair: rows agree in all of it
            for s in (s for s in layers if s.role == role):
                first, second = (torch.from_numpy(s.positions[size + k :: 2].ravel()) for k in (0, 1))
                half = tensors[s.tensor].index_select(s.dim, first)
                tensors[s.tensor] = tensors[s.tensor].index_copy(s.dim, second, sign * half)


def usual_spread(shape: Sequence[int]) -> float:
    """The standard deviation of torch's initial weights of this shape."""
    return 1 / math.sqrt(3 * math.prod(shape[1:]))


def drawn(like: torch.Tensor, spread: float, coins: torch.Generator) -> torch.Tensor:
    """Of a tensor's shape and type: uniform, with this standard deviation."""
    return ((torch.rand(like.shape, generator=coins) * 2 - 1) * (spread * math.sqrt(3))).to(like)
