"""Genome: plain data that rebuilds an individual's shape."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.blocks import Block, owners
from heredity.anatomy.constructor import Constructor
from heredity.anatomy.inputs import InputForm
from heredity.anatomy.labels import Integers

Tag = tuple[int, int]
"""A cluster's identity within its family, kept for life: (number of the birth it arose in, ordinal in that birth)."""


class Genome(Struct, frozen=True):
    """An individual's shape: its ancestor's constructor, and per family the sorted tags of its clusters.

    `masks` is the digest of its synapse masks, if it has any; `blocks` have come to it since its ancestor.
    """

    constructor: Constructor
    inputs: InputForm
    tags: dict[str, tuple[Tag, ...]]
    masks: str | None = None
    blocks: tuple[Block, ...] = ()

    @property
    def digest(self) -> str:
        """Equal genomes have equal digests, on every machine and in every version."""
        return digest(self if self.blocks else _Blockless(self.constructor, self.inputs, self.tags, self.masks))

    @property
    def sizes(self) -> dict[str, int]:
        """Number of clusters by family."""
        return {family: len(tags) for family, tags in self.tags.items()}

    def select(self, kept: Mapping[str, Integers]) -> Genome:
        """The genome of a descendant that keeps the clusters at these positions."""
        selected = {family: tuple(self.tags[family][i] for i in where) for family, where in kept.items()}
        return msgspec.structs.replace(self, tags=self.tags | selected)

    def with_masks(self, masks: str | None) -> Genome:
        """The same shape with these synapse masks (a digest)."""
        return msgspec.structs.replace(self, masks=masks)


class _Blockless(Struct, frozen=True):
    """A genome as it was before there were blocks."""

    constructor: Constructor
    inputs: InputForm
    tags: dict[str, tuple[Tag, ...]]
    masks: str | None


def digest(record: Any) -> str:
    """Digest of any plain record."""
    return hashlib.sha256(msgspec.json.encode(record, order="deterministic")).hexdigest()[:16]


def first_genome(
    constructor: Constructor, inputs: InputForm, anatomy: Anatomy, blocks: tuple[Block, ...] = ()
) -> Genome:
    """The ancestor's genome: all clusters arose in birth 0, but for those of blocks."""
    births = owners(blocks)

    def birth(family: str) -> int:
        return next((number for prefix, number in births.items() if family.startswith(prefix)), 0)

    tags = {f.name: tuple((birth(f.name), i) for i in range(f.size)) for f in anatomy.families}
    return Genome(constructor, inputs, tags, blocks=blocks)


def arisen_in(of: Genome, since: Genome) -> dict[str, tuple[Tag, ...]]:
    """By family: the clusters of one genome that another does not have; families without any are left out."""
    found = {family: tuple(sorted({*tags} - {*since.tags[family]})) for family, tags in of.tags.items()}
    return {family: tags for family, tags in found.items() if tags}


def positions(of: Genome, within: Genome) -> dict[str, Integers]:
    """By family: where the clusters of one genome stand among those of another that has them all."""
    found: dict[str, Integers] = {}
    for family, tags in of.tags.items():
        where = {tag: i for i, tag in enumerate(within.tags[family])}
        found[family] = np.array([where[tag] for tag in tags], np.int64)
    return found
