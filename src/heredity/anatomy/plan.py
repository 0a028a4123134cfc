"""Index plans: which slices of every tensor a child has from its parent.

Whatever changes the shape of a network - removal and mating now, growth later - computes one plan and applies the same
plan to weights, masks, optimiser moments and buffers. This file is the only one that slices tensors.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from heredity.anatomy.labels import Integers
from heredity.types import Tensors

Booleans = NDArray[np.bool_]


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
class Layout:
    """Tensors of these shapes, one after the other in one vector."""

    shapes: Mapping[str, tuple[int, ...]]

    @cached_property
    def sizes(self) -> list[int]:
        """Elements of each tensor."""
        return [math.prod(shape) for shape in self.shapes.values()]

    @cached_property
    def parts(self) -> dict[str, slice]:
        """Where each tensor lies."""
        ends = [0, *itertools.accumulate(self.sizes)]
        return {name: slice(ends[k], ends[k + 1]) for k, name in enumerate(self.shapes)}

    @cached_property
    def length(self) -> int:
        """Elements in all."""
        return sum(self.sizes)

    def join(self, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """`(length,)`: the tensors of a layout, of which there is at least one, in a vector of their own."""
        return torch.cat([tensors[name].flatten() for name in self.shapes])

    def split(self, vector: torch.Tensor) -> Tensors:
        """The tensors of which `(length,)` consists, in memory of their own."""
        pairs = zip(self.shapes.items(), vector.split(self.sizes), strict=True)
        return {name: part.reshape(shape).clone() for (name, shape), part in pairs}

    def part(self, vectors: torch.Tensor, name: str) -> torch.Tensor:
        """`(..., *shape)`: one tensor in `(..., length)`, where it lies."""
        return vectors[..., self.parts[name]].unflatten(-1, self.shapes[name] or (1,))


@dataclass(frozen=True)
class Shared:
    """What two relatives, the one and the other, both have.

    `sides` are by tensor and dimension: whether the other has each of the one's positions, and the one each of the
    other's. What is not named both have whole. Positions of both ascend in their ancestor's, so what both have stands
    in the same order in both.
    """

    sides: Mapping[str, Mapping[int, tuple[Booleans, Booleans]]]

    @classmethod
    def between(cls, one: IndexPlan, other: IndexPlan, shapes: Mapping[str, tuple[int, ...]]) -> Shared:
        """Of the descendants of plans `one` and `other`; `shapes` are their common ancestor's."""
        sides: dict[str, dict[int, tuple[Booleans, Booleans]]] = {}
        known: dict[tuple[int, int, int], tuple[Booleans, Booleans]] = {}  # plans share equal indices
        for name in one.gathers.keys() | other.gathers.keys():
            have, want, shape = one.gathers.get(name, {}), other.gathers.get(name, {}), shapes[name]
            own = sides[name] = dict[int, tuple[Booleans, Booleans]]()
            for dim in have.keys() | want.keys():
                mine, theirs = have.get(dim), want.get(dim)
                key = shape[dim], id(mine), id(theirs)
                if key not in known:
                    known[key] = _shared(mine, theirs, shape[dim])
                own[dim] = known[key]
        return cls(sides)

    def of_one(self, layout: Layout) -> Booleans:
        """`(length,)`: which elements of the one's layout the other has."""
        return self._where(layout, 0)

    def of_other(self, layout: Layout) -> Booleans:
        """`(length,)`: which elements of the other's layout the one has, in the order of `of_one`."""
        return self._where(layout, 1)

    def _where(self, layout: Layout, side: int) -> Booleans:
        found = np.ones(layout.length, bool)
        for name in self.sides.keys() & layout.parts.keys():
            own, shape = self.sides[name], layout.shapes[name]
            last = max(own)
            inner = own[last][side].repeat(math.prod(shape[last + 1 :]))
            for dim in reversed(range(last)):
                along = own[dim][side] if dim in own else np.ones(shape[dim], bool)
                inner = (along[:, None] & inner).ravel()
            found[layout.parts[name]] = inner
        return found


def _shared(have: Integers | None, want: Integers | None, length: int) -> tuple[Booleans, Booleans]:
    """Of positions of so many (None: all), which of the ones are among the others, and which of the others."""
    one, other = np.zeros(length, bool), np.zeros(length, bool)
    one[slice(None) if have is None else have] = True
    other[slice(None) if want is None else want] = True
    return other[one], one[other]
