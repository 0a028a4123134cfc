"""Frames: what several parents have in common, laid side by side.

Relatives have clusters of the same tags, at different places of tensors of different shapes. A frame is the shape of a
network that has all clusters that an offspring may have, and every parent is laid into it. What is computed from
several parents is computed there, element by element.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec
import numpy as np
import torch

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.body import ancestor
from heredity.anatomy.genome import Genome, Tag, positions
from heredity.anatomy.plan import Transfer
from heredity.errors import InputError
from heredity.types import Tensors
from heredity.variation.encoding import count
from heredity.variation.operator import Organism

Weights = Literal["fittest", "mean", "fresh"]
"""Whose weights an offspring has: its fittest parent's that has them, the mean of theirs, or new ones."""

Matching = Literal["tags", "position"]
"""How clusters of several parents are found to be the same one: by origin, or by their place among the survivors."""


@dataclass(frozen=True)
class Laid:
    """One tensor of all parents: `planes (parents, *shape)`, zero where one has no cluster or no synapse.

    `has` tells where each parent has anything; None: everywhere.
    """

    planes: torch.Tensor
    has: torch.Tensor | None

    @property
    def owners(self) -> torch.Tensor:
        """`(*shape)`, uint8: how many parents have each element."""
        if self.has is None:
            return torch.full(self.planes.shape[1:], len(self.planes), dtype=torch.uint8)
        return count(self.has)


@dataclass(frozen=True)
class Frame:
    """Parents in one shape, that of `anatomy`.

    `owns` is by family `(parents, clusters)`, whether a parent has a cluster. `needed` is how many parents must have a
    cluster or a synapse for an offspring to have it.
    """

    genome: Genome
    anatomy: Anatomy
    parents: Sequence[Organism]
    transfers: Sequence[Transfer]
    owns: dict[str, np.ndarray]
    needed: int
    _laid: dict[str, Laid] = field(default_factory=dict[str, Laid])

    def laid(self, name: str) -> Laid:
        """A tensor of all parents, laid into the frame."""
        if name not in self._laid:
            pairs = list(zip(self.parents, self.transfers, strict=True))
            planes = self.parents[0].tensors[name].new_zeros((len(pairs), *self.anatomy.shapes[name]))
            for (parent, transfer), into in zip(pairs, planes, strict=True):
                transfer.apply(name, parent.tensors[name], into)
            has = None
            if any(name in parent.masks or transfer.leaves_gaps(name) for parent, transfer in pairs):
                has = torch.zeros(planes.shape, dtype=torch.bool)
                for (parent, transfer), into in zip(pairs, has, strict=True):
                    everything = torch.ones((), dtype=torch.bool).expand(parent.tensors[name].shape)
                    transfer.apply(name, parent.masks.get(name, everything), into)
            self._laid[name] = Laid(planes, has)
        return self._laid[name]

    def inherited(self, how: Weights) -> Tensors:
        """The parents' weights: the first one's who has them, or their mean; zero if nobody has."""
        masked = {name for parent in self.parents for name in parent.masks}
        joined: Tensors = {}
        for name in self.parents[0].tensors:
            if how == "mean":
                laid = self.laid(name)
                joined[name] = laid.planes.sum(0) / laid.owners.clamp_min(1)
            elif name in masked:
                joined[name] = _first(self.laid(name))
            else:
                joined[name] = self._fittest(name)
        return joined

    def _fittest(self, name: str) -> torch.Tensor:
        """A tensor that has no masks: the fittest lies on top of the others, who show where it has nothing."""
        whole = [k for k, transfer in enumerate(self.transfers) if not transfer.leaves_gaps(name)]
        needed = whole[0] + 1 if whole else len(self.parents)
        joined = self.parents[0].tensors[name].new_zeros(self.anatomy.shapes[name])
        for k in reversed(range(needed)):
            self.transfers[k].apply(name, self.parents[k].tensors[name], joined)
        return joined


def _first(laid: Laid) -> torch.Tensor:
    """`(*shape)`: of each element, what the first has who has it."""
    if laid.has is None:
        return laid.planes[0]
    joined = laid.planes[-1]
    for k in reversed(range(len(laid.planes) - 1)):
        joined = torch.where(laid.has[k], laid.planes[k], joined)
    return joined


def lay_out(parents: Sequence[Organism], chi: float = 1.0, matching: Matching = "tags") -> Frame:
    """The frame of all clusters that at least a share `chi`, in (0, 1], of the parents have: 1 is their intersection.

    A family of which no cluster is that common keeps one of the first parent's: the one that most others have.

    Raises:
        InputError: there are no parents, or they do not descend from one ancestor.
    """
    if not parents:
        raise InputError.of("at least one parent", "none", "give one")
    own = parents[0].genome
    for other in (parent.genome for parent in parents[1:]):
        if (other.constructor, other.inputs) != (own.constructor, own.inputs):
            came = f"descendants of {own.constructor.reference} and of {other.constructor.reference}"
            raise InputError.of("parents of one ancestor", came, "mate relatives only")
    first, needed = ancestor(own.constructor, own.inputs), needed_of(len(parents), chi)
    genomes = [parent.genome if matching == "tags" else _numbered(parent.genome) for parent in parents]
    tags = {family: _common([genome.tags[family] for genome in genomes], needed) for family in own.tags}
    genome = Genome(own.constructor, own.inputs, tags)
    kept = positions(genome, first.genome)
    anatomy, plan = first.anatomy.select(kept), first.anatomy.plan(kept)
    transfers = [
        Transfer.between(first.anatomy.plan(positions(own, first.genome)), plan, first.anatomy.shapes)
        for own in genomes
    ]
    held = [{family: set(named) for family, named in genome.tags.items()} for genome in genomes]
    owns = {f: np.array([[tag in own[f] for tag in common] for own in held]) for f, common in tags.items()}
    return Frame(genome, anatomy, parents, transfers, owns, needed)


def layers_of(anatomy: Anatomy) -> list[str]:
    """The weights in which synapses may be absent: those of layers that any family is made or read by."""
    return sorted({s.tensor for family in anatomy.families for s in family.slices} & set(anatomy.positions))


def needed_of(parents: int, chi: float) -> int:
    """How many of so many parents a share `chi` is: at least one."""
    return max(1, math.ceil(chi * parents - 1e-9))


def _numbered(genome: Genome) -> Genome:
    """The genome as if its clusters had no origin, but for their order."""
    tags = {family: tuple((0, i) for i in range(len(own))) for family, own in genome.tags.items()}
    return msgspec.structs.replace(genome, tags=tags)


def _common(lists: Sequence[tuple[Tag, ...]], needed: int) -> tuple[Tag, ...]:
    counts = Counter(tag for tags in lists for tag in tags)
    if common := sorted(tag for tag, count in counts.items() if count >= needed):
        return tuple(common)
    return (max(lists[0], key=lambda tag: counts[tag]),)
