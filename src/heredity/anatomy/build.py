"""Tensors in and out of a module, and the attributes that must follow their shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm  # pyright: ignore[reportPrivateUsage]  # the common base
from torch.nn.modules.conv import _ConvNd as Convolution  # pyright: ignore[reportPrivateUsage]  # the common base

from heredity.types import Tensors


def tensors_of(module: nn.Module) -> Tensors:
    """A module's parameters and floating-point buffers by name, detached and sharing memory with it."""
    named = (*module.named_parameters(), *module.named_buffers())
    return {name: tensor.detach() for name, tensor in named if tensor.is_floating_point()}


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


def conform(module: nn.Module) -> None:
    """Make the attributes of standard layers say what their tensors' shapes say."""
    for layer in module.modules():
        if isinstance(layer, Convolution):
            filters, channels = (1, 0) if layer.transposed else (0, 1)
            layer.out_channels = layer.weight.shape[filters]
            layer.in_channels = layer.weight.shape[channels] * layer.groups
        elif isinstance(layer, nn.Linear):
            layer.out_features, layer.in_features = layer.weight.shape
        elif isinstance(layer, BatchNorm):
            held = layer.weight if layer.affine else layer.running_mean
            layer.num_features = layer.num_features if held is None else held.shape[0]
