"""Frames: what several parents have in common, laid side by side.

Relatives have clusters of the same tags, at different places of tensors of different shapes. First it is settled which
clusters an offspring may have, its candidates, and which of them it gets; then every parent is laid into a network of
just these, its frame. What is computed from several parents is computed there, element by element.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from heredity.anatomy.anatomy import Anatomy, Kept
from heredity.anatomy.body import Body, encompassing
from heredity.anatomy.genome import Genome, Tag, positions
from heredity.anatomy.plan import IndexPlan, Kinship, Layout
from heredity.anatomy.relatives import common_blocks
from heredity.errors import InputError
from heredity.types import Tensors
from heredity.variation.encoding import Laid, truncated
from heredity.variation.operator import Organism
from heredity.variation.relatives import completed
from heredity.variation.removal import cluster_sums, made_in, sums_of

Weights = Literal["fittest", "mean", "fresh"]
"""Whose weights an offspring has: its fittest parent's that has them, the mean of theirs, or new ones."""

Matching = Literal["tags", "position"]
"""How clusters of several parents are found to be the same one: by origin, or by their place among the survivors."""


@dataclass(frozen=True)
class Frame:
    """Parents in the shape of `anatomy`, everything they have in vectors of `layout`.

    `needed` is how many parents must have a synapse for an offspring to have it.
    """

    genome: Genome
    anatomy: Anatomy
    parents: Sequence[Organism]
    layout: Layout
    everything: Laid
    needed: int

    def laid(self, name: str) -> Laid:
        """One tensor of all parents."""
        planes, lacks = self.everything.planes, self.everything.lacks
        return Laid(self.layout.part(planes, name), None if lacks is None else self.layout.part(lacks, name))

    def inherited(self, how: Weights) -> Tensors:
        """The parents' weights: the first one's who has them, or their mean; zero if nobody has.

        Whole numbers (counters of batches) are the first parent's.
        """
        vector = self.everything.mean if how == "mean" else self.everything.first
        first = self.parents[0].tensors
        return {**first, **{name: part.to(first[name].dtype) for name, part in self.layout.split(vector).items()}}


@dataclass(frozen=True)
class Candidates:
    """The clusters that an offspring may have: those of `genome`.

    `genomes` are the parents', in which equal clusters have equal tags. `needed` is how many parents must have a
    cluster or a synapse for an offspring to have it.
    """

    parents: Sequence[Organism]
    genomes: Sequence[Genome]
    genome: Genome
    needed: int

    @cached_property
    def whole(self) -> Body:
        """All clusters that any parent, or the ancestor, has."""
        return encompassing(self.genomes)

    @cached_property
    def _plans(self) -> list[IndexPlan]:
        """What each parent has of the whole."""
        return [self.whole.anatomy.plan(positions(genome, self.whole.genome)) for genome in self.genomes]

    @cached_property
    def owns(self) -> dict[str, NDArray[np.bool_]]:
        """By family `(parents, candidates)`: whether a parent has a cluster."""
        held = [{family: set(tags) for family, tags in genome.tags.items()} for genome in self.genomes]
        return {f: np.array([[tag in own[f] for tag in tags] for own in held]) for f, tags in self.genome.tags.items()}

    def strengths(self, truncation: float = 0.0) -> dict[str, NDArray[np.float64]]:
        """By family `(parents, candidates)`: sums of a parent's magnitudes, zero where it has no such cluster.

        Those below `truncation`, a share of the layer's largest, do not count.
        """
        whole = self.whole.anatomy
        made = made_in(whole)
        sums = {(name, dim): np.zeros((len(self.parents), whole.shapes[name][dim])) for name, dim in made}
        for k, (parent, plan) in enumerate(zip(self.parents, self._plans, strict=True)):
            tensors = parent.tensors
            if truncation:
                tensors = {name: truncated(tensors[name], truncation) for name, _ in made}
            for (name, dim), values in sums_of(made, tensors).items():
                sums[name, dim][k, plan.gathers.get(name, {}).get(dim, slice(None))] = values
        where = positions(self.genome, self.whole.genome)
        return {family.name: cluster_sums(family, sums)[:, where[family.name]] for family in whole.families}

    def lay_out(self, kept: Kept) -> Frame:
        """The parents in the shape of a network that has these of the candidates."""
        genome, whole = self.genome.select(kept), self.whole
        where = positions(genome, whole.genome)
        anatomy, plan, shapes = whole.anatomy.select(where), whole.anatomy.plan(where), whole.anatomy.shapes
        layout = Layout(whole.anatomy.alike, anatomy.shapes)
        weights = [{name: parent.tensors[name] for name in layout.sizes} for parent in self.parents]
        masks = [parent.masks for parent in self.parents]
        planes, lacks = Kinship(layout, plan, self._plans, shapes).gather(weights, masks)
        return Frame(genome, anatomy, self.parents, layout, Laid(planes, lacks), self.needed)


def candidates_of(parents: Sequence[Organism], chi: float = 1.0, matching: Matching = "tags") -> Candidates:
    """All clusters, and blocks, that at least a share `chi`, in (0, 1], of the parents have: 1 is their intersection.

    A family of which no cluster is that common has one of the first parent's: the one that most others have.

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
    needed = needed_of(len(parents), chi)
    blocks = common_blocks([parent.genome for parent in parents], needed)
    parents = [completed(parent, blocks) for parent in parents]
    own = parents[0].genome
    genomes = [parent.genome if matching == "tags" else _numbered(parent.genome) for parent in parents]
    tags = {family: _common([genome.tags[family] for genome in genomes], needed) for family in own.tags}
    genome = Genome(own.constructor, own.inputs, tags, blocks=blocks)
    return Candidates(parents, genomes, genome, needed)


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
