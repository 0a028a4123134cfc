"""Index plans: which slices of every tensor a child has from its parent.

Whatever changes the shape of a network - removal, growth, mating - computes one plan and applies the same
plan to weights, masks, optimiser moments and buffers. This file is the only one that slices tensors.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

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
class Overlap:
    """What two networks have in common: by tensor, for each of its dimensions positions of the one and of the other."""

    places: Mapping[str, Sequence[tuple[Integers, Integers]]]

    def apply(self, tensors: Tensors, others: Tensors) -> Tensors:
        """The one's tensors, with the other's elements where they overlap."""
        return {name: self._laid(name, tensor, others) for name, tensor in tensors.items()}

    def _laid(self, name: str, tensor: torch.Tensor, others: Tensors) -> torch.Tensor:
        if name not in self.places:
            return tensor
        own, theirs = (
            tuple(torch.from_numpy(index) for index in np.ix_(*side)) for side in zip(*self.places[name], strict=True)
        )
        laid = tensor.clone()
        laid[own] = others[name][theirs].to(laid)
        return laid


NOWHERE = 1 << 40
"""A row that no tensor has."""


@dataclass(frozen=True)
class Layout:
    """Tensors one after the other in one vector, block by block.

    Those of a block have one shape and are coupled alike. `shapes` has at least all their names.
    """

    blocks: Sequence[tuple[str, ...]]
    shapes: Mapping[str, tuple[int, ...]]

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Elements of each tensor, in their order."""
        return {name: math.prod(self.shapes[name]) for block in self.blocks for name in block}

    @cached_property
    def parts(self) -> dict[str, slice]:
        """Where each tensor lies."""
        ends = itertools.accumulate(self.sizes.values())
        return {n: slice(end - size, end) for (n, size), end in zip(self.sizes.items(), ends, strict=True)}

    @cached_property
    def length(self) -> int:
        """Elements in all."""
        return sum(self.sizes.values())

    def split(self, vector: torch.Tensor) -> Tensors:
        """The tensors of which `(length,)` consists, in memory of their own."""
        parts = zip(self.sizes, vector.split(list(self.sizes.values())), strict=True)
        return {name: part.reshape(self.shapes[name]).clone() for name, part in parts}

    def part(self, vectors: torch.Tensor, name: str) -> torch.Tensor:
        """`(..., *shape)`: one tensor in `(..., length)`, where it lies."""
        return vectors[..., self.parts[name]].unflatten(-1, self.shapes[name] or (1,))


@dataclass(frozen=True)
class Kinship:
    """What several relatives have of one: `plans` and `plan` are what they keep of their common ancestor's `shapes`.

    `layout` is the one's, with blocks of tensors that any plan treats alike.
    """

    layout: Layout
    plan: IndexPlan
    plans: Sequence[IndexPlan]
    shapes: Mapping[str, tuple[int, ...]]

    def gather(
        self, relatives: Sequence[Tensors], masks: Sequence[Mapping[str, torch.Tensor]]
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """`(relatives, length)`, at least single precision: what each has, zero where it has none; and where that is.

        The second is 1 where a relative lacks an element, as it has no such cluster, or no such synapse by its masks;
        None: nobody lacks anything.
        """
        dtype = functools.reduce(torch.promote_types, {t.dtype for own in relatives for t in own.values()}, torch.float)
        planes = torch.empty(len(self.plans), self.layout.length, dtype=dtype)
        lacks, known, complete = torch.empty_like(planes), dict[Any, Integers](), True
        held = zip(*(self._blocks(own, dtype) for own in relatives), strict=True)
        for block, tensors in zip(self.layout.blocks, held, strict=True):
            rows, width = self._rows(block[0], known)
            counts = [tensor.size // width // len(block) for tensor in tensors]
            starts = np.cumsum([0, *np.repeat(counts, len(block))[:-1]]).reshape(-1, len(block), 1)
            rows = rows[:, None] + starts
            here = slice(self.layout.parts[block[0]].start, self.layout.parts[block[-1]].stop)
            planes.numpy()[:, here] = _taken([tensor.reshape(-1, width) for tensor in tensors], rows)
            if any(name in own for own in masks for name in block):
                lives = [
                    own[name].numpy().reshape(-1, width) if name in own else np.ones((count, width), bool)
                    for own, count in zip(masks, counts, strict=True)
                    for name in block
                ]
                lacking = ~_taken(lives, rows)
            else:
                lacking = np.repeat(rows.reshape(len(rows), -1) >= NOWHERE, width, 1)
            lacks.numpy()[:, here] = lacking
            complete = complete and not lacking.any()
        return planes, None if complete else lacks

    def _blocks(self, own: Tensors, dtype: torch.dtype) -> Sequence[NDArray[Any]]:
        """A relative's tensors, those of a block in one vector."""
        vector = torch.cat([own[name].flatten() for name in self.layout.sizes]).to(dtype).numpy()
        ends = list(itertools.accumulate(len(block) * own[block[0]].numel() for block in self.layout.blocks))
        return [vector[start:end] for start, end in itertools.pairwise([0, *ends])]

    def _rows(self, name: str, known: dict[Any, Integers]) -> tuple[Integers, int]:
        """`(relatives, rows)`, and how wide a row is: where each relative has the rows of a tensor of this shape.

        A row is what no plan takes apart. `known` are the positions of dimensions; plans share equal ones.
        """
        shape = self.shapes[name]
        want, have = self.plan.gathers.get(name, {}), [plan.gathers.get(name, {}) for plan in self.plans]
        last = max((dim for dims in (want, *have) for dim in dims), default=-1)
        rows, strides = np.zeros((len(have), 1), np.int64), np.ones((len(have), 1), np.int64)
        for dim in reversed(range(last + 1)):
            own = [dims.get(dim) for dims in have]
            key = shape[dim], id(want.get(dim)), *map(id, own)
            if key not in known:
                known[key] = np.stack([_places(want.get(dim), positions, shape[dim]) for positions in own])
            rows = ((strides * known[key])[:, :, None] + rows[:, None]).reshape(len(have), -1)
            strides = strides * [[shape[dim] if positions is None else len(positions)] for positions in own]
        return rows, math.prod(shape[last + 1 :])


def _taken(held: Sequence[NDArray[Any]], rows: Integers) -> NDArray[Any]:
    """`(relatives, elements)`: these rows of all that relatives hold, zero instead of those that nobody has."""
    nothing = np.zeros((1, held[0].shape[1]), held[0].dtype)
    return np.concatenate([*held, nothing]).take(rows, axis=0, mode="clip").reshape(len(rows), -1)


def _places(want: Integers | None, have: Integers | None, length: int) -> Integers:
    """Where each of the wanted positions of so many (None: all) is among those that one has."""
    places = np.full(length, NOWHERE)
    own = np.arange(length) if have is None else have
    places[own] = np.arange(len(own))
    return places if want is None else places[want]
