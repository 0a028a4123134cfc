"""Relatives of unlike blocks: what the genome of each is in the shape of the others.

Where mates, or siblings that share their parameters, have not grown the same blocks, they are compared in a body that
has those of all, or of as many as count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from heredity.anatomy.blocks import Block
from heredity.anatomy.body import root
from heredity.anatomy.genome import Genome, Tag
from heredity.errors import InputError


def with_blocks(genome: Genome, blocks: tuple[Block, ...]) -> Genome:
    """The genome with these blocks instead: families that were there keep their clusters, new ones have a block's own.

    A family is the same if it has a place in common. Masks are left out.
    """
    before, bare = root(genome), msgspec.structs.replace(genome, blocks=blocks, masks=None)
    after = root(bare)
    known = {(s.tensor, s.dim, s.positions.tobytes()): f.name for f in before.anatomy.families for s in f.slices}
    tags: dict[str, tuple[Tag, ...]] = {}
    for family in after.anatomy.families:
        places = [(s.tensor, s.dim, s.positions.tobytes()) for s in family.slices]
        same = {known[place]: None for place in places if place in known}
        own = [genome.tags[name] for name in same]
        tags[family.name] = own[0] if own else after.genome.tags[family.name]
        if any(other != own[0] for other in own[1:]):
            raise InputError.of(f"clusters that are the same in {', '.join(same)}", "others", "keep the block")
    return msgspec.structs.replace(bare, tags=tags)


def in_shape(genome: Genome, blocks: tuple[Block, ...]) -> Genome:
    """The genome in the shape of a network with these blocks, its own among them: of the others it has no cluster."""
    whole = with_blocks(genome, blocks)
    lacked: dict[str, tuple[Tag, ...]] = {name: () for name in whole.tags if name not in genome.tags}
    return msgspec.structs.replace(whole, tags=whole.tags | lacked)


def common_blocks(genomes: Sequence[Genome], needed: int) -> tuple[Block, ...]:
    """The blocks that so many have, in the order of their births; one within another only with that one."""
    counts = Counter(block for genome in genomes for block in genome.blocks)
    common: list[Block] = []
    for block in sorted((block for block, count in counts.items() if count >= needed), key=lambda block: block.birth):
        hosts = [other for other in counts if block.site.startswith(f"{other.name}.")]
        if all(host in common for host in hosts):
            common.append(block)
    return tuple(common)
