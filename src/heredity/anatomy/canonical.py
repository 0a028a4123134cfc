"""Canonical form: a network without clusters that do nothing.

A cluster without a live synapse going in is a constant; one without a live synapse coming out is heard by nobody. Both
go, and their going may leave others without synapses, until nothing changes. Masked zeros are how synapses die; a
weight that merely happens to be zero is alive.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.labels import Integers


def canonicalise(
    anatomy: Anatomy, masks: Mapping[str, torch.Tensor]
) -> tuple[dict[str, Integers], dict[str, torch.Tensor]]:
    """`(kept, masks)`: by family the clusters with live input and output; the masks with the others' synapses absent.

    A family always keeps at least one cluster: the one with most live synapses. Tensors without a mask are alive.
    """
    alive = {name: mask.clone() for name, mask in masks.items()}
    kept = {family.name: np.arange(family.size) for family in anatomy.families}
    counted: dict[tuple[str, int], Integers] = {}  # live synapses along a dimension, until a tensor changes
    changed = True
    while changed:
        changed = False
        for family in anatomy.families:
            live = {role: np.zeros(family.size, np.int64) for role in ("made", "read")}
            for s in family.slices:
                if s.tensor in anatomy.positions:  # weights of layers; norms and biases carry no synapse
                    mask = alive.get(s.tensor)
                    if mask is None:
                        live[s.role] += 1
                    else:
                        if (place := (s.tensor, s.dim)) not in counted:
                            counted[place] = _count(mask, s.dim)
                        live[s.role] += counted[place][s.positions].sum(1)
            mine, total = kept[family.name], live["made"] + live["read"]
            working = mine[(live["made"][mine] > 0) & (live["read"][mine] > 0)]
            if not len(working):
                working = mine[[int(total[mine].argmax())]]
            if len(working) == len(mine):
                continue
            gone, kept[family.name] = np.setdiff1d(mine, working), working
            changed = True
            for s in family.slices:
                if s.tensor in alive:
                    index = torch.from_numpy(s.positions[gone].ravel())
                    alive[s.tensor] = alive[s.tensor].index_fill(s.dim, index, False)
                    for dim in range(alive[s.tensor].dim()):
                        counted.pop((s.tensor, dim), None)
    return kept, alive


def _count(mask: torch.Tensor, dim: int) -> Integers:
    """`(length,)`: how many are true along a dimension."""
    numbers = mask.numpy().view(np.uint8)
    inner = numbers.reshape(*numbers.shape[: dim + 1], -1).sum(-1, dtype=np.int32)  # kernels are summed in one go
    return inner.sum(tuple(range(dim)), dtype=np.int64)
