"""Frames: what several parents have in common, laid side by side.

Relatives have clusters of the same tags, at different places of tensors of different shapes. A frame is the shape of a
network that has all clusters that an offspring may have; every parent is laid into it, zero where it has nothing. What
is computed from several parents, is computed there element by element.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
import numpy as np
import torch

from heredity.anatomy.anatomy import Anatomy, Kept
from heredity.anatomy.body import anatomy_of
from heredity.anatomy.genome import Genome, Tag, positions
from heredity.errors import InputError
from heredity.types import Tensors
from heredity.variation.operator import Masks, Organism

Matching = Literal["tags", "position"]
"""How clusters of several parents are found to be the same one: by origin, or by their place among the survivors."""


@dataclass(frozen=True)
class Frame:
    """`m` parents in one shape.

    `tensors` are each parent's, zero where it has no cluster or no synapse; `has` says by tensor where it has them.
    `owns` is by family `(m, clusters)`, whether a parent has a cluster. `needed` is how many parents must have a
    cluster or a synapse for an offspring to have it.
    """

    genome: Genome
    anatomy: Anatomy
    tensors: Sequence[Tensors]
    has: Sequence[Masks]
    owns: dict[str, np.ndarray]
    needed: int

    def select(self, kept: Kept) -> Frame:
        """The frame of these clusters alone."""
        plan = self.anatomy.plan(kept)
        owns = {family: owned[:, kept[family]] if family in kept else owned for family, owned in self.owns.items()}
        return replace(
            self,
            genome=self.genome.select(kept),
            anatomy=self.anatomy.select(kept),
            tensors=[plan.apply(tensors) for tensors in self.tensors],
            has=[plan.apply(has) for has in self.has],
            owns=owns,
        )

    def masked(self, masks: Masks) -> Frame:
        """The frame without what these masks leave out."""
        return replace(
            self,
            tensors=[tensors | {n: tensors[n] * mask for n, mask in masks.items()} for tensors in self.tensors],
            has=[has | {n: has[n] & mask for n, mask in masks.items()} for has in self.has],
        )


def owners(has: Sequence[torch.Tensor]) -> torch.Tensor:
    """How many parents have each element."""
    return torch.stack(list(has)).sum(0)


def layers_of(anatomy: Anatomy) -> list[str]:
    """The weights in which synapses may be absent: those of layers that any family is made or read by."""
    return sorted({s.tensor for family in anatomy.families for s in family.slices} & set(anatomy.positions))


def lay_out(parents: Sequence[Organism], chi: float = 1.0, matching: Matching = "tags") -> Frame:
    """The frame of all clusters that at least a share `chi`, in (0, 1], of the parents have: 1 is their intersection.

    A family of which no cluster is that common keeps one of the first parent's: the one that most others have.

    Raises:
        InputError: the parents do not descend from one ancestor.
    """
    first = parents[0].genome
    if strangers := [
        p for p in parents if (p.genome.constructor, p.genome.inputs) != (first.constructor, first.inputs)
    ]:
        came = f"descendants of {first.constructor.reference} and of {strangers[0].genome.constructor.reference}"
        raise InputError.of("parents of one ancestor", came, "mate relatives only")
    needed = needed_of(len(parents), chi)
    genomes = [p.genome if matching == "tags" else _numbered(p.genome) for p in parents]
    tags = {family: _common([genome.tags[family] for genome in genomes], needed) for family in first.tags}
    genome = Genome(first.constructor, first.inputs, tags)
    anatomy = anatomy_of(genome)
    laid = [_lay(parent, own, genome, anatomy) for parent, own in zip(parents, genomes, strict=True)]
    owns = {
        family: np.array([[tag in own for tag in common] for own in (set(g.tags[family]) for g in genomes)])
        for family, common in tags.items()
    }
    return Frame(genome, anatomy, [tensors for tensors, _ in laid], [has for _, has in laid], owns, needed)


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


def _lay(parent: Organism, own: Genome, frame: Genome, anatomy: Anatomy) -> tuple[Tensors, Masks]:
    """A parent's tensors in the frame, and where it has anything."""
    shared = {f: tuple(tag for tag in frame.tags[f] if tag in set(tags)) for f, tags in own.tags.items()}
    common = msgspec.structs.replace(frame, tags=shared)
    trim = anatomy_of(parent.genome).plan(positions(common, own))
    place = anatomy.plan(positions(common, frame))
    has = {name: torch.ones(tensor.shape, dtype=torch.bool) for name, tensor in parent.tensors.items()} | parent.masks
    return tuple(place.lay(trim.apply(planes), anatomy.shapes) for planes in (parent.tensors, has))  # pyright: ignore[reportReturnType]
