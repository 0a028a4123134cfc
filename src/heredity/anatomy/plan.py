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
        known: dict[tuple[int, int, int], tuple[Integers, Integers, int]] = {}  # plans share equal indices
        for name in one.gathers.keys() | other.gathers.keys():
            mine, theirs = one.gathers.get(name, {}), other.gathers.get(name, {})
            for dim in mine.keys() | theirs.keys():
                length, have, want = shapes[name][dim], mine.get(dim), theirs.get(dim)
                if (key := (length, id(have), id(want))) not in known:
                    whole = np.arange(length)
                    known[key] = _shared(whole if have is None else have, whole if want is None else want, length)
                moves.setdefault(name, {})[dim] = known[key]
        return cls(moves)

    def leaves_gaps(self, name: str) -> bool:
        """Whether the other has places in a tensor that nothing comes to lie in."""
        return any(len(there) < length for _, there, length in self.moves.get(name, {}).values())

    def apply(self, name: str, tensor: torch.Tensor, into: torch.Tensor) -> None:
        """Writes a tensor's part that both have to its places in `into`, which has the other's shape."""
        moves = self.moves.get(name, {})
        source, target = tensor.numpy(), into.numpy()  # which writes to scattered places faster than torch does
        here: list[Integers] = []
        there: list[Integers] = []
        last = max(moves, default=-1)
        for dim in range(last + 1):  # every combination, as with numpy.ix_
            mine, theirs, _ = moves[dim] if dim in moves else (np.arange(into.shape[dim]),) * 2 + (0,)
            grid = (-1, *[1] * (last - dim))
            here.append(mine.reshape(grid))
            there.append(theirs.reshape(grid))
        target[(*there, ...)] = source[(*here, ...)]


def _shared(have: Integers, want: Integers, length: int) -> tuple[Integers, Integers, int]:
    """Where what both have stands in the one, and in the other; and how many the other has. Of `length` in all."""
    place = np.full(length, -1)
    place[want] = np.arange(len(want))
    there = place[have]
    here = np.flatnonzero(there >= 0)
    return here, there[here], len(want)
