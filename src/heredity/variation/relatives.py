"""An organism with other blocks: without some of its own, or in the shape of a network that has more."""

from __future__ import annotations

import torch

from heredity.anatomy.blocks import Block
from heredity.anatomy.body import anatomy_of
from heredity.anatomy.relatives import in_shape, with_blocks
from heredity.variation.operator import Masks, Organism, mask_digest


def restricted(organism: Organism, blocks: tuple[Block, ...]) -> Organism:
    """The organism with only these of its blocks."""
    if blocks == organism.genome.blocks:
        return organism
    gone = tuple(f"{block.name}." for block in organism.genome.blocks if block not in blocks)
    tensors, *moments = (
        {name: tensor for name, tensor in plane.items() if not name.startswith(gone)}
        for plane in (organism.tensors, *organism.moments)
    )
    masks: Masks = {name: mask for name, mask in organism.masks.items() if not name.startswith(gone)}
    genome = with_blocks(organism.genome, blocks).with_masks(mask_digest(masks))
    return Organism(genome, tensors, masks, tuple(moments))


def completed(organism: Organism, blocks: tuple[Block, ...]) -> Organism:
    """The organism in the shape of a network with these blocks: of those that it lacks it has no synapse.

    Blocks that it has and are not among these are left out.
    """
    organism = restricted(organism, tuple(block for block in organism.genome.blocks if block in blocks))
    if blocks == organism.genome.blocks:
        return organism
    genome = in_shape(organism.genome, blocks)
    shapes, dtype = anatomy_of(genome).shapes, next(iter(organism.tensors.values())).dtype
    lacked = {name: shape for name, shape in shapes.items() if name not in organism.tensors}
    tensors = organism.tensors | {name: torch.zeros(shape, dtype=dtype) for name, shape in lacked.items()}
    masks = organism.masks | {name: torch.zeros(shape, dtype=torch.bool) for name, shape in lacked.items()}
    return Organism(genome.with_masks(organism.genome.masks), tensors, masks)
