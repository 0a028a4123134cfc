"""Index plans: which slices of every tensor a child has from its parent.

Whatever changes the shape of a network - removal and mating now, growth later - computes one plan and applies the same
plan to weights, masks, optimiser moments and buffers. This file is the only one that slices tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from heredity.anatomy.labels import Integers
from heredity.types import Tensors


@dataclass(frozen=True)
class IndexPlan:
    """By tensor name and dimension: the parent's positions that the child keeps, in the child's order.

    Tensors and dimensions that are not named stay as they are.
    """

    gathers: Mapping[str, Mapping[int, Integers]]

    def apply(self, tensors: Mapping[str, torch.Tensor]) -> Tensors:
        """The child's tensors from its parent's: any planes that have the parameters' names and shapes."""
        return {name: self._gather(name, tensor) for name, tensor in tensors.items()}

    def _gather(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        for dim, index in self.gathers.get(name, {}).items():
            tensor = tensor.index_select(dim, torch.from_numpy(index).to(tensor.device))
        return tensor


@dataclass(frozen=True)
class Transfer:
    """From one relative's tensors to another's shapes: what both have comes to lie where the other has it.

    By tensor and dimension: positions of what both have, in the one and in the other, and the other's length. What is
    not named is the same for both.
    """

    moves: Mapping[str, Mapping[int, tuple[Integers, Integers, int]]]

    @classmethod
    def between(cls, one: IndexPlan, other: IndexPlan, shapes: Mapping[str, tuple[int, ...]]) -> Transfer:
        """From the descendant of plan `one` to that of plan `other`; `shapes` are their common ancestor's."""
        moves: dict[str, dict[int, tuple[Integers, Integers, int]]] = {}
        for name in one.gathers.keys() | other.gathers.keys():
            mine, theirs = one.gathers.get(name, {}), other.gathers.get(name, {})
            for dim in mine.keys() | theirs.keys():
                whole = np.arange(shapes[name][dim])
                have, want = mine.get(dim, whole), theirs.get(dim, whole)
                place = np.full(len(whole), -1)
                place[want] = np.arange(len(want))
                there = place[have]
                here = np.flatnonzero(there >= 0)
                moves.setdefault(name, {})[dim] = here, there[here], len(want)
        return cls(moves)

    def apply(self, tensors: Mapping[str, torch.Tensor], fill: float) -> Tensors:
        """Tensors in the other's shapes, with `fill` where the one has nothing."""
        return {name: self._move(name, tensor, fill) for name, tensor in tensors.items()}

    def _move(self, name: str, tensor: torch.Tensor, fill: float) -> torch.Tensor:
        moves = self.moves.get(name, {})
        for dim, (here, _, _) in moves.items():
            if len(here) < tensor.shape[dim]:
                tensor = tensor.index_select(dim, torch.from_numpy(here))
        for dim, (_, there, length) in moves.items():
            if len(there) < length:
                extent = (*tensor.shape[:dim], length, *tensor.shape[dim + 1 :])
                tensor = tensor.new_full(extent, fill).index_copy_(dim, torch.from_numpy(there), tensor)
        return tensor
