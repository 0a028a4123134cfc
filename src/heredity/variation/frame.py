"""Frames: what several parents have in common, laid side by side.

Relatives have clusters of the same tags, at different places of tensors of different shapes. A frame is the shape of a
network that has all clusters that an offspring may have, and every parent is laid into it. What is computed from
several parents is computed there, element by element.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
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
from heredity.variation.operator import Organism

Matching = Literal["tags", "position"]
"""How clusters of several parents are found to be the same one: by origin, or by their place among the survivors."""


@dataclass(frozen=True)
class Frame:
    """Parents in one shape: `tensors` are `(parents, *shape)`, NaN where one has no cluster or no synapse.

    `owns` is by family `(parents, clusters)`, whether a parent has a cluster; `sizes` are the parents' own. `needed` is
    how many parents must have a cluster or a synapse for an offspring to have it.
    """

    genome: Genome
    anatomy: Anatomy
    tensors: Tensors
    owns: dict[str, np.ndarray]
    sizes: Sequence[dict[str, int]]
    needed: int

    def planes(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        """One tensor, `(parents, *shape)`, with zeros for what a parent has not; and where each has anything."""
        has = ~self.tensors[name].isnan()
        return torch.where(has, self.tensors[name], 0.0), has

    def common(self, has: torch.Tensor) -> torch.Tensor:
        """`(*shape)`: where enough parents have anything, of `(parents, *shape)`."""
        return has[0] if len(has) == 1 else has.sum(0) >= self.needed


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
    tensors: Tensors = {}
    for name, tensor in parents[0].tensors.items():
        tensors[name] = tensor.new_full((len(parents), *anatomy.shapes[name]), math.nan)
        for parent, transfer, into in zip(parents, transfers, tensors[name], strict=True):
            mask = parent.masks.get(name)
            mine = parent.tensors[name] if mask is None else parent.tensors[name].masked_fill(~mask, math.nan)
            transfer.apply(name, mine, into)
    held = [{family: set(named) for family, named in genome.tags.items()} for genome in genomes]
    owns = {f: np.array([[tag in own[f] for tag in common] for own in held]) for f, common in tags.items()}
    return Frame(genome, anatomy, tensors, owns, [parent.genome.sizes for parent in parents], needed)


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
