"""Index plans: which slices of every tensor a child has from its parent.

Whatever changes the shape of a network - removal and mating now, growth later - computes one plan and applies the same
plan to weights, masks, optimiser moments and buffers. This file is the only one that slices tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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

    def lay(self, tensors: Mapping[str, torch.Tensor], shapes: Mapping[str, tuple[int, ...]]) -> Tensors:
        """The way back: a child's tensors within zeros of its parent's `shapes`, each slice where it came from."""
        return {name: self._scatter(name, tensor, shapes) for name, tensor in tensors.items()}

    def _scatter(self, name: str, tensor: torch.Tensor, shapes: Mapping[str, tuple[int, ...]]) -> torch.Tensor:
        for dim, index in self.gathers.get(name, {}).items():
            extent = (*tensor.shape[:dim], shapes[name][dim], *tensor.shape[dim + 1 :])
            tensor = tensor.new_zeros(extent).index_copy_(dim, torch.from_numpy(index).to(tensor.device), tensor)
        return tensor
