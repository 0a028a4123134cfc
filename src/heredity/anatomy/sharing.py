"""Sharing: siblings that agree in what they have in common have it from one bank of parameters.

Growth does not alter what is there, so those who grow from one parent, each in its own way, share all of it; clusters
of one tag, and blocks of one birth, are the same in all. The bank has a place for every parameter of anybody, and each
sibling an index into it. What batch norms have seen stays each sibling's own.

Source: Painter, "Deep Neuroevolution with Shared Parameters" (METHODS F).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import torch

from heredity.anatomy.body import encompassing
from heredity.anatomy.genome import Genome, positions
from heredity.anatomy.plan import IndexPlan, Layout
from heredity.anatomy.relatives import common_blocks, in_shape
from heredity.errors import InputError
from heredity.types import Tensors


@dataclass(frozen=True)
class Sharing:
    """How siblings lie in a bank: `layout` is the bank's, `plans` say what each has of it, by tensor and dimension.

    `names` are by sibling the parameters that it has.
    """

    layout: Layout
    plans: Sequence[IndexPlan]
    names: Sequence[tuple[str, ...]]

    def index(self, sibling: int) -> dict[str, torch.Tensor]:
        """By parameter: where in the bank `(length,)` each element of a sibling's lies, of its shape."""
        found: Tensors = {}
        for name in self.names[sibling]:
            part = self.layout.parts[name]
            whole = torch.arange(part.start, part.stop).reshape(self.layout.shapes[name])
            found |= self.plans[sibling].apply({name: whole})
        return found

    def bank(self, planes: Sequence[Tensors]) -> torch.Tensor:
        """One vector of what siblings have, `planes`, zero where nobody has anything.

        Raises:
            InputError: they do not agree.
        """
        dtype = next(iter(planes[0].values())).dtype
        bank, known = torch.zeros(self.layout.length, dtype=dtype), torch.zeros(self.layout.length, dtype=torch.bool)
        for sibling, plane in enumerate(planes):
            for name, index in self.index(sibling).items():
                own, met = plane[name].flatten(), known[index.flatten()]
                if not torch.equal(bank[index.flatten()][met], own[met]):
                    came = f"others in {name} of sibling {sibling + 1}"
                    raise InputError.of("siblings with the same values where they share", came, "develop them apart")
                bank[index.flatten()], known[index.flatten()] = own, True
        return bank


def shared(genomes: Sequence[Genome]) -> Sharing:
    """How siblings of these genomes share their parameters.

    Raises:
        InputError: they do not descend from one ancestor, or one has an identity that another lacks, so that the same
            weights read other clusters.
    """
    first = genomes[0]
    if any((other.constructor, other.inputs) != (first.constructor, first.inputs) for other in genomes):
        raise InputError.of("siblings of one ancestor", "others", "develop them apart")
    blocks = common_blocks(genomes, 1)
    for block in blocks:
        if block.place == "identity" and any(block not in genome.blocks for genome in genomes):
            came = f"an identity at {block.site} that not all have"
            raise InputError.of("siblings whose weights read the same", came, "develop them apart")
    whole = [in_shape(genome, blocks) for genome in genomes]
    body = encompassing(whole)
    tags = {name: tuple(sorted({tag for genome in whole for tag in genome.tags[name]})) for name in body.genome.tags}
    union = msgspec.structs.replace(body.genome, tags=tags)
    anatomy = body.anatomy.select(positions(union, body.genome))
    plans = [anatomy.plan(positions(genome, union)) for genome in whole]
    lacked = [tuple(f"{block.name}." for block in blocks if block not in genome.blocks) for genome in genomes]
    parameters = sorted(anatomy.parameters)
    names = [tuple(name for name in parameters if not name.startswith(gone)) for gone in lacked]
    return Sharing(Layout([(name,) for name in parameters], anatomy.shapes), plans, names)
