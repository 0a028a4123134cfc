"""Tensors in and out of a module."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from heredity.types import Tensors


def tensors_of(module: nn.Module) -> Tensors:
    """A module's parameters and floating-point buffers by name, detached and sharing memory with it."""
    named = (*module.named_parameters(), *module.named_buffers())
    return {name: tensor.detach() for name, tensor in named if tensor.is_floating_point()}


def skeleton(module: nn.Module) -> nn.Module:
    """A copy of a module that shares its parameters and floating-point buffers: for who will `load` others into it."""
    return copy.deepcopy(module, {id(t): t for t in (*module.parameters(), *module.buffers()) if t.is_floating_point()})


def load(module: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Give a module these tensors, whatever their shapes; parameters used in several places stay shared."""
    replaced: dict[int, torch.Tensor] = {}
    owners = dict(module.named_modules(remove_duplicate=False))
    for name, tensor in tensors.items():
        prefix, _, leaf = name.rpartition(".")
        old = getattr(owners[prefix], leaf)
        parameter = isinstance(old, nn.Parameter)
        replaced[id(old)] = nn.Parameter(tensor, requires_grad=old.requires_grad) if parameter else tensor
    for owner in owners.values():
        # the tables that torch registers them in: the only place where one tensor is one entry however often it is used
        held: list[dict[str, Any]] = [owner._parameters, owner._buffers]  # pyright: ignore[reportPrivateUsage]
        for table in held:
            table.update({leaf: replaced[id(t)] for leaf, t in table.items() if id(t) in replaced})
