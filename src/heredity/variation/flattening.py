"""Flattening: an offspring without some of its parent's blocks, such as those that are nearly the identity.

    contribution = |what the site returns with the block - without it| / |with it|        root mean squares

What a block adds is lost when it goes; of one that adds next to nothing that is next to nothing. An operator knows no
data, so contributions are measured on noise in the range of the inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from heredity.anatomy.blocks import Added
from heredity.anatomy.body import deploy
from heredity.anatomy.inputs import example
from heredity.errors import InputError
from heredity.variation.operator import Operator, Organism
from heredity.variation.relatives import restricted

EXAMPLES = 32
"""Of noise, on which contributions are measured."""


class Flattening(Operator, frozen=True, tag="flattening"):
    """The parent without the blocks that arose in these `births`, and those that contribute less than `below`, a share.

    A block that is within another goes with it.
    """

    births: tuple[int, ...] = ()
    below: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.below <= 1:
            raise InputError.of("a contribution in [0, 1]", self.below, "change it")

    def conceive(self, parents: Sequence[Organism], seed: int) -> Organism:
        (parent,) = parents
        blocks = parent.genome.blocks
        if unknown := sorted(set(self.births) - {block.birth for block in blocks}):
            known = ", ".join(str(block.birth) for block in blocks) or "it has none"
            raise InputError.of("births of the parent's blocks", unknown[0], f"choose among {known}")
        weak = [birth for birth, share in contributions(parent).items() if share < self.below] if self.below else []
        gone = tuple(f"{block.name}." for block in blocks if block.birth in {*self.births, *weak})
        return restricted(parent, tuple(block for block in blocks if not f"{block.name}.".startswith(gone)))


def contributions(organism: Organism) -> dict[int, float]:
    """By the birth of each block: how much of what its site returns is the block's doing, from 0 on."""
    dtype = next(iter(organism.tensors.values())).dtype
    network = deploy(organism.genome, organism.tensors).to(dtype)
    found: dict[int, float] = {}

    def seen(birth: int) -> Any:
        def hook(block: Added, taken: tuple[torch.Tensor, torch.Tensor], returned: torch.Tensor) -> None:
            without = taken[1].relu() if block.place == "identity" else taken[1]
            size = returned.square().mean().sqrt().clamp_min(torch.finfo(dtype).tiny)
            found[birth] = float((returned - without).square().mean().sqrt() / size)

        return hook

    for block in organism.genome.blocks:
        network.network.get_submodule(block.name).register_forward_hook(seen(block.birth))
    with torch.no_grad():
        network(example(organism.genome.inputs, EXAMPLES, dtype=dtype))
    return found
