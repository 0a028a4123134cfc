"""Names for shapes of data that several packages pass around."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import torch


class Inputs(Protocol):
    """Inputs as they are stored, `(n, ...)`: a tensor, or images in a file, of which tensors can be had."""

    @property
    def shape(self) -> torch.Size: ...
    def __len__(self) -> int: ...
    def __getitem__(self, at: slice | torch.Tensor, /) -> torch.Tensor: ...
    def split(self, size: int, /) -> Iterable[torch.Tensor]: ...


Tensors = dict[str, torch.Tensor]
"""Tensors by the names that `nn.Module.named_parameters` and `named_buffers` give them."""
