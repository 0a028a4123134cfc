"""Names for shapes of data that several packages pass around."""

from __future__ import annotations

import torch

Tensors = dict[str, torch.Tensor]
"""Tensors by the names that `nn.Module.named_parameters` and `named_buffers` give them."""
